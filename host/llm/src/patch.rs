//! Changes text in an answer for a client of the provider's own dialect, and leaves every other byte as it came: what the gateway does
//! not know of an answer (citations, fingerprints, tools of the vendor's own) still reaches the client.
//!
//! Of OpenAI's chat completions, Anthropic's messages and Gemini; OpenAI's responses say each text several times over, and are
//! written anew.

mod blocks;
mod places;

use bytes::Bytes;

use crate::answer::{EndReason, Event, Piece};
use crate::call::Call;
use crate::dialect::{Dialect, WriteStream, write_stream};
use crate::error::Broken;
use crate::intake::Decode;
use crate::json::{Document, Splice};
use crate::sse;
use blocks::Blocks;
use places::{Place, Places};

/// A text of an answer, and what it becomes. Texts that stay are told as well, since they are found by their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewritten {
    pub choice: u32,
    pub kind: TextKind,
    pub before: String,
    pub after: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// come in front of it.
    last: Vec<u8>,
}

/// Whether answers of this provider to this client are changed in their places.
pub fn is_patched(client: Dialect, provider: Dialect) -> bool {
    client == provider && matches!(client, Dialect::OpenAi | Dialect::Anthropic | Dialect::Gemini)
}

impl Patch {
    pub fn new(call: &Call) -> Patch {
        Patch { dialect: call.dialect, writer: write_stream(call), blocks: Blocks::default(), last: Vec::new() }
    }

    /// The answer's first event, so that what is written here goes on from there.
    pub fn begin(&mut self, begin: &Event) {
        if self.dialect != Dialect::Anthropic {
            let piece = Event::Piece { choice: 0, piece: Piece::Text(String::new()) };
            // The provider has said it.
            [begin, &piece].into_iter().for_each(|event| self.writer.write(event, &mut Vec::new()));
        }
    }

    /// Passes an event of the stream on, with other texts.
    pub fn frame(&mut self, raw: &Bytes, texts: &[Rewritten], out: &mut Vec<u8>) -> Result<(), Broken> {
        match self.dialect {
            Dialect::Anthropic => self.blocks.pass(raw, out, |raw, out| change(Dialect::Anthropic, raw, texts, out)),
            Dialect::Gemini if !self.last.is_empty() || says_why(raw) => {
                change(self.dialect, raw, texts, &mut self.last)
            }
            _ => change(self.dialect, raw, texts, out),
        }
    }

    /// The provider's stream is over.
    pub fn end(&mut self, out: &mut Vec<u8>) {
        out.append(&mut self.last);
    }

    /// Text that comes before what passes next, which ends its choice.
    pub fn text(&mut self, choice: u32, text: &str, out: &mut Vec<u8>) {
        match self.dialect {
            Dialect::Anthropic => self.blocks.text(text, out),
            _ => self.writer.write(&Event::Piece { choice, piece: Piece::Text(text.to_owned()) }, out),
        }
    }

    /// Ends the stream in the provider's place.
    pub fn finish(&mut self, ends: &[(u32, EndReason)], out: &mut Vec<u8>) {
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
}

/// A whole answer with other texts.
pub fn whole(dialect: Dialect, answer: &Bytes, texts: &[Rewritten]) -> Result<Bytes, Broken> {
    match texts.iter().all(|text| text.before == text.after) {
        true => Ok(answer.clone()),
        false => Ok(changed(dialect, answer, texts)?.into()),
    }
}

fn says_why(raw: &[u8]) -> bool {
    const MEMBER: &[u8] = b"\"finishReason\"";
    raw.windows(MEMBER.len()).any(|window| window == MEMBER)
}

fn change(dialect: Dialect, raw: &Bytes, texts: &[Rewritten], out: &mut Vec<u8>) -> Result<(), Broken> {
    if texts.iter().all(|text| text.before == text.after) {
        out.extend_from_slice(raw);
        return Ok(());
    }
    let (mut decoder, mut frames) = (sse::Decoder::default(), Vec::new());
    decoder.push(raw, &mut frames)?;
    decoder.end(&mut frames)?;
    for frame in frames {
        match frame.data.map(Bytes::from) {
            Some(data) => {
                let data = changed(dialect, &data, texts)?;
                let data = String::from_utf8(data).unwrap_or_default();
                sse::write(&frame.name, &data, out);
            }
            None => out.extend_from_slice(&frame.raw),
        }
    }
    Ok(())
}

fn changed(dialect: Dialect, json: &Bytes, texts: &[Rewritten]) -> Result<Vec<u8>, Broken> {
    let lost = || Broken::new("A text that a policy has changed is not where the answer has its texts.");
    let document = Document::parse(json.clone()).map_err(|_| lost())?;
    let Places { mut texts_there, telling } = places::of(dialect, &document.root);
    let mut splice = Splice::new(json);
    for text in texts {
        let fits = |place: &Place<'_>| place.fits(&document, text);
        let place = match texts_there.iter().position(fits) {
            Some(found) => texts_there.remove(found),
            None if text.before == text.after => continue,
            None => return Err(lost()),
        };
        if text.before == text.after {
            continue;
        }
        match place.value.as_str() {
            Some(_) => splice.replace_string(place.value.span.clone(), &text.after),
            None => splice.replace(place.value.span.clone(), text.after.clone()),
        };
        // What tells the text once more, token by token, would tell what is no longer there.
        for (_, value) in telling.iter().filter(|(choice, _)| *choice == text.choice) {
            splice.replace(value.span.clone(), "null");
        }
    }
    Ok(splice.apply())
}

#[cfg(test)]
mod tests;
