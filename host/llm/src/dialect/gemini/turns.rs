//! Prints a conversation as contents, in its order.

use std::collections::HashMap;

use super::parts::{Called, Content, Part, Responded, Sealed, Told, object};
use crate::call::{self, Call, Image, ImageSource, Message, ResultPart, Role, ToolCall, ToolResult};
use crate::dialect::Family;
use crate::error::{NoCounterpart, bounded};

const OWN: &str = "gemini";
const MODEL: Option<&str> = Some("model");
const USER: Option<&str> = Some("user");

/// Google's documented stand-in where a call comes from another model and has no sign.
const UNSIGNED: &str = "skip_thought_signature_validator";

/// Models of these names know no signs, or do not demand them.
const UNSIGNED_MODELS: [&str; 2] = ["gemini-1", "gemini-2"];

pub struct Turns {
    pub system: Option<Content>,
    pub contents: Vec<Content>,
}

pub fn turns(call: &Call, model: &str) -> Result<Turns, NoCounterpart> {
    let from = call.dialect.as_str();
    let signs = !UNSIGNED_MODELS.iter().any(|old| model.starts_with(old));
    let mut writer = Writer {
        call,
        names: call.tool_names(),
        signs,
        system: Vec::new(),
        contents: Vec::new(),
        only_results: false,
        has_call: false,
    };
    for (number, message) in call.messages.iter().enumerate() {
        writer.message(number, message)?;
    }
    if writer.contents.is_empty() {
        return Err(NoCounterpart::new(format!(
            "The {from} call has no message but the system's, and {OWN} needs one of the user."
        )));
    }
    let system = (!writer.system.is_empty()).then_some(Content { role: None, parts: writer.system });
    Ok(Turns { system, contents: writer.contents })
}

struct Writer<'a> {
    call: &'a Call,
    /// Of the tools, by the ids of their calls.
    names: HashMap<&'a str, &'a str>,
    signs: bool,
    system: Vec<Part>,
    contents: Vec<Content>,
    /// Whether the last content has nothing but results of tools.
    only_results: bool,
    /// Whether the model's turn under way has a call.
    has_call: bool,
}

impl Writer<'_> {
    fn message(&mut self, number: usize, message: &Message) -> Result<(), NoCounterpart> {
        let mut parts = Vec::new();
        let mut sign = None;
        // What the assistant says in a row is one turn.
        self.has_call &= self.contents.last().is_some_and(|last| last.role == MODEL);
        for part in &message.parts {
            match part {
                call::Part::Text(text) | call::Part::Refusal(text) => {
                    // The vendor refuses a part without text.
                    parts.extend((!text.text.is_empty()).then(|| Part::text(&text.text)));
                }
                call::Part::Image(_) if message.role == Role::System => {
                    return Err(self.refuse(number, "has an image of the system's, which has no counterpart in"));
                }
                call::Part::Image(image) => parts.push(self::image(image)),
                call::Part::ToolCall(call) => parts.push(self.tool_call(number, call, sign.take())?),
                call::Part::ToolResult(result) => parts.push(self.result(number, result)?),
                call::Part::Thought(thought) if thought.family == Family::Gemini => match Sealed::read(&thought.raw) {
                    Some(Sealed::Part(raw)) => parts.push(Part::Raw(raw)),
                    Some(Sealed::OfCall(signature)) => sign = Some(signature),
                    None => {}
                },
                call::Part::Thought(_) => {}
            }
        }
        match message.role {
            Role::System => self.system.append(&mut parts),
            Role::Assistant => self.push(MODEL, parts),
            Role::User | Role::Tool => self.push(USER, parts),
        }
        Ok(())
    }

    /// The results of one turn's calls must stand in one content, and what the assistant said in a row is one turn.
    fn push(&mut self, role: Option<&'static str>, mut parts: Vec<Part>) {
        if parts.is_empty() {
            return;
        }
        let only_results = parts.iter().all(Part::is_response);
        let joins = role == MODEL || (self.only_results && only_results);
        match self.contents.last_mut().filter(|last| last.role == role && joins) {
            Some(last) => last.parts.append(&mut parts),
            None => {
                self.contents.push(Content { role, parts });
                self.only_results = only_results;
            }
        }
    }

    fn tool_call(&mut self, number: usize, call: &ToolCall, sign: Option<String>) -> Result<Part, NoCounterpart> {
        let Some(args) = object(&call.arguments) else {
            let name = bounded(&call.name, 64);
            return Err(self.refuse(
                number,
                &format!("calls the tool `{name}` with arguments that are no JSON object, which has no counterpart in"),
            ));
        };
        let own = call.signature.as_ref().filter(|(family, _)| *family == Family::Gemini);
        let sign = sign.or_else(|| own.map(|(_, signature)| signature.clone()));
        // Only the first call of a turn has one.
        let first = !std::mem::replace(&mut self.has_call, true);
        let sign = sign.or_else(|| (self.signs && first).then(|| UNSIGNED.to_owned()));
        Ok(Part::call(Called { id: call.id.clone(), name: call.name.clone(), args }, sign))
    }

    fn result(&self, number: usize, result: &ToolResult) -> Result<Part, NoCounterpart> {
        let name = match result.name.as_str() {
            "" => self.names.get(result.id.as_str()).copied(),
            name => Some(name),
        };
        let Some(name) = name else {
            let id = bounded(&result.id, 64);
            return Err(self.refuse(
                number,
                &format!("has a result for `{id}`, which is no call before it; the tool's name is needed in"),
            ));
        };
        let mut texts = Vec::new();
        let mut parts = Vec::new();
        for part in &result.content {
            match part {
                ResultPart::Text(text) => texts.push(text.text.as_str()),
                ResultPart::Image(Image { source: ImageSource::Inline { media_type, data }, .. }) => {
                    parts.push(Part::inline(media_type, data));
                }
                ResultPart::Image(_) => {
                    return Err(self.refuse(
                        number,
                        "has an image by its address in a tool's result, which has no counterpart in",
                    ));
                }
            }
        }
        let text = texts.join("\n");
        let response = if result.is_error { Told::Error(text) } else { Told::Output(text) };
        Ok(Part::response(Responded { id: result.id.clone(), name: name.to_owned(), response, parts }))
    }

    fn refuse(&self, number: usize, what: &str) -> NoCounterpart {
        NoCounterpart::new(format!("Message {number} of the {} call {what} {OWN}.", self.call.dialect.as_str()))
    }
}

fn image(image: &Image) -> Part {
    match &image.source {
        ImageSource::Inline { media_type, data } => Part::inline(media_type, data),
        ImageSource::Address(address) => Part::file(media_type(address), address),
    }
}

/// As far as the address says it.
fn media_type(address: &str) -> Option<&'static str> {
    let path = address.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    let types = [
        (".png", "image/png"),
        (".jpg", "image/jpeg"),
        (".jpeg", "image/jpeg"),
        (".webp", "image/webp"),
        (".gif", "image/gif"),
        (".heic", "image/heic"),
        (".heif", "image/heif"),
    ];
    types.iter().find(|(end, _)| path.ends_with(end)).map(|(_, media_type)| *media_type)
}
