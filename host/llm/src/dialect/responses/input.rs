//! Reads the conversation: instructions, and a text or items.

use super::request::add_rest;
use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, Text, Thought, ToolCall, ToolResult};
use crate::dialect::Family;
use crate::error::CallError;
use crate::json::{Document, Fields, Value};

/// References to kept items that are named one by one in a message.
const REFERENCES_NAMED_MAX: usize = 4;

/// Adds the messages to the call, and to `state` what of the conversation only the provider has.
pub fn read(
    fields: &Fields<'_>,
    document: &Document,
    call: &mut Call,
    state: &mut Vec<String>,
) -> Result<(), CallError> {
    for member in ["previous_response_id", "conversation"] {
        if fields.get(member).is_some() {
            state.push(member.to_owned());
        }
    }
    // A template that the vendor keeps: taken here, for without it an input is needed.
    let template = fields.get("prompt").is_some();
    if template {
        call.foreign.push("/prompt".to_owned());
    }
    if let Some(text) = fields.text("instructions")? {
        call.messages.push(Message { role: Role::System, parts: vec![Part::Text(text)] });
    }
    match fields.get("input") {
        None if template || !state.is_empty() => {}
        None => return Err(fields.wrong("input", "a string or an array")),
        Some(value) => match (value.as_str(), value.as_array()) {
            (Some(text), _) => {
                let part = Part::Text(Text::at(text, value.span.clone()));
                call.messages.push(Message { role: Role::User, parts: vec![part] });
            }
            (_, Some(items)) => {
                for (number, item) in items.iter().enumerate() {
                    let pointer = format!("/input/{number}");
                    let item = Item { fields: Fields::of(item, format!("input[{number}]"))?, value: item, pointer };
                    item.read(document, call, state)?;
                }
            }
            _ => return Err(fields.wrong("input", "a string or an array")),
        },
    }
    Ok(())
}

struct Item<'a> {
    fields: Fields<'a>,
    value: &'a Value,
    pointer: String,
}

impl Item<'_> {
    fn read(&self, document: &Document, call: &mut Call, state: &mut Vec<String>) -> Result<(), CallError> {
        let fields = &self.fields;
        let kind = match fields.str("type")? {
            Some(kind) => kind,
            None if fields.get("role").is_none() && fields.get("id").is_some() => "item_reference",
            None => "message",
        };
        // The vendor's own names of its items, and how far it came with them.
        for member in ["id", "status"] {
            let _without_effect = fields.get(member);
        }
        match kind {
            "message" => return self.message(call),
            "function_call" => {
                let part = Part::ToolCall(ToolCall {
                    id: fields.required_str("call_id")?.to_owned(),
                    name: fields.required_str("name")?.to_owned(),
                    arguments: fields.required_str("arguments")?.to_owned(),
                    span: fields.get("arguments").map(|value| value.span.clone()),
                    signature: None,
                });
                // That the model itself called it is what is meant everywhere.
                let caller = fields.get("caller").and_then(|caller| caller.get("type")).and_then(Value::as_str);
                if caller.is_some_and(|caller| caller != "direct") {
                    call.foreign.push(format!("{}/caller", self.pointer));
                }
                add_to_turn(call, Role::Assistant, part);
            }
            "function_call_output" => {
                let id = fields.required_str("call_id")?.to_owned();
                let content = self.output(&mut call.foreign)?;
                let result = ToolResult { id, name: String::new(), content, is_error: false };
                add_to_turn(call, Role::Tool, Part::ToolResult(result));
            }
            "reasoning" => {
                let raw = document.raw(self.value).to_owned();
                add_to_turn(call, Role::Assistant, Part::Thought(Thought { family: Family::OpenAi, raw }));
                return Ok(());
            }
            "item_reference" => {
                if state.len() < REFERENCES_NAMED_MAX {
                    state.push(fields.name("id"));
                }
                return Ok(());
            }
            _ => {
                call.foreign.push(self.pointer.clone());
                return Ok(());
            }
        }
        add_rest(fields, &self.pointer, &mut call.foreign);
        Ok(())
    }

    fn message(&self, call: &mut Call) -> Result<(), CallError> {
        let fields = &self.fields;
        let role = match fields.required_str("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" | "developer" => Role::System,
            _ => return Err(fields.wrong("role", "\"user\", \"assistant\", \"system\" or \"developer\"")),
        };
        // Whether it was a comment on the way or the answer: only this vendor's models were taught it.
        let _phase = fields.get("phase");
        let content = fields.required("content")?;
        let parts = match (content.as_str(), content.as_array()) {
            (Some(text), _) => vec![Part::Text(Text::at(text, content.span.clone()))],
            (_, Some(values)) => self.parts("content", values, &mut call.foreign)?,
            _ => return Err(fields.wrong("content", "a string or an array")),
        };
        add_rest(fields, &self.pointer, &mut call.foreign);
        // What was thought and what was called before it are of the same turn; a second message is the client's own beginning.
        let said = |part: &Part| matches!(part, Part::Text(_) | Part::Refusal(_));
        match call.messages.last_mut() {
            Some(last) if role == Role::Assistant && last.role == Role::Assistant && !last.parts.iter().any(said) => {
                last.parts.extend(parts);
            }
            _ => call.messages.push(Message { role, parts }),
        }
        Ok(())
    }

    fn output(&self, foreign: &mut Vec<String>) -> Result<Vec<ResultPart>, CallError> {
        let output = self.fields.required("output")?;
        if let Some(text) = output.as_str() {
            return Ok(vec![ResultPart::Text(Text::at(text, output.span.clone()))]);
        }
        let Some(values) = output.as_array() else { return Err(self.fields.wrong("output", "a string or an array")) };
        let parts = self.parts("output", values, foreign)?;
        Ok(parts
            .into_iter()
            .filter_map(|part| match part {
                Part::Text(text) => Some(ResultPart::Text(text)),
                Part::Image(image) => Some(ResultPart::Image(image)),
                _ => None,
            })
            .collect())
    }

    fn parts(&self, member: &str, values: &[Value], foreign: &mut Vec<String>) -> Result<Vec<Part>, CallError> {
        let mut parts = Vec::new();
        for (number, value) in values.iter().enumerate() {
            let fields = Fields::of(value, format!("{}[{number}]", self.fields.name(member)))?;
            let pointer = format!("{}/{member}/{number}", self.pointer);
            let text = |member: &str| {
                fields.required_str(member)?;
                Ok::<Text, CallError>(fields.text(member)?.unwrap_or_default())
            };
            match (fields.required_str("type")?, member) {
                ("input_text" | "output_text" | "text", _) => {
                    parts.push(Part::Text(text("text")?));
                    // What the vendor added to the text when it gave it.
                    for member in ["annotations", "logprobs"] {
                        let _without_effect = fields.get(member);
                    }
                }
                ("refusal", "content") => parts.push(Part::Refusal(text("refusal")?)),
                ("input_image", _) if fields.get("image_url").is_some() => parts.push(Part::Image(image(&fields)?)),
                // Files that the vendor keeps, documents, sound.
                _ => {
                    foreign.push(pointer);
                    continue;
                }
            }
            let _hint = fields.get("prompt_cache_breakpoint");
            add_rest(&fields, &pointer, foreign);
        }
        Ok(parts)
    }
}

fn image(fields: &Fields<'_>) -> Result<Image, CallError> {
    let address = fields.required_str("image_url")?;
    let source = match address.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("data:")) {
        None => ImageSource::Address(address.to_owned()),
        Some(_) => {
            let inline = address.get(5..).and_then(|rest| rest.split_once(','));
            let inline = inline.and_then(|(head, data)| Some((head.strip_suffix(";base64")?, data)));
            let Some((media_type, data)) = inline.filter(|(media_type, _)| media_type.starts_with("image/")) else {
                let name = fields.name("image_url");
                let message = format!(
                    "`{name}` is a data URL of another form than `data:image/png;base64,…`: write the image's type and its bytes in base64."
                );
                return Err(CallError::new(name, message));
            };
            ImageSource::Inline { media_type: media_type.to_owned(), data: data.to_owned() }
        }
    };
    Ok(Image { source, detail: fields.str("detail")?.map(str::to_owned) })
}

fn add_to_turn(call: &mut Call, role: Role, part: Part) {
    match call.messages.last_mut() {
        Some(last) if last.role == role => last.parts.push(part),
        _ => call.messages.push(Message { role, parts: vec![part] }),
    }
}
