//! The blocks of a message: texts, images, documents, calls, results and thoughts, and the cache marks behind them.

use serde_json::Value;

use super::ApiError;
use super::request::CACHE_MARKS_MAX;
use super::thinking;
use super::version::Version;
use crate::image::{ImageProblem, check_base64, check_url};
use crate::json::{Fields, Problem, ProblemKind};
use crate::model::draw::fingerprint;
use crate::question::{Part, Role};

pub const BLOCKS_MAX: usize = 100_000;
pub const IMAGES_MAX: usize = 100;

const TYPES: [&str; 7] = ["text", "image", "document", "tool_use", "tool_result", "thinking", "redacted_thinking"];
const SOURCES: [&str; 3] = ["base64", "url", "file"];
const DOCUMENT_SOURCES: [&str; 5] = ["base64", "text", "content", "url", "file"];
const MEDIA_TYPES: [&str; 4] = ["image/jpeg", "image/png", "image/gif", "image/webp"];

/// What all blocks of a request together may not be too many of.
pub struct Blocks {
    version: Version,
    marks: usize,
    images: usize,
    pub cached_for_an_hour: bool,
}

/// A mark for the whole request stands behind its last message.
pub fn top_level_mark(fields: &Fields, blocks: &mut Blocks) -> Result<Option<Part>, ApiError> {
    blocks.mark(fields)
}

impl Blocks {
    pub fn new(version: Version) -> Blocks {
        Blocks { version, marks: 0, images: 0, cached_for_an_hour: false }
    }

    /// A text, or blocks.
    pub fn read(&mut self, fields: &Fields, name: &str, role: Role) -> Result<Vec<Part>, ApiError> {
        match fields.value(name) {
            None => Err(fields.missing(name).into()),
            Some(Value::String(text)) if text.is_empty() => Ok(Vec::new()),
            Some(Value::String(text)) => Ok(vec![Part::Text(text.clone())]),
            Some(Value::Array(_)) => {
                let mut parts = Vec::new();
                for block in fields.objects(name, BLOCKS_MAX)? {
                    parts.push(self.block(&block, role)?);
                    parts.extend(self.mark(&block)?);
                }
                Ok(parts)
            }
            Some(other) => Err(Problem::wrong_type(fields.path(name), "a valid string or array", other).into()),
        }
    }

    pub fn mark(&mut self, fields: &Fields) -> Result<Option<Part>, ApiError> {
        let Some(control) = fields.object("cache_control")? else { return Ok(None) };
        control.required_word("type", &["ephemeral"])?;
        self.cached_for_an_hour |= control.word("ttl", &["5m", "1h"])? == Some("1h");
        self.marks += 1;
        Ok(Some(Part::CacheMark))
    }

    pub fn check(&self) -> Result<(), ApiError> {
        if self.marks > CACHE_MARKS_MAX {
            return Err(ApiError::invalid(&format!(
                "A maximum of {CACHE_MARKS_MAX} blocks with cache_control may be provided. Found {}.",
                self.marks
            )));
        }
        if self.images > IMAGES_MAX {
            return Err(ApiError::invalid(&format!(
                "messages: too many images. At most {IMAGES_MAX} are allowed, found {}",
                self.images
            )));
        }
        Ok(())
    }

    fn block(&mut self, block: &Fields, role: Role) -> Result<Part, ApiError> {
        let kind = block.required_word("type", &TYPES)?;
        let allowed = match kind {
            "text" => true,
            "image" | "document" | "tool_result" => role == Role::User,
            _ => role == Role::Assistant,
        };
        if !allowed {
            let path = Problem::missing(block.path("type")).dotted_path();
            let said = match role {
                Role::Assistant => "assistant",
                Role::System => "system",
                Role::User | Role::Tool => "user",
            };
            return Err(ApiError::at(&path, &format!("`{kind}` blocks are not allowed in `{said}` content")));
        }
        match kind {
            "text" if self.has_removed_citations(block, role)? => {
                Err(Problem::new(block.path("citations"), ProblemKind::Unknown).into())
            }
            "text" => match block.required_string("text")? {
                "" => Err(ApiError::at("messages", "text content blocks must be non-empty")),
                text => Ok(Part::Text(text.to_owned())),
            },
            "image" => Ok(Part::Attachment(self.image(block)?)),
            "document" => Ok(Part::Attachment(document(block)?)),
            "tool_use" => {
                block.required_object("input")?;
                Ok(Part::Call {
                    id: block.required_string("id")?.to_owned(),
                    name: block.required_string("name")?.to_owned(),
                    arguments: block.value("input").map(Value::to_string).unwrap_or_default(),
                })
            }
            "tool_result" => self.result(block),
            kind => thinking::check_block(block, kind).map(|()| Part::Reasoning),
        }
    }

    fn has_removed_citations(&self, block: &Fields, role: Role) -> Result<bool, Problem> {
        let cited = block.array("citations")?.is_some_and(|citations| !citations.is_empty());
        Ok(cited && role == Role::User && self.version == Version::New)
    }

    fn result(&mut self, block: &Fields) -> Result<Part, ApiError> {
        let id = block.required_string("tool_use_id")?.to_owned();
        block.boolean("is_error")?;
        let parts = match block.value("content") {
            None => Vec::new(),
            Some(_) => self.read(block, "content", Role::User)?,
        };
        let attachments = parts.iter().filter(|part| matches!(part, Part::Attachment(_))).count() as u64;
        let text = parts.into_iter().filter_map(|part| match part {
            Part::Text(text) => Some(text),
            _ => None,
        });
        Ok(Part::Result { id, text: text.collect(), attachments })
    }

    fn image(&mut self, block: &Fields) -> Result<u64, ApiError> {
        self.images += 1;
        let source = block.required_object("source")?;
        let path = |name: &str| Problem::missing(source.path(name)).dotted_path();
        match source.required_word("type", &SOURCES)? {
            "base64" => {
                let media_type = source.required_word("media_type", &MEDIA_TYPES)?;
                check_base64(source.required_string("data")?, media_type).map_err(|problem| match problem {
                    ImageProblem::OtherKind(kind) => ApiError::at(
                        &path("base64.data"),
                        &format!(
                            "The image was specified using the {media_type} media type, but the image appears to be a {} image",
                            kind.media_type()
                        ),
                    ),
                    ImageProblem::NoBase64 => ApiError::at(&path("base64"), "invalid base64 data"),
                    ImageProblem::UnknownKind | ImageProblem::NoUrl => ApiError::invalid("Could not process image"),
                })
            }
            "url" => {
                let url = source.required_string("url")?;
                let known = if url.starts_with("data:") { None } else { check_url(url).ok() };
                known.ok_or_else(|| ApiError::at(&path("url"), "Only HTTPS URLs are supported."))
            }
            _ => Ok(fingerprint(source.required_string("file_id")?.as_bytes())),
        }
    }
}

fn document(block: &Fields) -> Result<u64, Problem> {
    let source = block.required_object("source")?;
    let content = match source.required_word("type", &DOCUMENT_SOURCES)? {
        "base64" | "text" => source.required_string("data")?.to_owned(),
        "url" => source.required_string("url")?.to_owned(),
        "file" => source.required_string("file_id")?.to_owned(),
        _ => source.value("content").ok_or_else(|| source.missing("content"))?.to_string(),
    };
    Ok(fingerprint(content.as_bytes()))
}
