//! How an answer that went through plugins is written down for the client: anew, or, where client and provider speak the same dialect,
//! as the provider's own bytes with other texts in them.

use bytes::Bytes;
use sluicegate_llm::dialect::{WriteStream, write_answer, write_stream};
use sluicegate_llm::patch::{self, Patch, Rewritten, TextKind};
use sluicegate_llm::sse::Frame;
use sluicegate_llm::{Answer, Broken, Call, Dialect, EndReason, Event, Piece};

use super::typed::Way;

pub(super) enum Writer {
    Stream(Box<dyn WriteStream>),
    /// Written down when it is complete.
    Whole(Box<Answer>),
    PatchedStream(Box<PatchedStream>),
    /// `anew`: there is more than other texts, so that the answer is written down from what is known of it.
    PatchedWhole {
        body: Bytes,
        texts: Vec<Rewritten>,
        answer: Box<Answer>,
        anew: bool,
    },
}

pub(super) struct PatchedStream {
    patch: Patch,
    /// Of the event under way.
    texts: Vec<Rewritten>,
    /// What goes in front of it.
    ahead: Vec<u8>,
    /// It tells figures of usage and nothing else.
    only_usage: Option<bool>,
    /// Such an event is the gateway's own wish.
    drops_usage: bool,
}

/// What plugins look at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Refusal,
    ToolArguments(u32),
}

impl Kind {
    fn piece(self, text: String) -> Piece {
        match self {
            Kind::Text => Piece::Text(text),
            Kind::Refusal => Piece::Refusal(text),
            Kind::ToolArguments(tool) => Piece::ToolArguments { tool, text },
        }
    }

    fn text_kind(self) -> TextKind {
        match self {
            Kind::Text | Kind::Refusal => TextKind::Text,
            Kind::ToolArguments(_) => TextKind::ToolArguments,
        }
    }
}

impl Writer {
    pub(super) fn new(call: &Call, way: Way) -> Writer {
        match way {
            Way::Anew if call.streamed => Writer::Stream(write_stream(call)),
            Way::Anew => Writer::Whole(Box::default()),
            Way::Frames => Writer::PatchedStream(Box::new(PatchedStream {
                patch: Patch::new(call),
                texts: Vec::new(),
                ahead: Vec::new(),
                only_usage: None,
                drops_usage: call.dialect == Dialect::OpenAi && !call.usage_wanted,
            })),
            Way::Whole(body) => Writer::PatchedWhole { body, texts: Vec::new(), answer: Box::default(), anew: false },
        }
    }

    /// What no plugin changes.
    pub(super) fn event(&mut self, event: Event, out: &mut Vec<u8>) {
        match self {
            Writer::Stream(writer) => writer.write(&event, out),
            Writer::Whole(answer) | Writer::PatchedWhole { answer, .. } => answer.take(event),
            Writer::PatchedStream(stream) => {
                if matches!(event, Event::Begin { .. }) {
                    stream.patch.begin(&event);
                }
                let is_usage = matches!(event, Event::Usage(_));
                stream.only_usage = Some(stream.only_usage.unwrap_or(true) && is_usage);
            }
        }
    }

    /// A text that went through the plugins.
    pub(super) fn text(&mut self, choice: u32, kind: Kind, before: String, after: String, out: &mut Vec<u8>) {
        let is_empty = after.is_empty();
        let rewritten = || Rewritten { choice, kind: kind.text_kind(), before: before.clone(), after: after.clone() };
        match self {
            Writer::PatchedStream(stream) => {
                stream.texts.push(rewritten());
                stream.only_usage = Some(false);
                return;
            }
            Writer::PatchedWhole { texts, .. } => texts.push(rewritten()),
            Writer::Stream(_) | Writer::Whole(_) => {}
        }
        if !is_empty {
            self.event(Event::Piece { choice, piece: kind.piece(after) }, out);
        }
    }

    /// Text that plugins held back and let go before the choice ends; `kind` of its last text.
    pub(super) fn held(&mut self, choice: u32, kind: Kind, text: String, out: &mut Vec<u8>) {
        if text.is_empty() {
            return;
        }
        match self {
            Writer::PatchedStream(stream) => {
                return stream.patch.text(choice, &text, &mut stream.texts, &mut stream.ahead);
            }
            Writer::PatchedWhole { texts, anew, .. } => {
                let last = texts.iter_mut().rfind(|known| known.choice == choice && known.kind == TextKind::Text);
                match last {
                    Some(last) => last.after.push_str(&text),
                    None => *anew = true,
                }
            }
            Writer::Stream(_) | Writer::Whole(_) => {}
        }
        self.event(Event::Piece { choice, piece: kind.piece(text) }, out);
    }

    /// The bytes that the events since the last ones stood in.
    pub(super) fn frame(&mut self, frame: Frame, out: &mut Vec<u8>) -> Result<(), Broken> {
        let Writer::PatchedStream(stream) = self else { return Ok(()) };
        out.append(&mut stream.ahead);
        let is_dropped = stream.drops_usage && stream.only_usage.take() == Some(true);
        stream.only_usage = None;
        let texts = std::mem::take(&mut stream.texts);
        if is_dropped { Ok(()) } else { stream.patch.frame(frame, texts, out) }
    }

    /// The end, as the provider has it; a stream that is patched has it in its own bytes.
    pub(super) fn done(&mut self, call: &Call, out: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            Writer::Stream(writer) => writer.write(&Event::Done, out),
            Writer::Whole(answer) | Writer::PatchedWhole { answer, anew: true, .. } => {
                out.extend(write_answer(call, answer));
            }
            Writer::PatchedWhole { body, texts, .. } => out.extend(patch::whole(call.dialect, body, texts)?),
            Writer::PatchedStream(stream) => {
                stream.only_usage = Some(false);
                // Before the events that are held to the end.
                out.append(&mut stream.ahead);
                stream.patch.end(out)?;
            }
        }
        Ok(())
    }

    /// The end, as a plugin has it.
    pub(super) fn stop(&mut self, call: &Call, ends: &[(u32, EndReason)], out: &mut Vec<u8>) -> Result<(), Broken> {
        match self {
            Writer::PatchedStream(stream) => {
                let (texts, ahead) = (std::mem::take(&mut stream.texts), std::mem::take(&mut stream.ahead));
                stream.patch.finish(ends, texts, ahead, out);
                return Ok(());
            }
            Writer::PatchedWhole { anew, .. } => *anew = true,
            Writer::Stream(_) | Writer::Whole(_) => {}
        }
        for (choice, reason) in ends {
            self.event(Event::End { choice: *choice, reason: *reason }, out);
        }
        self.done(call, out)
    }
}
