//! Vectors of length one: the same for the same text, near each other for texts that share words.

use super::draw::{Draw, fingerprint};
use crate::tokens;

pub const DIMENSIONS_MAX: usize = 1_536;

/// In how many places a token leaves its mark: enough to tell tokens apart, and cheap for long texts.
const MARKS_PER_TOKEN: usize = 16;

/// The sum of a sparse vector for each token, brought to length one.
pub fn embed(text: &str, dimensions: usize) -> Vec<f32> {
    let mut vector = vec![0.0_f32; dimensions];
    for token in tokens::split(text) {
        let mut draw = Draw::new(fingerprint(token.trim().to_lowercase().as_bytes()));
        for _ in 0..MARKS_PER_TOKEN {
            let place = draw.between(0, (dimensions as u64).saturating_sub(1)) as usize;
            let mark = if draw.between(0, 1) == 1 { 1.0 } else { -1.0 };
            if let Some(place) = vector.get_mut(place) {
                *place += mark;
            }
        }
    }
    let length = vector.iter().map(|place| place * place).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|place| *place /= length);
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn likeness(one: &str, other: &str) -> f32 {
        embed(one, 256).iter().zip(embed(other, 256)).map(|(one, other)| one * other).sum()
    }

    #[test]
    fn a_vector_has_length_one_and_is_nearer_to_a_text_that_shares_words() {
        assert!((likeness("a quiet river", "a quiet river") - 1.0).abs() < 1e-4);
        assert!(likeness("a quiet river", "A quiet mill") > likeness("a quiet river", "seven old boats") + 0.2);
        assert_eq!(embed("", 3), [0.0; 3]);
    }
}
