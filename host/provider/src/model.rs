//! The models on offer: pure functions from the last user message to a text.

/// A story is never longer, whatever it is asked for.
pub const STORY_WORDS_MAX: usize = 20_000;

const STORY_WORDS_DEFAULT: usize = 60;
const SENTENCE_WORDS_MIN: u64 = 4;
const SENTENCE_WORDS_MAX: u64 = 11;

/// The words that a story is told with.
const WORDS: [&str; 32] = [
    "water", "gate", "river", "keeper", "opens", "slowly", "morning", "the", "a", "over", "stone", "carries", "light",
    "old", "bridge", "and", "waits", "under", "green", "hill", "boat", "turns", "toward", "quiet", "mill", "through",
    "narrow", "channel", "evening", "counts", "every", "wave",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Model {
    Echo,
    Story,
}

impl Model {
    pub const ALL: [Model; 2] = [Model::Echo, Model::Story];

    pub fn named(name: &str) -> Option<Model> {
        Model::ALL.into_iter().find(|model| model.name() == name)
    }

    pub fn name(self) -> &'static str {
        match self {
            Model::Echo => "echo-1",
            Model::Story => "story-1",
        }
    }

    /// Seconds since 1970, as the list of models shows it.
    pub fn created(self) -> u64 {
        match self {
            Model::Echo => 1_700_000_000,
            Model::Story => 1_710_000_000,
        }
    }

    /// `seed` is a function of the request and chooses among a story's many courses.
    pub fn text(self, last_user_text: &str, seed: u64) -> String {
        match self {
            Model::Echo => last_user_text.to_owned(),
            Model::Story => story(words_wanted(last_user_text), seed),
        }
    }
}

fn words_wanted(text: &str) -> usize {
    let number = text.split(|character: char| !character.is_ascii_digit()).find(|digits| !digits.is_empty());
    match number {
        // A number too long for the type is certainly above the limit.
        Some(digits) => digits.parse().unwrap_or(STORY_WORDS_MAX).min(STORY_WORDS_MAX),
        None => STORY_WORDS_DEFAULT,
    }
}

fn story(words: usize, seed: u64) -> String {
    let mut draw = Draw::new(seed);
    let mut text = String::new();
    let mut left_in_sentence = 0;
    for position in 0..words {
        let begins = left_in_sentence == 0;
        if begins {
            left_in_sentence = draw.between(SENTENCE_WORDS_MIN, SENTENCE_WORDS_MAX);
        }
        if position > 0 {
            text.push(' ');
        }
        let index = draw.between(0, WORDS.len() as u64 - 1) as usize;
        let word = WORDS.get(index).copied().unwrap_or("wave");
        match word.chars().next() {
            Some(first) if begins => {
                text.push(first.to_ascii_uppercase());
                text.extend(word.chars().skip(1));
            }
            _ => text.push_str(word),
        }
        left_in_sentence -= 1;
        if left_in_sentence == 0 || position + 1 == words {
            text.push('.');
        }
    }
    text
}

/// Numbers from a seed: SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
#[derive(Debug, Clone)]
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed)
    }

    /// Both ends included.
    pub fn between(&mut self, least: u64, most: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        least + (mixed ^ (mixed >> 31)) % (most - least + 1)
    }
}

/// FNV-1a, 64 bits: stable over builds and machines, unlike the standard library's hasher.
pub fn fingerprint(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_has_as_many_words_as_asked_for() {
        for (ask, words) in
            [("Tell me 1 word", 1), ("25 words, not 30", 25), ("a story", STORY_WORDS_DEFAULT), ("0", 0)]
        {
            let text = Model::Story.text(ask, 7);
            assert_eq!(text.split_whitespace().count(), words, "{ask}: {text}");
        }
        for ask in ["20001 words", "99999999999999999999999999"] {
            assert_eq!(Model::Story.text(ask, 7).split_whitespace().count(), STORY_WORDS_MAX);
        }
    }

    #[test]
    fn a_story_is_the_same_for_the_same_seed_and_another_for_another() {
        assert_eq!(Model::Story.text("50", 1), Model::Story.text("50", 1));
        assert_ne!(Model::Story.text("50", 1), Model::Story.text("50", 2));
    }

    #[test]
    fn a_fingerprint_is_that_of_the_published_function() {
        // Test vectors of the FNV authors.
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
    }
}
