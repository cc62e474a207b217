//! Where a body is cut means nothing, and what needs no state leaves none.

use serde_json::json;
use sluicegate_plugin::Piece;

use super::reference::redact;
use super::{ALL, answer, policy, sent};
use crate::kind::{Kind, MASKS};
use crate::redactor::{Redactor, Step};
use crate::state::State;

/// Numbers that look random, the same in each run (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }

    fn pick<'a>(&mut self, list: &[&'a str]) -> &'a str {
        list[self.below(list.len())]
    }
}

const PLANTED: [&str; 20] = [
    "ann.lee@example.com",
    "bob@mail.example.co.uk.",
    "4111 1111 1111 1111",
    "4111111111111111",
    "5555-5555-5555-4444",
    "DE89370400440532013000",
    "GB82 WEST 1234 5698 7654 32",
    "+4930123456",
    "+1 415-555-2671",
    "192.0.2.17",
    "2001:db8::17",
    "::ffff:192.0.2.1",
    "sk-A1b2C3d4E5f6G7h8I9j0",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8",
    "-----BEGIN EC PRIVATE KEY-----\nMHcCAQ==\n-----END EC PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\nMHcCAQ\\/==\\n-----END",
    "Falcon",
    "falcon heavy",
    "x-ray",
];
/// What stands between, and what almost matches.
const OTHER: [&str; 32] = [
    " ",
    " ",
    "\n",
    "\"",
    "\",\"",
    "\":",
    ": ",
    ",",
    "[",
    "}",
    "\\n",
    "\\\"",
    "\\\\",
    "\\u00e4",
    "\\u00",
    "\\",
    "ä",
    "漢字",
    "😀",
    ".",
    "-",
    "+",
    "@",
    "word",
    "A",
    "12",
    "4111",
    "::",
    "sk-",
    "falc",
    "-----BEGIN ",
    "e",
];

fn text(numbers: &mut Numbers) -> String {
    let count = 1 + numbers.below(14);
    (0..count).map(|_| if numbers.below(3) == 0 { numbers.pick(&PLANTED) } else { numbers.pick(&OTHER) }).collect()
}

/// Cut at random; the smaller `size`, the smaller the pieces.
fn cut(numbers: &mut Numbers, text: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while rest.len() > 1 {
        let (piece, behind) = rest.split_at((1 + numbers.below(size)).min(rest.len()));
        pieces.push(piece.to_vec());
        rest = behind;
    }
    pieces.push(rest.to_vec());
    pieces
}

#[test]
fn any_text_in_any_pieces_becomes_what_a_naive_reading_of_the_whole_makes_of_it() {
    let mut numbers = Numbers(0x5eed_0000_0000_0001);
    let words = ["falcon", "falcon heavy", "x-ray", "漢"];
    for round in 0..1_000 {
        let kinds: Vec<&str> = ALL.into_iter().filter(|_| numbers.below(4) > 0).collect();
        let words = if numbers.below(2) == 0 || kinds.is_empty() { &words[..] } else { &[] };
        let policy = policy(json!({ "kinds": kinds, "words": words }));
        let content_type = numbers.pick(&["application/json", "text/plain"]);
        for _ in 0..4 {
            let text = text(&mut numbers);
            let expected = redact(text.as_bytes(), &kinds, words, content_type == "application/json");
            for size in [1, 2 + numbers.below(40), usize::MAX] {
                let pieces = match size {
                    usize::MAX => vec![text.clone().into_bytes()],
                    _ => cut(&mut numbers, text.as_bytes(), size),
                };
                let found = sent(&policy, &mut answer(&policy, content_type), &pieces);
                let shown = (String::from_utf8_lossy(&found), String::from_utf8_lossy(&expected));
                assert_eq!(shown.0, shown.1, "round {round}, {kinds:?}, {content_type}, pieces of {size}, of {text:?}");
            }
        }
    }
}

#[test]
fn json_stays_json() {
    let mut numbers = Numbers(0x5eed_0000_0000_0002);
    let policy = policy(json!({ "kinds": ALL, "words": ["falcon", "x-ray"] }));
    for _ in 0..4_000 {
        let (name, value) = (text(&mut numbers), text(&mut numbers));
        let numbers_of_cards = [4_111_111_111_111_111_u64, 5_555_555_555_554_444, 12];
        let body = json!({ name: value, "n": numbers_of_cards, "m": [4_222_222_222_222_u64, true, null, -1.5e-7] });
        let body = if numbers.below(2) == 0 { body.to_string() } else { serde_json::to_string_pretty(&body).unwrap() };
        let pieces = cut(&mut numbers, body.as_bytes(), 30);
        let found = sent(&policy, &mut answer(&policy, "application/json"), &pieces);
        let read = serde_json::from_slice::<serde_json::Value>(&found);
        assert!(read.is_ok(), "{body}\nbecame {}", String::from_utf8_lossy(&found));
        assert_eq!(read.unwrap()["n"], json!([0, 0, 12]), "{body}");
    }
}

fn redactor() -> Redactor {
    let kinds = Kind::ALL.into_iter().fold(0, |bits, kind| bits | kind.bit()) & !Kind::Word.bit();
    Redactor::new(kinds, vec![b"falcon".to_vec()], MASKS.map(str::to_owned))
}

#[test]
fn an_event_without_a_match_passes_and_leaves_nothing() {
    let event =
        b"data: {\"choices\":[{\"delta\":{\"content\":\" well-known, 12 of 3.5\"}}],\"created\":1700000000}\n\n";
    let Step { piece, state, .. } = redactor().piece(&State::default(), event.to_vec(), false);
    assert_eq!((piece, state), (Piece::Pass, State::default()));
}

#[test]
fn what_is_held_back_is_bounded() {
    for text in [
        "a",
        "4",
        "41 ",
        "a@b.",
        "+1",
        "A1",
        "sk-a",
        "::",
        "fe80:",
        "1.",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----A\n",
        "\\u00",
        "falc",
        "DE89 ",
    ] {
        let mut state = State::default();
        let mut held_most = 0;
        for byte in text.repeat(2_000).into_bytes() {
            state = redactor().piece(&state, vec![byte], false).state;
            held_most = held_most.max(state.held.len());
        }
        assert!(held_most <= 4 + 512, "{held_most} of {text}");
    }
}
