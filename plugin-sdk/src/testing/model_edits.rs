//! What the gateway takes of a change to a call, and what it refuses.

use serde_json::{Map, Value};

use super::model_call::{ModelCall, Segment};
use crate::edits::EditError;

/// Insertions, removals and settings of one exchange; those that are refused count too.
const EDITS_MAX: u32 = 64;
const NUMBERS: [&str; 8] =
    ["temperature", "top-p", "top-k", "max-output-tokens", "choices", "seed", "presence-penalty", "frequency-penalty"];
const WORDS: [&str; 4] = ["tool-choice", "response-format", "reasoning-effort", "service-tier"];
const EFFORTS: [&str; 7] = ["none", "minimal", "low", "medium", "high", "xhigh", "max"];
const SPEAKERS: [&str; 3] = ["system", "user", "assistant"];

/// Arguments of a tool are one.
pub(super) fn is_object(text: &str) -> bool {
    serde_json::from_str::<Map<String, Value>>(text).is_ok()
}

impl ModelCall {
    pub(super) fn set_model(&mut self, model: &str) -> Result<(), EditError> {
        if model.is_empty() {
            return Err(EditError::InvalidValue);
        }
        self.count()?;
        self.model = model.to_owned();
        Ok(())
    }

    pub(super) fn set_number(&mut self, name: &str, value: Option<f64>) -> Result<(), EditError> {
        if !NUMBERS.contains(&name) {
            return Err(EditError::InvalidName);
        }
        let (least, most, is_whole) = range(&self.dialect, name).ok_or(EditError::Forbidden)?;
        if self.operation != "chat" {
            return Err(EditError::Forbidden);
        }
        let fits = |value: f64| (least..=most).contains(&value) && !(is_whole && value.fract() != 0.0);
        if value.is_some_and(|value| !fits(value)) {
            return Err(EditError::InvalidValue);
        }
        self.count()?;
        match value {
            Some(value) => self.numbers.insert(name.to_owned(), value),
            None => self.numbers.remove(name),
        };
        Ok(())
    }

    pub(super) fn set_word(&mut self, name: &str, value: Option<&str>) -> Result<(), EditError> {
        if !WORDS.contains(&name) {
            return Err(EditError::InvalidName);
        }
        if self.operation == "embeddings" || (self.operation == "count-tokens" && name == "service-tier") {
            return Err(EditError::Forbidden);
        }
        if let Some(value) = value {
            self.check_word(name, value)?;
        }
        self.count()?;
        match value {
            Some(value) => self.words.insert(name.to_owned(), value.to_owned()),
            None => self.words.remove(name),
        };
        Ok(())
    }

    fn check_word(&self, name: &str, value: &str) -> Result<(), EditError> {
        let fits = match name {
            "tool-choice" => {
                let defined = self.matching("", "tool-definition").filter_map(|segment| segment.tool.as_deref());
                let tools: Vec<&str> = defined.collect();
                // The vendors refuse a choice among nothing.
                !tools.is_empty() && (tools.contains(&value) || ["auto", "none", "required"].contains(&value))
            }
            "response-format" if self.dialect == "anthropic-messages" && value == "json" => {
                return Err(EditError::Forbidden);
            }
            "response-format" => ["text", "json"].contains(&value),
            "reasoning-effort" => {
                EFFORTS.contains(&value) && !(self.dialect == "anthropic-messages" && value == "minimal")
            }
            _ => !value.is_empty() && value.len() <= 64,
        };
        if fits { Ok(()) } else { Err(EditError::InvalidValue) }
    }

    pub(super) fn rewrite(&mut self, number: u32, text: &str) -> Result<(), EditError> {
        let segment = self.segments.iter_mut().find(|segment| segment.number == number);
        let segment = segment.ok_or(EditError::InvalidName)?;
        if segment.signed {
            return Err(EditError::Forbidden);
        }
        if segment.place == "tool-arguments" && !is_object(text) {
            return Err(EditError::InvalidValue);
        }
        text.clone_into(&mut segment.text);
        Ok(())
    }

    pub(super) fn insert(&mut self, role: &str, text: &str, before: Option<u32>) -> Result<u32, EditError> {
        if !SPEAKERS.contains(&role) {
            return Err(EditError::InvalidName);
        }
        if text.is_empty() {
            return Err(EditError::InvalidValue);
        }
        self.count()?;
        if self.operation == "embeddings" {
            return Err(EditError::Forbidden);
        }
        let at = match before {
            None => self.said(),
            Some(before) => {
                let at = self.segments.iter().position(|segment| segment.number == before);
                let at = at.ok_or(EditError::InvalidName)?;
                let place = self.segments[at].place;
                // Nothing comes between a tool's call and its result, nor in front of what nobody says.
                if place == "tool-result" || !is_said(&self.segments[at]) {
                    return Err(EditError::Forbidden);
                }
                at
            }
        };
        let number = self.next;
        self.next += 1;
        self.segments.insert(
            at,
            Segment { number, role: role.to_owned(), place: "text", tool: None, text: text.to_owned(), signed: false },
        );
        Ok(number)
    }

    pub(super) fn remove(&mut self, number: u32) -> Result<(), EditError> {
        let segment = self.get(number).ok_or(EditError::InvalidName)?;
        let is_last_word = segment.place == "text" && self.said() == 1;
        if ["tool-arguments", "tool-result"].contains(&segment.place) || is_last_word {
            return Err(EditError::Forbidden);
        }
        self.count()?;
        self.segments.retain(|segment| segment.number != number);
        Ok(())
    }

    /// How many segments somebody says; they stand in front of the others.
    fn said(&self) -> usize {
        self.segments.iter().rposition(is_said).map_or(0, |last| last + 1)
    }

    fn count(&mut self) -> Result<(), EditError> {
        if self.edits >= EDITS_MAX {
            return Err(EditError::TooMany);
        }
        self.edits += 1;
        Ok(())
    }
}

fn is_said(segment: &Segment) -> bool {
    ["text", "tool-arguments", "tool-result"].contains(&segment.place)
}

/// Least, most, and whether only whole numbers fit, as the vendors have it. None: the dialect has no such parameter.
fn range(dialect: &str, name: &str) -> Option<(f64, f64, bool)> {
    let anthropic = dialect == "anthropic-messages";
    Some(match (name, dialect) {
        ("temperature", _) if anthropic => (0.0, 1.0, false),
        ("temperature", _) => (0.0, 2.0, false),
        ("top-p", _) => (0.0, 1.0, false),
        ("top-k", _) if anthropic => (0.0, f64::MAX, true),
        ("top-k", "gemini") => (1.0, f64::MAX, true),
        ("max-output-tokens", _) => (1.0, f64::MAX, true),
        ("choices", "openai-chat") => (1.0, 128.0, true),
        ("choices", "gemini") => (1.0, 8.0, true),
        ("seed", "openai-chat") => (f64::MIN, f64::MAX, true),
        ("seed", "gemini") => (f64::from(i32::MIN), f64::from(i32::MAX), true),
        ("presence-penalty" | "frequency-penalty", "openai-chat" | "gemini") => (-2.0, 2.0, false),
        _ => return None,
    })
}
