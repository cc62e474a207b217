//! The blocks of a stream of Anthropic's: where text can be put into it, and how it can be ended.

use bytes::Bytes;
use serde_json::json;

use crate::answer::EndReason;
use crate::dialect::anthropic::stop_reason;
use crate::json::Value;
use crate::patch::Rewritten;
use crate::sse;

#[derive(Default)]
pub(super) struct Blocks {
    /// The number that the next block would have.
    next: u64,
    /// The block that is open.
    open: Option<(u64, Kind)>,
    /// The end of a block of text, held back because more of it may follow.
    end: Option<(u64, Bytes)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    ToolUse,
    /// What nobody is shown.
    Other,
}

/// What becomes of an event.
pub(super) enum Passing {
    /// It is written later.
    Held,
    /// It has no text that anybody is shown.
    Unread,
    Read,
}

impl Blocks {
    /// What becomes of an event, whose JSON text is `root`. What was held back is written in front of it.
    pub(super) fn pass(&mut self, root: &Value, raw: &Bytes, texts: &[Rewritten], out: &mut Vec<u8>) -> Passing {
        let word = |name: &str| root.get(name).and_then(Value::as_str).unwrap_or_default();
        let index = root.get("index").and_then(Value::as_u64).unwrap_or(self.next);
        self.release(out);
        match word("type") {
            "content_block_start" => {
                let block = root.get("content_block").and_then(|block| block.get("type")).and_then(Value::as_str);
                let kind = match block {
                    Some("text") => Kind::Text,
                    Some("tool_use") => Kind::ToolUse,
                    _ => Kind::Other,
                };
                self.open = Some((index, kind));
                self.next = self.next.max(index.saturating_add(1));
            }
            "content_block_delta" if matches!(self.open, Some((_, Kind::Other))) => return Passing::Unread,
            "content_block_stop" => match self.open.take() {
                Some((_, Kind::Text)) => {
                    self.end = Some((index, raw.clone()));
                    return Passing::Held;
                }
                Some((_, Kind::ToolUse)) => {
                    // Arguments that the provider did not spell out are told here.
                    for text in texts.iter().filter(|text| text.is_changed() && !text.after.is_empty()) {
                        let delta = json!({"type": "input_json_delta", "partial_json": text.after});
                        say(&json!({"type": "content_block_delta", "index": index, "delta": delta}), out);
                    }
                    return Passing::Unread;
                }
                _ => return Passing::Unread,
            },
            _ => {}
        }
        Passing::Read
    }

    /// More text: at the end of the block of text that was last, or as a block of its own.
    pub(super) fn text(&mut self, text: &str, out: &mut Vec<u8>) {
        let last = self
            .end
            .as_ref()
            .map(|(index, _)| *index)
            .or(self.open.filter(|(_, kind)| *kind == Kind::Text).map(|(index, _)| index));
        if let Some(index) = last {
            return delta(index, text, out);
        }
        self.close(out);
        let index = self.next;
        self.next = self.next.saturating_add(1);
        let start =
            json!({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}});
        say(&start, out);
        delta(index, text, out);
        self.open = Some((index, Kind::Text));
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
