//! `counters`: quotas that outlive the request, taken atomically.

use std::sync::Arc;

use wasmtime::Result;

use crate::bindings::host::counters::{Claim, Host, Taken};
use crate::deeds::{Deed, Shown};
use crate::failure::{FailureKind, Violation};
use crate::instance::PluginState;
use crate::services;
use crate::version::Version;

/// Claims of one call.
const CLAIMS_MAX: usize = 16;
/// Bytes of a bucket's name and of a key.
const NAME_BYTES_MAX: usize = 4096;

impl Host for PluginState {
    async fn take(&mut self, claims: Vec<Claim>) -> Result<Vec<Taken>> {
        let exchange = self.enter()?.clone();
        if claims.len() > CLAIMS_MAX {
            let message = format!("{} claims at once; at most {CLAIMS_MAX} are possible", claims.len());
            return Err(Violation::raise(FailureKind::BadReturn, message));
        }
        let claims = claims.into_iter().map(check).collect::<Result<Vec<_>>>()?;
        let namespace = namespace(&self.entry, self.version);
        let counters = exchange.facts.services.counters.clone();
        let buckets: Vec<String> = match exchange.is_traced() {
            true => claims.iter().map(|claim| claim.bucket.clone()).collect(),
            false => Vec::new(),
        };
        let taken = self.wait_within_wall(async move { counters.take(&namespace, &claims).await }).await?;
        for (bucket, taken) in buckets.into_iter().zip(&taken) {
            let value = Shown::Text(format!("{} left, anew in {} ms", taken.remaining, taken.reset_ms));
            let refused = (!taken.allowed).then_some("used-up");
            exchange.note(self.site, || Deed { call: "counters.take", name: bucket, value, refused });
        }
        let taken = taken.into_iter();
        Ok(taken.map(|one| Taken { allowed: one.allowed, remaining: one.remaining, reset_ms: one.reset_ms }).collect())
    }
}

/// A canary counts with the stable version, since it is the same policy; a shadow takes no real quota.
fn namespace(entry: &Arc<str>, version: Version) -> Arc<str> {
    match version {
        Version::Stable | Version::Canary => entry.clone(),
        Version::Shadow => format!("shadow:{entry}").into(),
    }
}

fn check(claim: Claim) -> Result<services::Claim> {
    let Claim { bucket, key, units, quota } = claim;
    if bucket.len() > NAME_BYTES_MAX || key.len() > NAME_BYTES_MAX || quota.window_ms == 0 {
        let message = format!("a bucket or key over {NAME_BYTES_MAX} bytes, or a window of 0 ms");
        return Err(Violation::raise(FailureKind::BadReturn, message));
    }
    Ok(services::Claim { bucket, key, units, limit: quota.limit, window_ms: quota.window_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canary_shares_the_counters_of_its_entry_and_a_shadow_has_its_own() {
        let entry: Arc<str> = "limit".into();
        let of = |version| namespace(&entry, version);
        assert_eq!(of(Version::Stable), of(Version::Canary));
        // No entry can have this name, since names hold no colon.
        assert_eq!(&*of(Version::Shadow), "shadow:limit");
    }
}
