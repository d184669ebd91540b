//! What ten colluding neighbours learn of a level that does not change, by the rule of its noise.

use std::io::Write as _;

use node::levels::{ALL, Amount, Band, Draws, PERIOD_MS, SLOT_MS, Stock};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng as _;

fn main() -> std::io::Result<()> {
    let mut random = ChaCha20Rng::seed_from_u64(SEED);
    // Squared errors of the four rules, in thousandths of what fits.
    let mut errors = [0_u64; 4];
    for trial in 0..TRIALS {
        let level = (2 * trial + 1) * ALL / (2 * TRIALS);
        let mut one = Draws::default();
        let shown = [
            mean((0..LOOKS).map(|_| one.show(level, 0, &mut random))),
            bands(level, &mut random),
            mean((0..HOURS).map(|_| Draws::default().show(level, 0, &mut random))),
            mean((0..LOOKS).map(|_| Draws::default().show(level, 0, &mut random))),
        ];
        for (error, shown) in errors.iter_mut().zip(shown) {
            *error += shown.abs_diff(level).pow(2);
        }
    }
    let names =
        ["kept, as a number", "kept, as bands (as it is)", "anew each hour", "anew for each"];
    let mut out = std::io::stdout().lock();
    writeln!(out, "{TRIALS} levels, a week of hours, {NEIGHBOURS} neighbours, seed {SEED}")?;
    for (name, error) in names.iter().zip(errors) {
        let root = (error * 100 / TRIALS).isqrt();
        writeln!(out, "{name:28} {:3}.{:02} % of what fits", root / 100, root % 100)?;
    }
    Ok(())
}

fn mean(shown: impl Iterator<Item = u64>) -> u64 {
    let (sum, count) = shown.fold((0, 0), |(sum, count), it| (sum + it, count + 1));
    sum / count.max(1)
}

/// What the node does: the middle of the bands that were told.
fn bands(level: u64, random: &mut ChaCha20Rng) -> u64 {
    let mut stock = Stock {
        level: Amount(level),
        capacity: Amount(ALL),
        unit: "L".to_owned(),
        critical: Amount(0),
        set_ms: 0,
        draws: Draws::default(),
        said: None,
        urgent_ms: Vec::new(),
    };
    // One period from its begin; everybody is told the same.
    let first = 650 * PERIOD_MS / SLOT_MS;
    mean((first..first + HOURS).map(|slot| {
        let band: Band = stock.say(slot, slot * SLOT_MS, random).band;
        band.centre()
    }))
}

const SEED: u64 = 1;
const TRIALS: u64 = 1_000;
const HOURS: u64 = 168;
const NEIGHBOURS: u64 = 10;
const LOOKS: u64 = HOURS * NEIGHBOURS;
