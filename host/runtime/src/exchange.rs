//! One exchange as plugins see it: both heads, identity, labels and notes, behind one lock.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Instant;

use http::{HeaderMap, HeaderName, Method, StatusCode};

use crate::capability::log;
use crate::deeds::Deeds;
use crate::model::ModelState;
use crate::presented::Presented;
use crate::services::Services;
use crate::targets::{Candidates, TargetPlan};

/// The parts of an identity that have names of their own; further ones are `claim.NAME`.
pub const IDENTITY_PARTS: [&str; 6] = ["key", "consumer", "team", "subject", "issuer", "scopes"];

/// Shared by the request's and the answer's way, which can be under way at the same time; a lock is held for one host
/// call, never across a wait.
pub struct Exchange {
    pub facts: ExchangeFacts,
    /// Bytes of the request's body, as received.
    pub request_bytes: AtomicU64,
    /// Bytes of the answer's body that went to the client.
    pub reply_bytes: AtomicU64,
    /// Lines that its plugins wrote to the log, those included that were dropped.
    pub(crate) log_lines: AtomicU32,
    /// Only where it is traced.
    pub(crate) deeds: Option<Deeds>,
    /// Where it can go, once that is known better than from its route.
    pub(crate) candidates: OnceLock<Arc<dyn Candidates>>,
    pub(crate) state: Mutex<State>,
}

/// What never changes.
#[derive(Clone)]
pub struct ExchangeFacts {
    pub id: String,
    /// Empty when no route matched and only the global chain runs.
    pub route: Arc<str>,
    pub generation: u64,
    pub client_address: IpAddr,
    pub started: Instant,
    pub services: Arc<Services>,
    /// Request fields that carry credentials on this route, the usual ones included.
    pub credential_fields: Arc<[HeaderName]>,
    /// Where it can go, as far as its route says.
    pub candidates: Arc<dyn Candidates>,
}

/// What the phases change.
pub struct State {
    pub request: RequestHead,
    /// What the client presents; taken out of the head, so that it does not exist for plugins.
    pub presented: Presented,
    pub reply: Option<ReplyHead>,
    pub identity: Identity,
    pub labels: BTreeMap<String, String>,
    /// Where it goes.
    pub plan: TargetPlan,
    /// Set before `finish`.
    pub outcome: &'static str,
    /// Number of the target that answered, or was tried last. Set before `finish`.
    pub upstream: Option<u32>,
    /// Once a call of a language model was read.
    pub model: Option<Box<ModelState>>,
    /// By chain position.
    pub(crate) notes: Vec<Vec<u8>>,
}

#[derive(Clone)]
pub struct RequestHead {
    pub method: Method,
    /// `http` or `https`.
    pub scheme: &'static str,
    pub authority: String,
    /// Percent-encoded, starting with `/`.
    pub path: String,
    pub query: Option<String>,
    pub headers: HeaderMap,
    /// It has gone upstream: edits come too late.
    pub sent: bool,
}

#[derive(Clone)]
pub struct ReplyHead {
    pub status: StatusCode,
    pub headers: HeaderMap,
    /// It has gone to the client.
    pub sent: bool,
}

/// Each part written once; the log says by whom.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// A few, in the order of their names.
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Part {
    name: Cow<'static, str>,
    value: String,
    /// The chain entry.
    writer: Arc<str>,
}

/// Parts of one identity.
const IDENTITY_PARTS_MAX: usize = 32;
/// Bytes of one part's value.
const IDENTITY_BYTES_MAX: usize = 1024;

impl Exchange {
    pub fn new(facts: ExchangeFacts, request: RequestHead, presented: Presented) -> Exchange {
        let state = State {
            request,
            presented,
            reply: None,
            identity: Identity::default(),
            labels: BTreeMap::new(),
            plan: TargetPlan::default(),
            outcome: "",
            upstream: None,
            model: None,
            notes: Vec::new(),
        };
        let (request_bytes, reply_bytes, log_lines) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU32::new(0));
        Exchange {
            facts,
            request_bytes,
            reply_bytes,
            log_lines,
            deeds: None,
            candidates: OnceLock::new(),
            state: Mutex::new(state),
        }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Narrows down where it can go, once and before the phase `route`.
    pub fn choose_candidates(&self, candidates: Arc<dyn Candidates>) {
        drop(self.candidates.set(candidates));
    }

    pub(crate) fn candidates(&self) -> &dyn Candidates {
        self.candidates.get().unwrap_or(&self.facts.candidates).as_ref()
    }

    /// Whether a request's field carries credentials here; `name` in any case.
    pub(crate) fn is_credential(&self, name: &str) -> bool {
        self.facts.credential_fields.iter().any(|field| field.as_str().eq_ignore_ascii_case(name))
    }

    /// Lines of its plugins that the log does not show.
    pub fn log_lines_dropped(&self) -> u32 {
        self.log_lines.load(Ordering::Relaxed).saturating_sub(log::LINES_MAX)
    }

    pub fn add_reply_bytes(&self, count: usize) {
        self.reply_bytes.fetch_add(count as u64, Ordering::Relaxed);
    }
}

impl State {
    pub(crate) fn notes_of(&mut self, position: usize) -> &mut Vec<u8> {
        if self.notes.len() <= position {
            self.notes.resize_with(position + 1, Vec::new);
        }
        &mut self.notes[position]
    }
}

impl Identity {
    pub fn get(&self, part: &str) -> Option<&str> {
        self.parts.iter().find(|known| known.name == part).map(|part| part.value.as_str())
    }

    /// Part, value, and the chain entry that wrote it.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.parts.iter().map(|part| (&*part.name, part.value.as_str(), &*part.writer))
    }

    /// Writes a part on the host's own account. False when it cannot be written: it is set, unknown, too long or one too many.
    pub fn establish(&mut self, part: &str, value: &str, writer: &str) -> bool {
        self.set(part, value, &writer.into()).is_ok()
    }

    pub(crate) fn set(&mut self, part: &str, value: &str, writer: &Arc<str>) -> Result<(), IdentityError> {
        let is_claim = |name: &str| !name.is_empty() && name.len() <= 64;
        let name = match IDENTITY_PARTS.into_iter().find(|known| *known == part) {
            Some(known) => Cow::Borrowed(known),
            None if part.strip_prefix("claim.").is_some_and(is_claim) => Cow::Owned(part.to_owned()),
            None => return Err(IdentityError::Invalid),
        };
        if value.len() > IDENTITY_BYTES_MAX || value.chars().any(char::is_control) {
            return Err(IdentityError::Invalid);
        }
        let Err(place) = self.parts.binary_search_by(|known| (*known.name).cmp(part)) else {
            return Err(IdentityError::AlreadySet);
        };
        if self.parts.len() >= IDENTITY_PARTS_MAX {
            return Err(IdentityError::Invalid);
        }
        self.parts.insert(place, Part { name, value: value.to_owned(), writer: writer.clone() });
        Ok(())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdentityError {
    AlreadySet,
    Invalid,
}

#[cfg(test)]
pub(crate) mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::services::{Claim, Clock, Counters, KeyFailure, KeyOwner, Keys, PluginMetrics, Taken, Waiting};
    use crate::targets::NoCandidates;
    use crate::version::Version;

    /// A GET that no plugin has seen, of a host that knows nothing.
    pub(crate) fn exchange() -> Exchange {
        let services = Services {
            keys: Arc::new(Nothing),
            counters: Arc::new(Nothing),
            metrics: Arc::new(Nothing),
            clock: Arc::new(Nothing),
        };
        let facts = ExchangeFacts {
            id: "id".to_owned(),
            route: "route".into(),
            generation: 1,
            client_address: Ipv4Addr::LOCALHOST.into(),
            started: Instant::now(),
            services: Arc::new(services),
            credential_fields: Arc::new([]),
            candidates: Arc::new(NoCandidates),
        };
        let request = RequestHead {
            method: Method::GET,
            scheme: "http",
            authority: "localhost".to_owned(),
            path: "/".to_owned(),
            query: None,
            headers: HeaderMap::new(),
            sent: false,
        };
        Exchange::new(facts, request, Presented::new())
    }

    struct Nothing;

    impl Keys for Nothing {
        fn identify<'a>(&'a self, _presented: &'a [u8]) -> Waiting<'a, Result<KeyOwner, KeyFailure>> {
            Box::pin(std::future::ready(Err(KeyFailure::Unknown)))
        }
    }

    impl Counters for Nothing {
        fn take<'a>(&'a self, _namespace: &'a str, _claims: &'a [Claim]) -> Waiting<'a, Vec<Taken>> {
            Box::pin(std::future::ready(Vec::new()))
        }
    }

    impl PluginMetrics for Nothing {
        fn add(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _by: u64) {}

        fn observe(&self, _entry: &str, _version: Version, _route: &str, _name: &str, _value: f64) {}
    }

    impl Clock for Nothing {
        fn now_unix_ms(&self) -> u64 {
            0
        }

        fn monotonic_ns(&self) -> u64 {
            0
        }
    }

    fn set(identity: &mut Identity, part: &str, value: &str) -> Result<(), IdentityError> {
        identity.set(part, value, &"writer".into())
    }

    #[test]
    fn each_part_is_written_once_and_keeps_its_first_writer() {
        let mut identity = Identity::default();
        assert_eq!(identity.set("consumer", "acme", &"first".into()), Ok(()));
        assert_eq!(identity.set("consumer", "evil", &"second".into()), Err(IdentityError::AlreadySet));
        assert_eq!(identity.iter().collect::<Vec<_>>(), [("consumer", "acme", "first")]);
    }

    #[test]
    fn only_known_parts_and_named_claims_are_taken() {
        let mut identity = Identity::default();
        for part in IDENTITY_PARTS {
            assert_eq!(set(&mut identity, part, "x"), Ok(()), "{part}");
        }
        assert_eq!(set(&mut identity, "claim.role", "x"), Ok(()));
        assert_eq!(set(&mut identity, &format!("claim.{}", "n".repeat(64)), "x"), Ok(()));
        for part in ["", "role", "claim.", "Consumer", &format!("claim.{}", "n".repeat(65))] {
            assert_eq!(set(&mut identity, part, "x"), Err(IdentityError::Invalid), "{part}");
        }
    }

    #[test]
    fn values_end_at_their_limit_and_hold_no_control_character() {
        let mut identity = Identity::default();
        for value in ["a\nb", "a\0b", &"v".repeat(IDENTITY_BYTES_MAX + 1)] {
            assert_eq!(set(&mut identity, "team", value), Err(IdentityError::Invalid), "{value:?}");
        }
        assert_eq!(set(&mut identity, "team", &"v".repeat(IDENTITY_BYTES_MAX)), Ok(()));
    }

    #[test]
    fn a_thirty_third_part_is_refused() {
        let mut identity = Identity::default();
        for number in 0..IDENTITY_PARTS_MAX {
            assert_eq!(set(&mut identity, &format!("claim.{number}"), "x"), Ok(()));
        }
        assert_eq!(set(&mut identity, "consumer", "x"), Err(IdentityError::Invalid));
    }
}
