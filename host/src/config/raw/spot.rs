//! Values and names that remember where they stand in the file.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, Range};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde::{Serialize, Serializer};

use super::text::Name;

/// Byte offsets in the file.
pub type Span = Range<usize>;

/// A value and where it stands; a default stands nowhere, at `0..0`.
#[derive(Clone, Default)]
pub struct Spot<T> {
    pub value: T,
    pub span: Span,
}

impl<T> Deref for Spot<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> From<T> for Spot<T> {
    fn from(value: T) -> Spot<T> {
        Spot { value, span: 0..0 }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spot<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Spot<T>, D::Error> {
        let spanned = toml::Spanned::<T>::deserialize(deserializer)?;
        let span = spanned.span();
        Ok(Spot { value: spanned.into_inner(), span })
    }
}

impl<T: Serialize> Serialize for Spot<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for Spot<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

/// A table whose keys are names of the file's author, in the order of the names.
pub struct Named<V, K = Name>(pub Vec<(Spot<K>, V)>);

impl<V, K> Default for Named<V, K> {
    fn default() -> Named<V, K> {
        Named(Vec::new())
    }
}

impl<'de, V: Deserialize<'de>, K: Deserialize<'de>> Deserialize<'de> for Named<V, K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Named<V, K>, D::Error> {
        struct Entries<V, K>(PhantomData<(V, K)>);

        impl<'de, V: Deserialize<'de>, K: Deserialize<'de>> Visitor<'de> for Entries<V, K> {
            type Value = Named<V, K>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named<V, K>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Named(entries))
            }
        }

        deserializer.deserialize_map(Entries(PhantomData))
    }
}

impl<V: JsonSchema, K: JsonSchema> JsonSchema for Named<V, K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("{}_by_{}", V::schema_name(), K::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let names = generator.subschema_for::<K>();
        let values = generator.subschema_for::<V>();
        json_schema!({ "type": "object", "propertyNames": names, "additionalProperties": values })
    }
}
