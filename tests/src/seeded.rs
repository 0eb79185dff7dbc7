//! Moments and choices that are random, and can be had again.

/// Numbers that are the same in every run of the same seed (splitmix64).
#[derive(Debug)]
pub struct Seeded(u64);

impl Default for Seeded {
    fn default() -> Self {
        Self::new()
    }
}

impl Seeded {
    /// By `E2E_CHAOS_SEED`, or by a seed of its own, which it tells.
    pub fn new() -> Self {
        let given = std::env::var("E2E_CHAOS_SEED").ok();
        let seed = given.map_or_else(
            || {
                let mut bytes = [0; 8];
                getrandom::fill(&mut bytes)
                    .unwrap_or_else(|error| panic!("no randomness: {error}"));
                u64::from_le_bytes(bytes)
            },
            |given| {
                given
                    .parse()
                    .unwrap_or_else(|error| panic!("E2E_CHAOS_SEED: {error}"))
            },
        );
        eprintln!("E2E_CHAOS_SEED={seed}");
        Self(seed)
    }

    /// The next one below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}
