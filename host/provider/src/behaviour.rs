//! How an answer is sent, or not: delays, fragments, cuts and errors, by option or by request field.

use std::time::Duration;

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// A request field asks for no longer delay.
pub const DELAY_MAX: Duration = Duration::from_secs(60);

const PREFIX: &str = "x-provider-";

/// The default is an answer that comes at once and whole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Behaviour {
    /// Before the head of the answer.
    pub first_byte_delay: Duration,
    /// Before each chunk of the body but the first.
    pub chunk_delay: Duration,
    /// Cuts the body into chunks at byte positions drawn from this number. Without it a chunk is one event of a stream, or
    /// the whole of another body.
    pub fragment_seed: Option<u64>,
    pub cut: Option<Cut>,
    pub failure: Option<Failure>,
}

/// When the connection is closed too early. What was sent before is delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// In place of an answer.
    BeforeHead,
    /// After so many bytes of the body, not counting the framing. A body that is not longer ends as usual.
    AfterBodyBytes(u64),
}

/// An error in place of an answer, to a request with the right key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    pub status: StatusCode,
    /// Sent in seconds, rounded down.
    pub retry_after: Option<Duration>,
}

/// The rest of the name of a field, and the values that it takes, for the sentence that refuses it.
const FIELDS: [(&str, &str); 6] = [
    ("first-byte-ms", "a whole number of milliseconds from 0 to 60000"),
    ("chunk-ms", "a whole number of milliseconds from 0 to 60000"),
    ("fragment-seed", "a whole number from 0 to 18446744073709551615"),
    ("cut-after", "`head` or a whole number of bytes"),
    ("status", "a status from 400 to 599"),
    ("retry-after", "a whole number of seconds, with x-provider-status beside it"),
];

impl Behaviour {
    /// This behaviour with the parts replaced that the request's fields name; an error is a sentence for a person.
    pub fn with_fields(&self, headers: &HeaderMap) -> Result<Behaviour, String> {
        let mut behaviour = self.clone();
        let mut retry_after = None;
        for (name, value) in headers {
            let Some(part) = name.as_str().strip_prefix(PREFIX) else { continue };
            if part == "retry-after" {
                retry_after = Some(Duration::from_secs(number(value).ok_or_else(|| wrong_value(part))?));
            } else {
                behaviour.set(name, part, value)?;
            }
        }
        match (&mut behaviour.failure, retry_after) {
            (Some(failure), Some(_)) => failure.retry_after = retry_after,
            (None, Some(_)) => return Err(wrong_value("retry-after")),
            (_, None) => {}
        }
        Ok(behaviour)
    }

    fn set(&mut self, name: &HeaderName, part: &str, value: &HeaderValue) -> Result<(), String> {
        let wrong = || wrong_value(part);
        match part {
            "first-byte-ms" => self.first_byte_delay = delay(value).ok_or_else(wrong)?,
            "chunk-ms" => self.chunk_delay = delay(value).ok_or_else(wrong)?,
            "fragment-seed" => self.fragment_seed = Some(number(value).ok_or_else(wrong)?),
            "cut-after" if value == "head" => self.cut = Some(Cut::BeforeHead),
            "cut-after" => self.cut = Some(Cut::AfterBodyBytes(number(value).ok_or_else(wrong)?)),
            "status" => {
                self.failure = Some(Failure { status: error_status(value).ok_or_else(wrong)?, retry_after: None })
            }
            _ => {
                let known: Vec<String> = FIELDS.iter().map(|(part, _)| format!("{PREFIX}{part}")).collect();
                return Err(format!(
                    "The field `{name}` is not known. Fields with this prefix are: {}.",
                    known.join(", ")
                ));
            }
        }
        Ok(())
    }
}

fn wrong_value(part: &str) -> String {
    let expected = FIELDS.iter().find(|(name, _)| *name == part).map_or("another value", |(_, expected)| expected);
    format!("The field `{PREFIX}{part}` takes {expected}.")
}

fn number(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    // `parse` alone would also take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn delay(value: &HeaderValue) -> Option<Duration> {
    number(value).map(Duration::from_millis).filter(|delay| *delay <= DELAY_MAX)
}

fn error_status(value: &HeaderValue) -> Option<StatusCode> {
    let status = StatusCode::from_u16(u16::try_from(number(value)?).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(fields: &[(&'static str, &'static str)]) -> Result<Behaviour, String> {
        let base = Behaviour { chunk_delay: Duration::from_millis(3), ..Behaviour::default() };
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        base.with_fields(&fields.collect())
    }

    #[test]
    fn fields_replace_their_own_part_only() {
        let behaviour =
            read(&[("x-provider-first-byte-ms", "60000"), ("x-provider-fragment-seed", "0"), ("accept", "*/*")]);
        let expected = Behaviour {
            first_byte_delay: DELAY_MAX,
            chunk_delay: Duration::from_millis(3),
            fragment_seed: Some(0),
            ..Behaviour::default()
        };
        assert_eq!(behaviour, Ok(expected));
    }

    #[test]
    fn retry_after_belongs_to_a_status_in_either_order() {
        let failure = Failure { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(Duration::from_secs(2)) };
        let fields = [("x-provider-retry-after", "2"), ("x-provider-status", "429")];
        assert_eq!(read(&fields).unwrap().failure, Some(failure));
        assert!(read(&fields[..1]).unwrap_err().contains("x-provider-status beside it"));
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_values_that_the_field_takes() {
        for (name, value, sentence) in [
            ("x-provider-first-byte-ms", "60001", "from 0 to 60000"),
            ("x-provider-chunk-ms", "1.5", "from 0 to 60000"),
            ("x-provider-fragment-seed", "-1", "from 0 to 1844"),
            ("x-provider-cut-after", "tail", "`head` or a whole number"),
            ("x-provider-cut-after", "+1", "`head` or a whole number"),
            ("x-provider-cut-after", "", "`head` or a whole number"),
            ("x-provider-status", "200", "from 400 to 599"),
            ("x-provider-status", "600", "from 400 to 599"),
            ("x-provider-speed", "1", "Fields with this prefix are: x-provider-first-byte-ms, "),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.contains(sentence) && error.contains(name), "{name}: {value}: {error}");
        }
    }
}
