//! Content blocks: each is an object with one member, which says what it is.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::ApiError;
use crate::image::check_base64;
use crate::json::{Fields, Problem};
use crate::model::draw::fingerprint;
use crate::question::{Part, Role};
use crate::seal;

pub const BLOCKS_MAX: usize = 100_000;

/// In one message.
pub const IMAGES_MAX: usize = 20;

const IMAGE_FORMATS: [&str; 4] = ["png", "jpeg", "gif", "webp"];
const STATUSES: [&str; 2] = ["success", "error"];

#[derive(Default)]
pub struct Blocks {
    pub cached_for_an_hour: bool,
}

impl Blocks {
    pub fn read(&mut self, fields: &Fields, name: &str, role: Role) -> Result<Vec<Part>, ApiError> {
        let blocks = fields.array_up_to(name, BLOCKS_MAX)?.ok_or_else(|| fields.missing(name))?;
        let mut images = 0;
        let mut parts = Vec::new();
        for block in fields.objects_in(name, blocks)? {
            images += usize::from(block.value("image").is_some());
            parts.push(self.block(&block, role)?);
        }
        if images > IMAGES_MAX {
            return Err(ApiError::validation(&format!(
                "A message may have at most {IMAGES_MAX} images, not {images}."
            )));
        }
        Ok(parts)
    }

    /// A cache point; an hour is kept in mind.
    pub fn mark(&mut self, block: &Fields) -> Result<Part, Problem> {
        let point = block.required_object("cachePoint")?;
        point.required_word("type", &["default"])?;
        self.cached_for_an_hour |= point.word("ttl", &["5m", "1h"])? == Some("1h");
        Ok(Part::CacheMark)
    }

    fn block(&mut self, block: &Fields, role: Role) -> Result<Part, ApiError> {
        let mut kinds = block.names().filter(|name| block.value(name).is_some());
        let (Some(kind), None) = (kinds.next(), kinds.next()) else {
            let place = Problem::missing(block.own_path()).dotted_path();
            return Err(ApiError::validation(&format!("The content block at {place} must have exactly one member.")));
        };
        match (kind, role) {
            ("text", _) => match block.required_string("text")? {
                "" => Err(ApiError::validation(&format!(
                    "The text field in the ContentBlock object at {} is blank. Add text to the text field, and try again.",
                    Problem::missing(block.own_path()).dotted_path()
                ))),
                text => Ok(Part::Text(text.to_owned())),
            },
            ("cachePoint", _) => Ok(self.mark(block)?),
            ("image", Role::User) => Ok(Part::Attachment(image(&block.required_object("image")?)?)),
            ("document", Role::User) => Ok(Part::Attachment(document(&block.required_object("document")?)?)),
            ("toolUse", Role::Assistant) => {
                let used = block.required_object("toolUse")?;
                used.required_object("input")?;
                Ok(Part::Call {
                    id: used.required_string("toolUseId")?.to_owned(),
                    name: used.required_string("name")?.to_owned(),
                    arguments: used.value("input").map(Value::to_string).unwrap_or_default(),
                })
            }
            ("toolResult", Role::User) => result(&block.required_object("toolResult")?),
            ("reasoningContent", Role::Assistant) => reasoning(&block.required_object("reasoningContent")?),
            (kind, _) => Err(ApiError::validation(&format!(
                "The content block {kind} at {} is not supported here.",
                Problem::missing(block.own_path()).dotted_path()
            ))),
        }
    }
}

fn image(image: &Fields) -> Result<u64, ApiError> {
    let format = image.required_word("format", &IMAGE_FORMATS)?;
    let source = image.required_object("source")?;
    check_base64(source.required_string("bytes")?, &format!("image/{format}"))
        .map_err(|_| ApiError::validation("The model returned the following errors: Could not process image"))
}

fn document(document: &Fields) -> Result<u64, Problem> {
    document.required_string("name")?;
    let source = document.required_object("source")?;
    let content = source.string("bytes")?.or(source.string("text")?).ok_or_else(|| source.missing("bytes"))?;
    Ok(fingerprint(content.as_bytes()))
}

fn result(result: &Fields) -> Result<Part, ApiError> {
    let id = result.required_string("toolUseId")?.to_owned();
    result.word("status", &STATUSES)?;
    let array = result.array_up_to("content", BLOCKS_MAX)?.ok_or_else(|| result.missing("content"))?;
    let mut text = String::new();
    let mut attachments = 0;
    for block in result.objects_in("content", array)? {
        if let Some(told) = block.string("text")? {
            text.push_str(told);
        } else if let Some(told) = block.value("json") {
            text.push_str(&told.to_string());
        } else {
            attachments += 1;
        }
    }
    Ok(Part::Result { id, text, attachments })
}

/// What was thought comes back with the signature that it was given.
fn reasoning(reasoning: &Fields) -> Result<Part, ApiError> {
    if let Some(redacted) = reasoning.string("redactedContent")? {
        let sealed = STANDARD.decode(redacted).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        return match sealed.as_deref().and_then(seal::open) {
            Some(_) => Ok(Part::Reasoning),
            None => Err(ApiError::validation(
                "The model returned the following errors: Invalid `data` in `redacted_thinking` block",
            )),
        };
    }
    let thought = reasoning.required_object("reasoningText")?;
    let text = thought.required_string("text")?;
    match seal::open(thought.required_string("signature")?) {
        Some(sealed) if sealed == text => Ok(Part::Reasoning),
        _ => Err(ApiError::validation(
            "The model returned the following errors: Invalid `signature` in `thinking` block",
        )),
    }
}
