//! What the derived schema says about each form that serde reads.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::Schema;

fn schema_of<T: Schema>() -> Value {
    let mut text = vec![0; super::length(&T::SCHEMA)];
    super::write(&T::SCHEMA, &mut text);
    serde_json::from_slice(&text).unwrap_or_else(|error| panic!("{error}: {}", String::from_utf8_lossy(&text)))
}

/// The schema takes what serde takes, and refuses what serde refuses.
#[track_caller]
fn agree<T: Schema + DeserializeOwned>(cases: &[(bool, Value)]) {
    let schema = schema_of::<T>();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for (good, value) in cases {
        let read = crate::config::read::<T>(&value.to_string());
        assert_eq!(read.is_ok(), *good, "serde and {value}");
        assert_eq!(validator.is_valid(value), *good, "{schema} and {value}");
    }
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Whole {
    /// How much of it,
    /// in "pieces".
    ///
    /// At most `ten`.
    #[schema(minimum = 1, maximum = MOST, example = 3, example = 4)]
    how_much: u8,
    #[serde(default, alias = "old-flag")]
    flag: bool,
    #[serde(rename = "ratio", default = "half")]
    #[schema(default = 0.5, minimum = -1.5)]
    share: f64,
    maybe: Option<Vec<String>>,
    #[serde(skip)]
    own: Vec<u64>,
    r#type: Option<Kind>,
    #[serde(default)]
    pair: Option<(i8, char)>,
    #[serde(default)]
    table: std::collections::BTreeMap<String, [bool; 2]>,
    #[serde(default, deserialize_with = "serde::Deserialize::deserialize")]
    #[schema(with = "String", pattern = "^[a-z]+$", min_length = 2)]
    word: Option<String>,
}

const MOST: u32 = 10;

fn half() -> f64 {
    0.5
}

/// Which.
#[derive(Deserialize, Schema)]
#[serde(rename_all = "snake_case")]
enum Kind {
    #[serde(alias = "uno")]
    FirstOne,
    Second,
    #[expect(dead_code, reason = "only its form matters")]
    #[serde(skip_deserializing)]
    Never,
}

#[test]
fn a_struct_is_a_table_with_its_names_bounds_and_words() {
    assert_eq!(
        schema_of::<Whole>(),
        json!({
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "type": "object",
            "properties": {
                "how-much": {
                    "description": "How much of it, in \"pieces\".\n\nAt most `ten`.",
                    "type": "integer", "minimum": 1, "maximum": 10, "examples": [3, 4],
                },
                "flag": { "type": "boolean", "default": false },
                "old-flag": { "type": "boolean", "default": false },
                "ratio": { "type": "number", "default": 0.5, "minimum": -1.5 },
                "maybe": { "type": "array", "items": { "type": "string" } },
                "type": { "description": "Which.", "type": "string", "enum": ["first_one", "uno", "second"] },
                "pair": {
                    "type": "array", "minItems": 2, "maxItems": 2,
                    "prefixItems": [
                        { "type": "integer", "minimum": -128, "maximum": 127 },
                        { "type": "string", "minLength": 1, "maxLength": 1 },
                    ],
                },
                "table": {
                    "type": "object",
                    "additionalProperties": {
                        "type": "array", "items": { "type": "boolean" }, "minItems": 2, "maxItems": 2,
                    },
                },
                "word": { "type": "string", "pattern": "^[a-z]+$", "minLength": 2 },
            },
            "required": ["how-much"],
            "additionalProperties": false,
        })
    );
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Schema)]
struct Numbers {
    #[schema(minimum = 1e-3, maximum = 1_000.5, default = 1.0f64)]
    exponent: f64,
    #[schema(minimum = -2E+3_f64, maximum = 01.5, default = 1f32)]
    negative: f64,
    #[schema(minimum = -5_000_000_000, maximum = 0xff_u64, default = -0.0)]
    whole: i64,
    #[schema(minimum = -LEAST, maximum = MOST + 1, default = u64::MAX)]
    constant: u64,
    #[schema(example = [1e3, 2_0u8, LEAST, true, false, "1."])]
    list: Vec<serde_json::Value>,
    #[schema(min_length = 1_0u8, max_length = 5_000_000_000)]
    text: String,
}

const LEAST: i8 = 7;

#[test]
fn numbers_are_said_as_they_are_written_in_every_form_that_rust_has() {
    let schema = schema_of::<Numbers>();
    let bounds = |name: &str| {
        let property = &schema["properties"][name];
        ["minimum", "maximum", "default"].map(|keyword| property[keyword].clone())
    };
    assert_eq!(bounds("exponent"), [json!(1e-3), json!(1000.5), json!(1.0)]);
    assert_eq!(bounds("negative"), [json!(-2e3), json!(1.5), json!(1)]);
    assert_eq!(bounds("whole"), [json!(-5_000_000_000_i64), json!(255), json!(-0.0)]);
    assert_eq!(bounds("constant"), [json!(-7), json!(11), json!(u64::MAX)]);
    assert_eq!(schema["properties"]["list"]["examples"], json!([[1e3, 20, 7, true, false, "1."]]));
    let text = &schema["properties"]["text"];
    assert_eq!((&text["minLength"], &text["maxLength"]), (&json!(10), &json!(5_000_000_000_u64)));
}

#[test]
fn a_struct_takes_what_serde_reads() {
    agree::<Whole>(&[
        (true, json!({ "how-much": 1 })),
        (false, json!({})),
        (false, json!({ "how-much": 1, "unknown": 1 })),
        (false, json!({ "how_much": 1 })),
        (false, json!({ "how-much": -1 })),
        (false, json!({ "how-much": 256 })),
        (false, json!({ "how-much": "1" })),
        (false, json!({ "how-much": 1.5 })),
        (true, json!({ "how-much": 1, "old-flag": true, "ratio": 2, "type": "uno" })),
        (false, json!({ "how-much": 1, "flag": "yes" })),
        (false, json!({ "how-much": 1, "ratio": "half" })),
        (false, json!({ "how-much": 1, "type": "FirstOne" })),
        (false, json!({ "how-much": 1, "type": "never" })),
        (false, json!({ "how-much": 1, "type": { "second": {} } })),
        (false, json!({ "how-much": 1, "own": [1] })),
        (true, json!({ "how-much": 1, "pair": [-128, "x"], "maybe": [], "word": "ab" })),
        (false, json!({ "how-much": 1, "pair": [-129, "x"] })),
        (false, json!({ "how-much": 1, "pair": [1, "xy"] })),
        (false, json!({ "how-much": 1, "pair": [1] })),
        (false, json!({ "how-much": 1, "pair": [1, "x", 1] })),
        (true, json!({ "how-much": 1, "table": { "a": [true, false], "b/\"~": [true, true] } })),
        (false, json!({ "how-much": 1, "table": { "a": [true] } })),
        (false, json!({ "how-much": 1, "table": { "a": [true, false, true] } })),
        (false, json!([1])),
    ]);
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Inner {
    size: u16,
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Deserialize, Schema)]
#[serde(rename_all = "lowercase", rename_all_fields = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
enum External {
    /// Nothing more to say.
    Unit,
    One(Inner),
    Two(u8, bool),
    Table {
        first_field: u8,
    },
}

#[test]
fn an_enum_is_a_name_or_a_table_with_one_name() {
    agree::<External>(&[
        (true, json!("unit")),
        (false, json!("one")),
        (false, json!("Unit")),
        (false, json!({})),
        (true, json!({ "one": { "size": 3 } })),
        (false, json!({ "one": { "size": 3 }, "two": [1, true] })),
        (false, json!({ "one": { "size": 70_000 } })),
        (true, json!({ "two": [1, true] })),
        (false, json!({ "two": [1] })),
        (true, json!({ "table": { "FIRST_FIELD": 1 } })),
        (false, json!({ "table": { "first_field": 1 } })),
        (false, json!({ "table": { "FIRST_FIELD": 1, "more": 1 } })),
        (false, json!(7)),
    ]);
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Deserialize, Schema)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
enum Internal {
    Unit,
    One(Inner),
    Table { first: Option<u8> },
}

#[test]
fn a_tag_stands_beside_what_belongs_to_it() {
    agree::<Internal>(&[
        (true, json!({ "kind": "unit" })),
        (false, json!({ "kind": "other" })),
        (false, json!({ "size": 3 })),
        (true, json!({ "kind": "one", "size": 3 })),
        (false, json!({ "kind": "one", "size": 3, "more": 3 })),
        (false, json!({ "kind": "one" })),
        (true, json!({ "kind": "table", "first": 3 })),
        (true, json!({ "kind": "table" })),
        (false, json!({ "kind": "table", "second": 3 })),
    ]);
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Deserialize, Schema)]
#[serde(tag = "kind", content = "of", deny_unknown_fields)]
enum Adjacent {
    Unit,
    One(Inner),
}

#[test]
fn a_tag_and_its_content_stand_side_by_side() {
    agree::<Adjacent>(&[
        (true, json!({ "kind": "Unit" })),
        (true, json!({ "kind": "One", "of": { "size": 3 } })),
        (false, json!({ "kind": "One" })),
        (false, json!({ "kind": "One", "of": { "size": 3 }, "more": 1 })),
        (false, json!({ "of": { "size": 3 } })),
    ]);
}

#[expect(dead_code, reason = "only its form matters")]
#[derive(Deserialize, Schema)]
#[serde(untagged)]
enum Untagged {
    Number(i32),
    Words(Vec<String>),
    Table(Inner),
}

#[test]
fn what_has_no_tag_takes_any_of_its_forms() {
    agree::<Untagged>(&[
        (true, json!(-5)),
        (true, json!(["a"])),
        (true, json!({ "size": 3 })),
        (false, json!({ "size": -3 })),
        (false, json!("a")),
        (false, json!(1.5)),
    ]);
}

#[derive(Deserialize, Schema)]
struct Newtype(#[schema(max_length = 3)] String);

#[derive(Deserialize, Schema)]
#[serde(transparent)]
struct Transparent {
    /// Of the field.
    inner: Newtype,
}

/// Read from text.
#[derive(Deserialize, Schema)]
#[serde(try_from = "String")]
struct Parsed;

impl TryFrom<String> for Parsed {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Parsed, &'static str> {
        if text.is_empty() { Err("there is nothing") } else { Ok(Parsed) }
    }
}

#[derive(Deserialize, Schema)]
#[serde(default)]
struct Generic<T: Default> {
    inner: T,
    anything: serde_json::Value,
}

impl<T: Default> Default for Generic<T> {
    fn default() -> Self {
        Generic { inner: T::default(), anything: Value::Null }
    }
}

#[test]
fn a_type_that_is_read_as_another_has_the_form_of_that() {
    let with = |members: Value| {
        let mut whole = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema" });
        whole.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        whole
    };
    assert_eq!(schema_of::<Newtype>(), with(json!({ "type": "string", "maxLength": 3 })));
    let transparent = json!({ "description": "Of the field.", "type": "string", "maxLength": 3 });
    assert_eq!(schema_of::<Transparent>(), with(transparent));
    assert_eq!(schema_of::<Parsed>(), with(json!({ "description": "Read from text.", "type": "string" })));
    let generic = json!({
        "type": "object", "properties": { "inner": { "type": "integer", "minimum": 0, "maximum": u64::MAX }, "anything": {} },
    });
    assert_eq!(schema_of::<Generic<u64>>(), with(generic));
    assert_eq!(schema_of::<serde_json::Value>(), with(json!({})));
    assert_eq!(Transparent { inner: Newtype("abc".to_owned()) }.inner.0, "abc");
}

#[test]
fn a_config_without_names_is_an_empty_table() {
    agree::<()>(&[(true, json!({})), (false, json!({ "a": 1 })), (false, json!([])), (false, json!("a"))]);
}
