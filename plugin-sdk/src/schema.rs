//! What a config may hold, as a JSON schema that is made while the policy is compiled.
//!
//! The component carries the schema of [`Plugin::Config`](crate::Plugin::Config) beside its code: the gateway reads it from the
//! file, and nothing of it is in memory when the policy runs.

mod render;
#[cfg(test)]
mod tests;
mod types;

#[cfg(not(target_arch = "wasm32"))]
pub(crate) use render::write;
#[doc(hidden)]
pub use render::{length, render};

/// The form in which serde reads a type.
///
/// Derive it beside `Deserialize`. The macro understands serde's attributes; doc comments become descriptions, and
/// `#[schema(...)]` says what serde cannot:
///
/// ```
/// use serde::Deserialize;
/// use sluicegate_plugin::Schema;
///
/// const SECONDS_MAX: u64 = 3600;
///
/// #[derive(Deserialize, Schema)]
/// #[serde(deny_unknown_fields)]
/// struct Config {
///     /// How long an answer is kept.
///     #[schema(minimum = 1, maximum = SECONDS_MAX, example = 60)]
///     seconds: u64,
///     #[serde(default)]
///     shared: bool,
/// }
/// ```
///
/// | in `#[schema(...)]` of a field | what it says |
/// |---|---|
/// | `minimum`, `maximum` | bounds of a number |
/// | `min_length`, `max_length` | characters of a text |
/// | `min_items`, `max_items` | items of a list |
/// | `pattern`, `format` | a text's form |
/// | `default` | what is used if the field is absent, for a reader of the schema |
/// | `example` | a value that somebody may write; as often as there are examples |
/// | `with = "Type"` | the form is that of another type; also above a type |
///
/// Values are literals, constants that are whole numbers, or lists of them in brackets; `pattern` and `format` take a constant
/// that is a text, too. A constant that is no whole number would be another value in the schema, so it does not compile; write
/// the literal:
///
/// ```compile_fail
/// const SHARE_MAX: f64 = 0.5;
/// #[derive(sluicegate_plugin::Schema)]
/// struct Config {
///     #[schema(maximum = SHARE_MAX)]
///     share: f64,
/// }
/// ```
///
/// ```compile_fail
/// const SHARED: bool = true;
/// #[derive(sluicegate_plugin::Schema)]
/// struct Config {
///     #[schema(default = SHARED)]
///     shared: bool,
/// }
/// ```
///
/// A `#[serde(default)]` that is a plain `false` or `0` is shown
/// by itself.
///
/// A type that contains itself has no schema that ends, and the compiler says that there is a cycle:
///
/// ```compile_fail
/// #[derive(sluicegate_plugin::Schema)]
/// struct Tree {
///     branches: Vec<Tree>,
/// }
/// const _: sluicegate_plugin::schema::Node = <Tree as sluicegate_plugin::Schema>::SCHEMA;
/// ```
///
/// The field that closes it can say that it holds anything:
///
/// ```
/// #[derive(sluicegate_plugin::Schema)]
/// struct Tree {
///     #[schema(with = "Vec<serde_json::Value>")]
///     branches: Vec<Tree>,
/// }
/// const _: sluicegate_plugin::schema::Node = <Tree as sluicegate_plugin::Schema>::SCHEMA;
/// ```
///
/// The schema describes what a config file can say. So `Option` is what may be absent, and `null`, which TOML does not have, is
/// not mentioned.
///
/// By hand, for a type that serde reads by hand:
///
/// ```
/// use sluicegate_plugin::Schema;
/// use sluicegate_plugin::schema::{Member, Node, Value};
///
/// struct Place;
///
/// impl Schema for Place {
///     const SCHEMA: Node = Node {
///         members: &[
///             Member { name: "type", value: Value::Text("string") },
///             Member { name: "pattern", value: Value::Text("^(header|query):.+$") },
///         ],
///         ..Node::ANYTHING
///     };
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say what it looks like in a config",
    label = "this has no `Schema`",
    note = "derive it beside `Deserialize`: `#[derive(Deserialize, Schema)]` with `use sluicegate_plugin::Schema;`",
    note = "for a type of another crate, write `#[schema(with = \"Type\")]` above the field: a type that is read from the same form"
)]
pub trait Schema {
    const SCHEMA: Node;
}

/// A schema as a tree of constants: members of its own, and those of another one which are not named here.
///
/// The properties of both, and what is required of them, stand together.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    pub members: &'static [Member],
    pub base: Option<&'static Node>,
    /// The type is read also where there is nothing, as `Option` is.
    pub optional: bool,
}

impl Node {
    /// Whatever there is.
    pub const ANYTHING: Node = Node { members: &[], base: None, optional: false };
}

/// A keyword of JSON schema (draft 2020-12) and what it says.
#[derive(Debug, Clone, Copy)]
pub struct Member {
    pub name: &'static str,
    pub value: Value,
}

/// What may stand behind a keyword.
#[derive(Debug, Clone, Copy)]
pub enum Value {
    Text(&'static str),
    Flag(bool),
    Integer(i128),
    /// A number as JSON writes it.
    Number(&'static str),
    List(&'static [Value]),
    Node(&'static Node),
    Nodes(&'static [Node]),
    Properties(&'static [Property]),
    /// The names of those that are required; left out if there are none.
    Required(&'static [Property]),
}

/// A member of a table.
#[derive(Debug, Clone, Copy)]
pub struct Property {
    pub name: &'static str,
    pub node: &'static Node,
    pub required: bool,
}
