//! What clients read about their limits.

use sluicegate_plugin::counters::Taken;
use sluicegate_plugin::decimal;

use crate::config::Limit;

/// Of a limit in `RateLimit`, beside its name.
const ITEM_BYTES: usize = 48;

/// Where an exchange stands in a limit.
#[derive(Clone, Copy)]
pub struct Left {
    remaining: u64,
    reset_ms: u64,
}

impl From<&Taken> for Left {
    fn from(taken: &Taken) -> Left {
        Left { remaining: taken.remaining, reset_ms: taken.reset_ms }
    }
}

/// For the reply phase, which another instance may serve.
pub fn to_notes(taken: &[Taken], now_us: u64) -> Vec<u8> {
    let mut notes = Vec::with_capacity((1 + 2 * taken.len()) * size_of::<u64>());
    notes.extend_from_slice(&now_us.to_le_bytes());
    for taken in taken {
        notes.extend_from_slice(&taken.remaining.to_le_bytes());
        notes.extend_from_slice(&taken.reset_ms.to_le_bytes());
    }
    notes
}

/// What [`to_notes`] wrote, seen at `now_us`. None if nothing was: then the request did not pass.
pub fn in_notes(notes: &[u8], now_us: u64) -> Option<impl Iterator<Item = Left> + Clone> {
    let (then_us, numbers) = notes.split_first_chunk()?;
    let passed_ms = now_us.saturating_sub(u64::from_le_bytes(*then_us)) / 1_000;
    let (numbers, _) = numbers.as_chunks().0.as_chunks();
    Some(numbers.iter().map(move |[remaining, reset_ms]| Left {
        remaining: u64::from_le_bytes(*remaining),
        reset_ms: u64::from_le_bytes(*reset_ms).saturating_sub(passed_ms),
    }))
}

/// Hands over the fields of draft-ietf-httpapi-ratelimit-headers with all limits, and those that model SDKs read with the tightest,
/// by name and value. `left` is in the limits' order.
pub fn each(
    limits: &[Limit],
    left: impl Iterator<Item = Left> + Clone,
    policy: &str,
    mut hand_over: impl FnMut(&'static str, &str),
) {
    hand_over("ratelimit-policy", policy);
    let both = limits.iter().zip(left);
    let mut text = String::with_capacity(limits.iter().map(|limit| limit.name.len() + ITEM_BYTES).sum());
    for (limit, left) in both.clone() {
        begin_item(&mut text, &limit.name);
        text.push_str(";r=");
        decimal::push(&mut text, left.remaining);
        text.push_str(";t=");
        decimal::push(&mut text, left.reset_ms.div_ceil(1_000));
    }
    hand_over("ratelimit", &text);
    let tightest = both.min_by_key(|(_, left)| (left.remaining, u64::MAX - left.reset_ms));
    if let Some((limit, left)) = tightest {
        let mut digits = [0; decimal::DIGITS_MAX];
        hand_over("x-ratelimit-limit-requests", decimal::text(limit.requests, &mut digits));
        hand_over("x-ratelimit-remaining-requests", decimal::text(left.remaining, &mut digits));
        text.clear();
        push_duration(&mut text, left.reset_ms);
        hand_over("x-ratelimit-reset-requests", &text);
    }
}

/// The value of `RateLimit-Policy`. Windows are whole seconds there, so that a part of one counts as one.
pub fn policy(limits: &[Limit]) -> String {
    let mut text = String::new();
    for limit in limits {
        begin_item(&mut text, &limit.name);
        text.push_str(";q=");
        decimal::push(&mut text, limit.requests);
        text.push_str(";w=");
        decimal::push(&mut text, limit.window_ms.div_ceil(1_000));
    }
    text
}

/// The next item of a list (RFC 9651, 3.1), a string whose characters need no escape.
fn begin_item(list: &mut String, name: &str) {
    list.push_str(if list.is_empty() { "\"" } else { ", \"" });
    list.push_str(name);
    list.push('"');
}

pub fn duration(ms: u64) -> String {
    let mut text = String::new();
    push_duration(&mut text, ms);
    text
}

/// As model SDKs read it: `12ms`, `1.5s`, `6m0s`, `1h0m0s`.
fn push_duration(text: &mut String, ms: u64) {
    if ms < 1_000 {
        decimal::push(text, ms);
        text.push_str("ms");
        return;
    }
    let (seconds, fraction) = (ms / 1_000, ms % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    if hours > 0 {
        decimal::push(text, hours);
        text.push('h');
    }
    if hours > 0 || minutes > 0 {
        decimal::push(text, minutes);
        text.push('m');
    }
    decimal::push(text, seconds % 60);
    // 50 ms are `.05`.
    let (mut rest, mut place) = (fraction, 100);
    if rest > 0 {
        text.push('.');
    }
    while rest > 0 {
        decimal::push(text, rest / place);
        (rest, place) = (rest % place, place / 10);
    }
    text.push('s');
}
