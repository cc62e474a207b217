//! Reads the marks of an exchange, which must all be of one configuration.

use http::HeaderMap;

use super::config::State;

/// The marks of heads: as the upstream saw them, or of the answer.
fn of_head(headers: &HeaderMap, prefix: &str, reply: bool) -> Result<State, String> {
    let values = |name: &str| -> Vec<&str> {
        headers.get_all(format!("{prefix}{name}")).iter().filter_map(|value| value.to_str().ok()).collect()
    };
    let order = values("order").join(", ");
    let wrong = || format!("marks of a head: {prefix}order is {order:?}");
    let (left, right) = order.split_once(", ").ok_or_else(wrong)?;
    // On the way back the last entry comes first.
    let (front, behind) = if reply { (right, left) } else { (left, right) };
    let (reversed, first, second) = match front.starts_with("first-") {
        true => (false, front, behind),
        false => (true, behind, front),
    };
    let version = |text: &str, name: &str| text.strip_prefix(name)?.parse::<u32>().ok();
    let (Some(one), Some(other)) = (version(first, "first-"), version(second, "second-")) else {
        return Err(wrong());
    };
    if one != other {
        return Err(format!("two configurations in one head: {order:?}"));
    }
    let mark = match values("mark")[..] {
        [mark] => mark.parse().map_err(|_| format!("the plugin's mark is {mark:?}"))?,
        _ => return Err(format!("{prefix}mark is {:?}", values("mark"))),
    };
    let moved = match values("route")[..] {
        ["moved"] => true,
        ["all"] => false,
        _ => return Err(format!("{prefix}route is {:?}", values("route"))),
    };
    Ok(State { version: one, mark, reversed, moved })
}

/// What the marks of both heads say, if they say the same.
pub fn of_heads(headers: &HeaderMap) -> Result<State, String> {
    let (request, reply) = (of_head(headers, "seen-", false)?, of_head(headers, "x-", true)?);
    match request == reply {
        true => Ok(reply),
        false => Err(format!("the request had the marks of {request:?}, its answer those of {reply:?}")),
    }
}

/// A body as it was before it was marked on these ways, the last one first. Every mark in it must be `mark`.
pub fn without_marks(body: &[u8], mark: u32, ways: &[&str]) -> Result<Vec<u8>, String> {
    let mut text = String::from_utf8(body.to_vec()).map_err(|_| "a body that is no text".to_owned())?;
    // A piece may end within a mark of the way before: what was put in last is taken out first.
    for way in ways {
        let (begin, wanted) = (format!("<{way}:"), format!("<{way}:{mark:05}>"));
        let plain = text.replace(&wanted, "");
        if plain.len() == text.len() {
            return Err(format!("a body without {wanted}"));
        }
        if let Some((_, other)) = plain.split_once(&begin) {
            return Err(format!("a piece of a body is marked {begin}{:.6}, its head {mark:05}", other));
        }
        text = plain;
    }
    Ok(text.into_bytes())
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn headers(seen_order: &str, order: &str, seen_mark: &str, mark: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("seen-order", seen_order),
            ("x-order", order),
            ("seen-mark", seen_mark),
            ("x-mark", mark),
            ("seen-route", "all"),
            ("x-route", "all"),
        ] {
            headers.insert(name, HeaderValue::from_str(value).unwrap());
        }
        headers
    }

    #[test]
    fn marks_of_one_configuration_are_read() {
        let read = of_heads(&headers("second-7, first-7", "first-7, second-7", "00003", "00003"));
        assert_eq!(read, Ok(State { version: 7, mark: 3, reversed: true, moved: false }));
    }

    #[test]
    fn marks_of_two_configurations_are_refused_wherever_they_differ() {
        for (seen_order, order, seen_mark, mark) in [
            ("first-7, second-8", "second-7, first-7", "00003", "00003"),
            ("first-7, second-7", "second-8, first-8", "00003", "00003"),
            ("first-7, second-7", "first-7, second-7", "00003", "00003"),
            ("first-7, second-7", "second-7, first-7", "00003", "00004"),
        ] {
            of_heads(&headers(seen_order, order, seen_mark, mark)).unwrap_err();
        }
    }

    #[test]
    fn marks_are_taken_off_a_body_and_must_be_the_heads() {
        let ways = ["down", "up"];
        assert_eq!(without_marks(b"one<up:00003> two<up:00003><down:00003>", 3, &ways).unwrap(), b"one two");
        assert_eq!(without_marks(b"one<up:00<down:00003>003><down:00003>", 3, &ways).unwrap(), b"one");
        without_marks(b"one<up:00003><down:00003><down:00004>", 3, &ways).unwrap_err();
        without_marks(b"one<up:00003>", 3, &ways).unwrap_err();
    }
}
