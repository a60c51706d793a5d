//! Random numbers that are the same on every machine and for ever: a seed is a whole week only as long as this stays as it is.
//!
//! What the world holds of a thing (how a provider answers, when somebody signs) comes from [`Dice::of`], which depends on the
//! thing's name and not on what happened before, so that a crash does not change it.

/// A stream of numbers (SplitMix64).
#[derive(Clone, Debug)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        let mut dice = Self { state: seed ^ 0x5851_F42D_4C95_7F2D };
        dice.next();
        dice
    }

    /// The stream of a named thing under a seed.
    pub fn of(seed: u64, name: &[&str]) -> Self {
        let mut hash: u64 = 0xCBF2_9CE4_8422_2325;
        for byte in name.iter().flat_map(|part| part.bytes().chain([0xFF])) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
        Self::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ hash)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `n`; 0 when there is none.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.next() % n }
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True in so many of a thousand throws.
    pub fn permille(&mut self, n: u64) -> bool {
        self.below(1_000) < n
    }

    /// True in so many of a hundred throws.
    pub fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }

    /// Uniform over all of `u32`.
    pub fn word(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    /// One of them; none of an empty list.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        let at = self.below(of.len() as u64);
        of.get(usize::try_from(at).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_never_changes() {
        let mut dice = Dice::of(7, &["r1", "create"]);
        let first: Vec<u64> = (0..3).map(|_| dice.below(1_000)).collect();
        let mut again = Dice::of(7, &["r1", "create"]);
        assert_eq!(first, (0..3).map(|_| again.below(1_000)).collect::<Vec<_>>());
        assert_ne!(Dice::of(7, &["r1c", "reate"]).next(), Dice::of(7, &["r1", "create"]).next());
        assert_eq!(Dice::new(1).range(3, 3), 3);
    }
}
