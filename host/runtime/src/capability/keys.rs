//! `keys`: who owns the gateway key that the client presents. The key itself stays in the host.

use wasmtime::Result;

use crate::bindings::host::keys::{Failure, Host, Owner, Place};
use crate::instance::PluginState;
use crate::presented::Presented;
use crate::services::KeyFailure;

impl Host for PluginState {
    async fn identify(&mut self, place: Place) -> Result<Result<Owner, Failure>> {
        let exchange = self.enter()?;
        let Some(presented) = find(&exchange.lock().presented, &place) else {
            return Ok(Err(Failure::Absent));
        };
        let owner = self.wait_within_wall(exchange.facts.services.keys.identify(&presented)).await?;
        Ok(match owner {
            Ok(owner) => Ok(Owner { key_id: owner.key_id, consumer: owner.consumer, scopes: owner.scopes }),
            Err(KeyFailure::Malformed) => Err(Failure::Malformed),
            Err(KeyFailure::Unknown) => Err(Failure::Unknown),
            Err(KeyFailure::Expired) => Err(Failure::Expired),
            Err(KeyFailure::Revoked) => Err(Failure::Revoked),
        })
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
