//! Discrete Laplace noise in whole numbers (Canonne, Kamath and Steinke 2020).
//!
//! Floats have gaps: which multiples they cannot reach tells what was added to (Mironov 2012). Here
//! every step compares whole numbers, so each outcome has exactly the chance it should have. The
//! loops are rejections: each round ends with a chance of at least a third, whatever was asked, and
//! nobody but the seed chooses the numbers.

use rand_chacha::rand_core::Rng;

/// Largest scale: a draw beyond 127 scales has a chance below 2^-180, so nothing overflows.
pub const SCALE_MAX: u64 = 1 << 56;

/// Draws a number whose chance falls as `exp(-|number| / scale)` (LEVEL-1).
pub fn discrete_laplace(scale: u64, random: &mut impl Rng) -> i64 {
    let scale = scale.clamp(1, SCALE_MAX);
    loop {
        let part = below(scale, random);
        if !happens(part, scale, random) {
            continue;
        }
        let mut whole = 0_u64;
        while happens(1, 1, random) {
            whole += 1;
        }
        let size = i64::try_from(scale.saturating_mul(whole).saturating_add(part));
        let size = size.unwrap_or(i64::MAX);
        let is_negative = below(2, random) == 1;
        // Without this zero would come twice as often as it should.
        if is_negative && size == 0 {
            continue;
        }
        return if is_negative { -size } else { size };
    }
}

/// Draws a number below `bound`, each as likely as any other; 0 where there is none.
pub fn below(bound: u64, random: &mut impl Rng) -> u64 {
    let Some(last) = bound.checked_sub(1) else { return 0 };
    let mask = u64::MAX.checked_shr(last.leading_zeros()).unwrap_or(0);
    loop {
        let number = random.next_u64() & mask;
        if number <= last {
            return number;
        }
    }
}

/// Says yes with chance `exp(-over / under)`, where `over` is at most `under`: the sign of the
/// series' first term that fails.
fn happens(over: u64, under: u64, random: &mut impl Rng) -> bool {
    let mut term = 1_u64;
    while below(under.saturating_mul(term), random) < over {
        term += 1;
    }
    term % 2 == 1
}
