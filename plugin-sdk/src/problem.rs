//! What is wrong with a config, and where in it.

use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use crate::Problem;

/// An RFC 6901 JSON pointer into the config, from which the gateway finds file and line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pointer {
    text: String,
    /// What a reader of the config calls the place; none at the root.
    name: Option<String>,
}

impl Pointer {
    /// The whole config.
    pub fn root() -> Pointer {
        Pointer::default()
    }

    /// A member of the table that this points to.
    pub fn key(&self, name: &str) -> Pointer {
        let mut pointer = format!("{}/", self.text);
        for character in name.chars() {
            match character {
                '~' => pointer.push_str("~0"),
                '/' => pointer.push_str("~1"),
                _ => pointer.push(character),
            }
        }
        Pointer { text: pointer, name: Some(name.to_owned()) }
    }

    /// A member of the list that this points to.
    pub fn index(&self, index: usize) -> Pointer {
        Pointer {
            text: format!("{}/{index}", self.text),
            name: self.name.as_ref().map(|name| format!("{name}[{index}]")),
        }
    }

    /// `/limits/0/name`
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// At least one [`Problem`]. Report all that you find: their reader mends a file in one go.
#[derive(Debug, Clone, PartialEq)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// One problem. `message` says in one sentence what is wrong and how to mend it.
    pub fn new(pointer: &Pointer, message: impl Into<String>) -> Problems {
        Problems(vec![Problem { pointer: pointer.text.clone(), message: message.into() }])
    }

    /// `Ok` if there are none.
    pub fn check(found: Vec<Problems>) -> Result<(), Problems> {
        if found.is_empty() { Ok(()) } else { Err(Problems::join(found)) }
    }

    /// All of them in one.
    pub fn join(found: Vec<Problems>) -> Problems {
        Problems(found.into_iter().flat_map(|problems| problems.0).collect())
    }

    pub fn into_vec(self) -> Vec<Problem> {
        self.0
    }
}

/// Reads a config; an error becomes a problem with the place where it is.
pub(crate) fn read<C: DeserializeOwned>(config: &str) -> Result<C, Problems> {
    let mut document = serde_json::Deserializer::from_str(config);
    let config = serde_path_to_error::deserialize(&mut document).map_err(|error| {
        let pointer = error.path().iter().fold(Pointer::root(), |pointer, segment| match segment {
            Segment::Seq { index } => pointer.index(*index),
            Segment::Map { key } => pointer.key(key),
            Segment::Enum { variant } => pointer.key(variant),
            Segment::Unknown => pointer,
        });
        Problems::new(&pointer, sentence(&pointer, error.inner()))
    })?;
    document.end().map_err(|error| Problems::new(&Pointer::root(), sentence(&Pointer::root(), &error)))?;
    Ok(config)
}

/// serde's words, with the name in front and its type names replaced by those that a reader of the config knows.
fn sentence(pointer: &Pointer, error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The gateway hands the config over as one line of its own, so that serde's line and column mean nothing to its reader.
    let place = format!(" at line {} column {}", error.line(), error.column());
    let text = text.strip_suffix(&place).unwrap_or(&text);
    let known = WORDS.iter().find_map(|(serde, ours)| Some((text.strip_suffix(serde)?, ours)));
    let text = known.map_or_else(|| text.to_owned(), |(front, ours)| format!("{front}{ours}"));
    match &pointer.name {
        // serde names an unknown field itself.
        Some(name) if !text.starts_with("unknown field") => format!("`{name}`: {text}."),
        _ => format!("{text}."),
    }
}

/// What serde calls a type, and what a config does.
const WORDS: [(&str, &str); 8] = [
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number that is not negative"),
    ("expected u64", "expected a whole number that is not negative"),
    ("expected i64", "expected a whole number"),
    ("expected f64", "expected a number"),
    ("expected a sequence", "expected a list"),
    ("expected a boolean", "expected true or false"),
];

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Config {
        #[expect(dead_code, reason = "only the errors of reading it matter")]
        limits: Vec<Limit>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields, expecting = "a table")]
    struct Limit {
        #[serde(rename = "a/b")]
        #[expect(dead_code, reason = "only the errors of reading it matter")]
        requests: u64,
    }

    fn problem(config: &str) -> (String, String) {
        let mut problems = read::<Config>(config).unwrap_err().into_vec();
        let problem = problems.remove(0);
        (problem.pointer, problem.message)
    }

    #[test]
    fn an_unknown_name_is_pointed_at_and_the_known_ones_are_told() {
        let (pointer, message) = problem(r#"{"limits":[{"a/b":1,"x":2}]}"#);
        assert_eq!(pointer, "/limits/0/x");
        assert_eq!(message, "unknown field `x`, expected `a/b`.");
    }

    #[test]
    fn a_wrong_type_is_said_in_the_words_of_a_config() {
        let (pointer, message) = problem(r#"{"limits":[{"a/b":"many"}]}"#);
        assert_eq!(pointer, "/limits/0/a~1b");
        assert_eq!(message, "`a/b`: invalid type: string \"many\", expected a whole number that is not negative.");
        assert_eq!(problem(r#"{"limits":true}"#).1, "`limits`: invalid type: boolean `true`, expected a list.");
    }

    #[test]
    fn a_missing_name_points_at_the_table_that_lacks_it() {
        assert_eq!(problem("{}"), (String::new(), "missing field `limits`.".to_owned()));
        assert_eq!(problem(r#"{"limits":[{}]}"#).0, "/limits/0");
    }

    #[test]
    fn an_item_of_a_list_is_named_by_its_list() {
        let problem = problem(r#"{"limits":[{"a/b":1},5]}"#);
        assert_eq!(
            problem,
            ("/limits/1".to_owned(), "`limits[1]`: invalid type: integer `5`, expected a table.".to_owned())
        );
    }

    #[test]
    fn what_follows_the_document_is_refused() {
        assert_eq!(problem(r#"{"limits":[]} x"#).1, "trailing characters.");
    }
}
