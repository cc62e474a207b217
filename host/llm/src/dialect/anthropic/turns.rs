//! Prints a conversation as the system's text and turns that alternate.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, ToolCall, ToolResult};
use crate::dialect::Family;
use crate::dialect::waiting::Waiting;
use crate::error::{NoCounterpart, bounded};
use crate::json::Document;

const OWN: &str = "anthropic-messages";

const MEDIA_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

#[derive(Serialize)]
pub struct Turn<'a> {
    role: &'static str,
    content: Content<'a>,
}

/// One text stands alone.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Content<'a> {
    Text(&'a str),
    Blocks(Vec<Block<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Block<'a> {
    Text {
        text: &'a str,
    },
    Image {
        source: Source<'a>,
    },
    ToolUse {
        id: String,
        name: &'a str,
        input: Box<RawValue>,
    },
    ToolResult {
        tool_use_id: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        content: Option<Content<'a>>,
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        is_error: bool,
    },
    /// What was thought, as it came.
    #[serde(untagged)]
    Thought(Box<RawValue>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Source<'a> {
    Base64 { media_type: &'a str, data: &'a str },
    Url { url: &'a str },
}

/// The system's texts, wherever they stood, and the turns.
pub fn turns(call: &Call) -> Result<(Option<Content<'_>>, Vec<Turn<'_>>), NoCounterpart> {
    let from = call.dialect.as_str();
    let mut writer = Writer { from, unanswered: Waiting::default() };
    let mut system = Vec::new();
    let mut turns: Vec<(&'static str, Vec<Block<'_>>)> = Vec::new();
    for (number, message) in call.messages.iter().enumerate() {
        let blocks = writer.blocks(number, message)?;
        let role = match message.role {
            Role::System => {
                system.extend(blocks);
                continue;
            }
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        match turns.last_mut() {
            _ if blocks.is_empty() => {}
            Some((last, before)) if *last == role => before.extend(blocks),
            _ => turns.push((role, blocks)),
        }
    }
    match turns.first() {
        None => Err(NoCounterpart::new(format!(
            "The {from} call has no message with anything in it beside the system's, and {OWN} needs one."
        ))),
        Some(("assistant", _)) => Err(NoCounterpart::new(format!(
            "The conversation of the {from} call begins with the assistant, and one of {OWN} begins with the user."
        ))),
        Some(_) => {
            let turns = turns.into_iter().map(|(role, blocks)| Turn { role, content: content(results_first(blocks)) });
            Ok(((!system.is_empty()).then(|| content(system)), turns.collect()))
        }
    }
}

fn content(blocks: Vec<Block<'_>>) -> Content<'_> {
    match blocks.as_slice() {
        [Block::Text { text }] => Content::Text(text),
        _ => Content::Blocks(blocks),
    }
}

/// The vendor wants them in front of what the user says.
fn results_first(mut blocks: Vec<Block<'_>>) -> Vec<Block<'_>> {
    blocks.sort_by_key(|block| !matches!(block, Block::ToolResult { .. }));
    blocks
}

struct Writer {
    from: &'static str,
    /// Calls to which the client gave no id, with the one made for it.
    unanswered: Waiting,
}

impl Writer {
    fn blocks<'a>(&mut self, number: usize, message: &'a Message) -> Result<Vec<Block<'a>>, NoCounterpart> {
        let mut blocks = Vec::new();
        let mut calls = 0;
        for part in &message.parts {
            let (what, block) = match part {
                // The vendor refuses texts of nothing but white space.
                Part::Text(text) | Part::Refusal(text) if text.text.trim().is_empty() => continue,
                Part::Text(text) | Part::Refusal(text) => ("a text", Block::Text { text: &text.text }),
                Part::Image(image) => ("an image", self.image(number, image)?),
                Part::ToolCall(call) => {
                    calls += 1;
                    ("a call of a tool", self.call(number, calls - 1, call)?)
                }
                Part::ToolResult(result) => ("a result of a tool", self.result(number, result)?),
                Part::Thought(thought) => match thought_block(thought.family, &thought.raw) {
                    Some(raw) => ("a thought", Block::Thought(raw)),
                    None => continue,
                },
            };
            let fits = match (&block, message.role) {
                (Block::Text { .. }, _) => true,
                (Block::Image { .. } | Block::ToolResult { .. }, role) => matches!(role, Role::User | Role::Tool),
                (Block::ToolUse { .. } | Block::Thought(_), role) => role == Role::Assistant,
            };
            if !fits {
                let role = match message.role {
                    Role::System => "system",
                    Role::User | Role::Tool => "user",
                    Role::Assistant => "assistant",
                };
                return Err(NoCounterpart::new(format!(
                    "Message {number} of the {} call has {what} of the {role}'s, which has no counterpart in {OWN}.",
                    self.from
                )));
            }
            blocks.push(block);
        }
        Ok(blocks)
    }

    fn image<'a>(&self, message: usize, image: &'a Image) -> Result<Block<'a>, NoCounterpart> {
        let source = match &image.source {
            ImageSource::Address(url) if url.starts_with("https://") => Source::Url { url },
            ImageSource::Address(url) => {
                let scheme = bounded(url.split(':').next().unwrap_or_default(), 16);
                return Err(NoCounterpart::new(format!(
                    "Message {message} of the {} call has an image at an address of the scheme `{scheme}`, and {OWN} takes only `https`.",
                    self.from
                )));
            }
            ImageSource::Inline { media_type, data } if MEDIA_TYPES.contains(&media_type.as_str()) => {
                Source::Base64 { media_type, data }
            }
            ImageSource::Inline { media_type, .. } => {
                let media_type = bounded(media_type, 64);
                return Err(NoCounterpart::new(format!(
                    "Message {message} of the {} call has an image of the type `{media_type}`, and {OWN} takes only {}.",
                    self.from,
                    MEDIA_TYPES.join(", ")
                )));
            }
        };
        Ok(Block::Image { source })
    }

    fn call<'a>(&mut self, message: usize, number: usize, call: &'a ToolCall) -> Result<Block<'a>, NoCounterpart> {
        let id = match call.id.as_str() {
            "" => {
                let id = format!("call_{message}_{number}");
                self.unanswered.add(id.clone(), &call.name);
                id
            }
            id => fitting(id),
        };
        let input = object(&call.arguments).ok_or_else(|| {
            let name = bounded(&call.name, 64);
            NoCounterpart::new(format!(
                "Message {message} of the {} call calls the tool `{name}` with what is no JSON object, which has no counterpart in {OWN}.",
                self.from
            ))
        })?;
        Ok(Block::ToolUse { id, name: &call.name, input })
    }

    fn result<'a>(&mut self, message: usize, result: &'a ToolResult) -> Result<Block<'a>, NoCounterpart> {
        let tool_use_id = match result.id.as_str() {
            "" => self.answer_to(message, result)?,
            id => fitting(id),
        };
        let mut blocks = Vec::new();
        for part in &result.content {
            match part {
                ResultPart::Text(text) if text.text.trim().is_empty() => {}
                ResultPart::Text(text) => blocks.push(Block::Text { text: &text.text }),
                ResultPart::Image(image) => blocks.push(self.image(message, image)?),
            }
        }
        let content = (!blocks.is_empty()).then(|| content(blocks));
        Ok(Block::ToolResult { tool_use_id, content, is_error: result.is_error })
    }

    /// The first call of this tool that has no result yet.
    fn answer_to(&mut self, message: usize, result: &ToolResult) -> Result<String, NoCounterpart> {
        self.unanswered.take_of(&result.name).ok_or_else(|| {
            let name = bounded(&result.name, 64);
            NoCounterpart::new(format!(
                "Message {message} of the {} call has a result of the tool `{name}` that answers no call before it, and {OWN} needs the \
                 call's id.",
                self.from
            ))
        })
    }
}

/// The vendor takes letters, digits, `_` and `-` in ids. What else there is becomes hexadecimal, so that two ids stay two.
fn fitting(id: &str) -> String {
    let mut fitting = String::with_capacity(id.len());
    for byte in id.bytes() {
        match byte {
            b'_' | b'-' => fitting.push(byte as char),
            _ if byte.is_ascii_alphanumeric() => fitting.push(byte as char),
            _ => fitting.push_str(&format!("_{byte:02x}")),
        }
    }
    fitting
}

/// JSON text of an object; an empty one is that of an object without members.
pub fn object(text: &str) -> Option<Box<RawValue>> {
    let text = text.trim();
    let text = if text.is_empty() { "{}" } else { text };
    let document = Document::parse(Bytes::copy_from_slice(text.as_bytes())).ok()?;
    document.root.as_object()?;
    RawValue::from_string(text.to_owned()).ok()
}

/// A thought that came as a block of this dialect: a cloud that hosts the same models may have another form for it.
pub fn thought_block(family: Family, raw: &str) -> Option<Box<RawValue>> {
    let document =
        Document::parse(Bytes::copy_from_slice(raw.as_bytes())).ok().filter(|_| family == Family::Anthropic)?;
    let kind = document.root.get("type")?.as_str()?;
    matches!(kind, "thinking" | "redacted_thinking").then(|| RawValue::from_string(raw.to_owned()).ok()).flatten()
}
