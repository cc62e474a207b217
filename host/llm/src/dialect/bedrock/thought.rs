//! Thoughts in the form of the family, as its other dialect has them: so they come back from a client of either.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::answer::Piece;
use crate::dialect::Family;

/// Stands in front of what is redacted and no text: its base64, which only this dialect takes back.
const BYTES_MARK: &str = "bedrock:";

/// A block of the family's.
#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Block {
    Thinking { thinking: String, signature: String },
    RedactedThinking { data: String },
}

/// This dialect's form.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reasoning {
    ReasoningText {
        text: String,
        signature: String,
    },
    /// As base64.
    RedactedContent(String),
}

impl Reasoning {
    /// None where the block is another, or has no signature that would prove it.
    pub fn read(raw: &str) -> Option<Reasoning> {
        match serde_json::from_str(raw).ok()? {
            Block::Thinking { signature, .. } if signature.is_empty() => None,
            Block::Thinking { thinking, signature } => Some(Reasoning::ReasoningText { text: thinking, signature }),
            Block::RedactedThinking { data } => {
                let base64 = data.strip_prefix(BYTES_MARK).map(str::to_owned);
                Some(Reasoning::RedactedContent(base64.unwrap_or_else(|| STANDARD.encode(data))))
            }
        }
    }
}

pub fn sealed(text: &str, signature: &str) -> Option<Piece> {
    if signature.is_empty() {
        return None;
    }
    seal(&Block::Thinking { thinking: text.to_owned(), signature: signature.to_owned() })
}

/// What the vendor shows nobody, decoded.
pub fn redacted(content: Vec<u8>) -> Option<Piece> {
    if content.is_empty() {
        return None;
    }
    let data =
        String::from_utf8(content).unwrap_or_else(|error| format!("{BYTES_MARK}{}", STANDARD.encode(error.as_bytes())));
    seal(&Block::RedactedThinking { data })
}

/// Of what stands as base64; nothing of what is none.
pub fn decoded(content: &str) -> Vec<u8> {
    STANDARD.decode(content).unwrap_or_default()
}

fn seal(block: &Block) -> Option<Piece> {
    let raw = serde_json::to_string(block).ok()?;
    Some(Piece::ThoughtSealed { family: Family::Anthropic, raw })
}
