//! Values with placeholders, such as `${identity.consumer}`.

use std::borrow::Cow;

use sluicegate_plugin::fields::{is_credential, is_name, is_value};
use sluicegate_plugin::{exchange, identity, reply, request};

use crate::operation::Message;

pub const BYTES_MAX: usize = 4096;

/// A parsed value.
#[derive(Debug, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
    when_empty: WhenEmpty,
}

#[derive(Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Value(Source),
}

/// What becomes of a value if something in it is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, sluicegate_plugin::Schema)]
#[serde(rename_all = "lowercase")]
pub enum WhenEmpty {
    /// There is no value: `append` adds nothing, and `set` removes the field.
    #[default]
    Skip,
    /// What is absent stands as empty text.
    Empty,
}

#[derive(Debug, PartialEq, Eq)]
enum Source {
    /// Any part that the identity may have, such as `consumer` or `claim.department`.
    Identity(String),
    RequestHeader(String),
    Method,
    Path,
    Authority,
    ExchangeId,
    Route,
    ClientAddress,
    ReplyStatus,
}

const KNOWN: &str = "identity.PART, identity.claim.NAME, request.header.NAME, request.method, request.path, request.authority, \
                     exchange.id, exchange.route, client.address and, for an answer, reply.status";

impl Template {
    /// The error is a sentence for the operator.
    pub fn parse(text: &str, message: Message, when_empty: WhenEmpty) -> Result<Template, String> {
        if text.len() > BYTES_MAX {
            return Err(format!("The value is longer than {BYTES_MAX} bytes."));
        }
        if !is_value(text.as_bytes()) {
            return Err("The value holds a control character, such as a line break.".to_owned());
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((front, behind)) = rest.split_once('$') {
            literal.push_str(front);
            if let Some(after) = behind.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            let placeholder = behind.strip_prefix('{').and_then(|behind| behind.split_once('}'));
            let Some((name, after)) = placeholder else {
                return Err(
                    "A `$` in a value begins a placeholder `${...}`: write `$$` for the sign itself.".to_owned()
                );
            };
            if !literal.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut literal)));
            }
            parts.push(Part::Value(Source::parse(name, message)?));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Text(literal));
        }
        Ok(Template { parts, when_empty })
    }

    /// None if something in it is absent and the value shall be skipped then. A single part is not copied.
    pub fn render(&self) -> Option<Cow<'_, [u8]>> {
        let mut parts = self.parts.iter();
        let mut value = parts.next().map_or(Some(Cow::Borrowed(&[][..])), |first| self.read(first))?;
        for part in parts {
            value.to_mut().extend_from_slice(&self.read(part)?);
        }
        Some(value)
    }

    fn read<'a>(&self, part: &'a Part) -> Option<Cow<'a, [u8]>> {
        match part {
            Part::Text(text) => Some(Cow::Borrowed(text.as_bytes())),
            Part::Value(source) => match (source.read(), self.when_empty) {
                (Some(bytes), _) => Some(Cow::Owned(bytes)),
                (None, WhenEmpty::Empty) => Some(Cow::Borrowed(&[])),
                (None, WhenEmpty::Skip) => None,
            },
        }
    }
}

impl Source {
    fn parse(name: &str, message: Message) -> Result<Source, String> {
        if let Some(header) = name.strip_prefix("request.header.") {
            if is_credential(header) {
                return Err(format!("The field `{header}` carries a credential, which plugins do not see."));
            }
            return match is_name(header) {
                true => Ok(Source::RequestHeader(header.to_ascii_lowercase())),
                false => Err(format!("`{header}` is no field name.")),
            };
        }
        if let Some(part) = name.strip_prefix("identity.") {
            let claim = part.strip_prefix("claim.").is_some_and(|claim| !claim.is_empty());
            return match claim || ["key", "consumer", "team", "subject", "issuer", "scopes"].contains(&part) {
                true => Ok(Source::Identity(part.to_owned())),
                false => Err(format!(
                    "The identity has no part `{part}`: it has key, consumer, team, subject, issuer, scopes and claim.NAME."
                )),
            };
        }
        match (name, message) {
            ("request.method", _) => Ok(Source::Method),
            ("request.path", _) => Ok(Source::Path),
            ("request.authority", _) => Ok(Source::Authority),
            ("exchange.id", _) => Ok(Source::ExchangeId),
            ("exchange.route", _) => Ok(Source::Route),
            ("client.address", _) => Ok(Source::ClientAddress),
            ("reply.status", Message::Reply) => Ok(Source::ReplyStatus),
            ("reply.status", Message::Request) => {
                Err("`${reply.status}` stands in a request, which has no answer yet.".to_owned())
            }
            _ => Err(format!("There is no placeholder `${{{name}}}`: there are {KNOWN}.")),
        }
    }

    fn read(&self) -> Option<Vec<u8>> {
        match self {
            Source::Identity(part) => identity::get(part).map(String::into_bytes),
            Source::RequestHeader(name) => request::header(name),
            Source::Method => Some(request::method().into_bytes()),
            Source::Path => Some(request::path().into_bytes()),
            Source::Authority => Some(request::authority().into_bytes()),
            Source::ExchangeId => Some(exchange::id().into_bytes()),
            Source::Route => Some(exchange::route().into_bytes()),
            Source::ClientAddress => Some(exchange::client_address().into_bytes()),
            Source::ReplyStatus => Some(reply::status().to_string().into_bytes()),
        }
    }
}
