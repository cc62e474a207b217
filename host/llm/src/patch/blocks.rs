//! The blocks of a stream of Anthropic's: where text can be put into it, and how it can be ended.

use bytes::Bytes;
use serde_json::json;

use crate::answer::EndReason;
use crate::dialect::anthropic::stop_reason;
use crate::error::Broken;
use crate::intake::Decode;
use crate::json::{Document, Value};
use crate::sse;

#[derive(Default)]
pub(super) struct Blocks {
    /// The number that the next block would have.
    next: u64,
    /// The block that is open, and whether it is text.
    open: Option<(u64, bool)>,
    /// The end of a block of text, held back because more of it may follow.
    end: Option<(u64, Bytes)>,
}

impl Blocks {
    pub(super) fn pass(
        &mut self,
        raw: &Bytes,
        out: &mut Vec<u8>,
        change: impl FnOnce(&Bytes, &mut Vec<u8>) -> Result<(), Broken>,
    ) -> Result<(), Broken> {
        let (mut decoder, mut frames) = (sse::Decoder::default(), Vec::new());
        decoder.push(raw, &mut frames)?;
        decoder.end(&mut frames)?;
        let data = frames.pop().and_then(|frame| frame.data);
        let document = data.and_then(|data| Document::parse(Bytes::from(data)).ok());
        let root = document.as_ref().map(|document| &document.root);
        let word = |name: &str| root.and_then(|root| root.get(name)).and_then(Value::as_str).unwrap_or_default();
        let index = root.and_then(|root| root.get("index")).and_then(Value::as_u64).unwrap_or(self.next);
        self.release(out);
        match word("type") {
            "content_block_start" => {
                let block = root.and_then(|root| root.get("content_block"));
                let kind = block.and_then(|block| block.get("type")).and_then(Value::as_str);
                self.open = Some((index, kind == Some("text")));
                self.next = self.next.max(index.saturating_add(1));
            }
            "content_block_stop" if self.open == Some((index, true)) => {
                self.open = None;
                self.end = Some((index, raw.clone()));
                return Ok(());
            }
            "content_block_stop" => self.open = None,
            _ => {}
        }
        change(raw, out)
    }

    /// More text: at the end of the block of text that was last, or as a block of its own.
    pub(super) fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let last = self
            .end
            .as_ref()
            .map(|(index, _)| *index)
            .or(self.open.filter(|(_, is_text)| *is_text).map(|(index, _)| index));
        if let Some(index) = last {
            return delta(index, text, out);
        }
        self.close(out);
        let index = self.next;
        self.next += 1;
        let start =
            json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
        say(&start, out);
        delta(index, text, out);
        self.open = Some((index, true));
        self.close(out);
    }

    /// No more is read.
    pub(super) fn finish(&mut self, reason: EndReason, out: &mut Vec<u8>) {
        self.release(out);
        self.close(out);
        let delta = json!({"stop_reason": stop_reason(reason), "stop_sequence": null});
        say(&json!({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 0}}), out);
        say(&json!({"type": "message_stop"}), out);
    }

    fn release(&mut self, out: &mut Vec<u8>) {
        if let Some((_, raw)) = self.end.take() {
            out.extend_from_slice(&raw);
        }
    }

    fn close(&mut self, out: &mut Vec<u8>) {
        if let Some((index, _)) = self.open.take() {
            say(&json!({"type": "content_block_stop", "index": index}), out);
        }
    }
}

fn delta(index: u64, text: &str, out: &mut Vec<u8>) {
    let delta = json!({"type": "text_delta", "text": text});
    say(&json!({"type": "content_block_delta", "index": index, "delta": delta}), out);
}

fn say(data: &serde_json::Value, out: &mut Vec<u8>) {
    sse::write(data["type"].as_str().unwrap_or_default(), &data.to_string(), out);
}
