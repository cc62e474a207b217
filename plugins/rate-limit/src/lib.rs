//! Limits how many requests a caller may make in a window of time.

mod config;
mod fields;
#[cfg(test)]
mod tests;

use std::time::Duration;

use sluicegate_plugin::counters::{Claim, Quota, Taken};
use sluicegate_plugin::{
    Decision, Fact, Field, Plugin, Problems, Rejection, Setup, counters, exchange, log, notes, reply,
};

use config::{By, Limit, RawConfig};
use fields::Left;

/// The `type` that draft-ietf-httpapi-ratelimit-headers registers for such a refusal.
const PROBLEM_TYPE: &str = "https://iana.org/assignments/http-problem-types#quota-exceeded";

struct RateLimit {
    /// 1 to 16.
    limits: Vec<Limit>,
    /// The value of `RateLimit-Policy`.
    policy: String,
}

impl Plugin for RateLimit {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<RateLimit, Problems> {
        let limits = config.into_limits()?;
        if limits.iter().any(|limit| matches!(limit.by, By::Key | By::Consumer)) {
            setup.requires(Fact::Identity);
        }
        Ok(RateLimit { policy: fields::policy(&limits), limits })
    }

    fn head(&self) -> Decision {
        self.take().into()
    }

    fn reply_head(&self) -> Decision {
        let notes = notes::load();
        if let Some(left) = fields::in_notes(&notes, exchange::elapsed_us()) {
            fields::each(&self.limits, left, &self.policy, |name, value| {
                if let Err(error) = reply::set_header(name, value.as_bytes()) {
                    log::warn(format_args!("the answer goes without {name}: {error:?}"));
                }
            });
        }
        Decision::Proceed
    }
}

sluicegate_plugin::export!(RateLimit: head, reply_head);

impl RateLimit {
    /// Takes one request from every limit, or none from any.
    fn take(&self) -> Result<(), Rejection> {
        let claims = self.limits.iter().map(claim).collect::<Result<Vec<Claim>, Rejection>>()?;
        let taken = counters::take(&claims);
        // Without a result for each limit nobody knows whether this request may pass. The chain entry's `on_error` decides.
        assert!(taken.len() == claims.len(), "the host answered {} claims with {} results", claims.len(), taken.len());

        if taken.iter().all(|taken| taken.allowed) {
            notes::store(&fields::to_notes(&taken, exchange::elapsed_us()));
            return Ok(());
        }
        Err(self.refuse(&taken))
    }

    fn refuse(&self, taken: &[Taken]) -> Rejection {
        let denied: Vec<(&Limit, &Taken)> = self.limits.iter().zip(taken).filter(|(_, taken)| !taken.allowed).collect();
        let names: Vec<&str> = denied.iter().map(|(limit, _)| limit.name.as_str()).collect();
        let retry_ms = denied.iter().map(|(_, taken)| taken.reset_ms).max().unwrap_or(0);
        let message = match denied.first() {
            Some((limit, _)) => format!(
                "The limit \"{}\" of {} requests in {} is reached. Try again in {}.",
                limit.name,
                limit.requests,
                fields::duration(limit.window_ms),
                fields::duration(retry_ms),
            ),
            None => "A limit is reached.".to_owned(),
        };
        let mut rejection = Rejection::new(429, "rate_limit_exceeded", message)
            .retry_after(Duration::from_millis(retry_ms))
            .problem_type(PROBLEM_TYPE)
            .detail("violated-policies", &names);
        fields::each(&self.limits, taken.iter().map(Left::from), &self.policy, |name, value| {
            rejection.fields.push(Field { name: name.to_owned(), value: value.into() });
        });
        rejection
    }
}

fn claim(limit: &Limit) -> Result<Claim, Rejection> {
    Ok(Claim {
        bucket: limit.name.clone(),
        key: limit.by.key()?,
        units: 1,
        quota: Quota { limit: limit.requests, window_ms: limit.window_ms },
    })
}
