//! What breaks.

use node::Command;

use super::World;
use crate::host::Power;
use crate::shard::Told;

impl World {
    /// Ends a node in order: it says goodbye, writes what it was writing, and is gone. Its machine
    /// stays and refuses at once.
    pub fn stop(&mut self, host: usize) -> Result<(), String> {
        self.command(host, Command::Leave)?;
        let state = self.host_mut(host);
        state.flushed_run = state.run;
        self.end(host, Power::Off, Told::All);
        Ok(())
    }

    /// Pulls the plug: what was not on disk is gone. Half of the peers' links end at once, the
    /// other half only notice silence; dials get no answer.
    pub fn kill(&mut self, host: usize) {
        self.end(host, Power::Dead, Told::Half);
    }

    /// Ends the node without a word but leaves the machine: all its links end at once, what was not
    /// on disk is gone, and dials are refused.
    pub fn crash(&mut self, host: usize) {
        self.end(host, Power::Off, Told::All);
    }

    /// Puts an empty disk into a machine that is off. Its next start finds the book it was sold
    /// with and nothing else.
    pub fn wipe(&mut self, host: usize) {
        let state = self.host_mut(host);
        if state.power != Power::On {
            state.disk = Default::default();
            state.flushed_run = 0;
        }
    }

    /// Draws a wall: nodes on different sides do not hear each other.
    pub fn divide(&mut self, side_of: impl Fn(usize) -> u8) {
        self.ground.network.divide(side_of);
    }

    /// Takes all walls away.
    pub fn heal(&mut self) {
        self.ground.network.heal();
    }

    /// Makes a machine so many times slower than others.
    pub fn slow_down(&mut self, host: usize, factor: u64) {
        self.host_mut(host).factor = factor.max(1);
    }

    /// Puts a machine behind a translator of addresses: it dials, nobody dials it. From its next
    /// start on its profile says so.
    pub fn hide(&mut self, host: usize) {
        self.host_mut(host).undialable = true;
    }

    fn end(&mut self, host: usize, power: Power, told: Told) {
        let (ground, (now_us, shard), at) = self.shard(host);
        shard.end_run(ground, at, power, now_us, told);
    }
}
