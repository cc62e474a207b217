//! The config as written and as meant.

use serde::Deserialize;
use sluicegate_plugin::schema::{Member, Node, Value};
use sluicegate_plugin::{Pointer, Problems, Schema};

use crate::kind::{KINDS, Kind, MASKS};
use crate::media::{Pattern, USUAL};
use crate::redactor::Redactor;

const WORDS_MAX: usize = 256;
const WORD_BYTES_MIN: usize = 2;
/// Bounds what is held back for a word.
const WORD_BYTES_MAX: usize = 128;
const MASK_BYTES_MAX: usize = 64;
const CONTENT_TYPES_MAX: usize = 32;
/// What stands outside texts in JSON beside structure and numbers.
const JSON_NAMES: [&str; 3] = ["true", "false", "null"];
const JSON_SIGNS: &[u8] = b" +,-.0123456789:[]{}";

/// Takes personal data and secrets out of text bodies. Something is named in `kinds` or `words`.
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// The bodies that are looked at.
    #[serde(default = "both")]
    #[schema(min_items = 1, max_items = 2, default = ["request", "reply"])]
    bodies: Vec<Body>,
    /// What is looked for.
    #[serde(default)]
    #[schema(max_items = KINDS, example = ["email", "card"])]
    kinds: Vec<Kind>,
    /// Texts to look for, also within longer words; the case of the letters A to Z is ignored.
    #[serde(default)]
    #[schema(with = "Vec<WordText>", max_items = WORDS_MAX)]
    words: Vec<String>,
    /// What stands in the place of a match, by kind: `[email]` and so on unless given.
    #[serde(default)]
    masks: Masks,
    /// The bodies that are text, by their `content-type`: `TYPE/SUBTYPE`, `TYPE/*`, `+SUFFIX`, or `*` for all, also those without
    /// one.
    #[serde(default = "usual_types")]
    #[schema(
        min_items = 1,
        max_items = CONTENT_TYPES_MAX,
        default = ["text/*", "application/json", "+json", "application/x-ndjson", "application/ndjson"]
    )]
    content_types: Vec<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
enum Body {
    /// What the client sends.
    Request,
    /// What the client gets.
    Reply,
}

/// At most 64 bytes each, without quotes, backslashes and control characters, so that JSON stays JSON.
#[derive(Default, Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Masks {
    email: Option<String>,
    secret: Option<String>,
    iban: Option<String>,
    phone: Option<String>,
    card: Option<String>,
    ip: Option<String>,
    word: Option<String>,
}

/// One of `words`.
struct WordText;

impl Schema for WordText {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "type", value: Value::Text("string") },
            Member { name: "pattern", value: Value::Text(r#"^[^"\\\x00-\x1f\x7f]*$"#) },
            Member { name: "minLength", value: Value::Integer(1) },
            Member { name: "maxLength", value: Value::Integer(WORD_BYTES_MAX as i128) },
        ],
        ..Node::ANYTHING
    };
}

pub struct Config {
    pub request: bool,
    pub reply: bool,
    pub redactor: Redactor,
    /// At least one.
    pub content_types: Vec<Pattern>,
}

fn both() -> Vec<Body> {
    vec![Body::Request, Body::Reply]
}

fn usual_types() -> Vec<String> {
    USUAL.map(str::to_owned).to_vec()
}

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Config, Problems> {
        let root = Pointer::root();
        let mut problems = Vec::new();
        let mut report = |pointer: Pointer, message: String| problems.push(Problems::new(&pointer, message));

        if raw.bodies.is_empty() {
            report(root.key("bodies"), "`bodies` must name \"request\", \"reply\" or both.".to_owned());
        }
        if raw.kinds.is_empty() && raw.words.is_empty() {
            let message = "There is nothing to look for: name `kinds`, such as \"email\" and \"card\", or `words`.";
            report(root.clone(), message.to_owned());
        }
        if raw.words.len() > WORDS_MAX {
            report(root.key("words"), format!("`words` must hold at most {WORDS_MAX} words."));
        }
        for (index, word) in raw.words.iter().enumerate() {
            if let Err(message) = check_word(word) {
                report(root.key("words").index(index), message);
            }
        }
        let Masks { email, secret, iban, phone, card, ip, word } = raw.masks;
        let mut masks = MASKS.map(str::to_owned);
        let given = [email, secret, iban, phone, card, ip, word];
        let names = ["email", "secret", "iban", "phone", "card", "ip", "word"];
        for ((mask, given), name) in masks.iter_mut().zip(given).zip(names) {
            let Some(given) = given else { continue };
            if given.len() > MASK_BYTES_MAX || !stays_in_text(&given) {
                let message = format!(
                    "A mask has at most {MASK_BYTES_MAX} bytes, and no quotes, backslashes or control characters."
                );
                report(root.key("masks").key(name), message);
            }
            *mask = given;
        }
        if raw.content_types.is_empty() || raw.content_types.len() > CONTENT_TYPES_MAX {
            report(root.key("content_types"), format!("`content_types` must name 1 to {CONTENT_TYPES_MAX} types."));
        }
        let mut content_types = Vec::with_capacity(raw.content_types.len());
        for (index, text) in raw.content_types.iter().enumerate() {
            match Pattern::parse(text) {
                Some(pattern) => content_types.push(pattern),
                None => {
                    let message = format!("`{text}` is no type: write \"text/plain\", \"text/*\", \"+json\" or \"*\".");
                    report(root.key("content_types").index(index), message);
                }
            }
        }
        Problems::check(problems)?;
        let kinds = raw.kinds.iter().fold(0, |bits, kind| bits | kind.bit());
        // Of words that begin alike, the longest is meant. Put in by hand, to save the code of a general sort.
        let mut words: Vec<Vec<u8>> = Vec::with_capacity(raw.words.len());
        for word in &raw.words {
            let place = words.iter().position(|other| other.len() < word.len()).unwrap_or(words.len());
            words.insert(place, word.to_ascii_lowercase().into_bytes());
        }
        Ok(Config {
            request: raw.bodies.contains(&Body::Request),
            reply: raw.bodies.contains(&Body::Reply),
            redactor: Redactor::new(kinds, words, masks),
            content_types,
        })
    }
}

fn check_word(word: &str) -> Result<(), String> {
    if !(WORD_BYTES_MIN..=WORD_BYTES_MAX).contains(&word.len()) || !stays_in_text(word) {
        return Err(format!(
            "A word has {WORD_BYTES_MIN} to {WORD_BYTES_MAX} bytes, and no quotes, backslashes or control characters."
        ));
    }
    if could_be_no_text(word) {
        return Err(format!(
            "`{word}` could stand in JSON outside a text, where no mask can stand: name a longer word."
        ));
    }
    Ok(())
}

/// In JSON, such text is written as it is, and ends no text.
fn stays_in_text(text: &str) -> bool {
    !text.bytes().any(|byte| byte.is_ascii_control() || byte == b'"' || byte == b'\\')
}

/// Numbers, `true`, `false` and `null`, with what stands around them, or parts of them.
fn could_be_no_text(word: &str) -> bool {
    let lower = word.to_ascii_lowercase();
    let mut names = lower.split(|character: char| !character.is_ascii_alphabetic());
    lower.bytes().all(|byte| byte.is_ascii_alphabetic() || JSON_SIGNS.contains(&byte))
        && names.all(|name| JSON_NAMES.iter().any(|known| known.contains(name)))
}
