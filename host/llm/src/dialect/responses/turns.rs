//! Prints a conversation as items, in its order.

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, ToolCall, ToolResult};
use crate::dialect::waiting::Waiting;
use crate::dialect::{Family, said_to_be_error};
use crate::error::NoCounterpart;

#[derive(Serialize)]
#[serde(untagged)]
pub enum Item<'a> {
    Message {
        r#type: &'static str,
        role: &'static str,
        content: Body<'a>,
    },
    Call {
        r#type: &'static str,
        call_id: String,
        name: &'a str,
        arguments: &'a str,
    },
    Output {
        r#type: &'static str,
        call_id: String,
        output: Body<'a>,
    },
    /// What was thought, as it came.
    Thought(Box<RawValue>),
}

/// One text stands alone: the assistant's parts would need ids and states that only the vendor gives.
#[derive(Serialize)]
#[serde(untagged)]
pub enum Body<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<Content<'a>>),
}

#[derive(Serialize)]
#[serde(untagged)]
pub enum Content<'a> {
    Text {
        r#type: &'static str,
        text: Cow<'a, str>,
    },
    Refusal {
        r#type: &'static str,
        refusal: &'a str,
    },
    Image {
        r#type: &'static str,
        image_url: String,
        /// Some servers demand it.
        detail: &'a str,
    },
}

pub fn items(call: &Call) -> Result<Vec<Item<'_>>, NoCounterpart> {
    let mut writer =
        Writer { from: call.dialect.as_str(), items: Vec::new(), content: Vec::new(), unanswered: Waiting::default() };
    for (number, message) in call.messages.iter().enumerate() {
        writer.message(number, message)?;
    }
    Ok(writer.items)
}

struct Writer<'a> {
    from: &'static str,
    items: Vec<Item<'a>>,
    /// Of the message under way.
    content: Vec<Content<'a>>,
    /// Calls to which the client gave no id, with the one made for it.
    unanswered: Waiting,
}

impl<'a> Writer<'a> {
    fn message(&mut self, number: usize, message: &'a Message) -> Result<(), NoCounterpart> {
        let role = match message.role {
            Role::System => "system",
            Role::User | Role::Tool => "user",
            Role::Assistant => "assistant",
        };
        let mut calls = 0;
        for part in &message.parts {
            match part {
                // What the assistant said is output, all else is input.
                Part::Text(text) => {
                    let r#type = if message.role == Role::Assistant { "output_text" } else { "input_text" };
                    self.content.push(Content::Text { r#type, text: Cow::Borrowed(&text.text) });
                }
                Part::Refusal(text) if message.role == Role::Assistant => {
                    self.content.push(Content::Refusal { r#type: "refusal", refusal: &text.text });
                }
                Part::Refusal(text) => {
                    self.content.push(Content::Text { r#type: "input_text", text: Cow::Borrowed(&text.text) })
                }
                Part::Image(_) if message.role == Role::Assistant => {
                    return Err(NoCounterpart::new(format!(
                        "Message {number} of the {} call has an image of the assistant's, which has no counterpart in openai-responses.",
                        self.from
                    )));
                }
                Part::Image(image) => self.content.push(self::image(image)),
                Part::ToolCall(call) => {
                    self.close_message(role);
                    self.call(number, calls, call);
                    calls += 1;
                }
                Part::ToolResult(result) => {
                    self.close_message(role);
                    self.result(number, result)?;
                }
                Part::Thought(thought) => {
                    if let Some(raw) = reasoning_item(thought.family, &thought.raw) {
                        self.close_message(role);
                        self.items.push(Item::Thought(raw));
                    }
                }
            }
        }
        self.close_message(role);
        Ok(())
    }

    fn close_message(&mut self, role: &'static str) {
        if !self.content.is_empty() {
            let content = match self.content.as_slice() {
                [Content::Text { text, .. }] => Body::Text(text.clone()),
                _ => Body::Parts(std::mem::take(&mut self.content)),
            };
            self.content.clear();
            self.items.push(Item::Message { r#type: "message", role, content });
        }
    }

    fn call(&mut self, message: usize, number: usize, call: &'a ToolCall) {
        let call_id = match call.id.as_str() {
            "" => {
                let id = format!("call_{message}_{number}");
                self.unanswered.add(id.clone(), &call.name);
                id
            }
            id => id.to_owned(),
        };
        let arguments = if call.arguments.trim().is_empty() { "{}" } else { &call.arguments };
        self.items.push(Item::Call { r#type: "function_call", call_id, name: &call.name, arguments });
    }

    fn result(&mut self, message: usize, result: &'a ToolResult) -> Result<(), NoCounterpart> {
        let call_id = match result.id.as_str() {
            "" => self.answer_to(message, result)?,
            id => id.to_owned(),
        };
        let mut parts: Vec<Content<'_>> = result.content.iter().map(result_part).collect();
        if result.is_error {
            match parts.first_mut() {
                Some(Content::Text { text, .. }) => *text = said_to_be_error(text),
                _ => parts.insert(0, Content::Text { r#type: "input_text", text: Cow::Borrowed("Error") }),
            }
        }
        let output = match parts.as_mut_slice() {
            [] => Body::Text(Cow::Borrowed("")),
            [Content::Text { text, .. }] => Body::Text(std::mem::take(text)),
            _ => Body::Parts(parts),
        };
        self.items.push(Item::Output { r#type: "function_call_output", call_id, output });
        Ok(())
    }

    /// The first call of this tool that has no result yet.
    fn answer_to(&mut self, message: usize, result: &ToolResult) -> Result<String, NoCounterpart> {
        self.unanswered.take_of(&result.name).ok_or_else(|| {
            NoCounterpart::new(format!(
                "Message {message} of the {} call has a result of the tool `{}` that answers no call before it, and openai-responses \
                 needs the call's id.",
                self.from,
                crate::error::bounded(&result.name, 64)
            ))
        })
    }
}

fn result_part(part: &ResultPart) -> Content<'_> {
    match part {
        ResultPart::Text(text) => Content::Text { r#type: "input_text", text: Cow::Borrowed(&text.text) },
        ResultPart::Image(image) => self::image(image),
    }
}

fn image(image: &Image) -> Content<'_> {
    let image_url = match &image.source {
        ImageSource::Address(address) => address.clone(),
        ImageSource::Inline { media_type, data } => format!("data:{media_type};base64,{data}"),
    };
    Content::Image { r#type: "input_image", image_url, detail: image.detail.as_deref().unwrap_or("auto") }
}

/// A thought that came as an item of this dialect. The same vendor's other dialect has its own form, which is not one.
fn reasoning_item(family: Family, raw: &str) -> Option<Box<RawValue>> {
    #[derive(serde::Deserialize)]
    struct Kind {
        r#type: String,
    }
    let kind: Kind = serde_json::from_str(raw).ok()?;
    let ours = family == Family::OpenAi && kind.r#type == "reasoning";
    ours.then(|| RawValue::from_string(raw.to_owned()).ok()).flatten()
}
