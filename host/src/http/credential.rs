//! What in a field or query is a credential, whole or by itself: so that it is found wherever it is put.

use sluicegate_runtime::Presented;
use sluicegate_runtime::presented::percent_decode;

/// A shorter text is not looked for: it would be found by chance in innocent ones, and is no credential.
pub const BYTES_MIN: usize = 6;

/// All that a request presents.
pub fn texts(presented: &Presented) -> Vec<String> {
    let mut texts: Vec<String> =
        presented.headers().values().flat_map(|value| texts_of_field(value.as_bytes())).collect();
    for member in presented.query_members() {
        let value = member.raw().split_once('=').map_or("", |(_, value)| value);
        texts.push(String::from_utf8_lossy(&percent_decode(value)).into_owned());
        texts.push(value.to_owned());
    }
    texts.retain(|text| text.len() >= BYTES_MIN);
    texts
}

/// The value of a field that carries credentials, and what somebody may cut out of it: what stands behind a scheme, each word but
/// a scheme, and the values of cookies and parameters.
pub fn texts_of_field(value: &[u8]) -> Vec<String> {
    let value = String::from_utf8_lossy(value);
    let is_scheme = |at: usize, word: &str| {
        at == 0 && word.len() < value.len() && word.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    let behind_scheme = value.split_once(' ').map(|(_, rest)| rest.trim());
    let words = value.split_ascii_whitespace().enumerate().filter(|(at, word)| !is_scheme(*at, word));
    let words = words.map(|(_, word)| word.trim_end_matches(';'));
    let pairs = value.split(';').chain(words.clone()).filter_map(|pair| pair.split_once('='));
    let values = pairs.map(|(_, value)| value.trim());
    let texts = std::iter::once(&*value).chain(behind_scheme).chain(words).chain(values);
    texts.filter(|text| text.len() >= BYTES_MIN).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_texts(value: &str, expected: &[&str]) {
        let mut texts = texts_of_field(value.as_bytes());
        texts.sort();
        texts.dedup();
        assert_eq!(texts, expected, "{value}");
    }

    #[test]
    fn a_credential_is_the_whole_field_and_each_part_that_is_one_by_itself() {
        assert_texts("sg_abc.def", &["sg_abc.def"]);
        assert_texts("Bearer sg_abc.def", &["Bearer sg_abc.def", "sg_abc.def"]);
        // No scheme: nothing stands behind it.
        assert_texts("letters", &["letters"]);
        // A value may hold blanks, and what a plugin takes may end at one.
        assert_texts(
            "a=first second-word; b=other-one",
            &[
                "a=first",
                "a=first second-word; b=other-one",
                "b=other-one",
                "first second-word",
                "other-one",
                "second-word",
                "second-word; b=other-one",
            ],
        );
        assert_texts("a=1; b=dark", &["a=1; b=dark", "b=dark"]);
    }
}
