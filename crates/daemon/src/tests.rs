//! One real node: its settings, its directory, its API and what survives it.

mod api;
mod directory;
mod document;
mod events;
mod fuzz;
mod lab;
mod life;
mod settings;
