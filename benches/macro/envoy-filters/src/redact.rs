//! Masks e-mail addresses and card numbers in the answer's body, which is held until it is whole.

use proxy_wasm::traits::{Context, HttpContext};
use proxy_wasm::types::Action;

const MASK: &[u8] = b"[redacted]";
const CARD_DIGITS: std::ops::RangeInclusive<usize> = 13..=19;

#[derive(Default)]
pub struct Request {
    bytes: usize,
}

impl Context for Request {}

impl HttpContext for Request {
    fn on_http_response_headers(&mut self, _count: usize, end: bool) -> Action {
        if !end {
            // The body may change its length.
            self.set_http_response_header("content-length", None);
        }
        Action::Continue
    }

    fn on_http_response_body(&mut self, size: usize, end: bool) -> Action {
        self.bytes = size;
        if !end {
            return Action::Pause;
        }
        if let Some(body) = self.get_http_response_body(0, self.bytes)
            && let Some(masked) = mask(&body)
        {
            self.set_http_response_body(0, self.bytes, &masked);
        }
        Action::Continue
    }
}

/// None where there is nothing to mask.
fn mask(body: &[u8]) -> Option<Vec<u8>> {
    let mut masked = Vec::new();
    let (mut copied, mut at) = (0, 0);
    while at < body.len() {
        match found(body, at, copied) {
            Some((from, to)) => {
                masked.extend_from_slice(&body[copied..from]);
                masked.extend_from_slice(MASK);
                (copied, at) = (to, to);
            }
            None => at += 1,
        }
    }
    (copied > 0).then(|| {
        masked.extend_from_slice(&body[copied..]);
        masked
    })
}

fn found(body: &[u8], at: usize, from_min: usize) -> Option<(usize, usize)> {
    match body[at] {
        b'@' => email(body, at, from_min),
        b'0'..=b'9' if at == from_min || !body[at - 1].is_ascii_digit() => card(body, at),
        _ => None,
    }
}

/// `at` is the place of its `@`.
fn email(body: &[u8], at: usize, from_min: usize) -> Option<(usize, usize)> {
    let of_name = |byte: &&u8| byte.is_ascii_alphanumeric() || b"._%+-".contains(byte);
    let of_host = |byte: &&u8| byte.is_ascii_alphanumeric() || b".-".contains(byte);
    let name = body[from_min..at].iter().rev().take_while(of_name).count();
    let host = body[at + 1..].iter().take_while(of_host).count();
    (name > 0 && body[at + 1..at + 1 + host].contains(&b'.')).then_some((at - name, at + 1 + host))
}

/// Digits in one piece, or in groups with blanks or hyphens, whose check digit is right.
fn card(body: &[u8], at: usize) -> Option<(usize, usize)> {
    let length = body[at..].iter().take_while(|byte| byte.is_ascii_digit() || b" -".contains(byte)).count();
    let digits: Vec<u32> =
        body[at..at + length].iter().filter(|byte| byte.is_ascii_digit()).map(|byte| u32::from(byte - b'0')).collect();
    let sum: u32 = digits.iter().rev().enumerate().map(|(place, digit)| luhn(place, *digit)).sum();
    (CARD_DIGITS.contains(&digits.len()) && sum.is_multiple_of(10)).then_some((at, at + length))
}

fn luhn(place: usize, digit: u32) -> u32 {
    match (place % 2, digit * 2) {
        (0, _) => digit,
        (_, double) if double > 9 => double - 9,
        (_, double) => double,
    }
}
