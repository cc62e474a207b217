//! Which bodies are looked at, by their content type.

/// What a body is, for the purposes of this policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Media {
    /// JSON, or what may hold it, such as an event stream: numbers may stand outside texts.
    #[default]
    Json,
    Plain,
    /// Passes as it is.
    Other,
}

/// A part of the setting `content_types`, in lower case.
#[derive(Debug, PartialEq, Eq)]
pub enum Pattern {
    Any,
    Exact(String),
    /// The type with its slash.
    Type(String),
    /// The suffix with its plus sign.
    Suffix(String),
}

pub const USUAL: [&str; 5] = ["text/*", "application/json", "+json", "application/x-ndjson", "application/ndjson"];

impl Pattern {
    /// None if the text is no pattern.
    pub fn parse(text: &str) -> Option<Pattern> {
        let text = text.to_ascii_lowercase();
        if text == "*" {
            return Some(Pattern::Any);
        }
        if text.strip_prefix('+').is_some_and(is_token) {
            return Some(Pattern::Suffix(text));
        }
        let (kind, subtype) = text.split_once('/')?;
        match is_token(kind) && is_token(subtype) {
            true if subtype == "*" => Some(Pattern::Type(format!("{kind}/"))),
            true => Some(Pattern::Exact(text)),
            false => None,
        }
    }

    fn matches(&self, essence: &str) -> bool {
        match self {
            Pattern::Any => true,
            Pattern::Exact(text) => essence == text,
            Pattern::Type(text) => essence.starts_with(text.as_str()),
            Pattern::Suffix(text) => essence.ends_with(text.as_str()),
        }
    }
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+.^_`|~-".contains(&byte))
}

/// What a field value of `content-type` announces.
pub fn of(field: Option<Vec<u8>>, patterns: &[Pattern]) -> Media {
    let mut value = field.unwrap_or_default();
    value.make_ascii_lowercase();
    let essence = value.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let essence = str::from_utf8(essence).unwrap_or_default();
    if !patterns.iter().any(|pattern| pattern.matches(essence)) {
        Media::Other
    } else if essence.starts_with("text/") && essence != "text/event-stream" && essence != "text/json" {
        Media::Plain
    } else {
        Media::Json
    }
}
