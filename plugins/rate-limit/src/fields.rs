//! What clients read about their limits.

use sluicegate_plugin::counters::Taken;

use crate::config::Limit;

/// Where an exchange stands in each limit.
pub struct Standing<'a> {
    limits: Vec<(&'a Limit, Left)>,
}

#[derive(Clone, Copy)]
struct Left {
    remaining: u64,
    reset_ms: u64,
}

impl<'a> Standing<'a> {
    pub fn new(limits: &'a [Limit], taken: &[Taken]) -> Standing<'a> {
        let left = taken.iter().map(|taken| Left { remaining: taken.remaining, reset_ms: taken.reset_ms });
        Standing { limits: limits.iter().zip(left).collect() }
    }

    /// For the reply phase, which another instance may serve.
    pub fn to_notes(&self, now_us: u64) -> Vec<u8> {
        let numbers = self.limits.iter().flat_map(|(_, left)| [left.remaining, left.reset_ms]);
        std::iter::once(now_us).chain(numbers).flat_map(u64::to_le_bytes).collect()
    }

    /// What [`Standing::to_notes`] wrote, seen at `now_us`. None if nothing was: then the request did not pass.
    pub fn load(limits: &'a [Limit], notes: &[u8], now_us: u64) -> Option<Standing<'a>> {
        let mut numbers = notes.as_chunks().0.iter().map(|bytes| u64::from_le_bytes(*bytes));
        let passed_ms = now_us.saturating_sub(numbers.next()?) / 1_000;
        let left = limits.iter().map(|limit| {
            let left = Left { remaining: numbers.next()?, reset_ms: numbers.next()?.saturating_sub(passed_ms) };
            Some((limit, left))
        });
        Some(Standing { limits: left.collect::<Option<Vec<_>>>()? })
    }

    /// The fields of draft-ietf-httpapi-ratelimit-headers with all limits, and those that model SDKs read with the tightest.
    pub fn fields(&self, policy: &str) -> Vec<(&'static str, String)> {
        let items = self.limits.iter().map(|(limit, left)| {
            format!("\"{}\";r={};t={}", limit.name, left.remaining, left.reset_ms.div_ceil(1_000))
        });
        let mut fields =
            vec![("ratelimit-policy", policy.to_owned()), ("ratelimit", items.collect::<Vec<_>>().join(", "))];
        let tightest = self.limits.iter().min_by_key(|(_, left)| (left.remaining, u64::MAX - left.reset_ms));
        if let Some((limit, left)) = tightest {
            fields.push(("x-ratelimit-limit-requests", limit.requests.to_string()));
            fields.push(("x-ratelimit-remaining-requests", left.remaining.to_string()));
            fields.push(("x-ratelimit-reset-requests", duration(left.reset_ms)));
        }
        fields
    }
}

/// The value of `RateLimit-Policy`. Windows are whole seconds there, so that a part of one counts as one.
pub fn policy(limits: &[Limit]) -> String {
    let items = limits
        .iter()
        .map(|limit| format!("\"{}\";q={};w={}", limit.name, limit.requests, limit.window_ms.div_ceil(1_000)));
    items.collect::<Vec<_>>().join(", ")
}

/// As model SDKs read it: `12ms`, `1.5s`, `6m0s`, `1h0m0s`.
pub fn duration(ms: u64) -> String {
    if ms < 1_000 {
        return format!("{ms}ms");
    }
    let (seconds, fraction) = (ms / 1_000, ms % 1_000);
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    let mut last = (seconds % 60).to_string();
    if fraction > 0 {
        last.push('.');
        last.push_str(format!("{fraction:03}").trim_end_matches('0'));
    }
    match (hours, minutes) {
        (0, 0) => format!("{last}s"),
        (0, _) => format!("{minutes}m{last}s"),
        _ => format!("{hours}h{minutes}m{last}s"),
    }
}
