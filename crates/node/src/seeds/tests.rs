//! Seeds: hash trees, damaged texts, and fetching from honest, lying and dying holders.

mod fetching;
mod life;
mod texts;
mod trees;
