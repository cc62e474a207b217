//! Numbers that look arbitrary and are functions of a seed.

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed)
    }

    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        match (most - least).checked_add(1) {
            Some(choices) => least + self.number() % choices,
            None => self.number(),
        }
    }

    /// None of an empty list.
    pub fn one_of<'a, T>(&mut self, list: &'a [T]) -> Option<&'a T> {
        list.get(self.between(0, (list.len() as u64).saturating_sub(1)) as usize)
    }
}

/// FNV-1a, 64 bits: stable over builds and machines, unlike the standard library's hasher.
#[derive(Debug, Clone)]
pub struct Fingerprint(u64);

impl Fingerprint {
    pub fn new() -> Fingerprint {
        Fingerprint(0xcbf2_9ce4_8422_2325)
    }

    pub fn bytes(mut self, bytes: &[u8]) -> Fingerprint {
        self.0 = bytes.iter().fold(self.0, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        self
    }

    /// With its length, so that two texts in a row are not the same as one.
    pub fn text(self, text: &str) -> Fingerprint {
        self.bytes(&(text.len() as u64).to_le_bytes()).bytes(text.as_bytes())
    }

    pub fn number(self, number: u64) -> Fingerprint {
        self.bytes(&number.to_le_bytes())
    }

    pub fn finish(&self) -> u64 {
        self.0
    }
}

pub fn fingerprint(bytes: &[u8]) -> u64 {
    Fingerprint::new().bytes(bytes).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_that_of_the_published_function() {
        // Test vectors of the FNV authors.
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_number_lies_between_both_ends_and_reaches_them() {
        let mut draw = Draw::new(1);
        let drawn: Vec<u64> = (0..100).map(|_| draw.between(3, 5)).collect();
        assert!([3, 4, 5].iter().all(|number| drawn.contains(number)) && drawn.iter().all(|number| *number <= 5));
        draw.between(0, u64::MAX);
        assert_eq!(draw.one_of::<u8>(&[]), None);
    }
}
