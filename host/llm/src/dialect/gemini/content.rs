//! Reads contents as messages, and gives ids to calls and results that have none.

use serde::Serialize;

use super::members::Members;
use super::parts::standard_base64;
use crate::call::{Image, ImageSource, Message, Part, ResultPart, Role, Text, Thought, ToolCall, ToolResult};
use crate::dialect::Family;
use crate::dialect::waiting::Waiting;
use crate::error::CallError;
use crate::json::Document;

const DATA: [&str; 5] = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];

/// Members that clients wrap a plain result in, as the vendor documents.
const RESULTS: [&str; 2] = ["output", "result"];

pub struct Contents<'a> {
    document: &'a Document,
    /// Pointers to what could not be taken.
    pub foreign: Vec<String>,
    /// Calls without a result so far.
    unanswered: Waiting,
}

/// A part that only carries what must come back.
#[derive(Serialize)]
struct Signature<'a> {
    text: &'static str,
    #[serde(rename = "thoughtSignature")]
    signature: &'a str,
}

impl<'a> Contents<'a> {
    pub fn new(document: &'a Document) -> Contents<'a> {
        Contents { document, foreign: Vec::new(), unanswered: Waiting::default() }
    }

    /// `number` is the content's, for the ids of its calls.
    pub fn read(&mut self, content: &Members<'_>, number: usize, role: Option<Role>) -> Result<Message, CallError> {
        let said = content.str("role")?;
        let role = match (role, said.unwrap_or("user")) {
            (Some(role), _) => role,
            (None, "user") => Role::User,
            (None, "model") => Role::Assistant,
            // The vendor's own clients say either.
            (None, "function" | "tool") => Role::Tool,
            (None, _) => return Err(content.wrong("role", "\"user\", \"model\" or \"tool\"")),
        };
        let mut message = Message { role, parts: Vec::new() };
        let mut calls = 0;
        for part in content.objects("parts")?.ok_or_else(|| content.missing("parts"))? {
            self.part(&part, &mut message, (number, &mut calls))?;
            part.rest_into(&mut self.foreign);
        }
        content.rest_into(&mut self.foreign);
        Ok(message)
    }

    fn part(
        &mut self,
        part: &Members<'_>,
        message: &mut Message,
        (content, calls): (usize, &mut usize),
    ) -> Result<(), CallError> {
        let signature = part.str("thoughtSignature")?;
        // Only what the model itself said or called is a thought: the mark hides no other text or result.
        let thought = part.bool("thought")? == Some(true) && message.role == Role::Assistant;
        let parts = &mut message.parts;
        // What clients say of a part for themselves.
        part.get("partMetadata");
        let mut found = DATA.iter().filter(|name| part.get(name).is_some());
        let (kind, second) = (found.next(), found.next());
        if let Some(second) = second {
            let name = part.name(second);
            return Err(CallError::new(name.clone(), format!("`{name}` must not stand beside another kind of part.")));
        }
        match kind.copied() {
            Some("text" | "functionCall") if thought => {
                let raw = self.document.raw(part.value()).to_owned();
                parts.push(Part::Thought(Thought { family: Family::Gemini, raw }));
            }
            Some("text") => {
                let text = part.text("text")?.unwrap_or_default();
                let empty = text.text.is_empty();
                if !(empty && signature.is_some()) {
                    parts.push(Part::Text(text));
                }
                parts.extend(signature.map(sealed));
            }
            Some("functionCall") => {
                let number = *calls;
                *calls += 1;
                parts.push(Part::ToolCall(self.call(part, (content, number), signature)?));
            }
            Some("functionResponse") => {
                let response = part.required_object("functionResponse")?;
                let result = self.result(&response)?;
                response.rest_into(&mut self.foreign);
                parts.push(Part::ToolResult(result));
            }
            Some(kind) => match image(part, &mut self.foreign)? {
                Some(image) => parts.push(Part::Image(image)),
                None => self.foreign.push(part.pointer(kind)),
            },
            None if signature.is_some() => parts.extend(signature.map(sealed)),
            // Of a kind that is not known here.
            None if part.has_rest() => {}
            None => {
                let name = part.name("");
                let name = name.trim_end_matches('.');
                return Err(CallError::new(name, format!("`{name}` must have one of {}.", DATA.join(", "))));
            }
        }
        Ok(())
    }

    fn call(
        &mut self,
        part: &Members<'_>,
        (content, number): (usize, usize),
        signature: Option<&str>,
    ) -> Result<ToolCall, CallError> {
        let call = part.required_object("functionCall")?;
        let name = call.required_str("name")?.to_owned();
        let id = call.str("id")?.filter(|id| !id.is_empty());
        let id = id.map_or_else(|| format!("call_{content}_{number}"), str::to_owned);
        call.object("args")?;
        let args = call.get("args");
        let arguments = args.map_or("{}", |args| self.document.raw(args)).to_owned();
        call.rest_into(&mut self.foreign);
        self.unanswered.add(id.clone(), &name);
        let signature = signature.map(|signature| (Family::Gemini, signature.to_owned()));
        Ok(ToolCall { id, name, arguments, span: args.map(|args| args.span.clone()), signature })
    }

    fn result(&mut self, response: &Members<'_>) -> Result<ToolResult, CallError> {
        let name = response.required_str("name")?.to_owned();
        let said = response.str("id")?.filter(|id| !id.is_empty());
        let id = match said {
            Some(id) => {
                self.unanswered.answer(id);
                id.to_owned()
            }
            None => self.unanswered.take_of(&name).unwrap_or_default(),
        };
        let told = response.object("response")?;
        let value = response.get("response").ok_or_else(|| response.missing("response"))?;
        let alone = value.as_object().is_some_and(|members| members.len() == 1);
        let told = told.filter(|_| alone);
        let member = |name: &str| told.as_ref().and_then(|told| told.get(name));
        let plain = RESULTS.iter().find_map(|name| member(name));
        let error = member("error");
        let said = plain.or(error).unwrap_or(value);
        let text = Text::at(said.as_str().unwrap_or_else(|| self.document.raw(said)), said.span.clone());
        let mut content = vec![ResultPart::Text(text)];
        for part in response.objects("parts")?.unwrap_or_default() {
            match image(&part, &mut self.foreign)? {
                Some(image) => content.push(ResultPart::Image(image)),
                None => self.foreign.push(part.own_pointer().to_owned()),
            }
            part.rest_into(&mut self.foreign);
        }
        Ok(ToolResult { id, name, content, is_error: error.is_some() })
    }
}

fn sealed(signature: &str) -> Part {
    let raw = serde_json::to_string(&Signature { text: "", signature }).unwrap_or_default();
    Part::Thought(Thought { family: Family::Gemini, raw })
}

/// None where it is none, or lies in a store that only this vendor reads.
fn image(part: &Members<'_>, foreign: &mut Vec<String>) -> Result<Option<Image>, CallError> {
    let is_image = |media_type: &str| media_type.starts_with("image/");
    let source = if let Some(inline) = part.object("inlineData")? {
        let media_type = inline.required_str("mimeType")?;
        let data = inline.required_str("data")?;
        inline.rest_into(foreign);
        is_image(media_type)
            .then(|| ImageSource::Inline { media_type: media_type.to_owned(), data: standard_base64(data) })
    } else if let Some(file) = part.object("fileData")? {
        let address = file.required_str("fileUri")?;
        let fetched = address.starts_with("https://") || address.starts_with("http://");
        let kept = address.starts_with("https://generativelanguage.googleapis.com/");
        let is_image = file.str("mimeType")?.is_some_and(is_image);
        file.rest_into(foreign);
        (fetched && !kept && is_image).then(|| ImageSource::Address(address.to_owned()))
    } else {
        None
    };
    Ok(source.map(|source| Image { source, detail: None }))
}
