//! What rules look at: each thing once, whatever number of rules does.

use sluicegate_plugin::{identity, labels, model_call, request};

/// Distinct things that all rules together look at: bounds what one request may ask of the host.
pub const SOURCES_MAX: usize = 16;

/// What is looked at.
#[derive(PartialEq, Eq)]
pub enum Source {
    Method,
    Path,
    /// The first value of a field, by its name in lower case.
    Header(String),
    Identity(String),
    Label(String),
    /// What is asked of a model. It is not there for a request that is no call, and all that follows means nothing then.
    Operation,
    Model,
    Feature(&'static str),
    Streamed,
    TextBytes,
}

pub enum Value {
    Text(Vec<u8>),
    Number(u64),
    Truth(bool),
}

/// What has been looked at so far, by number of the source: rules behind the first that matches cost nothing, and nothing is
/// asked for twice.
pub struct Found([Option<Option<Value>>; SOURCES_MAX]);

impl Found {
    pub fn nothing() -> Found {
        Found([const { None }; SOURCES_MAX])
    }

    pub fn of(&mut self, sources: &[Source], number: usize) -> Option<&Value> {
        let (place, source) = (self.0.get_mut(number)?, sources.get(number)?);
        place.get_or_insert_with(|| source.read()).as_ref()
    }
}

impl Source {
    pub fn is_identity(&self) -> bool {
        matches!(self, Source::Identity(_))
    }

    fn read(&self) -> Option<Value> {
        let text = |text: String| Value::Text(text.into_bytes());
        match self {
            Source::Method => Some(text(request::method())),
            Source::Path => Some(text(request::path())),
            Source::Header(name) => request::header(name).map(Value::Text),
            Source::Identity(part) => identity::get(part).map(text),
            Source::Label(name) => labels::get(name).map(text),
            Source::Operation => Some(model_call::operation()).filter(|operation| !operation.is_empty()).map(text),
            Source::Model => Some(text(model_call::model())),
            Source::Feature(name) => Some(Value::Truth(model_call::has(name))),
            Source::Streamed => Some(Value::Truth(model_call::streamed())),
            Source::TextBytes => Some(Value::Number(model_call::text_bytes())),
        }
    }
}
