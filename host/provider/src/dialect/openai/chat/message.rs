//! The messages of a chat request as turns of a conversation.

use serde_json::Value;

use crate::dialect::openai::ApiError;
use crate::dialect::openai::image::image;
use crate::json::{Fields, Problem};
use crate::model::draw::fingerprint;
use crate::question::{Part, Role, Turn};

const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];
const PART_TYPES: [&str; 5] = ["text", "refusal", "image_url", "input_audio", "file"];
const DETAILS: [&str; 3] = ["auto", "low", "high"];
const AUDIO_FORMATS: [&str; 2] = ["wav", "mp3"];

/// Parts of one message.
pub const PARTS_MAX: usize = 2_048;

/// Calls in one message.
pub const CALLS_MAX: usize = 128;

pub fn turns(messages: &[Fields]) -> Result<Vec<Turn>, ApiError> {
    messages.iter().map(turn).collect()
}

fn turn(fields: &Fields) -> Result<Turn, ApiError> {
    let role = match fields.required_word("role", &ROLES)? {
        "system" | "developer" => Role::System,
        "assistant" => Role::Assistant,
        "tool" => Role::Tool,
        _ => Role::User,
    };
    let mut parts = Vec::new();
    if let Some(name) = fields.string("name")? {
        parts.push(Part::Name(name.to_owned()));
    }
    if role == Role::Tool {
        let id = fields.required_string("tool_call_id")?.to_owned();
        let (text, attachments) = flattened(content(fields, role)?);
        parts.push(Part::Result { id, text, attachments });
    } else {
        parts.extend(content(fields, role)?);
    }
    if role == Role::Assistant {
        parts.extend(fields.string("refusal")?.map(|refusal| Part::Text(refusal.to_owned())));
        for call in fields.objects("tool_calls", CALLS_MAX)? {
            parts.push(tool_call(&call)?);
        }
    }
    Ok(Turn::new(role, parts))
}

fn tool_call(call: &Fields) -> Result<Part, Problem> {
    let id = call.required_string("id")?.to_owned();
    call.string("type")?;
    let function = call.required_object("function")?;
    let name = function.required_string("name")?.to_owned();
    Ok(Part::Call { id, name, arguments: function.required_string("arguments")?.to_owned() })
}

fn content(fields: &Fields, role: Role) -> Result<Vec<Part>, Problem> {
    match fields.value("content") {
        Some(Value::String(text)) => Ok(vec![Part::Text(text.clone())]),
        Some(Value::Array(_)) => {
            let array = fields.filled_array("content", PARTS_MAX)?;
            fields.objects_in("content", array)?.iter().map(|part| self::part(part, role)).collect()
        }
        // An assistant that called tools or refused said nothing else.
        None if role == Role::Assistant => Ok(Vec::new()),
        None => Err(fields.missing("content")),
        Some(other) => Err(Problem::wrong_type(fields.path("content"), "one of a string or array of objects", other)),
    }
}

fn part(part: &Fields, role: Role) -> Result<Part, Problem> {
    let kind = part.required_word("type", &PART_TYPES)?;
    if role != Role::User && !matches!(kind, "text" | "refusal") {
        return Err(Problem::choice(part.path("type"), kind, &PART_TYPES[..2]));
    }
    match kind {
        "image_url" => {
            let source = part.required_object("image_url")?;
            source.word("detail", &DETAILS)?;
            Ok(Part::Attachment(image(source.required_string("url")?, &source.path("url"))?))
        }
        "input_audio" => {
            let audio = part.required_object("input_audio")?;
            audio.required_word("format", &AUDIO_FORMATS)?;
            Ok(Part::Attachment(fingerprint(audio.required_string("data")?.as_bytes())))
        }
        "file" => {
            let file = part.required_object("file")?;
            let content = file.string("file_data")?.or(file.string("file_id")?);
            Ok(Part::Attachment(fingerprint(content.ok_or_else(|| file.missing("file_id"))?.as_bytes())))
        }
        kind => Ok(Part::Text(part.required_string(kind)?.to_owned())),
    }
}

/// Of a result, which is one text.
fn flattened(parts: Vec<Part>) -> (String, u64) {
    let attachments = parts.iter().filter(|part| matches!(part, Part::Attachment(_))).count() as u64;
    let text = parts.into_iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    (text.collect(), attachments)
}
