//! What travels, what is refused, and what strangers can and cannot do. Real sockets on loopback.

mod channel;
mod corpora;
mod door;
mod envelope;
mod handshakes;
mod hostile;
mod inbox;
mod links;
mod meetings;
mod members;
mod parts;
mod places;
mod priority;
mod relays;
mod strangers;
mod tls;
mod world;
