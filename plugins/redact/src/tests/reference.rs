//! The same work done naively: whole texts, regular expressions, each place in turn.

use std::net::Ipv6Addr;
use std::sync::LazyLock;

use regex::bytes::Regex;

const OCTET: &str = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])";

fn pattern(text: &str) -> Regex {
    Regex::new(&format!("^(?s-u:{text})")).unwrap()
}

static ESCAPE: LazyLock<Regex> = LazyLock::new(|| pattern(r#"\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})"#));
static EMAIL: LazyLock<Regex> = LazyLock::new(|| pattern(r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]+\.[A-Za-z]{2,}"));
static KEY: LazyLock<Regex> = LazyLock::new(|| {
    pattern("(?:(?:sk-|glpat-)[A-Za-z0-9_-]{20,512}|gh[pousr]_[A-Za-z0-9_-]{36,512}|xox[abeprs]-[A-Za-z0-9_-]{10,512})")
});
static AWS: LazyLock<Regex> = LazyLock::new(|| pattern("A[KS]IA[A-Z0-9]{16}"));
static PEM: LazyLock<Regex> = LazyLock::new(|| {
    let part = r"(?:[A-Za-z0-9+/=:, \t\r\n-]|\\[nrt/])";
    let begin = "-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----";
    pattern(&format!("{begin}(?:{part}*?-----END [A-Z0-9 ]*-----|{part}*)"))
});
static IBAN: LazyLock<Regex> =
    LazyLock::new(|| pattern("[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)$"));
static PHONE: LazyLock<Regex> = LazyLock::new(|| pattern(r"\+[1-9](?:[ -]?[0-9]){7,14}$"));
static CARD: LazyLock<Regex> = LazyLock::new(|| pattern("[2-6](?:[ -]?[0-9]){12,18}$"));
static V4: LazyLock<Regex> = LazyLock::new(|| pattern(&format!(r"(?:{OCTET}\.){{3}}{OCTET}")));
static V6: LazyLock<Regex> = LazyLock::new(|| pattern("[0-9a-fA-F:.]{2,45}"));
static BEFORE_NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"(?s-u:(?:^|[:,\[\]{}\r\n-])[ \t]*$)").unwrap());
static BEHIND_NUMBER: LazyLock<Regex> = LazyLock::new(|| Regex::new(r"^(?s-u:$|[,\]} \t\r\n])").unwrap());

/// Words are in lower case, the config's order does not matter.
pub fn redact(text: &[u8], kinds: &[&str], words: &[&str], json: bool) -> Vec<u8> {
    let mut output = Vec::new();
    let mut place = 0;
    let mut before = None;
    while place < text.len() {
        let rest = &text[place..];
        if let Some(escape) = ESCAPE.find(rest) {
            output.extend_from_slice(escape.as_bytes());
            place += escape.end();
            before = None;
            continue;
        }
        match begins(rest, before, kinds, words) {
            Some((kind, length)) => {
                let digits = rest[..length].iter().all(u8::is_ascii_digit);
                let number =
                    digits && BEFORE_NUMBER.is_match(&text[..place]) && BEHIND_NUMBER.is_match(&rest[length..]);
                let mask = if json && kind == "card" && number { "0".to_owned() } else { format!("[{kind}]") };
                output.extend_from_slice(mask.as_bytes());
                place += length;
                before = Some(text[place - 1]).filter(|_| !rest.starts_with(b"-----BEGIN"));
            }
            None => {
                output.push(rest[0]);
                place += 1;
                before = Some(rest[0]);
            }
        }
    }
    output
}

type Find<'a> = Box<dyn Fn() -> Option<usize> + 'a>;

fn begins(rest: &[u8], before: Option<u8>, kinds: &[&str], words: &[&str]) -> Option<(&'static str, usize)> {
    let behind = |signs: &[u8]| before.is_some_and(|byte| byte.is_ascii_alphanumeric() || signs.contains(&byte));
    let first = |pattern: &Regex| pattern.find(rest).map(|found| found.end());
    let next = |length: usize| rest.get(length).copied().unwrap_or(0);
    let decimals = |length: usize| next(length) == b'.' && next(length + 1).is_ascii_digit();
    let apart = |length: &usize| !next(*length).is_ascii_alphanumeric() && !decimals(*length);
    let longest = |pattern: &Regex, holds: fn(&[u8]) -> bool| {
        let lengths = (1..=rest.len().min(60)).rev();
        let fits = |length: &usize| pattern.is_match(&rest[..*length]) && holds(&rest[..*length]);
        lengths.filter(fits).collect::<Vec<_>>()
    };
    let tries: [(&str, Find); 9] = [
        ("email", Box::new(|| first(&EMAIL).filter(|_| !behind(b"._%+-")))),
        ("secret", Box::new(|| first(&PEM).filter(|_| !behind(b"-")))),
        ("secret", Box::new(|| first(&KEY).filter(|_| !behind(b"_-")))),
        (
            "secret",
            Box::new(|| {
                let ends = |length: &usize| !next(*length).is_ascii_alphanumeric() && !b"_-".contains(&next(*length));
                first(&AWS).filter(ends).filter(|_| !behind(b"_-"))
            }),
        ),
        (
            "iban",
            Box::new(|| {
                let ends = |length: &usize| !next(*length).is_ascii_alphanumeric();
                longest(&IBAN, is_account).into_iter().find(ends).filter(|_| !behind(b""))
            }),
        ),
        ("phone", Box::new(|| longest(&PHONE, |_| true).into_iter().find(apart).filter(|_| !behind(b"")))),
        ("card", Box::new(|| longest(&CARD, luhn).into_iter().find(apart).filter(|_| !behind(b".")))),
        (
            "ip",
            Box::new(|| {
                let run = first(&V6)
                    .filter(|length| !next(*length).is_ascii_alphanumeric() && !b":.".contains(&next(*length)))?;
                let text = str::from_utf8(&rest[..run]).unwrap().trim_end_matches('.');
                let texts = [text, text.strip_suffix(':').unwrap_or(text)];
                let is_address = |text: &&str| *text != "::" && text.parse::<Ipv6Addr>().is_ok();
                texts.into_iter().find(is_address).map(str::len).filter(|_| !behind(b"."))
            }),
        ),
        ("ip", Box::new(|| first(&V4).filter(apart).filter(|_| !behind(b".")))),
    ];
    let found = tries.iter().filter(|(kind, _)| kinds.contains(kind)).find_map(|(kind, find)| Some((*kind, find()?)));
    found.or_else(|| {
        let word = |word: &&&str| rest.get(..word.len()).is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()));
        words.iter().filter(word).map(|word| ("word", word.len())).max_by_key(|(_, length)| *length)
    })
}

/// ISO 7064, MOD 97-10, digit by digit.
fn is_account(text: &[u8]) -> bool {
    let compact: Vec<u8> = text.iter().copied().filter(|byte| *byte != b' ').collect();
    let turned = compact[4..].iter().chain(&compact[..4]);
    let digits: String = turned.map(|byte| char::from(*byte).to_digit(36).unwrap().to_string()).collect();
    let remainder = digits.bytes().fold(0, |remainder, digit| (remainder * 10 + u32::from(digit - b'0')) % 97);
    (15..=34).contains(&compact.len()) && remainder == 1
}

fn luhn(text: &[u8]) -> bool {
    let digits = text.iter().rev().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0'));
    let weighted = digits.enumerate().map(|(place, digit)| match place % 2 {
        1 if digit > 4 => digit * 2 - 9,
        1 => digit * 2,
        _ => digit,
    });
    weighted.sum::<u32>() % 10 == 0
}
