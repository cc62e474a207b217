//! Reads the conversation: the system's texts, and messages of blocks.

use super::request::add_rest;
use super::write::is_unsigned;
use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, Text, Thought, ToolCall, ToolResult};
use crate::dialect::Family;
use crate::error::CallError;
use crate::json::{Document, Fields, Value};

pub fn read(fields: &Fields<'_>, document: &Document, call: &mut Call) -> Result<(), CallError> {
    let mut reader = Reader { document, foreign: &mut call.foreign };
    if fields.get("system").is_some() {
        let parts = reader.parts(fields, "system", "/system", Role::System)?;
        call.messages.push(Message { role: Role::System, parts });
    }
    fields.required("messages")?;
    let messages = fields.array("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Err(CallError::new("messages", "`messages` is empty: at least one message is needed."));
    }
    for (number, value) in messages.iter().enumerate() {
        let message = Fields::of(value, format!("messages[{number}]"))?;
        let role = match message.required_str("role")? {
            "user" => Role::User,
            "assistant" => Role::Assistant,
            "system" => Role::System,
            _ => return Err(message.wrong("role", "\"user\", \"assistant\" or \"system\"")),
        };
        message.required("content")?;
        let pointer = format!("/messages/{number}");
        let parts = reader.parts(&message, "content", &format!("{pointer}/content"), role)?;
        add_rest(&message, &pointer, reader.foreign);
        call.messages.push(Message { role, parts });
    }
    Ok(())
}

struct Reader<'a> {
    document: &'a Document,
    foreign: &'a mut Vec<String>,
}

impl Reader<'_> {
    /// A text alone, or blocks.
    fn parts(&mut self, fields: &Fields<'_>, member: &str, pointer: &str, role: Role) -> Result<Vec<Part>, CallError> {
        let mut parts = Vec::new();
        let Some(value) = fields.get(member) else { return Ok(parts) };
        if let Some(text) = value.as_str() {
            return Ok(vec![Part::Text(Text::at(text, value.span.clone()))]);
        }
        let blocks = value.as_array().ok_or_else(|| fields.wrong(member, "a string or an array of blocks"))?;
        for (number, value) in blocks.iter().enumerate() {
            let block = Fields::of(value, format!("{}[{number}]", fields.name(member)))?;
            parts.extend(self.block(&block, value, &format!("{pointer}/{number}"), role)?);
        }
        Ok(parts)
    }

    /// None is foreign, and named.
    fn block(
        &mut self,
        block: &Fields<'_>,
        value: &Value,
        pointer: &str,
        role: Role,
    ) -> Result<Option<Part>, CallError> {
        let kind = block.required_str("type")?;
        let owner = match kind {
            "image" | "tool_result" => Some(Role::User),
            "tool_use" | "thinking" | "redacted_thinking" => Some(Role::Assistant),
            _ => None,
        };
        if owner.is_some_and(|owner| owner != role) {
            let owner = if owner == Some(Role::User) { "user" } else { "assistant" };
            let param = block.name("type");
            let message = format!("`{param}` is \"{kind}\", which stands only in messages of the role \"{owner}\".");
            return Err(CallError::new(param, message));
        }
        let part = match kind {
            "text" => Part::Text(self.text(block, pointer)?),
            "image" => match self.image(block, pointer)? {
                Some(image) => Part::Image(image),
                None => return Ok(None),
            },
            "tool_use" => Part::ToolCall(self.tool_call(block, pointer)?),
            "tool_result" => Part::ToolResult(self.tool_result(block, pointer)?),
            // Another vendor's, which the gateway showed in this form.
            "thinking" if is_unsigned(value) => return Ok(None),
            "thinking" | "redacted_thinking" => {
                let raw = self.document.raw(value).to_owned();
                return Ok(Some(Part::Thought(Thought { family: Family::Anthropic, raw })));
            }
            _ => {
                self.foreign.push(pointer.to_owned());
                return Ok(None);
            }
        };
        let _without_effect = block.get("cache_control");
        add_rest(block, pointer, self.foreign);
        Ok(Some(part))
    }

    fn text(&mut self, block: &Fields<'_>, pointer: &str) -> Result<Text, CallError> {
        block.required_str("text")?;
        if block.array("citations")?.is_some_and(|citations| !citations.is_empty()) {
            self.foreign.push(format!("{pointer}/citations"));
        }
        Ok(block.text("text")?.unwrap_or_default())
    }

    fn image(&mut self, block: &Fields<'_>, pointer: &str) -> Result<Option<Image>, CallError> {
        block.required("source")?;
        let Some(source) = block.object("source")? else { return Ok(None) };
        let image = match source.required_str("type")? {
            "base64" => ImageSource::Inline {
                media_type: source.required_str("media_type")?.to_owned(),
                data: source.required_str("data")?.to_owned(),
            },
            "url" => ImageSource::Address(source.required_str("url")?.to_owned()),
            _ => {
                self.foreign.push(format!("{pointer}/source"));
                return Ok(None);
            }
        };
        add_rest(&source, &format!("{pointer}/source"), self.foreign);
        Ok(Some(Image { source: image, detail: None }))
    }

    fn tool_call(&mut self, block: &Fields<'_>, pointer: &str) -> Result<ToolCall, CallError> {
        let input = block.required("input")?;
        if input.as_object().is_none() {
            return Err(block.wrong("input", "an object"));
        }
        if let Some(caller) = block.object("caller")?
            && caller.str("type")? != Some("direct")
        {
            self.foreign.push(format!("{pointer}/caller"));
        }
        Ok(ToolCall {
            id: block.required_str("id")?.to_owned(),
            name: block.required_str("name")?.to_owned(),
            arguments: self.document.raw(input).to_owned(),
            span: Some(input.span.clone()),
            signature: None,
        })
    }

    fn tool_result(&mut self, block: &Fields<'_>, pointer: &str) -> Result<ToolResult, CallError> {
        let id = block.required_str("tool_use_id")?.to_owned();
        let is_error = block.bool("is_error")?.unwrap_or(false);
        let parts = self.parts(block, "content", &format!("{pointer}/content"), Role::User)?;
        let content = parts
            .into_iter()
            .map(|part| match part {
                Part::Text(text) => Ok(ResultPart::Text(text)),
                Part::Image(image) => Ok(ResultPart::Image(image)),
                _ => Err(block.wrong("content", "a string or an array of blocks of text and images")),
            })
            .collect::<Result<_, _>>()?;
        Ok(ToolResult { id, name: String::new(), content, is_error })
    }
}
