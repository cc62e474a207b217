//! `keys`: who owns the gateway key that the client presents. The key itself stays in the host.

use std::fmt;

use wasmtime::Result;

use crate::bindings::host::keys::{Failure, Host, Owner, Place};
use crate::deeds::{Deed, Shown};
use crate::instance::PluginState;
use crate::presented::Presented;
use crate::services::KeyFailure;

impl Host for PluginState {
    async fn identify(&mut self, place: Place) -> Result<Result<Owner, Failure>> {
        let exchange = self.enter()?.clone();
        let deed = self.deed("keys.identify", &place, |_| Shown::Nothing);
        let presented = find(&exchange.lock().presented, &place);
        let Some(presented) = presented else {
            self.noted(deed, Some("absent"));
            return Ok(Err(Failure::Absent));
        };
        let owner = self.wait_within_wall(exchange.facts.services.keys.identify(&presented)).await?;
        let deed = deed.map(|deed| Deed {
            value: owner.as_ref().map_or(Shown::Nothing, |owner| Shown::text(&owner.key_id)),
            ..deed
        });
        self.noted(deed, owner.as_ref().err().map(word));
        Ok(match owner {
            Ok(owner) => Ok(Owner { key_id: owner.key_id, consumer: owner.consumer, scopes: owner.scopes }),
            Err(KeyFailure::Malformed) => Err(Failure::Malformed),
            Err(KeyFailure::Unknown) => Err(Failure::Unknown),
            Err(KeyFailure::Expired) => Err(Failure::Expired),
            Err(KeyFailure::Revoked) => Err(Failure::Revoked),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Authorization(scheme) => write!(formatter, "authorization {scheme}"),
            Place::Header(name) => formatter.write_str(name),
            Place::Query(name) => write!(formatter, "?{name}"),
            Place::Cookie(name) => write!(formatter, "cookie {name}"),
        }
    }
}

fn word(failure: &KeyFailure) -> &'static str {
    match failure {
        KeyFailure::Malformed => "malformed",
        KeyFailure::Unknown => "unknown",
        KeyFailure::Expired => "expired",
        KeyFailure::Revoked => "revoked",
    }
}

/// A copy, because the lock cannot be held while the look-up waits.
fn find(presented: &Presented, place: &Place) -> Option<Vec<u8>> {
    match place {
        Place::Authorization(scheme) => presented.authorization(scheme).map(<[u8]>::to_vec),
        Place::Header(name) => presented.header(name).map(<[u8]>::to_vec),
        Place::Query(name) => presented.query(name).map(|value| value.as_bytes().to_vec()),
        Place::Cookie(name) => presented.cookie(name).map(<[u8]>::to_vec),
    }
}
