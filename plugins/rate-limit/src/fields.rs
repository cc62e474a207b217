//! What clients read about their limits.

use sluicegate_plugin::counters::Taken;
use sluicegate_plugin::decimal;

use crate::config::Limit;

/// Of a limit in `RateLimit`, beside its name.
const ITEM_BYTES: usize = 48;

/// Where an exchange stands in each limit.
pub struct Standing<'a> {
    limits: &'a [Limit],
    /// In the limits' order.
    left: Vec<Left>,
}

#[derive(Clone, Copy)]
struct Left {
    remaining: u64,
    reset_ms: u64,
}

impl<'a> Standing<'a> {
    pub fn new(limits: &'a [Limit], taken: &[Taken]) -> Standing<'a> {
        let left = taken.iter().map(|taken| Left { remaining: taken.remaining, reset_ms: taken.reset_ms });
        Standing { limits, left: left.collect() }
    }

    /// For the reply phase, which another instance may serve.
    pub fn to_notes(&self, now_us: u64) -> Vec<u8> {
        let mut notes = Vec::with_capacity((1 + 2 * self.left.len()) * size_of::<u64>());
        notes.extend_from_slice(&now_us.to_le_bytes());
        for left in &self.left {
            notes.extend_from_slice(&left.remaining.to_le_bytes());
            notes.extend_from_slice(&left.reset_ms.to_le_bytes());
        }
        notes
    }

    /// What [`Standing::to_notes`] wrote, seen at `now_us`. None if nothing was: then the request did not pass.
    pub fn load(limits: &'a [Limit], notes: &[u8], now_us: u64) -> Option<Standing<'a>> {
        let mut numbers = notes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let passed_ms = now_us.saturating_sub(numbers.next()?) / 1_000;
        let mut left = Vec::with_capacity(limits.len());
        for _ in limits {
            left.push(Left { remaining: numbers.next()?, reset_ms: numbers.next()?.saturating_sub(passed_ms) });
        }
        Some(Standing { limits, left })
    }

    /// Hands over the fields of draft-ietf-httpapi-ratelimit-headers with all limits, and those that model SDKs read with the
    /// tightest, by name and value.
    pub fn fields(&self, policy: &str, mut each: impl FnMut(&'static str, &str)) {
        each("ratelimit-policy", policy);
        let both = self.limits.iter().zip(&self.left);
        let mut text = String::with_capacity(both.clone().map(|(limit, _)| limit.name.len() + ITEM_BYTES).sum());
        for (limit, left) in both.clone() {
            begin_item(&mut text, &limit.name);
            text.push_str(";r=");
            decimal::push(&mut text, left.remaining);
            text.push_str(";t=");
            decimal::push(&mut text, left.reset_ms.div_ceil(1_000));
        }
        each("ratelimit", &text);
        let tightest = both.min_by_key(|(_, left)| (left.remaining, u64::MAX - left.reset_ms));
        if let Some((limit, left)) = tightest {
            let mut digits = [0; decimal::DIGITS_MAX];
            each("x-ratelimit-limit-requests", decimal::text(limit.requests, &mut digits));
            each("x-ratelimit-remaining-requests", decimal::text(left.remaining, &mut digits));
            text.clear();
            push_duration(&mut text, left.reset_ms);
            each("x-ratelimit-reset-requests", &text);
        }
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
