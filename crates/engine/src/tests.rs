//! What one node does, told as sentences. Worlds of many nodes are in the `sim` room.

mod alerts;
mod broadcast;
mod doors;
mod hostile;
mod intake;
mod lab;
mod links;
mod membership;
mod reconcile;
mod sets;
mod walks;
