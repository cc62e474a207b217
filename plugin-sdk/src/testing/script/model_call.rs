//! `model_call` as a gateway would answer: the call of the script, which can be changed in `call` and `attempt` alone.

use super::super::exchange::{Exchange, Stage};
use super::super::model_call::ModelCall;
use super::with;
use crate::edits::EditError;
use crate::model_call::Reading;

pub fn operation() -> String {
    ask("model_call::operation", |call| call.operation.clone())
}

pub fn dialect() -> String {
    ask("model_call::dialect", |call| call.dialect.clone())
}

pub fn streamed() -> bool {
    ask("model_call::streamed", |call| call.streamed)
}

pub fn model() -> String {
    ask("model_call::model", |call| call.model.clone())
}

pub fn set_model(model: &str) -> Result<(), EditError> {
    edit("model_call::set_model", |stage| stage == Stage::Call, |call| call.set_model(model))
}

pub fn has(feature: &str) -> bool {
    ask("model_call::has", |call| call.features.contains(feature))
}

pub fn number(name: &str) -> Option<f64> {
    ask("model_call::number", |call| call.number(name))
}

pub fn set_number(name: &str, value: Option<f64>) -> Result<(), EditError> {
    edit("model_call::set_number", either, |call| call.set_number(name, value))
}

pub fn word(name: &str) -> Option<String> {
    ask("model_call::word", |call| call.word(name).map(str::to_owned))
}

pub fn set_word(name: &str, value: Option<&str>) -> Result<(), EditError> {
    edit("model_call::set_word", either, |call| call.set_word(name, value))
}

pub fn read(role: &str, place: &str) -> Reading {
    let read = ask("model_call::read", |call| {
        let mut reading = (Vec::new(), Vec::new(), String::new());
        for segment in call.matching(role, place) {
            reading.2.push_str(&segment.text);
            reading.0.push(segment.number);
            reading.1.push(u32::try_from(reading.2.len()).unwrap_or(u32::MAX));
        }
        reading
    });
    let (segments, ends, text) = read;
    Reading { segments, ends, text }
}

pub fn text_bytes() -> u64 {
    ask("model_call::text_bytes", |call| call.segments.iter().map(|segment| segment.text.len() as u64).sum())
}

pub fn role(segment: u32) -> Option<String> {
    ask("model_call::role", |call| call.get(segment).map(|segment| segment.role.clone()))
}

pub fn place(segment: u32) -> Option<String> {
    ask("model_call::place", |call| call.get(segment).map(|segment| segment.place.to_owned()))
}

pub fn tool(segment: u32) -> Option<String> {
    ask("model_call::tool", |call| call.get(segment).and_then(|segment| segment.tool.clone()))
}

pub fn rewrite(segment: u32, text: &str) -> Result<(), EditError> {
    edit("model_call::rewrite", either, |call| call.rewrite(segment, text))
}

pub fn insert(role: &str, text: &str, before: Option<u32>) -> Result<u32, EditError> {
    edit("model_call::insert", either, |call| call.insert(role, text, before))
}

pub fn remove(segment: u32) -> Result<(), EditError> {
    edit("model_call::remove", either, |call| call.remove(segment))
}

/// Phases in which the call can be changed.
fn either(stage: Stage) -> bool {
    matches!(stage, Stage::Call | Stage::Attempt)
}

/// Nothing where there is no call, and before it was read.
fn ask<T: Default>(name: &str, question: impl FnOnce(&ModelCall) -> T) -> T {
    with(name, |exchange: &mut Exchange| match (exchange.stage, &exchange.model) {
        (Stage::Head | Stage::Body { .. }, _) | (_, None) => T::default(),
        (_, Some(model)) => question(&model.call),
    })
}

fn edit<T>(
    name: &str,
    is_open: impl FnOnce(Stage) -> bool,
    change: impl FnOnce(&mut ModelCall) -> Result<T, EditError>,
) -> Result<T, EditError> {
    with(name, |exchange| {
        let stage = exchange.stage;
        match &mut exchange.model {
            Some(model) if is_open(stage) => {
                let changed = change(&mut model.call);
                if stage == Stage::Call {
                    model.asked = model.call.clone();
                }
                changed
            }
            _ => Err(EditError::TooLate),
        }
    })
}
