//! Reads the messages of a chat call.

use super::request::note_rest;
use crate::call::{Call, Image, ImageSource, Message, Part, ResultPart, Role, Text, ToolCall, ToolResult};
use crate::error::CallError;
use crate::json::{Fields, Value};

/// What an earlier answer had and a client sends back with it: it is shown, and nothing of it is asked.
/// Thoughts among it go back to the same dialect with the client's own bytes, and to no other.
const ECHOED: [&str; 4] = ["annotations", "reasoning", "reasoning_content", "reasoning_details"];

/// A hint for a provider's cache.
const CACHE_HINT: &str = "cache_control";

pub fn read(fields: &Fields<'_>, call: &mut Call) -> Result<(), CallError> {
    fields.required("messages")?;
    let messages = fields.array("messages")?.unwrap_or_default();
    if messages.is_empty() {
        return Err(CallError::new("messages", "`messages` is empty: send at least one message."));
    }
    for (number, value) in messages.iter().enumerate() {
        let message = Fields::of(value, format!("messages[{number}]"))?;
        let message = read_message(&message, &format!("/messages/{number}"), &mut call.foreign)?;
        call.messages.push(message);
    }
    Ok(())
}

fn read_message(message: &Fields<'_>, pointer: &str, foreign: &mut Vec<String>) -> Result<Message, CallError> {
    let role = match message.required_str("role")? {
        "system" | "developer" => Role::System,
        "user" => Role::User,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        "function" => return Err(legacy(message, "role", "send the result as a message with the role \"tool\"")),
        _ => return Err(message.wrong("role", "\"system\", \"developer\", \"user\", \"assistant\" or \"tool\"")),
    };
    let mut parts = read_content(message, role, pointer, foreign)?;
    match role {
        Role::Tool => {
            let id = message.required_str("tool_call_id")?.to_owned();
            let name = message.str("name")?.unwrap_or_default().to_owned();
            let content = parts.into_iter().filter_map(result_part).collect();
            parts = vec![Part::ToolResult(ToolResult { id, name, content, is_error: false })];
        }
        Role::Assistant => {
            parts.extend(message.text("refusal")?.map(Part::Refusal));
            read_calls(message, pointer, &mut parts, foreign)?;
        }
        Role::System | Role::User => {}
    }
    let echoed: &[&str] = if role == Role::Assistant { &ECHOED } else { &[] };
    note_rest(message, pointer, &[echoed, &[CACHE_HINT]].concat(), foreign);
    Ok(Message { role, parts })
}

fn legacy(fields: &Fields<'_>, member: &str, remedy: &str) -> CallError {
    let name = fields.name(member);
    CallError::new(name.clone(), format!("`{name}` is of functions, which are not supported any more: {remedy}."))
}

fn result_part(part: Part) -> Option<ResultPart> {
    match part {
        Part::Text(text) | Part::Refusal(text) => Some(ResultPart::Text(text)),
        Part::Image(image) => Some(ResultPart::Image(image)),
        _ => None,
    }
}

fn read_content(
    message: &Fields<'_>,
    role: Role,
    pointer: &str,
    foreign: &mut Vec<String>,
) -> Result<Vec<Part>, CallError> {
    let content = match message.get("content") {
        // An assistant that called tools or refused said nothing else.
        None if role == Role::Assistant => return Ok(Vec::new()),
        None => message.required("content")?,
        Some(content) => content,
    };
    if let Some(text) = content.as_str() {
        let silent = text.is_empty() && role == Role::Assistant;
        return Ok(if silent { Vec::new() } else { vec![Part::Text(Text::at(text, content.span.clone()))] });
    }
    let values = content.as_array().ok_or_else(|| message.wrong("content", "a string or an array of parts"))?;
    let mut parts = Vec::with_capacity(values.len());
    for (number, value) in values.iter().enumerate() {
        let part = Fields::of(value, format!("{}[{number}]", message.name("content")))?;
        parts.extend(read_part(&part, &format!("{pointer}/content/{number}"), foreign)?);
    }
    Ok(parts)
}

fn read_part(part: &Fields<'_>, pointer: &str, foreign: &mut Vec<String>) -> Result<Option<Part>, CallError> {
    let read = match part.required_str("type")? {
        // Some servers take the words of the vendor's other dialect too.
        "text" | "input_text" | "output_text" => Part::Text(required_text(part, "text")?),
        "refusal" => Part::Refusal(required_text(part, "refusal")?),
        "image_url" => Part::Image(read_image(part, pointer, foreign)?),
        // Audio, files, Mistral's form of a thought, which its models read as text, and what is newer than this reader.
        _ => {
            foreign.push(pointer.to_owned());
            return Ok(None);
        }
    };
    note_rest(part, pointer, &[CACHE_HINT], foreign);
    Ok(Some(read))
}

fn required_text(fields: &Fields<'_>, member: &str) -> Result<Text, CallError> {
    fields.required(member)?;
    Ok(fields.text(member)?.unwrap_or_default())
}

fn read_image(part: &Fields<'_>, pointer: &str, foreign: &mut Vec<String>) -> Result<Image, CallError> {
    let value = part.required("image_url")?;
    // Mistral's clients send the address alone.
    if let Some(url) = value.as_str() {
        return Ok(Image { source: image_source(url, &part.name("image_url"))?, detail: None });
    }
    let image = Fields::of(value, part.name("image_url"))?;
    let source = image_source(image.required_str("url")?, &image.name("url"))?;
    let detail = image.str("detail")?.map(str::to_owned);
    note_rest(&image, &format!("{pointer}/image_url"), &[], foreign);
    Ok(Image { source, detail })
}

fn image_source(url: &str, param: &str) -> Result<ImageSource, CallError> {
    let (scheme, rest) = url.split_once(':').unwrap_or_default();
    if scheme.is_empty() {
        return Err(CallError::new(param, format!("`{param}` must be an address such as `https://…` or a data URI.")));
    }
    if !scheme.eq_ignore_ascii_case("data") {
        return Ok(ImageSource::Address(url.to_owned()));
    }
    let inline = rest.split_once(',').and_then(|(kind, data)| Some((kind.strip_suffix(";base64")?, data)));
    let inline = inline.filter(|(kind, data)| kind.contains('/') && !data.is_empty());
    let Some((kind, data)) = inline else {
        let message =
            format!("`{param}` is a data URI, and must begin like `data:image/png;base64,` with an image behind.");
        return Err(CallError::new(param, message));
    };
    let media_type = kind.split(';').next().unwrap_or_default().to_ascii_lowercase();
    Ok(ImageSource::Inline { media_type, data: data.to_owned() })
}

fn read_calls(
    message: &Fields<'_>,
    pointer: &str,
    parts: &mut Vec<Part>,
    foreign: &mut Vec<String>,
) -> Result<(), CallError> {
    if message.get("function_call").is_some() {
        return Err(legacy(message, "function_call", "send the call in `tool_calls`"));
    }
    for (number, value) in message.array("tool_calls")?.unwrap_or_default().iter().enumerate() {
        let pointer = format!("{pointer}/tool_calls/{number}");
        let call = Fields::of(value, format!("{}[{number}]", message.name("tool_calls")))?;
        if call.str("type")?.is_some_and(|kind| kind != "function") {
            foreign.push(pointer);
            continue;
        }
        parts.push(Part::ToolCall(read_call(&call, value, &pointer, foreign)?));
    }
    Ok(())
}

fn read_call(
    call: &Fields<'_>,
    value: &Value,
    pointer: &str,
    foreign: &mut Vec<String>,
) -> Result<ToolCall, CallError> {
    let id = call.required_str("id")?.to_owned();
    call.required("function")?;
    let function = value.get("function").unwrap_or(value);
    let function = Fields::of(function, call.name("function"))?;
    let name = function.required_str("name")?.to_owned();
    let arguments = function.text("arguments")?.unwrap_or_default();
    note_rest(&function, &format!("{pointer}/function"), &[], foreign);
    // `index` is left over from a stream.
    note_rest(call, pointer, &["index", CACHE_HINT], foreign);
    Ok(ToolCall { id, name, arguments: arguments.text, span: arguments.span, signature: None })
}
