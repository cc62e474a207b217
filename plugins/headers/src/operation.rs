//! One change of a header field.

use sluicegate_plugin::edits::EditError;
use sluicegate_plugin::{Rejection, reply, request};

use crate::template::Template;

/// Which head is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Message {
    Request,
    Reply,
}

/// Names are lower case.
pub enum Operation {
    /// Replaces all values. With a value that is absent the field is removed: else what the client sent under this name would
    /// pass for what the operator set.
    Set {
        name: String,
        value: Template,
    },
    Append {
        name: String,
        value: Template,
    },
    /// Moves all values, and replaces those of `to`; nothing without a value to move.
    Rename {
        from: String,
        to: String,
    },
    Remove {
        name: String,
    },
}

impl Operation {
    /// A change that the host refuses ends the exchange: an upstream must not read a field as set that was not.
    pub fn run(&self, message: Message) -> Result<(), Rejection> {
        match self {
            Operation::Set { name, value } => match value.render() {
                Some(value) => message.set(name, &value).map_err(|error| refused(name, error)),
                None => message.remove(name).map_err(|error| refused(name, error)),
            },
            Operation::Append { name, value } => match value.render() {
                Some(value) => message.append(name, &value).map_err(|error| refused(name, error)),
                None => Ok(()),
            },
            Operation::Rename { from, to } => rename(message, from, to).map_err(|error| refused(from, error)),
            Operation::Remove { name } => message.remove(name).map_err(|error| refused(name, error)),
        }
    }
}

fn rename(message: Message, from: &str, to: &str) -> Result<(), EditError> {
    let values = message.values(from);
    let Some((first, rest)) = values.split_first() else { return Ok(()) };
    message.remove(from)?;
    message.set(to, first)?;
    rest.iter().try_for_each(|value| message.append(to, value))
}

fn refused(name: &str, error: EditError) -> Rejection {
    let reason = match error {
        EditError::InvalidName => "this is no field name",
        EditError::InvalidValue => "its value would hold a control character",
        EditError::Forbidden => "the field belongs to the gateway or carries credentials",
        EditError::TooMany => "the message has too many fields",
        EditError::TooLate => "the message has been sent on already",
    };
    Rejection::new(500, "header_refused", format!("The gateway could not change the field `{name}`: {reason}."))
}

impl Message {
    fn values(self, name: &str) -> Vec<Vec<u8>> {
        match self {
            Message::Request => request::header_values(name),
            Message::Reply => reply::header_values(name),
        }
    }

    fn set(self, name: &str, value: &[u8]) -> Result<(), EditError> {
        match self {
            Message::Request => request::set_header(name, value),
            Message::Reply => reply::set_header(name, value),
        }
    }

    fn append(self, name: &str, value: &[u8]) -> Result<(), EditError> {
        match self {
            Message::Request => request::append_header(name, value),
            Message::Reply => reply::append_header(name, value),
        }
    }

    fn remove(self, name: &str) -> Result<(), EditError> {
        match self {
            Message::Request => request::remove_header(name),
            Message::Reply => reply::remove_header(name),
        }
    }
}
