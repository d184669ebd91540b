//! What others see of a level, and what they never do.

mod amounts;
mod audit;
mod life;
