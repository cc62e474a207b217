//! The input of a response: a text, or items that are messages, calls, results and earlier thoughts.

use serde_json::Value;

use super::request::ResponseRequest;
use crate::dialect::openai::ApiError;
use crate::dialect::openai::image::image;
use crate::json::{Fields, Json, Problem, object};
use crate::model::draw::fingerprint;
use crate::question::{Part, Role, Turn};
use crate::seal;

pub const ITEMS_MAX: usize = 2_048;
pub const PARTS_MAX: usize = 2_048;

const ITEM_TYPES: [&str; 4] = ["message", "function_call", "function_call_output", "reasoning"];
const ROLES: [&str; 4] = ["user", "assistant", "system", "developer"];
const PART_TYPES: [&str; 5] = ["input_text", "input_image", "input_file", "output_text", "refusal"];
const DETAILS: [&str; 4] = ["low", "high", "auto", "original"];

pub fn turns(fields: &Fields) -> Result<Vec<Turn>, ApiError> {
    match fields.value("input") {
        None => Err(fields.missing("input").into()),
        Some(Value::String(text)) => Ok(vec![Turn::text(Role::User, text)]),
        Some(Value::Array(_)) => {
            let items = fields.objects_in("input", fields.filled_array("input", ITEMS_MAX)?)?;
            let mut turns = Vec::new();
            for item in &items {
                add(&mut turns, turn(item)?);
            }
            Ok(turns)
        }
        Some(other) => Err(Problem::wrong_type("input", "one of a string or array of objects", other).into()),
    }
}

/// Calls that stand in a row were made in one turn, as was what was thought before.
fn add(turns: &mut Vec<Turn>, turn: Turn) {
    let only_calls = |turn: &Turn| turn.parts.iter().all(|part| matches!(part, Part::Call { .. } | Part::Reasoning));
    match turns.last_mut() {
        Some(last)
            if turn.role == Role::Assistant
                && last.role == Role::Assistant
                && (only_calls(last) || only_calls(&turn)) =>
        {
            last.parts.extend(turn.parts);
        }
        _ => turns.push(turn),
    }
}

fn turn(item: &Fields) -> Result<Turn, ApiError> {
    let kind = item.word("type", &ITEM_TYPES)?.unwrap_or("message");
    let part = match kind {
        "message" => return message(item),
        "function_call" => Part::Call {
            id: item.required_string("call_id")?.to_owned(),
            name: item.required_string("name")?.to_owned(),
            arguments: item.required_string("arguments")?.to_owned(),
        },
        "function_call_output" => {
            let id = item.required_string("call_id")?.to_owned();
            let (text, attachments) = output(item)?;
            return Ok(Turn::new(Role::Tool, vec![Part::Result { id, text, attachments }]));
        }
        _ => reasoning(item)?,
    };
    Ok(Turn::new(Role::Assistant, vec![part]))
}

/// What was thought comes back sealed, or as a summary that nobody checks.
fn reasoning(item: &Fields) -> Result<Part, ApiError> {
    let id = item.required_string("id")?;
    item.array("summary")?;
    match item.string("encrypted_content")? {
        Some(sealed) if seal::open(sealed).is_none() => {
            let message = format!("The encrypted content for item {id} could not be verified.");
            Err(ApiError { param: None, ..ApiError::parameter("", "invalid_encrypted_content", message) })
        }
        _ => Ok(Part::Reasoning),
    }
}

fn message(item: &Fields) -> Result<Turn, ApiError> {
    let role = match item.required_word("role", &ROLES)? {
        "user" => Role::User,
        "assistant" => Role::Assistant,
        _ => Role::System,
    };
    let parts = match item.value("content") {
        None => return Err(item.missing("content").into()),
        Some(Value::String(text)) => vec![Part::Text(text.clone())],
        Some(Value::Array(_)) => parts(item, "content")?,
        Some(other) => {
            let expected = "one of a string or array of objects";
            return Err(Problem::wrong_type(item.path("content"), expected, other).into());
        }
    };
    Ok(Turn::new(role, parts))
}

fn parts(item: &Fields, name: &str) -> Result<Vec<Part>, Problem> {
    item.objects(name, PARTS_MAX)?.iter().map(part).collect()
}

fn part(part: &Fields) -> Result<Part, Problem> {
    match part.required_word("type", &PART_TYPES)? {
        "input_image" => {
            part.word("detail", &DETAILS)?;
            match part.string("image_url")? {
                Some(url) => Ok(Part::Attachment(image(url, &part.path("image_url"))?)),
                None => Ok(Part::Attachment(fingerprint(part.required_string("file_id")?.as_bytes()))),
            }
        }
        "input_file" => {
            let content = part.string("file_data")?.or(part.string("file_id")?).or(part.string("file_url")?);
            Ok(Part::Attachment(fingerprint(content.ok_or_else(|| part.missing("file_id"))?.as_bytes())))
        }
        "refusal" => Ok(Part::Text(part.required_string("refusal")?.to_owned())),
        _ => Ok(Part::Text(part.required_string("text")?.to_owned())),
    }
}

fn output(item: &Fields) -> Result<(String, u64), Problem> {
    let parts = match item.value("output") {
        None => return Err(item.missing("output")),
        Some(Value::String(text)) => return Ok((text.clone(), 0)),
        Some(_) => parts(item, "output")?,
    };
    let attachments = parts.iter().filter(|part| matches!(part, Part::Attachment(_))).count() as u64;
    let text = parts.into_iter().filter_map(|part| match part {
        Part::Text(text) => Some(text),
        _ => None,
    });
    Ok((text.collect(), attachments))
}

/// The input as the vendor lists it afterwards; a text is a message of the user's.
pub fn items(request: &ResponseRequest) -> Json {
    let given = match request.body.get("input") {
        Some(Value::Array(items)) => items.clone(),
        Some(text) => vec![serde_json::json!({
            "type": "message", "role": "user", "content": [{ "type": "input_text", "text": text }],
        })],
        None => Vec::new(),
    };
    let id = |index: usize| format!("msg_{:016x}_{index}", request.question.fingerprint());
    let listed: Vec<Value> = given
        .into_iter()
        .enumerate()
        .map(|(index, mut item)| {
            if let Some(members) = item.as_object_mut() {
                members.entry("id").or_insert_with(|| id(index).into());
                members.entry("type").or_insert_with(|| "message".into());
                members.entry("status").or_insert_with(|| "completed".into());
            }
            item
        })
        .collect();
    let at = |item: Option<&Value>| item.and_then(|item| item.get("id")).cloned();
    object! {
        "object": "list", "data": listed, "first_id": at(listed.first()), "last_id": at(listed.last()), "has_more": false,
    }
}
