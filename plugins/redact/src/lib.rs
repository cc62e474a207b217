//! Takes personal data and secrets out of text bodies, piece by piece as they pass.

mod ahead;
mod anchors;
mod config;
mod glance;
mod kind;
mod kinds;
mod media;
mod pass;
mod redactor;
mod state;
mod table;
#[cfg(test)]
mod tests;

use sluicegate_plugin::{Decision, MetricKind, Phase, Piece, Plugin, Problems, Setup, metrics, notes, reply, request};

use config::{Config, RawConfig};
use kind::{COUNTERS, Kind};
use media::{Media, Pattern};
use redactor::{Counts, Redactor, Step};
use state::{Notes, State};

struct Redact {
    redactor: Redactor,
    content_types: Vec<Pattern>,
}

impl Plugin for Redact {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<Redact, Problems> {
        let Config { request, reply, redactor, content_types } = config.try_into()?;
        if !request {
            setup.skip(Phase::Body);
        }
        if !reply {
            setup.skip(Phase::ReplyHead).skip(Phase::ReplyBody);
        }
        for kind in Kind::ALL.into_iter().filter(|kind| redactor.looks_for(*kind)) {
            let (name, help) = COUNTERS[kind as usize];
            setup.metric(name, MetricKind::Counter, help);
        }
        Ok(Redact { redactor, content_types })
    }

    /// The type is asked for at each piece: most requests have no body at all, and most of the others a single piece, for which
    /// a phase of its own and a note would cost more.
    fn body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        match media::of(request::header("content-type"), &self.content_types) {
            Media::Other => Piece::Pass,
            media => self.piece(bytes, end, |notes| &mut notes.request, Some(media)),
        }
    }

    /// The type is looked at once, since answers may be streams of many pieces, and what may be held of an answer that this one
    /// replaces is forgotten. Notes are written only for what is not the usual case.
    fn reply_head(&self) -> Decision {
        let media = media::of(reply::header("content-type"), &self.content_types);
        let mut notes = Notes::read(&notes::load());
        let begun = State { media, ..State::default() };
        if notes.reply != begun {
            notes.reply = begun;
            notes::store(&notes.to_bytes());
        }
        Decision::Proceed
    }

    fn reply_body(&self, bytes: Vec<u8>, end: bool) -> Piece {
        self.piece(bytes, end, |notes| &mut notes.reply, None)
    }
}

sluicegate_plugin::export!(Redact: body, reply_head, reply_body);

impl Redact {
    /// `media` if the notes do not have it.
    fn piece(&self, bytes: Vec<u8>, end: bool, side: fn(&mut Notes) -> &mut State, media: Option<Media>) -> Piece {
        let mut notes = Notes::read(&notes::load());
        let state = side(&mut notes);
        state.media = media.unwrap_or(state.media);
        if state.media == Media::Other {
            return Piece::Pass;
        }
        let Step { piece, state: next, counts } = self.redactor.piece(state, bytes, end);
        // Behind the end nobody reads it.
        if !end && next != *state {
            *state = next;
            notes::store(&notes.to_bytes());
        }
        count(&counts);
        piece
    }
}

fn count(counts: &Counts) {
    for (kind, found) in Kind::ALL.into_iter().zip(counts) {
        if *found > 0 {
            metrics::add(COUNTERS[kind as usize].0, u64::from(*found));
        }
    }
}
