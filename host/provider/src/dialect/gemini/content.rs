//! Contents as turns of a conversation, and the signatures that thoughts come back with.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ApiError;
use crate::image::check_base64;
use crate::json::{Fields, Problem};
use crate::model::Model;
use crate::model::draw::fingerprint;
use crate::question::{Part, Role, Turn};
use crate::seal;

pub const PARTS_MAX: usize = 10_000;

const KINDS: [&str; 5] = ["text", "inlineData", "fileData", "functionCall", "functionResponse"];

/// Stand-ins that Google documents for calls that another model has made.
const SIGNATURES_NOT_CHECKED: [&str; 2] = ["context_engineering_is_the_way_to_go", "skip_thought_signature_validator"];

/// A system instruction has no role of its own.
pub fn turn(content: &Fields, role: Option<Role>) -> Result<Turn, ApiError> {
    content.only(&["parts", "role"])?;
    let role = match (role, content.string("role")?.unwrap_or("user")) {
        (Some(role), _) => role,
        (None, "user" | "function") => Role::User,
        (None, "model") => Role::Assistant,
        (None, _) => return Err(ApiError::invalid("Please use a valid role: user, model.")),
    };
    let mut calls: HashMap<String, usize> = HashMap::new();
    let mut parts = Vec::new();
    for part in content.objects_in("parts", content.filled_array("parts", PARTS_MAX)?)? {
        parts.push(self::part(&part, &mut calls)?);
    }
    Ok(Turn::new(role, parts))
}

fn part(part: &Fields, calls: &mut HashMap<String, usize>) -> Result<Part, ApiError> {
    let mut found = KINDS.iter().filter(|kind| part.value(kind).is_some());
    let (Some(kind), None) = (found.next(), found.next()) else {
        let path = part.own_path();
        return Err(ApiError::invalid(&format!(
            "* GenerateContentRequest.{path}.data: required oneof field 'data' must have one initialized field\n"
        )));
    };
    if part.flag("thought")? {
        return Ok(Part::Reasoning);
    }
    match *kind {
        "text" => Ok(Part::Text(part.required_string("text")?.to_owned())),
        "inlineData" => Ok(Part::Attachment(inline(&part.required_object("inlineData")?)?)),
        "fileData" => {
            let file = part.required_object("fileData")?;
            Ok(Part::Attachment(fingerprint(file.required_string("fileUri")?.as_bytes())))
        }
        "functionCall" => {
            let call = part.required_object("functionCall")?;
            let name = call.required_string("name")?.to_owned();
            let id = id(&name, calls);
            call.object("args")?;
            let arguments = call.value("args").map_or_else(|| "{}".to_owned(), Value::to_string);
            Ok(Part::Call { id, name, arguments })
        }
        _ => {
            let response = part.required_object("functionResponse")?;
            let name = response.required_string("name")?.to_owned();
            let id = id(&name, calls);
            let told = response.required_object("response")?;
            // What a client wraps a plain result in, as the vendor's own clients do.
            let plain =
                ["result", "output"].iter().find_map(|name| told.value(name)).filter(|_| told.names().count() == 1);
            let text = match plain {
                Some(Value::String(text)) => text.clone(),
                Some(other) => other.to_string(),
                None => response.value("response").map(Value::to_string).unwrap_or_default(),
            };
            Ok(Part::Result { id, text, attachments: 0 })
        }
    }
}

/// Calls and results may have ids or not, and clients leave them out: the first call of a name belongs to its first result.
fn id(name: &str, seen: &mut HashMap<String, usize>) -> String {
    let count = seen.entry(name.to_owned()).or_default();
    *count += 1;
    format!("{name}#{count}")
}

fn inline(data: &Fields) -> Result<u64, ApiError> {
    let mime_type = data.required_string("mimeType")?;
    let text = standard(data.required_string("data")?);
    if mime_type.starts_with("image/") {
        return check_base64(&text, mime_type)
            .map_err(|_| ApiError::invalid("Unable to process input image. Please retry or report the problem."));
    }
    let bytes = STANDARD
        .decode(text)
        .map_err(|_| Problem::wrong_type(data.path("data"), "bytes", data.value("data").unwrap_or(&Value::Null)))?;
    Ok(fingerprint(&bytes))
}

/// Base64 in the alphabet for URLs, which the JSON of protocol buffers takes too, in the other one.
fn standard(text: &str) -> String {
    text.replace('-', "+").replace('_', "/")
}

/// Each signature must be one that was given; a model that thinks needs one on the first call of each step since the user last
/// said something.
pub fn check_signatures(contents: &[Fields], model: Model) -> Result<(), ApiError> {
    let mut missing = None;
    for (position, content) in contents.iter().enumerate() {
        let mut first_call = true;
        for part in content.objects("parts", PARTS_MAX)? {
            let signature = part.string("thoughtSignature")?;
            if signature.is_some_and(|signature| !is_good(signature)) {
                return Err(ApiError::invalid("Corrupted thought signature."));
            }
            if let Some(call) = part.object("functionCall")? {
                if first_call && signature.is_none() {
                    missing = missing.or(Some((call.required_string("name")?, position + 1)));
                }
                first_call = false;
            } else if content.string("role")? != Some("model") && part.value("text").is_some() {
                missing = None;
            }
        }
    }
    match missing {
        Some((name, position)) if model.reasons() => Err(ApiError::invalid(&format!(
            "Function call is missing a thought_signature in functionCall parts. This is required for tools to work correctly, and \
             missing thought_signature may lead to degraded model performance. Additional data, function call `default_api:{name}` , \
             position {position}."
        ))),
        _ => Ok(()),
    }
}

fn is_good(signature: &str) -> bool {
    let decoded = STANDARD.decode(standard(signature)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    let stands_in = |text: &str| SIGNATURES_NOT_CHECKED.contains(&text);
    stands_in(signature) || decoded.is_some_and(|text| stands_in(&text)) || seal::open(&standard(signature)).is_some()
}
