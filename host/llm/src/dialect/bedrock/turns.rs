//! Prints a conversation as messages in turn.

use serde::Serialize;
use serde_json::value::RawValue;

use super::thought::Reasoning;
use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, ToolCall, ToolResult};
use crate::dialect::Family;
use crate::dialect::waiting::Waiting;
use crate::error::{NoCounterpart, bounded};

const OWN: &str = "bedrock";

/// Of a call's id.
const ID_CHARACTERS_MAX: usize = 64;

#[derive(Debug, Serialize)]
pub struct Turn {
    pub role: &'static str,
    pub content: Vec<Block>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Block {
    Text(String),
    Image(Picture),
    ToolUse(Used),
    ToolResult(Told),
    ReasoningContent(Reasoning),
}

#[derive(Debug, Serialize)]
pub struct Picture {
    format: &'static str,
    source: Source,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    Bytes(String),
    S3Location { uri: String },
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Used {
    tool_use_id: String,
    name: String,
    input: Box<RawValue>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Told {
    tool_use_id: String,
    content: Vec<Block>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub struct System {
    text: String,
}

pub struct Turns {
    pub system: Vec<System>,
    pub messages: Vec<Turn>,
}

pub fn turns(call: &Call) -> Result<Turns, NoCounterpart> {
    let mut writer = Writer {
        from: call.dialect.as_str(),
        system: Vec::new(),
        messages: Vec::new(),
        unanswered: Waiting::default(),
    };
    for (number, message) in call.messages.iter().enumerate() {
        writer.message(number, message)?;
    }
    match writer.messages.first() {
        Some(Turn { role: "user", .. }) => Ok(Turns { system: writer.system, messages: writer.messages }),
        _ => Err(NoCounterpart::new(format!(
            "The {} call does not begin with a message of the user's behind the system's, and {OWN} needs one.",
            writer.from
        ))),
    }
}

struct Writer {
    from: &'static str,
    system: Vec<System>,
    messages: Vec<Turn>,
    /// Calls to which the client gave no id, with the one made for it.
    unanswered: Waiting,
}

impl Writer {
    fn message(&mut self, number: usize, message: &Message) -> Result<(), NoCounterpart> {
        let mut blocks = Vec::new();
        let mut calls = 0;
        for part in &message.parts {
            match part {
                // The vendor refuses blank texts, which say nothing.
                Part::Text(text) | Part::Refusal(text) if text.text.trim().is_empty() => {}
                Part::Text(text) | Part::Refusal(text) if message.role == Role::System => {
                    self.system.push(System { text: text.text.clone() });
                }
                Part::Text(text) | Part::Refusal(text) => blocks.push(Block::Text(text.text.clone())),
                Part::Image(image) if matches!(message.role, Role::User | Role::Tool) => {
                    blocks.push(Block::Image(self.image(number, image)?));
                }
                Part::Image(_) => {
                    return Err(self.refuse(number, "has an image that is not the user's, which has no counterpart in"));
                }
                Part::ToolCall(call) => {
                    blocks.push(self.tool_call((number, calls), call)?);
                    calls += 1;
                }
                Part::ToolResult(result) => blocks.push(self.result(number, result)?),
                Part::Thought(thought) if thought.family == Family::Anthropic => {
                    blocks.extend(Reasoning::read(&thought.raw).map(Block::ReasoningContent));
                }
                Part::Thought(_) => {}
            }
        }
        match message.role {
            Role::System => {}
            Role::Assistant => self.push("assistant", blocks),
            Role::User | Role::Tool => self.push("user", blocks),
        }
        Ok(())
    }

    /// The roles must alternate.
    fn push(&mut self, role: &'static str, mut content: Vec<Block>) {
        match self.messages.last_mut() {
            _ if content.is_empty() => {}
            Some(last) if last.role == role => last.content.append(&mut content),
            _ => self.messages.push(Turn { role, content }),
        }
    }

    fn tool_call(&mut self, (message, call): (usize, usize), called: &ToolCall) -> Result<Block, NoCounterpart> {
        let arguments = match called.arguments.trim() {
            "" => "{}",
            arguments => arguments,
        };
        let input = RawValue::from_string(arguments.to_owned()).ok().filter(|_| arguments.starts_with('{'));
        let Some(input) = input else {
            let name = bounded(&called.name, 64);
            return Err(self.refuse(
                message,
                &format!("calls the tool `{name}` with arguments that are no JSON object, which has no counterpart in"),
            ));
        };
        let tool_use_id = match called.id.as_str() {
            "" => {
                let id = format!("call_{message}_{call}");
                self.unanswered.add(id.clone(), &called.name);
                id
            }
            id => fitting(id),
        };
        Ok(Block::ToolUse(Used { tool_use_id, name: called.name.clone(), input }))
    }

    fn result(&mut self, number: usize, result: &ToolResult) -> Result<Block, NoCounterpart> {
        let tool_use_id = match result.id.as_str() {
            "" => match self.unanswered.take_of(&result.name) {
                Some(id) => id,
                None => {
                    let name = bounded(&result.name, 64);
                    return Err(self.refuse(
                        number,
                        &format!("has a result of the tool `{name}` that answers no call before it; the call's id is needed in"),
                    ));
                }
            },
            id => fitting(id),
        };
        let mut content = Vec::new();
        for part in &result.content {
            match part {
                ResultPart::Text(text) if text.text.trim().is_empty() => {}
                ResultPart::Text(text) => content.push(Block::Text(text.text.clone())),
                ResultPart::Image(image) => content.push(Block::Image(self.image(number, image)?)),
            }
        }
        Ok(Block::ToolResult(Told { tool_use_id, content, status: result.is_error.then_some("error") }))
    }

    fn image(&self, number: usize, image: &Image) -> Result<Picture, NoCounterpart> {
        let (media_type, source) = match &image.source {
            ImageSource::Inline { media_type, data } => (media_type.clone(), Source::Bytes(data.clone())),
            ImageSource::Address(address) if address.starts_with("s3://") => {
                let end = address.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
                (format!("image/{end}"), Source::S3Location { uri: address.clone() })
            }
            ImageSource::Address(_) => {
                return Err(self.refuse(
                    number,
                    "has an image by its address, which the provider does not fetch; send the image itself for",
                ));
            }
        };
        let format = match media_type.to_ascii_lowercase().as_str() {
            "image/png" => "png",
            "image/jpeg" | "image/jpg" => "jpeg",
            "image/gif" => "gif",
            "image/webp" => "webp",
            _ => {
                let media_type = bounded(&media_type, 64);
                return Err(self
                    .refuse(number, &format!("has an image of the type `{media_type}`, which has no counterpart in")));
            }
        };
        Ok(Picture { format, source })
    }

    fn refuse(&self, number: usize, what: &str) -> NoCounterpart {
        NoCounterpart::new(format!("Message {number} of the {} call {what} {OWN}.", self.from))
    }
}

/// An id in the letters and the length that the models take, the same for a call and its result. One that has to be changed ends with
/// its own checksum, so that two stay two.
fn fitting(id: &str) -> String {
    let fits = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    if id.len() <= ID_CHARACTERS_MAX && id.chars().all(fits) {
        return id.to_owned();
    }
    let sum = format!("_{:08x}", crc32fast::hash(id.as_bytes()));
    let begin: String =
        id.chars().take(ID_CHARACTERS_MAX - sum.len()).map(|letter| if fits(letter) { letter } else { '_' }).collect();
    begin + &sum
}
