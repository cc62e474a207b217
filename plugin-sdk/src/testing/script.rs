//! The host's side of the contract, played by the exchange that is running on this thread.
//!
//! The functions have the signatures of the generated bindings, whose place they take outside of a component.

use std::cell::RefCell;

use super::exchange::{Exchange, Stage};

mod model;
pub mod model_call;
pub mod targets;

pub use model::{attempts, credentials, model_answer, target_features, upstream_request, usage};

thread_local! {
    static CURRENT: RefCell<Option<Exchange>> = const { RefCell::new(None) };
}

/// Runs one call of a policy with `exchange` as its host.
pub(super) fn run<T>(exchange: &mut Exchange, stage: Stage, call: impl FnOnce() -> T) -> T {
    /// Gives the exchange back, also when the policy panics.
    struct Lent<'a>(&'a mut Exchange);
    impl Drop for Lent<'_> {
        fn drop(&mut self) {
            if let Some(exchange) = CURRENT.take() {
                *self.0 = exchange;
            }
        }
    }

    exchange.stage = stage;
    let lent = std::mem::replace(exchange, Exchange::new("GET", "/"));
    CURRENT.set(Some(lent));
    let _lent = Lent(exchange);
    call()
}

/// Whether a policy is being called on this thread.
#[cfg(feature = "log")]
pub(crate) fn is_running() -> bool {
    CURRENT.with(|current| current.try_borrow().is_ok_and(|current| current.is_some()))
}

/// Any call but one of the log.
fn with<T>(call: &str, act: impl FnOnce(&mut Exchange) -> T) -> T {
    CURRENT.with_borrow_mut(|current| {
        let exchange = current.as_mut().unwrap_or_else(|| panic!("{call} was called outside of an exchange"));
        assert!(exchange.stage != Stage::Configure, "{call} was called in configure, where only the log may be");
        act(exchange)
    })
}

pub mod request {
    use super::super::message::visible_query;
    use super::{Exchange, Stage, with};
    use crate::Field;
    use crate::edits::EditError;

    pub fn method() -> String {
        with("request::method", |exchange| exchange.request.method.clone())
    }

    pub fn scheme() -> String {
        with("request::scheme", |_| "http".to_owned())
    }

    pub fn authority() -> String {
        with("request::authority", |exchange| exchange.request.authority.clone())
    }

    pub fn path() -> String {
        with("request::path", |exchange| exchange.request.path.clone())
    }

    pub fn query() -> Option<String> {
        with("request::query", |exchange| exchange.request.query.as_deref().and_then(visible_query))
    }

    pub fn header(name: &str) -> Option<Vec<u8>> {
        with("request::header", |exchange| exchange.request.fields.values(name).next().map(<[u8]>::to_vec))
    }

    pub fn header_values(name: &str) -> Vec<Vec<u8>> {
        with("request::header_values", |exchange| exchange.request.fields.values(name).map(<[u8]>::to_vec).collect())
    }

    pub fn headers() -> Vec<Field> {
        with("request::headers", |exchange| exchange.request.fields.all().cloned().collect())
    }

    pub fn set_method(method: &str) -> Result<(), EditError> {
        edit("request::set_method", |exchange| {
            if !crate::fields::is_name(method) {
                return Err(EditError::InvalidName);
            }
            exchange.request.method = method.to_owned();
            Ok(())
        })
    }

    pub fn set_path(path: &str) -> Result<(), EditError> {
        edit("request::set_path", |exchange| {
            if !path.starts_with('/') || path.contains('?') || !path.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(EditError::InvalidName);
            }
            exchange.request.path = path.to_owned();
            Ok(())
        })
    }

    pub fn set_query(query: Option<&str>) -> Result<(), EditError> {
        edit("request::set_query", |exchange| {
            if query.is_some_and(|query| !query.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#')) {
                return Err(EditError::InvalidValue);
            }
            exchange.request.query = query.map(str::to_owned);
            Ok(())
        })
    }

    pub fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit("request::set_header", |exchange| exchange.request.fields.set(name, value))
    }

    pub fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit("request::append_header", |exchange| exchange.request.fields.append(name, value))
    }

    pub fn remove_header(name: &str) -> Result<(), EditError> {
        edit("request::remove_header", |exchange| exchange.request.fields.remove(name))
    }

    fn edit(call: &str, act: impl FnOnce(&mut Exchange) -> Result<(), EditError>) -> Result<(), EditError> {
        with(call, |exchange| match exchange.stage {
            Stage::Head | Stage::Body { head_waits: true } | Stage::Call | Stage::Route => act(exchange),
            _ => Err(EditError::TooLate),
        })
    }
}

pub mod reply {
    use super::super::exchange::Reply;
    use super::{Stage, with};
    use crate::Field;
    use crate::edits::EditError;

    pub fn status() -> u16 {
        with("reply::status", |exchange| exchange.reply_status())
    }

    pub fn header(name: &str) -> Option<Vec<u8>> {
        header_values(name).into_iter().next()
    }

    pub fn header_values(name: &str) -> Vec<Vec<u8>> {
        with("reply::header_values", |exchange| {
            exchange.reply.iter().flat_map(|reply| reply.fields.values(name)).map(<[u8]>::to_vec).collect()
        })
    }

    pub fn headers() -> Vec<Field> {
        with("reply::headers", |exchange| exchange.reply.iter().flat_map(|reply| reply.fields.all()).cloned().collect())
    }

    pub fn set_status(status: u16) -> Result<(), EditError> {
        edit("reply::set_status", |reply| {
            if !(200..=599).contains(&status) {
                return Err(EditError::InvalidValue);
            }
            reply.status = status;
            Ok(())
        })
    }

    pub fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit("reply::set_header", |reply| reply.fields.set(name, value))
    }

    pub fn append_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        edit("reply::append_header", |reply| reply.fields.append(name, value))
    }

    pub fn remove_header(name: &str) -> Result<(), EditError> {
        edit("reply::remove_header", |reply| reply.fields.remove(name))
    }

    fn edit(call: &str, act: impl FnOnce(&mut Reply) -> Result<(), EditError>) -> Result<(), EditError> {
        with(call, |exchange| match (exchange.stage, &mut exchange.reply) {
            (Stage::ReplyHead | Stage::ReplyBody { head_waits: true }, Some(reply)) => act(reply),
            _ => Err(EditError::TooLate),
        })
    }
}

pub mod exchange {
    use super::{Stage, with};
    use crate::exchange::Usage;

    pub fn id() -> String {
        with("exchange::id", |exchange| exchange.id.clone())
    }

    pub fn route() -> String {
        with("exchange::route", |exchange| exchange.route.clone())
    }

    pub fn entry() -> String {
        with("exchange::entry", |exchange| exchange.entry.clone())
    }

    pub fn generation() -> u64 {
        with("exchange::generation", |_| 1)
    }

    pub fn client_address() -> String {
        with("exchange::client_address", |exchange| exchange.client_address.clone())
    }

    pub fn outcome() -> String {
        with("exchange::outcome", |exchange| exchange.outcome.clone())
    }

    pub fn reply_bytes() -> u64 {
        with("exchange::reply_bytes", |exchange| exchange.reply_bytes)
    }

    pub fn elapsed_us() -> u64 {
        with("exchange::elapsed_us", |exchange| (exchange.host.now_ms() - exchange.started_ms) * 1_000)
    }

    pub fn used() -> Usage {
        with("exchange::used", |exchange| Usage {
            request_bytes: exchange.request_bytes,
            reply_bytes: exchange.reply_bytes,
            status: exchange.reply_status(),
            outcome: exchange.outcome.clone(),
            upstream: if exchange.stage == Stage::Finish { exchange.upstream.clone() } else { String::new() },
        })
    }
}

pub mod notes {
    use super::with;

    const BYTES_MAX: usize = 64 << 10;

    pub fn load() -> Vec<u8> {
        with("notes::load", |exchange| exchange.notes.clone())
    }

    pub fn store(bytes: &[u8]) -> bool {
        with("notes::store", |exchange| {
            let fits = bytes.len() <= BYTES_MAX;
            if fits {
                exchange.notes = bytes.to_vec();
            }
            fits
        })
    }
}

pub mod labels {
    use super::with;

    const LABELS_MAX: usize = 32;
    const NAME_BYTES_MAX: usize = 64;
    const VALUE_BYTES_MAX: usize = 256;

    pub fn get(name: &str) -> Option<String> {
        with("labels::get", |exchange| exchange.labels.get(name).cloned())
    }

    pub fn set(name: &str, value: &str) -> bool {
        with("labels::set", |exchange| {
            let room = exchange.labels.contains_key(name) || exchange.labels.len() < LABELS_MAX;
            let fits = room && !name.is_empty() && name.len() <= NAME_BYTES_MAX && value.len() <= VALUE_BYTES_MAX;
            if fits {
                exchange.labels.insert(name.to_owned(), value.to_owned());
            }
            fits
        })
    }
}

pub mod log {
    use super::CURRENT;
    use crate::log::Level;

    const LINES_MAX: usize = 64;

    pub fn write(level: Level, message: &str) {
        CURRENT.with_borrow_mut(|current| {
            let exchange = current.as_mut().unwrap_or_else(|| panic!("log::write was called outside of an exchange"));
            if exchange.log.len() < LINES_MAX {
                exchange.log.push((level, message.to_owned()));
            }
        });
    }
}

pub mod clock {
    use super::with;

    pub fn now_ms() -> u64 {
        with("clock::now_ms", |exchange| exchange.host.now_ms())
    }

    pub fn monotonic_ns() -> u64 {
        with("clock::monotonic_ns", |exchange| exchange.host.now_ms() * 1_000_000)
    }
}

pub mod random {
    use super::with;

    const BYTES_MAX: u32 = 4096;

    /// Not random at all, so that a test can say what comes: 0, 1, 2 and so on.
    pub fn bytes(count: u32) -> Vec<u8> {
        assert!(count <= BYTES_MAX, "random::bytes gives at most {BYTES_MAX} bytes at once");
        with("random::bytes", |exchange| {
            let mut next = || {
                let byte = exchange.random_next;
                exchange.random_next = byte.wrapping_add(1);
                byte
            };
            (0..count).map(|_| next()).collect()
        })
    }
}

pub mod identity {
    use super::with;

    pub fn get(part: &str) -> Option<String> {
        with("identity::get", |exchange| exchange.identity.get(part).cloned())
    }
}

pub mod identity_writer {
    use super::with;
    use crate::identity_writer::WriteError;

    const PARTS: [&str; 6] = ["key", "consumer", "team", "subject", "issuer", "scopes"];
    const PARTS_MAX: usize = 32;
    const CLAIM_NAME_BYTES_MAX: usize = 64;
    const VALUE_BYTES_MAX: usize = 1024;

    pub fn set(part: &str, value: &str) -> Result<(), WriteError> {
        with("identity_writer::set", |exchange| {
            let claim =
                part.strip_prefix("claim.").is_some_and(|name| (1..=CLAIM_NAME_BYTES_MAX).contains(&name.len()));
            let known = claim || PARTS.contains(&part);
            if !known || value.len() > VALUE_BYTES_MAX || value.chars().any(char::is_control) {
                return Err(WriteError::Invalid);
            }
            if exchange.identity.contains_key(part) {
                return Err(WriteError::AlreadySet);
            }
            if exchange.identity.len() >= PARTS_MAX {
                return Err(WriteError::Invalid);
            }
            exchange.identity.insert(part.to_owned(), value.to_owned());
            Ok(())
        })
    }
}

pub mod keys {
    use super::with;
    use crate::keys::{Failure, Owner, Place};

    pub fn identify(place: &Place) -> Result<Owner, Failure> {
        with("keys::identify", |exchange| {
            let found = exchange.presented.iter().find(|(presented, _)| presented == place);
            found.map_or(Err(Failure::Absent), |(_, found)| found.clone())
        })
    }
}

pub mod counters {
    use super::with;
    use crate::counters::{Claim, Taken};

    pub fn take(claims: &[Claim]) -> Vec<Taken> {
        with("counters::take", |exchange| exchange.host.take(claims))
    }
}

pub mod metrics {
    use super::with;

    pub fn add(name: &str, by: u64) {
        with("metrics::add", |exchange| *exchange.counts.entry(name.to_owned()).or_default() += by);
    }

    pub fn observe(name: &str, value: f64) {
        with("metrics::observe", |exchange| exchange.observations.entry(name.to_owned()).or_default().push(value));
    }
}

pub mod credentials_in_clear {
    use super::super::message::query_member;
    use super::with;
    use crate::edits::EditError;

    pub fn header(name: &str) -> Option<Vec<u8>> {
        with("credentials_in_clear::header", |exchange| {
            exchange.request.fields.in_clear(name).next().map(<[u8]>::to_vec)
        })
    }

    pub fn query(name: &str) -> Option<String> {
        with("credentials_in_clear::query", |exchange| {
            exchange.request.query.as_deref().and_then(|query| query_member(query, name))
        })
    }

    pub fn cookie(name: &str) -> Option<Vec<u8>> {
        let cookies = header("cookie")?;
        let cookies = String::from_utf8_lossy(&cookies).into_owned();
        let mut pairs = cookies.split(';').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value.as_bytes().to_vec())
    }

    pub fn set_header(name: &str, value: &[u8]) -> Result<(), EditError> {
        with("credentials_in_clear::set_header", |exchange| exchange.request.fields.set_credential(name, value))
    }

    pub fn reply_cookies() -> Vec<Vec<u8>> {
        with("credentials_in_clear::reply_cookies", |exchange| {
            exchange.reply.iter().flat_map(|reply| reply.fields.in_clear("set-cookie")).map(<[u8]>::to_vec).collect()
        })
    }

    pub fn append_reply_cookie(value: &[u8]) -> Result<(), EditError> {
        with("credentials_in_clear::append_reply_cookie", |exchange| match &mut exchange.reply {
            Some(reply) => reply.fields.append_cookie(value),
            None => Err(EditError::TooLate),
        })
    }
}
