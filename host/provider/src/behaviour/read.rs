//! Reads what a client asks for, from request fields or from the end of a model's name.

use std::time::Duration;

use http::{HeaderMap, StatusCode};

use super::{Behaviour, Cut, DELAY_MAX, Failure, Fault, LineEnd};

pub const PREFIX: &str = "x-provider-";

/// The rest of the name of a field, and the values that it takes, for the sentence that refuses it.
const PARTS: [(&str, &str); 13] = [
    ("first-byte-ms", "a whole number of milliseconds from 0 to 60000"),
    ("chunk-ms", "a whole number of milliseconds from 0 to 60000"),
    ("fragment-seed", "a whole number from 0 to 18446744073709551615"),
    ("line-end", "`lf`, `crlf` or `cr`"),
    ("cut-after", "`head` or a whole number of bytes"),
    ("status", "a status from 400 to 599"),
    ("retry-after", "a whole number of seconds, with the part `status` beside it"),
    ("fault", "`html`, `error-in-200`, `no-end`, `no-newline`, `endless-line` or `deep`"),
    ("error-after", "a whole number of events"),
    ("answer-seed", "a whole number from 0 to 18446744073709551615"),
    ("reasoning-tokens", "a whole number of tokens"),
    ("cache-read-tokens", "a whole number of tokens"),
    ("cache-write-tokens", "a whole number of tokens"),
];

/// What stands in front of the parts in a model's name, and between them: no escaping in a path changes it.
const SEPARATOR: char = '~';

/// `echo-1~status=429~retry-after=2` is the model `echo-1` and the suffix behind it.
pub fn split_name(name: &str) -> (&str, Option<&str>) {
    match name.split_once(SEPARATOR) {
        Some((name, suffix)) => (name, Some(suffix)),
        None => (name, None),
    }
}

pub fn fields(behaviour: Behaviour, headers: &HeaderMap) -> Result<Behaviour, String> {
    let asked = headers.iter().filter_map(|(name, value)| {
        let part = name.as_str().strip_prefix(PREFIX)?;
        Some((part.to_owned(), value.to_str().unwrap_or("\u{fffd}").to_owned()))
    });
    read(behaviour, asked, &|part| format!("field `{PREFIX}{part}`"))
}

pub fn suffix(behaviour: Behaviour, suffix: &str) -> Result<Behaviour, String> {
    let asked = suffix.split(SEPARATOR).map(|part| {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        (name.to_owned(), value.to_owned())
    });
    read(behaviour, asked, &|part| format!("part `{part}` of the model's name"))
}

fn read(
    mut behaviour: Behaviour,
    asked: impl Iterator<Item = (String, String)>,
    shown: &dyn Fn(&str) -> String,
) -> Result<Behaviour, String> {
    let mut retry_after = None;
    for (part, value) in asked {
        let Some((_, expected)) = PARTS.iter().find(|(known, _)| *known == part) else {
            let known: Vec<&str> = PARTS.iter().map(|(part, _)| *part).collect();
            return Err(format!("The {} is not known. Known are: {}.", shown(&part), known.join(", ")));
        };
        let wrong = || format!("The {} takes {expected}.", shown(&part));
        if part == "retry-after" {
            retry_after = Some((Duration::from_secs(number(&value).ok_or_else(wrong)?), wrong()));
        } else {
            set(&mut behaviour, &part, &value).ok_or_else(wrong)?;
        }
    }
    match (&mut behaviour.failure, retry_after) {
        (Some(failure), Some((retry_after, _))) => failure.retry_after = Some(retry_after),
        (None, Some((_, wrong))) => return Err(wrong),
        (_, None) => {}
    }
    Ok(behaviour)
}

fn set(behaviour: &mut Behaviour, part: &str, value: &str) -> Option<()> {
    match part {
        "first-byte-ms" => behaviour.first_byte_delay = delay(value)?,
        "chunk-ms" => behaviour.chunk_delay = delay(value)?,
        "fragment-seed" => behaviour.fragment_seed = Some(number(value)?),
        "line-end" => behaviour.line_end = Some(line_end(value)?),
        "cut-after" if value == "head" => behaviour.cut = Some(Cut::BeforeHead),
        "cut-after" => behaviour.cut = Some(Cut::AfterBodyBytes(number(value)?)),
        "status" => behaviour.failure = Some(Failure { status: error_status(value)?, retry_after: None }),
        "fault" => behaviour.fault = Some(fault(value)?),
        "error-after" => behaviour.error_after = Some(number(value)?),
        "answer-seed" => behaviour.answer_seed = number(value)?,
        "reasoning-tokens" => behaviour.reasoning_tokens = Some(number(value)?),
        "cache-read-tokens" => behaviour.cache_read_tokens = Some(number(value)?),
        "cache-write-tokens" => behaviour.cache_write_tokens = Some(number(value)?),
        _ => return None,
    }
    Some(())
}

fn number(text: &str) -> Option<u64> {
    // `parse` alone would also take a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

fn delay(text: &str) -> Option<Duration> {
    number(text).map(Duration::from_millis).filter(|delay| *delay <= DELAY_MAX)
}

fn error_status(text: &str) -> Option<StatusCode> {
    let status = StatusCode::from_u16(u16::try_from(number(text)?).ok()?).ok()?;
    (status.is_client_error() || status.is_server_error()).then_some(status)
}

fn line_end(text: &str) -> Option<LineEnd> {
    Some(match text {
        "lf" => LineEnd::LineFeed,
        "crlf" => LineEnd::CarriageReturnLineFeed,
        "cr" => LineEnd::CarriageReturn,
        _ => return None,
    })
}

fn fault(text: &str) -> Option<Fault> {
    Some(match text {
        "html" => Fault::Html,
        "error-in-200" => Fault::ErrorIn200,
        "no-end" => Fault::NoEnd,
        "no-newline" => Fault::NoNewline,
        "endless-line" => Fault::EndlessLine,
        "deep" => Fault::Deep,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn base() -> Behaviour {
        Behaviour { chunk_delay: Duration::from_millis(3), ..Behaviour::default() }
    }

    fn read(fields: &[(&'static str, &'static str)]) -> Result<Behaviour, String> {
        let fields =
            fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        base().with_fields(&fields.collect())
    }

    #[test]
    fn fields_replace_their_own_part_only() {
        let behaviour =
            read(&[("x-provider-first-byte-ms", "60000"), ("x-provider-fragment-seed", "0"), ("accept", "*/*")]);
        let expected = Behaviour { first_byte_delay: DELAY_MAX, fragment_seed: Some(0), ..base() };
        assert_eq!(behaviour, Ok(expected));
    }

    #[test]
    fn a_name_asks_for_the_same_as_fields() {
        assert_eq!(split_name("echo-1"), ("echo-1", None));
        let (name, suffix) = split_name("echo-1~status=429~retry-after=2~fault=html");
        let fields = [("x-provider-status", "429"), ("x-provider-retry-after", "2"), ("x-provider-fault", "html")];
        assert_eq!((name, base().with_suffix(suffix.unwrap())), ("echo-1", read(&fields)));
        assert_eq!(
            base().with_suffix("fast").unwrap_err().split(". ").next(),
            Some("The part `fast` of the model's name is not known")
        );
    }

    #[test]
    fn retry_after_belongs_to_a_status_in_either_order() {
        let failure = Failure { status: StatusCode::TOO_MANY_REQUESTS, retry_after: Some(Duration::from_secs(2)) };
        let fields = [("x-provider-retry-after", "2"), ("x-provider-status", "429")];
        assert_eq!(read(&fields).unwrap().failure, Some(failure));
        assert!(read(&fields[..1]).unwrap_err().contains("`status` beside it"));
    }

    #[test]
    fn a_wrong_value_is_refused_with_the_values_that_the_field_takes() {
        for (name, value, sentence) in [
            ("x-provider-first-byte-ms", "60001", "from 0 to 60000"),
            ("x-provider-chunk-ms", "1.5", "from 0 to 60000"),
            ("x-provider-fragment-seed", "-1", "from 0 to 1844"),
            ("x-provider-line-end", "lfcr", "`lf`, `crlf` or `cr`"),
            ("x-provider-cut-after", "tail", "`head` or a whole number"),
            ("x-provider-cut-after", "+1", "`head` or a whole number"),
            ("x-provider-cut-after", "", "`head` or a whole number"),
            ("x-provider-status", "200", "from 400 to 599"),
            ("x-provider-status", "600", "from 400 to 599"),
            ("x-provider-fault", "none", "`html`, `error-in-200`"),
            ("x-provider-error-after", "x", "number of events"),
            ("x-provider-reasoning-tokens", "x", "number of tokens"),
            ("x-provider-speed", "1", "Known are: first-byte-ms, "),
        ] {
            let error = read(&[(name, value)]).unwrap_err();
            assert!(error.contains(sentence) && error.contains(name), "{name}: {value}: {error}");
        }
    }

    #[test]
    fn every_part_that_is_known_can_be_set() {
        for (part, _) in PARTS.iter().filter(|(part, _)| *part != "retry-after") {
            let values = ["1", "lf", "deep", "500"];
            assert!(values.iter().any(|value| set(&mut Behaviour::default(), part, value).is_some()), "{part}");
        }
    }
}
