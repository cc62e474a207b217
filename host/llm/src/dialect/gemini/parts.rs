//! Contents and their parts as they are printed, in calls and in answers.

use serde::Serialize;
use serde_json::value::RawValue;

#[derive(Debug, Serialize)]
pub struct Content {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    pub parts: Vec<Part>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Part {
    /// As the vendor wrote it.
    Raw(Box<RawValue>),
    Plain(Box<Plain>),
}

/// One of these and what belongs to it.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Plain {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inline_data: Option<Inline>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_data: Option<File>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_call: Option<Called>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_response: Option<Responded>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub thought: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thought_signature: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Inline {
    pub mime_type: String,
    pub data: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct File {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mime_type: Option<&'static str>,
    pub file_uri: String,
}

#[derive(Debug, Serialize)]
pub struct Called {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub name: String,
    pub args: Box<RawValue>,
}

#[derive(Debug, Serialize)]
pub struct Responded {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    pub name: String,
    pub response: Told,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// The names that the vendor documents for what a function has to say.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Told {
    Output(String),
    Error(String),
}

impl Part {
    pub fn text(text: impl Into<String>) -> Part {
        Part::Plain(Box::new(Plain { text: Some(text.into()), ..Plain::default() }))
    }

    pub fn thought(text: impl Into<String>) -> Part {
        Part::Plain(Box::new(Plain { text: Some(text.into()), thought: true, ..Plain::default() }))
    }

    pub fn inline(mime_type: &str, data: &str) -> Part {
        let inline = Inline { mime_type: mime_type.to_owned(), data: data.to_owned() };
        Part::Plain(Box::new(Plain { inline_data: Some(inline), ..Plain::default() }))
    }

    pub fn file(mime_type: Option<&'static str>, address: &str) -> Part {
        let file = File { mime_type, file_uri: address.to_owned() };
        Part::Plain(Box::new(Plain { file_data: Some(file), ..Plain::default() }))
    }

    pub fn call(called: Called, signature: Option<String>) -> Part {
        let plain = Plain { function_call: Some(called), thought_signature: signature, ..Plain::default() };
        Part::Plain(Box::new(plain))
    }

    pub fn response(responded: Responded) -> Part {
        Part::Plain(Box::new(Plain { function_response: Some(responded), ..Plain::default() }))
    }

    pub fn is_response(&self) -> bool {
        matches!(self, Part::Plain(plain) if plain.function_response.is_some())
    }
}

/// What must come back with an answer, by how it is kept: a whole part, or only the sign of the call behind it.
pub enum Sealed {
    Part(Box<RawValue>),
    OfCall(String),
}

impl Sealed {
    pub fn read(raw: &str) -> Option<Sealed> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Kept {
            text: Option<String>,
            thought_signature: Option<String>,
        }
        let kept: Kept = serde_json::from_str(raw).ok()?;
        match (kept.text, kept.thought_signature) {
            (Some(_), _) => RawValue::from_string(raw.to_owned()).ok().map(Sealed::Part),
            (None, Some(signature)) => Some(Sealed::OfCall(signature)),
            (None, None) => None,
        }
    }
}

/// Arguments as the object that they must be here; nothing stands for an empty one.
pub fn object(arguments: &str) -> Option<Box<RawValue>> {
    let text = match arguments.trim() {
        "" => "{}",
        text => text,
    };
    RawValue::from_string(text.to_owned()).ok().filter(|_| text.starts_with('{'))
}

/// The JSON of protocol buffers takes base64 in the alphabet for URLs too, and without padding.
pub fn standard_base64(text: &str) -> String {
    let mut standard = text.replace('-', "+").replace('_', "/");
    while !standard.len().is_multiple_of(4) {
        standard.push('=');
    }
    standard
}
