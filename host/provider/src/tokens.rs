//! The provider's own rule for tokens: simple enough to count by hand, and independent of any tokenizer.

const WORD_CHARACTERS_MAX: usize = 4;

/// Up to four letters or digits in a row, or one other character; one space in front belongs to the token.
///
/// The tokens joined give the text.
pub fn split(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (token, behind) = rest.split_at_checked(first_token_bytes(rest)).filter(|(token, _)| !token.is_empty())?;
        rest = behind;
        Some(token)
    })
}

pub fn count(text: &str) -> u64 {
    split(text).count() as u64
}

/// Length of the first token in bytes; 0 for an empty text.
pub fn first_token_bytes(text: &str) -> usize {
    let behind_space = match text.strip_prefix(' ') {
        Some(rest) if rest.chars().next().is_some_and(|next| !next.is_whitespace()) => rest,
        _ => text,
    };
    let space_bytes = text.len() - behind_space.len();
    let word_bytes: usize = behind_space
        .chars()
        .take(WORD_CHARACTERS_MAX)
        .take_while(|character| character.is_alphanumeric())
        .map(char::len_utf8)
        .sum();
    let other_bytes = || behind_space.chars().next().map_or(0, char::len_utf8);
    space_bytes + if word_bytes > 0 { word_bytes } else { other_bytes() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_after_four_characters_and_keep_the_space_in_front() {
        let tokens: Vec<&str> = split("Hello, brave  new\nwörld!").collect();
        assert_eq!(tokens, ["Hell", "o", ",", " brav", "e", " ", " new", "\n", "wörl", "d", "!"]);
    }

    #[test]
    fn the_tokens_of_a_text_joined_are_the_text() {
        for text in ["", " ", "  ", "a ", " \n ", "€€ 漢字漢字漢 x", "\u{a0}x", "tab\tand space "] {
            assert_eq!(split(text).collect::<String>(), text);
        }
        assert_eq!(count(""), 0);
    }
}
