//! One real node: its settings, its directory, its API and what survives it.

mod alerts;
mod api;
mod authority;
mod checkpoints;
mod directory;
mod disk;
mod dns;
mod document;
mod doors;
mod events;
mod fuzz;
mod invites;
mod lab;
mod levels;
mod life;
mod mixed;
mod people;
mod receipts;
mod relays;
mod rules;
mod seeds;
mod settings;
mod sketches;
mod tls;
