//! Lets a request pass if its caller presents a gateway key, and tells the plugins behind who that is.

mod answer;
mod config;
#[cfg(test)]
mod tests;

use sluicegate_plugin::keys::{Failure, Owner, Place};
use sluicegate_plugin::{Decision, Fact, Plugin, Problems, Rejection, Setup, identity_writer, keys};

use answer::Answers;
use config::{Config, RawConfig, Scopes};

/// One chain entry's way of asking for a key.
struct ApiKey {
    places: Vec<Place>,
    scopes: Option<Scopes>,
    allow_anonymous: bool,
    answers: Answers,
}

impl Plugin for ApiKey {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<ApiKey, Problems> {
        let config = Config::try_from(config)?;
        setup.provides(Fact::Identity);
        Ok(ApiKey {
            answers: Answers::new(&config),
            places: config.places,
            scopes: config.scopes,
            allow_anonymous: config.allow_anonymous,
        })
    }

    fn head(&self) -> Decision {
        self.check().into()
    }
}

sluicegate_plugin::export!(ApiKey: head);

impl ApiKey {
    fn check(&self) -> Result<(), Rejection> {
        let Some(presented) = self.presented() else {
            return if self.allow_anonymous { Ok(()) } else { Err(self.answers.missing()) };
        };
        let owner = presented.map_err(|failure| self.answers.refused(failure))?;
        if let Some(scopes) = &self.scopes {
            let missing = scopes.missing(&owner.scopes);
            if !missing.is_empty() {
                return Err(self.answers.insufficient(scopes, &missing));
            }
        }
        establish(&owner)
    }

    /// The first place where anything is presented decides. A wrong key there is wrong, whatever stands elsewhere: else a caller
    /// could try several keys with one request, and two parties could disagree about who the caller is.
    fn presented(&self) -> Option<Result<Owner, Failure>> {
        self.places.iter().map(keys::identify).find(|found| !matches!(found, Err(Failure::Absent)))
    }
}

/// Writes the parts of the identity. Somebody else's identity must never be mixed with this one, so a part that has been written
/// already ends the request.
fn establish(owner: &Owner) -> Result<(), Rejection> {
    let scopes = owner.scopes.join(" ");
    for (part, value) in [("key", &owner.key_id), ("consumer", &owner.consumer), ("scopes", &scopes)] {
        identity_writer::set(part, value).map_err(|error| answer::identity_refused(part, error))?;
    }
    Ok(())
}
