//! Changes text in an answer for a client of the provider's own dialect, and leaves every other byte as it came: what the gateway does
//! not know of an answer (citations, fingerprints, tools of the vendor's own) still reaches the client.
//!
//! Of OpenAI's chat completions, Anthropic's messages and Gemini; OpenAI's responses say each text several times over, and are
//! written anew.

mod blocks;
mod places;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use crate::answer::{EndReason, Event, Piece};
use crate::call::Call;
use crate::dialect::{Dialect, WriteStream, write_stream};
use crate::error::Broken;
use crate::json::{Document, Splice, Value};
use crate::sse::{self, Frame};
use blocks::{Blocks, Passing};
use places::{Place, Places};

/// A text of an answer, and what it becomes. Texts that stay are told as well, since they are found by their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    pub choice: u32,
    pub kind: TextKind,
    pub before: String,
    pub after: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum TextKind {
    Text,
    ToolArguments,
}

/// A stream whose text is changed as it passes.
pub struct Patch {
    dialect: Dialect,
    /// Writes what the provider did not say.
    writer: Box<dyn WriteStream>,
    blocks: Blocks,
    /// Of Gemini: from the event on that says why a choice ends, since what ends is told at the stream's end alone, and text may still
    /// be added to it.
    last: Vec<Last>,
    last_bytes: usize,
    /// Choices whose text is not what the provider said: what tells it again would tell what is no longer there.
    changed: BTreeSet<u32>,
}

struct Last {
    frame: Frame,
    texts: Vec<Rewritten>,
}

/// Whether answers of this provider to this client are changed in their places.
pub fn is_patched(client: Dialect, provider: Dialect) -> bool {
    client == provider && matches!(client, Dialect::OpenAi | Dialect::Anthropic | Dialect::Gemini)
}

impl Patch {
    pub fn new(call: &Call) -> Patch {
        Patch {
            dialect: call.dialect,
            writer: write_stream(call),
            blocks: Blocks::default(),
            last: Vec::new(),
            last_bytes: 0,
            changed: BTreeSet::new(),
        }
    }

    /// The answer's first event, so that what is written here goes on from there.
    pub fn begin(&mut self, begin: &Event) {
        if self.dialect != Dialect::Anthropic {
            let piece = Event::Piece { choice: 0, piece: Piece::Text(String::new()) };
            // The provider has said it.
            [begin, &piece].into_iter().for_each(|event| self.writer.write(event, &mut Vec::new()));
        }
    }

    /// Passes an event of the stream on, with other texts. Fails where it has a text that is not among these: it would pass unseen.
    pub fn frame(&mut self, frame: Frame, texts: Vec<Rewritten>, out: &mut Vec<u8>) -> Result<(), Broken> {
        self.changed.extend(texts.iter().filter(|text| text.is_changed()).map(|text| text.choice));
        let Some(document) = document(&frame)? else {
            out.extend_from_slice(&frame.raw);
            return Ok(());
        };
        match self.dialect {
            Dialect::Anthropic => match self.blocks.pass(&document.root, &frame.raw, &texts, out) {
                Passing::Held => Ok(()),
                Passing::Unread => {
                    out.extend_from_slice(&frame.raw);
                    Ok(())
                }
                Passing::Read => self.write(&frame, &document, &texts, out),
            },
            Dialect::Gemini if !self.last.is_empty() || says_why(&document) => {
                self.last_bytes += frame.raw.len();
                if self.last_bytes > sse::EVENT_BYTES_MAX {
                    return Err(Broken::new("What follows the end of a candidate is too long."));
                }
                self.last.push(Last { frame, texts });
                Ok(())
            }
            _ => self.write(&frame, &document, &texts, out),
        }
    }

    /// The provider's stream is over.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Broken> {
        for Last { frame, texts } in std::mem::take(&mut self.last) {
            if let Some(document) = document(&frame)? {
                self.write(&frame, &document, &texts, out)?;
            }
        }
        Ok(())
    }

    /// Text of a choice that is about to end, behind all of its text so far. `texts`: of the event under way; `ahead`: what goes in front
    /// of that event.
    pub fn text(&mut self, choice: u32, text: &str, texts: &mut [Rewritten], ahead: &mut Vec<u8>) {
        let earlier = self.last.iter_mut().flat_map(|last| &mut last.texts);
        let mut all = earlier.chain(texts);
        if let Some(last) = all.rfind(|known| known.choice == choice && known.kind == TextKind::Text) {
            last.after.push_str(text);
            self.changed.insert(choice);
            return;
        }
        self.say(choice, text, ahead);
    }

    /// Ends the stream in the provider's place. `texts`: what has passed of the event under way.
    pub fn finish(&mut self, ends: &[(u32, EndReason)], texts: Vec<Rewritten>, ahead: Vec<u8>, out: &mut Vec<u8>) {
        let earlier = std::mem::take(&mut self.last).into_iter().flat_map(|last| last.texts);
        for text in earlier.chain(texts).filter(|text| text.kind == TextKind::Text && !text.after.is_empty()) {
            self.say(text.choice, &text.after, out);
        }
        out.extend(ahead);
        match self.dialect {
            Dialect::Anthropic => {
                self.blocks.finish(ends.first().map_or(EndReason::Stop, |(_, reason)| *reason), out);
            }
            _ => {
                let ends = ends.iter().map(|(choice, reason)| Event::End { choice: *choice, reason: *reason });
                ends.chain([Event::Done]).for_each(|event| self.writer.write(&event, out));
            }
        }
    }

    fn say(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        match self.dialect {
            Dialect::Anthropic => self.blocks.text(text, out),
            _ => self.writer.write(&Event::Piece { choice, piece: Piece::Text(text.to_owned()) }, out),
        }
    }

    fn write(&self, frame: &Frame, document: &Document, texts: &[Rewritten], out: &mut Vec<u8>) -> Result<(), Broken> {
        let Some(data) = changed(self.dialect, document, texts, &self.changed)? else {
            out.extend_from_slice(&frame.raw);
            return Ok(());
        };
        // The texts between are a provider's JSON and a plugin's text as JSON.
        let data = String::from_utf8(data).map_err(|_| Broken::new("A changed event is not UTF-8."))?;
        sse::write(&frame.name, &data, out);
        Ok(())
    }
}

impl Rewritten {
    fn is_changed(&self) -> bool {
        self.before != self.after
    }
}

/// A whole answer with other texts.
pub fn whole(dialect: Dialect, answer: &Bytes, texts: &[Rewritten]) -> Result<Bytes, Broken> {
    let choices = texts.iter().filter(|text| text.is_changed()).map(|text| text.choice).collect();
    let document = Document::parse(answer.clone()).map_err(|_| Broken::new("The answer is no JSON."))?;
    Ok(changed(dialect, &document, texts, &choices)?.map_or_else(|| answer.clone(), Bytes::from))
}

/// What an event says; none of one that says nothing, or the stream's end.
fn document(frame: &Frame) -> Result<Option<Document>, Broken> {
    let Some(data) = frame.said() else { return Ok(None) };
    let document = Document::parse(Bytes::copy_from_slice(data.as_bytes()));
    document.map(Some).map_err(|_| Broken::new("An event of the stream is no JSON."))
}

fn says_why(document: &Document) -> bool {
    let candidates = document.root.get("candidates").and_then(Value::as_array).unwrap_or_default();
    let reason = |candidate: &Value| candidate.get("finishReason").and_then(Value::as_str).map(str::to_owned);
    candidates.iter().filter_map(reason).any(|reason| !reason.is_empty() && reason != "FINISH_REASON_UNSPECIFIED")
}

/// The JSON text with other texts in their places; none where it stays as it is. `choices`: whose text was ever changed.
fn changed(
    dialect: Dialect,
    document: &Document,
    texts: &[Rewritten],
    choices: &BTreeSet<u32>,
) -> Result<Option<Vec<u8>>, Broken> {
    let Places { texts_there, telling } = places::of(dialect, &document.root);
    let unseen = || Broken::new("The answer has a text that no policy was shown.");
    let mut queues: BTreeMap<(u32, TextKind), VecDeque<Place<'_>>> = BTreeMap::new();
    for place in texts_there {
        queues.entry((place.choice, place.kind)).or_default().push_back(place);
    }
    let mut splice = Splice::new(document.source());
    let mut is_changed = false;
    for text in texts {
        let queue = queues.entry((text.choice, text.kind)).or_default();
        // What has nothing to show may not have been told.
        while queue.front().is_some_and(|place| place.is_empty() && !place.fits(document, text)) {
            queue.pop_front();
        }
        match queue.front().map(|place| place.fits(document, text)) {
            Some(true) => {
                if let Some(place) = queue.pop_front().filter(|_| text.is_changed()) {
                    splice.replace(place.value.span.clone(), place.written(&text.after)?);
                    is_changed = true;
                }
            }
            // Told by the dialect's reader for what the provider did not spell out.
            _ if !text.is_changed() && matches!(text.before.as_str(), "" | "{}") => {}
            Some(false) => return Err(unseen()),
            None if !text.is_changed() => {}
            None => return Err(Broken::new("A text that a policy has changed is not where the answer has its texts.")),
        }
    }
    if queues.values().flatten().any(|place| !place.is_empty()) {
        return Err(unseen());
    }
    for (_, value) in telling.iter().filter(|(choice, value)| choices.contains(choice) && !value.is_null()) {
        splice.replace(value.span.clone(), "null");
        is_changed = true;
    }
    Ok(is_changed.then(|| splice.apply()))
}

#[cfg(test)]
mod tests;
