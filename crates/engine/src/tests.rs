//! What one node does, told as sentences. Worlds of many nodes are in the `sim` room.

mod agree;
mod alerts;
mod book;
mod broadcast;
mod circle;
mod contradictions;
mod council;
mod doors;
mod filling;
mod hostile;
mod intake;
mod lab;
mod links;
mod membership;
mod mix;
mod orders;
mod pair;
mod pieces;
mod probes;
mod reconcile;
mod redial;
mod sets;
mod sketches;
mod uplink;
mod walks;
mod young;
