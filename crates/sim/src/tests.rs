//! What the world itself promises, and small versions of the scenarios;
//! `cargo run --release -p cli -- sim run NAME` plays the real ones.

mod checkpoints;
mod chunks;
mod direct;
mod disk;
mod horizon;
mod network;
mod sketches;
mod stories;
mod threads;
mod turns;
mod walks;
mod wheel;
mod worlds;
