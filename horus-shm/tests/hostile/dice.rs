//! Numbers that follow from a seed, so that a run can be had again.

/// splitmix64.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.roll() % limit
    }

    pub(crate) fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }

    /// A number that somebody may stumble over in the place of `before`; `other` is one that means something elsewhere.
    pub(crate) fn stumbling(&mut self, before: u64, other: u64) -> u64 {
        /// The bits of a length word that say what kind of message it is, and the highest length.
        const FLAGS: [u64; 3] = [1 << 48, 1 << 49, (1 << 48) - 1];
        let any = self.roll();
        let flag = self.one_of(&FLAGS);
        let size =
            self.one_of(&[7, 8, 31, 32, 40, 63, 64, 65, 104, 128, 168, 4095, 4096, 4097, 65_535, 65_536]);
        self.one_of(&[
            0,
            1,
            2,
            u64::MAX,
            u64::MAX - 1,
            u64::MAX / 2,
            u64::MAX / 2 + 1,
            u64::MAX / 4,
            u64::from(u32::MAX),
            1 << 31,
            1 << (any & 63),
            any,
            any & 0xfff,
            size,
            before.wrapping_add(1),
            before.wrapping_sub(1),
            before.wrapping_add(2),
            before.wrapping_sub(2),
            before.wrapping_add(128),
            before.wrapping_sub(128),
            before ^ 1 << (any & 63),
            before ^ flag,
            before << 32,
            other,
            other,
            other,
        ])
    }
}
