//! Stories: sentences out of a few words, of any length, another one for each seed.

use super::draw::Draw;

/// A story is never longer, whatever it is asked for.
pub const STORY_WORDS_MAX: usize = 20_000;

const STORY_WORDS_DEFAULT: usize = 60;
const SENTENCE_WORDS_MIN: u64 = 4;
const SENTENCE_WORDS_MAX: u64 = 11;

/// The words that everything is told with.
const WORDS: [&str; 32] = [
    "water", "gate", "river", "keeper", "opens", "slowly", "morning", "the", "a", "over", "stone", "carries", "light",
    "old", "bridge", "and", "waits", "under", "green", "hill", "boat", "turns", "toward", "quiet", "mill", "through",
    "narrow", "channel", "evening", "counts", "every", "wave",
];

/// How many words a message asks for: its first whole number.
pub fn words_wanted(text: &str) -> usize {
    let number = text.split(|character: char| !character.is_ascii_digit()).find(|digits| !digits.is_empty());
    match number {
        // A number too long for the type is certainly above the limit.
        Some(digits) => digits.parse().unwrap_or(STORY_WORDS_MAX).min(STORY_WORDS_MAX),
        None => STORY_WORDS_DEFAULT,
    }
}

pub fn word(draw: &mut Draw) -> &'static str {
    draw.one_of(&WORDS).copied().unwrap_or("wave")
}

pub fn story(words: usize, seed: u64) -> String {
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
        let word = word(&mut draw);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_story_has_as_many_words_as_asked_for() {
        for (ask, words) in
            [("Tell me 1 word", 1), ("25 words, not 30", 25), ("a story", STORY_WORDS_DEFAULT), ("0", 0)]
        {
            let text = story(words_wanted(ask), 7);
            assert_eq!(text.split_whitespace().count(), words, "{ask}: {text}");
        }
        for ask in ["20001 words", "99999999999999999999999999"] {
            assert_eq!(story(words_wanted(ask), 7).split_whitespace().count(), STORY_WORDS_MAX);
        }
    }

    #[test]
    fn a_story_is_the_same_for_the_same_seed_and_another_for_another() {
        assert_eq!(story(50, 1), story(50, 1));
        assert_ne!(story(50, 1), story(50, 2));
    }
}
