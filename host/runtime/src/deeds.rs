//! What the calls of an exchange's plugins do to it, noted as they do it; only for an exchange that is traced.
//!
//! A comparison of the exchange before and after a call would not do: the request's and the answer's way can be under way at once,
//! and what one plugin did would look like the deed of another.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::bindings::host::edits::EditError;
use crate::exchange::Exchange;
use crate::instance::PluginState;
use crate::phase::Phase;

/// Deeds kept of one call; the rest are counted.
pub const DEEDS_MAX: usize = 128;
/// Bytes of all names and values kept of one call.
pub const DEED_BYTES_MAX: usize = 256 << 10;

/// Which entry is called in which phase: there is one call of that kind at a time in an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Site {
    pub(crate) position: usize,
    pub(crate) phase: Phase,
}

/// One host call that changed something or told something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// Interface and function of the contract, such as `request.set-header`.
    pub call: &'static str,
    /// Of the field, label, part, bucket or metric; a log line's level; empty where there is none.
    pub name: String,
    pub value: Shown,
    /// Why the host did not do it, in the contract's word.
    pub refused: Option<&'static str>,
}

/// What may be shown of a value. Not shortened and not redacted yet: who shows it knows what must not be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    Nothing,
    Text(String),
    Hidden(Credential),
}

/// A value that must not be shown, so that it can be found where a plugin puts it elsewhere.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential(Vec<u8>);

/// What one call did, or several in a row.
#[derive(Debug, Default)]
pub struct Done {
    pub deeds: Vec<Deed>,
    /// Deeds over [`DEEDS_MAX`] and [`DEED_BYTES_MAX`].
    pub left_out: u64,
    /// Spent waiting in host calls that wait for the gateway's state.
    pub waited: Duration,
    pub host_calls: u64,
    bytes: usize,
}

/// By site, until whoever traces takes it.
#[derive(Default)]
pub(crate) struct Deeds(Mutex<HashMap<Site, Done>>);

impl Exchange {
    /// The same, and from here on what its plugins do is noted.
    pub fn traced(self) -> Exchange {
        Exchange { deeds: Some(Deeds::default()), ..self }
    }

    pub fn is_traced(&self) -> bool {
        self.deeds.is_some()
    }

    /// What the entry at a position did in a phase since it was last asked for.
    pub fn take_done(&self, position: usize, phase: Phase) -> Done {
        let done = self.deeds.as_ref().and_then(|deeds| deeds.lock().remove(&Site { position, phase }));
        done.unwrap_or_default()
    }

    /// None unless the exchange is traced: then nothing is copied or formatted.
    pub(crate) fn deed(
        &self,
        call: &'static str,
        name: impl fmt::Display,
        value: impl FnOnce(&Exchange) -> Shown,
    ) -> Option<Deed> {
        self.is_traced().then(|| Deed { call, name: name.to_string(), value: value(self), refused: None })
    }

    pub(crate) fn note(&self, site: Site, deed: impl FnOnce() -> Deed) {
        self.note_done(site, |done| done.push(deed()));
    }

    pub(crate) fn note_done(&self, site: Site, work: impl FnOnce(&mut Done)) {
        if let Some(deeds) = &self.deeds {
            work(deeds.lock().entry(site).or_default());
        }
    }
}

impl PluginState {
    /// None unless the exchange is traced.
    pub(crate) fn deed(
        &self,
        call: &'static str,
        name: impl fmt::Display,
        value: impl FnOnce(&Exchange) -> Shown,
    ) -> Option<Deed> {
        self.exchange.as_ref()?.deed(call, name, value)
    }

    pub(crate) fn noted(&self, deed: Option<Deed>, refused: Option<&'static str>) {
        if let (Some(deed), Some(exchange)) = (deed, &self.exchange) {
            exchange.note(self.site, || Deed { refused, ..deed });
        }
    }
}

impl Shown {
    pub(crate) fn text(bytes: impl AsRef<[u8]>) -> Shown {
        Shown::Text(String::from_utf8_lossy(bytes.as_ref()).into_owned())
    }

    pub(crate) fn hidden(value: &[u8]) -> Shown {
        Shown::Hidden(Credential(value.to_vec()))
    }

    /// Of a query the names: links carry tokens in its values.
    pub(crate) fn query(query: Option<&str>) -> Shown {
        let members = query.unwrap_or_default().split('&').filter(|member| !member.is_empty());
        let names = members.map(|member| match member.split_once('=') {
            Some((name, _)) => format!("{name}=[hidden]"),
            None => "[hidden]".to_owned(),
        });
        Shown::Text(names.collect::<Vec<_>>().join("&"))
    }
}

impl Credential {
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[hidden]")
    }
}

impl Done {
    pub(crate) fn push(&mut self, deed: Deed) {
        let value = match &deed.value {
            Shown::Nothing => 0,
            Shown::Text(text) => text.len(),
            Shown::Hidden(credential) => credential.0.len(),
        };
        let bytes = self.bytes + deed.name.len() + value;
        if self.deeds.len() >= DEEDS_MAX || bytes > DEED_BYTES_MAX {
            self.left_out += 1;
            return;
        }
        self.bytes = bytes;
        self.deeds.push(deed);
    }
}

impl Deeds {
    fn lock(&self) -> MutexGuard<'_, HashMap<Site, Done>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The contract's word for a refused edit.
pub(crate) fn refused<T>(edited: &Result<T, EditError>) -> Option<&'static str> {
    edited.as_ref().err().map(|error| match error {
        EditError::Forbidden => "forbidden",
        EditError::TooLate => "too-late",
        EditError::InvalidName => "invalid-name",
        EditError::InvalidValue => "invalid-value",
        EditError::TooMany => "too-many",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::tests::exchange;

    const SITE: Site = Site { position: 1, phase: Phase::Head };

    fn label(value: &str) -> Deed {
        Deed { call: "labels.set", name: "a".to_owned(), value: Shown::text(value), refused: None }
    }

    #[test]
    fn an_exchange_that_is_not_traced_notes_nothing() {
        let exchange = exchange();
        exchange.note(SITE, || panic!("nobody asked for it"));
        assert!(exchange.take_done(1, Phase::Head).deeds.is_empty());
    }

    #[test]
    fn a_name_is_formatted_only_for_an_exchange_that_is_traced() {
        struct Counted<'a>(&'a std::cell::Cell<u32>);
        impl fmt::Display for Counted<'_> {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.set(self.0.get() + 1);
                formatter.write_str("a")
            }
        }
        let formatted = std::cell::Cell::new(0);
        let deed = |exchange: Exchange| exchange.deed("labels.set", Counted(&formatted), |_| Shown::text("1"));
        assert_eq!((deed(exchange()), formatted.get()), (None, 0));
        assert_eq!((deed(exchange().traced()), formatted.get()), (Some(label("1")), 1));
    }

    #[test]
    fn what_is_taken_is_what_that_entry_did_in_that_phase_since_then() {
        let exchange = exchange().traced();
        exchange.note(SITE, || label("1"));
        exchange.note(Site { phase: Phase::Finish, ..SITE }, || label("2"));
        assert!(exchange.take_done(0, Phase::Head).deeds.is_empty());
        assert_eq!(exchange.take_done(1, Phase::Head).deeds, [label("1")]);
        assert!(exchange.take_done(1, Phase::Head).deeds.is_empty());
        assert_eq!(exchange.take_done(1, Phase::Finish).deeds, [label("2")]);
    }

    #[test]
    fn a_flood_is_counted_and_not_kept() {
        let exchange = exchange().traced();
        (0..DEEDS_MAX + 5).for_each(|_| exchange.note(SITE, || label("x")));
        let done = exchange.take_done(1, Phase::Head);
        assert_eq!((done.deeds.len(), done.left_out), (DEEDS_MAX, 5));
        (0..3).for_each(|_| exchange.note(SITE, || label(&"x".repeat(DEED_BYTES_MAX / 2))));
        let done = exchange.take_done(1, Phase::Head);
        assert_eq!((done.deeds.len(), done.left_out), (1, 2));
    }

    #[test]
    fn a_query_shows_its_names_alone() {
        assert_eq!(Shown::query(Some("a=secret&b&c=")), Shown::text("a=[hidden]&[hidden]&c=[hidden]"));
        assert_eq!(Shown::query(None), Shown::text(""));
    }
}
