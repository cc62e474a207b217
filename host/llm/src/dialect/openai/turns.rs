//! Prints the messages of a call of another dialect.

use std::borrow::Cow;

use serde::Serialize;

use super::NAME;
use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, ToolCall, ToolResult};
use crate::dialect::said_to_be_error;
use crate::dialect::waiting::Waiting;
use crate::error::NoCounterpart;

#[derive(Serialize)]
pub struct Turn<'a> {
    role: &'static str,
    /// `null` beside calls where nothing is said.
    content: Option<Content<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_calls: Vec<Called<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_call_id: Option<String>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(Cow<'a, str>),
    Parts(Vec<ContentPart<'a>>),
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum ContentPart<'a> {
    Text { text: Cow<'a, str> },
    ImageUrl { image_url: ImageUrl<'a> },
}

#[derive(Serialize)]
struct ImageUrl<'a> {
    url: Cow<'a, str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<&'a str>,
}

#[derive(Serialize)]
struct Called<'a> {
    id: String,
    r#type: &'static str,
    function: Function<'a>,
}

#[derive(Serialize)]
struct Function<'a> {
    name: &'a str,
    arguments: &'a str,
}

pub fn write(call: &Call) -> Result<Vec<Turn<'_>>, NoCounterpart> {
    let mut turns = Vec::with_capacity(call.messages.len());
    let mut waiting = Waiting::default();
    for (number, message) in call.messages.iter().enumerate() {
        // Results must stand right behind the calls, in front of what the user says beside them.
        for part in &message.parts {
            if let Part::ToolResult(result) = part {
                turns.push(result_turn(result, &mut waiting)?);
            }
        }
        turns.extend(turn(message, number, &mut waiting)?);
    }
    match turns.is_empty() {
        true => {
            let from = call.dialect.as_str();
            Err(NoCounterpart::new(format!("The {from} call has no message, and {NAME} needs one.")))
        }
        false => Ok(turns),
    }
}

/// What a message says besides results; none where it was nothing else.
fn turn<'a>(message: &'a Message, number: usize, waiting: &mut Waiting) -> Result<Option<Turn<'a>>, NoCounterpart> {
    let role = match message.role {
        Role::System => "system",
        Role::User | Role::Tool => "user",
        Role::Assistant => "assistant",
    };
    let only_texts = matches!(message.role, Role::System | Role::Assistant);
    let (mut said, mut refusal, mut tool_calls) = (Vec::new(), None::<String>, Vec::new());
    for part in &message.parts {
        match part {
            Part::Text(text) => said.push(ContentPart::Text { text: Cow::Borrowed(&text.text) }),
            Part::Image(image) if !only_texts => said.push(image_part(image)?),
            Part::Image(_) => {
                return Err(NoCounterpart::new(format!(
                    "An image in a message of the {role} has no counterpart in {NAME}."
                )));
            }
            Part::ToolCall(call) if message.role == Role::Assistant => {
                tool_calls.push(called(call, number, tool_calls.len()));
            }
            Part::ToolCall(_) => {
                return Err(NoCounterpart::new(format!(
                    "A tool call in a message of the {role} has no counterpart in {NAME}."
                )));
            }
            Part::Refusal(text) if message.role == Role::Assistant => {
                refusal.get_or_insert_default().push_str(&text.text);
            }
            Part::Refusal(text) => said.push(ContentPart::Text { text: Cow::Borrowed(&text.text) }),
            Part::ToolResult(_) | Part::Thought(_) => {}
        }
    }
    if message.role == Role::Assistant {
        *waiting = Waiting::default();
        tool_calls.iter().for_each(|call| waiting.add(call.id.clone(), call.function.name));
    }
    let only_results = said.is_empty() && message.parts.iter().any(|part| matches!(part, Part::ToolResult(_)));
    if only_results && message.role != Role::Assistant {
        return Ok(None);
    }
    let silent = said.is_empty() && (refusal.is_some() || !tool_calls.is_empty());
    let content = (!silent).then(|| content(said));
    Ok(Some(Turn { role, content, refusal, tool_calls, tool_call_id: None }))
}

fn content(mut parts: Vec<ContentPart<'_>>) -> Content<'_> {
    match (parts.pop(), parts.is_empty()) {
        (None, _) => Content::Text(Cow::Borrowed("")),
        (Some(ContentPart::Text { text }), true) => Content::Text(text),
        (Some(last), _) => {
            parts.push(last);
            Content::Parts(parts)
        }
    }
}

fn image_part(image: &Image) -> Result<ContentPart<'_>, NoCounterpart> {
    let url = match &image.source {
        ImageSource::Address(address) => {
            let scheme = address.split(':').next().unwrap_or_default();
            if !["http", "https"].iter().any(|fetched| scheme.eq_ignore_ascii_case(fetched)) {
                let scheme = crate::error::bounded(scheme, 64);
                let message = format!("An image at an address of the scheme `{scheme}` has no counterpart in {NAME}.");
                return Err(NoCounterpart::new(message));
            }
            Cow::Borrowed(address.as_str())
        }
        ImageSource::Inline { media_type, data } => Cow::Owned(format!("data:{media_type};base64,{data}")),
    };
    Ok(ContentPart::ImageUrl { image_url: ImageUrl { url, detail: image.detail.as_deref() } })
}

/// `number` of the message and `place` in it make an id where the dialect has none.
fn called(call: &ToolCall, number: usize, place: usize) -> Called<'_> {
    let id = if call.id.is_empty() { format!("call_{number}_{place}") } else { call.id.clone() };
    // Vendors that run the arguments through a parser fail on an empty text.
    let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    Called { id, r#type: "function", function: Function { name: &call.name, arguments } }
}

fn result_turn<'a>(result: &'a ToolResult, waiting: &mut Waiting) -> Result<Turn<'a>, NoCounterpart> {
    let mut parts = Vec::with_capacity(result.content.len());
    for part in &result.content {
        match part {
            ResultPart::Text(text) => parts.push(ContentPart::Text { text: Cow::Borrowed(&text.text) }),
            ResultPart::Image(_) => {
                return Err(NoCounterpart::new(format!(
                    "An image in the result of a tool has no counterpart in {NAME}."
                )));
            }
        }
    }
    if result.is_error {
        match parts.first_mut() {
            Some(ContentPart::Text { text }) => *text = said_to_be_error(text),
            _ => parts.insert(0, ContentPart::Text { text: Cow::Borrowed("Error") }),
        }
    }
    let id = id_of(result, waiting).ok_or_else(|| {
        NoCounterpart::new(format!("The result of a tool belongs to no call in front of it, as {NAME} demands."))
    })?;
    Ok(Turn {
        role: "tool",
        content: Some(content(parts)),
        refusal: None,
        tool_calls: Vec::new(),
        tool_call_id: Some(id),
    })
}

/// The result's own id, or that of the first call that waits for a result of this tool.
fn id_of(result: &ToolResult, waiting: &mut Waiting) -> Option<String> {
    match (result.id.as_str(), result.name.as_str()) {
        ("", "") => waiting.take_any(),
        ("", name) => waiting.take_of(name),
        (id, _) => {
            waiting.answer(id);
            Some(id.to_owned())
        }
    }
}
