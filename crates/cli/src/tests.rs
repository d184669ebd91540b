//! The parts that need no node.

mod help;
mod input;
mod sse;
mod up;
mod words;
