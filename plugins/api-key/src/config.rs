//! The config as written and as meant.

use serde::Deserialize;
use sluicegate_plugin::fields::is_name;
use sluicegate_plugin::keys::Place;
use sluicegate_plugin::schema::{Member, Node, Value};
use sluicegate_plugin::{Pointer, Problems, Schema};

const PLACES_MAX: usize = 16;
const MESSAGE_BYTES_MAX: usize = 512;
/// So many names of such length still fit into a refusal.
const SCOPES_MAX: usize = 32;
const SCOPE_BYTES_MAX: usize = 64;

/// Lets a request pass if its caller presents a gateway key, and tells the plugins behind it who that is.
#[cfg_attr(test, derive(Debug, PartialEq))]
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub struct RawConfig {
    /// Where to look for a key, in this order: `bearer`, `authorization:SCHEME`, `header:NAME`, `query:NAME` or `cookie:NAME`. The
    /// first place where anything is presented decides. A header or query member of your own must also be named among the
    /// route's credential places.
    #[serde(default = "usual_places")]
    #[schema(
        with = "Vec<PlaceText>",
        min_items = 1,
        max_items = PLACES_MAX,
        default = ["bearer", "header:x-api-key", "header:api-key", "header:x-goog-api-key", "query:key"]
    )]
    places: Vec<String>,
    /// Scopes that the key must have. Not together with `allow_anonymous`.
    scopes: Option<Scopes>,
    /// Stands in `WWW-Authenticate`.
    #[serde(default = "usual_realm")]
    #[schema(pattern = r#"^[ !#-\[\]-~]*$"#, default = "gateway")]
    realm: String,
    /// Replaces the sentence of every 401: one line of at most 512 bytes.
    #[schema(pattern = r"^[^\x00-\x1f\x7f-\x9f]*$", min_length = 1, max_length = MESSAGE_BYTES_MAX)]
    message: Option<String>,
    /// Lets a caller pass who presents no key anywhere. A wrong key is refused all the same.
    #[serde(default)]
    allow_anonymous: bool,
}

/// The text that [`parse_place`] reads.
struct PlaceText;

impl Schema for PlaceText {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "type", value: Value::Text("string") },
            Member {
                name: "pattern",
                value: Value::Text("^(bearer|(authorization|header|cookie):[!#$%&'*+.^_`|~0-9A-Za-z-]+|query:.+)$"),
            },
        ],
        ..Node::ANYTHING
    };
}

/// One scope (RFC 6749, 3.3: scope-token).
struct ScopeText;

impl Schema for ScopeText {
    const SCHEMA: Node = Node {
        members: &[
            Member { name: "type", value: Value::Text("string") },
            Member { name: "pattern", value: Value::Text(r"^[!#-\[\]-~]+$") },
            Member { name: "maxLength", value: Value::Integer(SCOPE_BYTES_MAX as i128) },
        ],
        ..Node::ANYTHING
    };
}

pub struct Config {
    /// At least one.
    pub places: Vec<Place>,
    pub scopes: Option<Scopes>,
    /// Can stand in a quoted string as it is.
    pub realm: String,
    pub message: Option<String>,
    pub allow_anonymous: bool,
}

/// What a key's scopes must hold. Never empty.
#[cfg_attr(test, derive(Debug, PartialEq))]
#[derive(Deserialize, Schema)]
#[serde(rename_all = "lowercase")]
pub enum Scopes {
    /// Every one of these.
    All(#[schema(with = "Vec<ScopeText>", min_items = 1, max_items = SCOPES_MAX)] Vec<String>),
    /// At least one of these.
    Any(#[schema(with = "Vec<ScopeText>", min_items = 1, max_items = SCOPES_MAX)] Vec<String>),
}

impl Scopes {
    pub fn names(&self) -> &[String] {
        match self {
            Scopes::All(names) | Scopes::Any(names) => names,
        }
    }

    /// The scopes for want of which a key with the scopes `held` is refused.
    pub fn missing<'a>(&'a self, held: &[String]) -> Vec<&'a str> {
        let missing =
            || self.names().iter().filter(|name| !held.contains(name)).map(String::as_str).collect::<Vec<_>>();
        match self {
            Scopes::All(_) => missing(),
            Scopes::Any(names) if names.iter().any(|name| held.contains(name)) => Vec::new(),
            Scopes::Any(_) => missing(),
        }
    }
}

fn usual_places() -> Vec<String> {
    ["bearer", "header:x-api-key", "header:api-key", "header:x-goog-api-key", "query:key"].map(str::to_owned).to_vec()
}

fn usual_realm() -> String {
    "gateway".to_owned()
}

impl TryFrom<RawConfig> for Config {
    type Error = Problems;

    fn try_from(raw: RawConfig) -> Result<Config, Problems> {
        let root = Pointer::root();
        let mut problems = Vec::new();
        let mut report = |pointer: Pointer, message: String| problems.push(Problems::new(&pointer, message));

        if raw.places.is_empty() || raw.places.len() > PLACES_MAX {
            let message =
                format!("`places` must name 1 to {PLACES_MAX} places, such as \"bearer\" or \"header:x-api-key\".");
            report(root.key("places"), message);
        }
        let mut places = Vec::new();
        for (index, name) in raw.places.iter().enumerate() {
            match parse_place(name) {
                Ok(place) => places.push(place),
                Err(message) => report(root.key("places").index(index), message),
            }
        }
        if let Some(scopes) = &raw.scopes {
            check_scopes(scopes, raw.allow_anonymous, &mut report);
        }
        if !raw.realm.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\') {
            report(
                root.key("realm"),
                "`realm` may hold printable ASCII characters other than quotes and backslashes.".to_owned(),
            );
        }
        if let Some(message) = &raw.message
            && (message.is_empty() || message.len() > MESSAGE_BYTES_MAX || message.chars().any(char::is_control))
        {
            let text = format!("`message` must be one line of 1 to {MESSAGE_BYTES_MAX} bytes.");
            report(root.key("message"), text);
        }
        Problems::check(problems)?;
        Ok(Config {
            places,
            scopes: raw.scopes,
            realm: raw.realm,
            message: raw.message,
            allow_anonymous: raw.allow_anonymous,
        })
    }
}

fn check_scopes(scopes: &Scopes, allow_anonymous: bool, report: &mut impl FnMut(Pointer, String)) {
    let pointer = Pointer::root().key("scopes");
    if allow_anonymous {
        let message = "`scopes` asks something of every caller, and `allow_anonymous` lets callers pass without a key: remove one.";
        report(pointer.clone(), message.to_owned());
    }
    if !(1..=SCOPES_MAX).contains(&scopes.names().len()) {
        report(pointer, format!("`scopes` must name 1 to {SCOPES_MAX} scopes."));
        return;
    }
    let list = pointer.key(match scopes {
        Scopes::All(_) => "all",
        Scopes::Any(_) => "any",
    });
    for (index, name) in scopes.names().iter().enumerate() {
        // RFC 6749, 3.3: scope-token.
        let fits = (1..=SCOPE_BYTES_MAX).contains(&name.len());
        if !fits || !name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\') {
            report(
                list.index(index),
                format!(
                    "{name:?} is no scope: it has 1 to {SCOPE_BYTES_MAX} bytes without spaces, quotes or backslashes."
                ),
            );
        }
    }
}

fn parse_place(name: &str) -> Result<Place, String> {
    if name == "bearer" {
        return Ok(Place::Authorization("Bearer".to_owned()));
    }
    match name.split_once(':') {
        Some(("authorization", scheme)) if is_name(scheme) => Ok(Place::Authorization(scheme.to_owned())),
        Some(("header", field))
            if field.eq_ignore_ascii_case("authorization") || field.eq_ignore_ascii_case("cookie") =>
        {
            Err(format!(
                "{name:?} must name a scheme or a cookie: write \"bearer\", \"authorization:SCHEME\" or \"cookie:NAME\"."
            ))
        }
        Some(("header", field)) if is_name(field) => Ok(Place::Header(field.to_ascii_lowercase())),
        Some(("query", member)) if !member.is_empty() => Ok(Place::Query(member.to_owned())),
        Some(("cookie", cookie)) if is_name(cookie) => Ok(Place::Cookie(cookie.to_owned())),
        _ => Err(format!(
            "{name:?} is no place: write \"bearer\", \"authorization:SCHEME\", \"header:NAME\", \"query:NAME\" or \"cookie:NAME\"."
        )),
    }
}
