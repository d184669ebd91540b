//! The workspace as a whole: real processes, and the rules that no compiler checks.
//!
//! `cfg(test)` says to the lints that helpers beside the tests are tests too.

#[cfg(test)]
mod alerts;
#[cfg(test)]
mod attesters;
#[cfg(test)]
mod backups;
#[cfg(test)]
mod cluster;
#[cfg(test)]
mod crash;
#[cfg(test)]
mod demo;
mod direct;
#[cfg(test)]
mod doctor;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod invites;
#[cfg(test)]
mod lattice;
#[cfg(test)]
mod levels;
#[cfg(test)]
mod members;
#[cfg(test)]
mod newcomer;
#[cfg(test)]
mod people;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod proofs;
#[cfg(test)]
mod refusals;
#[cfg(test)]
mod rules;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod support;
#[cfg(test)]
mod tidy;
mod transfers;
#[cfg(test)]
mod wiring;
