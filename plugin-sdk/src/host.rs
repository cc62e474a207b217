//! What the host offers, one module an interface of the contract; in tests a script plays the host.

#[cfg(target_arch = "wasm32")]
use crate::bindings::base::sluicegate::plugin as backend;
#[cfg(not(target_arch = "wasm32"))]
use crate::testing::script as backend;

pub mod model_answer;
pub mod model_call;

pub use crate::bindings::base::sluicegate::plugin::edits;

/// The request as it will go upstream. What carries the client's credentials does not exist here.
pub mod request {
    use serde::de::DeserializeOwned;

    use crate::{Problem, Rejection, config};

    pub use super::backend::request::{
        append_header, authority, header, header_values, headers, method, path, query, remove_header, scheme,
        set_header, set_method, set_path, set_query,
    };

    /// The first value of a field, if it is UTF-8.
    pub fn header_text(name: &str) -> Option<String> {
        header(name).and_then(|value| String::from_utf8(value).ok())
    }

    /// Reads the whole body of a request, which a phase with [`BodyNeed::buffered`](crate::BodyNeed::buffered) gets, as JSON.
    /// The rejection is a 400 that tells the client what is wrong and where.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// # use sluicegate_plugin::{BodyNeed, Piece, Plugin, Problems, Rejection, Setup, request, testing};
    /// #[derive(Deserialize, Serialize)]
    /// struct Order {
    ///     pieces: u32,
    /// }
    ///
    /// struct AtMostTen;
    ///
    /// impl Plugin for AtMostTen {
    ///     type Config = ();
    ///
    ///     fn configure((): (), setup: &mut Setup) -> Result<AtMostTen, Problems> {
    ///         setup.body(BodyNeed::buffered(1 << 20));
    ///         Ok(AtMostTen)
    ///     }
    ///
    ///     fn body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
    ///         let order = request::read_json(&bytes);
    ///         order.map(|Order { pieces }| Piece::json(&Order { pieces: pieces.min(10) })).into()
    ///     }
    /// }
    /// sluicegate_plugin::export!(AtMostTen: body);
    ///
    /// let at_most_ten = testing::configure::<AtMostTen>(serde_json::json!({})).unwrap();
    /// let mut exchange = testing::Exchange::new("POST", "/orders");
    /// let changed = at_most_ten.body(&mut exchange, b"{\"pieces\":12}", true);
    /// assert_eq!(changed, Piece::Replace(b"{\"pieces\":10}".to_vec()));
    /// assert!(matches!(at_most_ten.body(&mut exchange, b"twelve", true), Piece::Reject(_)));
    /// ```
    pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, Rejection> {
        let refuse = |message: String| Rejection::new(400, "invalid_body", message);
        let text = str::from_utf8(body).map_err(|_| refuse("The body is no JSON: it is not UTF-8.".to_owned()))?;
        config::read(text).map_err(|problems| {
            let Some(Problem { pointer, message }) = problems.into_vec().pop() else {
                return refuse("The body is not as it should be.".to_owned());
            };
            // A client's own text may stand in it, of whatever length.
            let message: String = message.chars().take(MESSAGE_CHARACTERS_MAX).collect();
            refuse(match pointer.as_str() {
                "" => format!("The body is not as it should be: {message}"),
                _ => format!("The body is not as it should be at {pointer}: {message}"),
            })
        })
    }

    const MESSAGE_CHARACTERS_MAX: usize = 500;
}

/// The answer as it will go to the client. Before there is one, `status` is 0 and there are no fields.
pub mod reply {
    pub use super::backend::reply::{
        append_header, header, header_values, headers, remove_header, set_header, set_status, status,
    };

    /// The first value of a field, if it is UTF-8.
    pub fn header_text(name: &str) -> Option<String> {
        header(name).and_then(|value| String::from_utf8(value).ok())
    }
}

/// Facts about the exchange that no plugin can change.
pub mod exchange {
    pub use super::backend::exchange::{
        client_address, elapsed_us, entry, generation, id, outcome, reply_bytes, route, used,
    };
    pub use crate::bindings::base::sluicegate::plugin::exchange::Usage;
}

/// This plugin's own bytes for this exchange, at most 64 KiB; they reach it whichever instance serves it.
pub mod notes {
    pub use super::backend::notes::{load, store};
}

/// Public short facts: later plugins see them, and the access log prints them.
pub mod labels {
    pub use super::backend::labels::{get, set};
}

/// The operator's log. Also written in `configure`, and by a panic.
pub mod log {
    use std::fmt::Display;

    pub use super::backend::log::write;
    pub use crate::bindings::base::sluicegate::plugin::log::Level;

    pub fn trace(message: impl Display) {
        write(Level::Trace, &message.to_string());
    }

    pub fn debug(message: impl Display) {
        write(Level::Debug, &message.to_string());
    }

    pub fn info(message: impl Display) {
        write(Level::Info, &message.to_string());
    }

    pub fn warn(message: impl Display) {
        write(Level::Warn, &message.to_string());
    }

    pub fn error(message: impl Display) {
        write(Level::Error, &message.to_string());
    }
}

/// Wall and monotonic time. Needs the grant `clock`.
pub mod clock {
    pub use super::backend::clock::{monotonic_ns, now_ms};
}

/// Bytes that nobody can predict, at most 4096 at once. Needs the grant `random`.
pub mod random {
    pub use super::backend::random::bytes;
}

/// Who the caller is, as far as plugins in front have established it. Needs the grant `identity`.
pub mod identity {
    pub use super::backend::identity::get;

    /// The public id of the gateway key.
    pub fn key() -> Option<String> {
        get("key")
    }

    pub fn consumer() -> Option<String> {
        get("consumer")
    }

    pub fn scopes() -> Vec<String> {
        get("scopes").unwrap_or_default().split_ascii_whitespace().map(str::to_owned).collect()
    }

    pub fn claim(name: &str) -> Option<String> {
        get(&format!("claim.{name}"))
    }
}

/// Establishes who the caller is. Needs the grant `identity-writer`.
pub mod identity_writer {
    pub use super::backend::identity_writer::set;
    pub use crate::bindings::base::sluicegate::plugin::identity_writer::WriteError;
}

/// Gateway keys, named by the place where the client presents one. Needs the grant `keys`.
pub mod keys {
    pub use super::backend::keys::identify;
    pub use crate::bindings::base::sluicegate::plugin::keys::{Failure, Owner, Place};
}

/// Counters that outlive the request and are shared by all instances and generations. Needs the grant `counters`.
pub mod counters {
    pub use super::backend::counters::take;
    pub use crate::bindings::base::sluicegate::plugin::counters::{Claim, Quota, Taken};
}

/// The metrics declared with [`Setup::metric`](crate::Setup::metric). Needs the grant `metrics`.
pub mod metrics {
    pub use super::backend::metrics::{add, observe};
}

/// Where the request can go, and the order in which that is tried. Needs the grant `targets`.
///
/// Candidates have numbers from 0, in the order of the configuration.
pub mod targets {
    pub use super::backend::targets::{facts, figures, plan, set_plan};

    /// The candidates' names.
    pub fn names() -> Vec<String> {
        facts("name")
    }
}

/// What the client presents, in clear. Needs the grant `credentials-in-clear`.
pub mod credentials_in_clear {
    pub use super::backend::credentials_in_clear::{
        append_reply_cookie, cookie, header, query, reply_cookies, set_header,
    };
}

/// What [`targets`] says of a model's route besides. Needs the grant `target-features`.
pub mod target_features {
    pub use super::backend::target_features::capable;
}

/// The attempts of this exchange, numbered from 0; in the phase `attempt` the last one is under way.
pub mod attempts {
    pub use super::backend::attempts::{count, fact, figure, target};

    /// The number of the last attempt; none before the first.
    pub fn last() -> Option<u32> {
        count().checked_sub(1)
    }
}

/// The head that goes to the target of this attempt. Credentials are not in it.
pub mod upstream_request {
    pub use super::backend::upstream_request::{append_header, header, remove_header, set_header};

    /// The first value of a field, if it is UTF-8.
    pub fn header_text(name: &str) -> Option<String> {
        header(name).and_then(|value| String::from_utf8(value).ok())
    }
}

/// Credentials by name, in the phase `attempt`. No function here returns one. Needs the grant `credentials`.
pub mod credentials {
    pub use super::backend::credentials::{choose, names, rests_ms};

    /// Chooses the first of [`names`] that does not rest, and returns its name. None if all of them rest: then nothing was chosen.
    pub fn choose_rested() -> Option<String> {
        names().into_iter().find(|name| rests_ms(name) == Some(0) && choose(name))
    }
}

/// What the answer has used so far, as the provider told it.
pub mod usage {
    pub use super::backend::usage::{figure, pricing, raw};

    /// Those read from and written to a provider's cache included.
    pub fn input_tokens() -> Option<u64> {
        figure("input-tokens")
    }

    pub fn output_tokens() -> Option<u64> {
        figure("output-tokens")
    }

    /// In billionths of a US dollar; none where a price is not known.
    pub fn cost_nano_usd() -> Option<u64> {
        figure("cost-nano-usd")
    }
}
