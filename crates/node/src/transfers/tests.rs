//! Both said yes or nothing happened, and nobody learns more.

mod and;
mod life;
mod pair;
mod proof;
mod twin;
