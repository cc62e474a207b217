//! What a caller without a sufficient key is told: enough to mend the request, too little to guess a key.

use sluicegate_plugin::Rejection;
use sluicegate_plugin::identity_writer::WriteError;
use sluicegate_plugin::keys::{Failure, Place};

use crate::config::{Config, Scopes};

/// The answers of one chain entry, written once.
pub struct Answers {
    realm: String,
    /// The operator's own sentence for every 401.
    message: Option<String>,
    how_to_send: String,
}

impl Answers {
    pub fn new(config: &Config) -> Answers {
        let how_to_send = match config.places.first() {
            Some(first) => format!("No API key was sent. Send one {}.", describe(first)),
            None => "No API key was sent.".to_owned(),
        };
        Answers { realm: config.realm.clone(), message: config.message.clone(), how_to_send }
    }

    /// Nothing is presented anywhere. RFC 6750, 3.1: such an answer names no error in its challenge.
    pub fn missing(&self) -> Rejection {
        self.unauthorized(&self.how_to_send, "")
    }

    /// What is presented is not accepted. A key that never was and one that is not even shaped like a key look the same, so
    /// that the answer does not tell a guesser how close he is; only the holder of the true secret learns of its end.
    pub fn refused(&self, failure: Failure) -> Rejection {
        let message = match failure {
            Failure::Expired => "This API key has expired. Ask for a new one.",
            Failure::Revoked => "This API key has been revoked. Ask for a new one.",
            Failure::Absent | Failure::Malformed | Failure::Unknown => {
                "This API key is not valid. Check that it was copied whole."
            }
        };
        self.unauthorized(message, ", error=\"invalid_token\"")
    }

    /// The key is good, and may not do this.
    pub fn insufficient(&self, scopes: &Scopes, missing: &[&str]) -> Rejection {
        let names = missing.join(", ");
        let message = match (scopes, missing.len()) {
            (Scopes::Any(_), 2..) => format!("This API key needs one of the scopes {names}."),
            (_, 2..) => format!("This API key lacks the scopes {names}."),
            _ => format!("This API key lacks the scope {names}."),
        };
        let wanted = scopes.names().join(" ");
        let challenge = format!("Bearer realm=\"{}\", error=\"insufficient_scope\", scope=\"{wanted}\"", self.realm);
        Rejection::new(403, "insufficient_scope", message)
            .header("www-authenticate", challenge)
            .detail("missing_scopes", &missing)
    }

    fn unauthorized(&self, message: &str, error: &str) -> Rejection {
        let challenge = format!("Bearer realm=\"{}\"{error}", self.realm);
        let message = self.message.as_deref().unwrap_or(message);
        Rejection::new(401, "invalid_api_key", message).header("www-authenticate", challenge)
    }
}

/// Another plugin in front has written this part, or the host does not take it. Neither is the caller's fault.
pub fn identity_refused(part: &str, error: WriteError) -> Rejection {
    let message = match error {
        WriteError::AlreadySet => {
            format!(
                "The gateway's chain establishes the caller's identity twice: another plugin in front of this one has set `{part}`."
            )
        }
        WriteError::Invalid => format!(
            "The gateway could not take the key's `{part}` as a part of the caller's identity: it may be too long."
        ),
    };
    Rejection::new(500, "identity_conflict", message)
}

fn describe(place: &Place) -> String {
    match place {
        Place::Authorization(scheme) => format!("in the header `Authorization: {scheme} YOUR_KEY`"),
        Place::Header(name) => format!("in the header `{name}`"),
        Place::Query(name) => format!("in the query as `{name}=YOUR_KEY`"),
        Place::Cookie(name) => format!("in the cookie `{name}`"),
    }
}
