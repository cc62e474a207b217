//! What keeps a caller at one upstream.

use sluicegate_plugin::{identity, model_call, request};

use crate::conversation;
use crate::order::hash;

pub enum By {
    Identity(&'static str),
    /// The first value of a field, by its name in lower case.
    Header(String),
    /// What stays the same from turn to turn of a model's call.
    Conversation,
    /// What a model's call says of the client's own user.
    ModelUser,
}

impl By {
    /// A number that stands for the value; none where the request has none.
    pub fn read(&self) -> Option<u64> {
        match self {
            By::Identity(part) => identity::get(part).map(|value| hash(value.as_bytes())),
            By::Header(name) => request::header(name).map(|value| hash(&value)),
            By::Conversation => conversation::number(),
            By::ModelUser => {
                let found = model_call::segments("", "end-user-id");
                found.iter().next().map(|user| hash(user.text().as_bytes()))
            }
        }
    }
}
