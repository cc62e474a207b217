//! Free-form TOML on its way to JSON, with the place of every value.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use super::spot::{Span, Spot};

/// The `config` table of a chain entry. Date-times have become strings before it is read.
pub struct Json(Spot<Node>);

enum Node {
    Plain(Value),
    List(Vec<Json>),
    Table(Vec<(String, Json)>),
}

impl Json {
    /// The JSON value, and the place of each value in it by its RFC 6901 pointer.
    pub fn into_parts(self) -> (Value, BTreeMap<String, Span>) {
        let mut places = BTreeMap::new();
        let value = self.convert("", &mut places);
        (value, places)
    }

    fn convert(self, pointer: &str, places: &mut BTreeMap<String, Span>) -> Value {
        places.insert(pointer.to_owned(), self.0.span);
        match self.0.value {
            Node::Plain(value) => value,
            Node::List(items) => {
                let items = items.into_iter().enumerate();
                Value::Array(items.map(|(index, item)| item.convert(&format!("{pointer}/{index}"), places)).collect())
            }
            Node::Table(members) => {
                let members = members.into_iter().map(|(name, member)| {
                    let escaped = name.replace('~', "~0").replace('/', "~1");
                    let value = member.convert(&format!("{pointer}/{escaped}"), places);
                    (name, value)
                });
                Value::Object(members.collect())
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        Spot::deserialize(deserializer).map(Json)
    }
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Node, E> {
        Ok(Node::Plain(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
        let mut table = Vec::new();
        while let Some(member) = members.next_entry()? {
            table.push(member);
        }
        Ok(Node::Table(table))
    }
}

impl JsonSchema for Json {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Json".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "object" })
    }
}
