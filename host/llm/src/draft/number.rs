//! Parameters that are numbers.

use super::EditError;
use super::changes::Changes;
use super::members::{Names, gemini_request, set_at};
use crate::call::{Call, Operation, Parameters};
use crate::dialect::Dialect;
use crate::json::Value;

/// What a member may be.
enum Range {
    Real(f64, f64),
    Whole(f64, f64),
}

/// A value for a member of the client's dialect.
pub struct Setting {
    names: Names,
    json: Option<String>,
}

/// Up to here every whole number is an `f64`.
const WHOLE_MAX: f64 = 9_007_199_254_740_992.0;

const GEMINI_CONFIG: Names = &["generationConfig", "generation_config"];

pub fn get(parameters: &Parameters, name: &str) -> Option<f64> {
    match name {
        "temperature" => parameters.temperature,
        "top-p" => parameters.top_p,
        "top-k" => parameters.top_k.map(|value| value as f64),
        "max-output-tokens" => parameters.max_output_tokens.map(|value| value as f64),
        "choices" => parameters.choices.map(f64::from),
        "seed" => parameters.seed.map(|value| value as f64),
        "presence-penalty" => parameters.presence_penalty,
        "frequency-penalty" => parameters.frequency_penalty,
        _ => None,
    }
}

/// Only what is answered has parameters: neither embeddings nor the counting of tokens take them.
pub fn setting(call: &Call, name: &str, value: Option<f64>) -> Result<Setting, EditError> {
    let (names, range) = member(call.dialect, name)?;
    if call.operation != Operation::Chat {
        return Err(EditError::Forbidden);
    }
    let (least, most, whole) = match range {
        Range::Real(least, most) => (least, most, false),
        Range::Whole(least, most) => (least, most, true),
    };
    // NaN is in no range.
    let fits = |value: &f64| (least..=most).contains(value) && !(whole && value.fract() != 0.0);
    match value {
        None => Ok(Setting { names, json: None }),
        Some(value) if fits(&value) => Ok(Setting { names, json: Some(json(value)) }),
        Some(_) => Err(EditError::InvalidValue),
    }
}

impl Setting {
    pub fn make(self, call: &Call, root: &Value, changes: &mut Changes) {
        let setting = [(self.names, self.json)];
        match call.dialect {
            Dialect::Gemini => set_at(changes, gemini_request(root), &[GEMINI_CONFIG], &setting),
            _ => set_at(changes, root, &[], &setting),
        }
    }
}

/// The vendors' own names and ranges.
fn member(dialect: Dialect, name: &str) -> Result<(Names, Range), EditError> {
    use Dialect::{Anthropic, Gemini, OpenAi, OpenAiResponses};
    let tokens = Range::Whole(1.0, WHOLE_MAX);
    let penalty = Range::Real(-2.0, 2.0);
    Ok(match (name, dialect) {
        ("temperature", Anthropic) => (&["temperature"], Range::Real(0.0, 1.0)),
        ("temperature", _) => (&["temperature"], Range::Real(0.0, 2.0)),
        ("top-p", Gemini) => (&["topP", "top_p"], Range::Real(0.0, 1.0)),
        ("top-p", _) => (&["top_p"], Range::Real(0.0, 1.0)),
        ("top-k", Anthropic) => (&["top_k"], Range::Whole(0.0, WHOLE_MAX)),
        ("top-k", Gemini) => (&["topK", "top_k"], Range::Whole(1.0, WHOLE_MAX)),
        ("max-output-tokens", OpenAi) => (&["max_completion_tokens", "max_tokens"], tokens),
        ("max-output-tokens", OpenAiResponses) => (&["max_output_tokens"], tokens),
        ("max-output-tokens", Gemini) => (&["maxOutputTokens", "max_output_tokens"], tokens),
        ("max-output-tokens", _) => (&["max_tokens"], tokens),
        ("choices", OpenAi) => (&["n"], Range::Whole(1.0, 128.0)),
        ("choices", Gemini) => (&["candidateCount", "candidate_count"], Range::Whole(1.0, 8.0)),
        ("seed", OpenAi) => (&["seed"], Range::Whole(-WHOLE_MAX, WHOLE_MAX)),
        ("seed", Gemini) => (&["seed"], Range::Whole(f64::from(i32::MIN), f64::from(i32::MAX))),
        ("presence-penalty", OpenAi) => (&["presence_penalty"], penalty),
        ("presence-penalty", Gemini) => (&["presencePenalty", "presence_penalty"], penalty),
        ("frequency-penalty", OpenAi) => (&["frequency_penalty"], penalty),
        ("frequency-penalty", Gemini) => (&["frequencyPenalty", "frequency_penalty"], penalty),
        ("top-k" | "choices" | "seed" | "presence-penalty" | "frequency-penalty", _) => {
            return Err(EditError::Forbidden);
        }
        _ => return Err(EditError::InvalidName),
    })
}

fn json(value: f64) -> String {
    match value.fract() == 0.0 {
        true => format!("{value:.0}"),
        false => serde_json::Value::from(value).to_string(),
    }
}
