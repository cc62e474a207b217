//! What cannot be a schema is refused with a sentence that says what to do.

use super::*;

fn refusal(text: &str) -> String {
    let input = syn::parse_str(text).unwrap_or_else(|error| panic!("{error}: {text}"));
    expand(input).err().map(|error| error.to_string()).unwrap_or_default()
}

#[test]
fn what_would_change_the_form_unseen_is_refused() {
    for (text, said) in [
        ("struct A { #[serde(flatten)] b: B }", "give them a table of their own"),
        ("struct A { #[serde(with = \"f\")] b: B }", "`#[schema(with = \"Type\")]`"),
        ("struct A { #[serde(invented)] b: B }", "does not know `#[serde(invented)]`: leave it out, or implement"),
        ("#[serde(invented = \"x\")] struct A { b: B }", "does not know `#[serde(invented)]`"),
        ("enum A { #[serde(other)] B }", "does not know `#[serde(other)]`"),
        ("struct A { #[schema(minimun = 1)] b: u8 }", "does not know `#[schema(minimun)]`"),
        ("enum A { #[schema(minimum = 1)] B }", "does not know `#[schema(minimum)]`"),
        ("#[serde(rename_all = \"Titles\")] struct A { b: B }", "serde knows no case `Titles`"),
        ("#[serde(tag = \"kind\")] struct A { b: B }", "for enums only"),
        ("struct A(#[serde(default)] u8, u8);", "name the fields"),
        ("#[serde(transparent)] struct A { b: u8, c: u8 }", "exactly one field"),
        ("union A { b: u8 }", "use a struct or an enum"),
        ("struct A { #[schema(maximum = 1.)] b: f64 }", "write `1.0`"),
        ("struct A { #[schema(maximum = -1_0.)] b: f64 }", "write `-10.0`"),
        ("struct A { #[schema(example = [0.5, 2.])] b: Vec<f64> }", "write `2.0`"),
        ("struct A { #[schema(maximum = 1e999)] b: f64 }", "too large"),
        ("struct A { #[schema(max_length = 5kb)] b: String }", "`kb` is no type of a number"),
        ("struct A { #[schema(default = 'a')] b: char }", "a text in double quotes"),
    ] {
        assert!(refusal(text).contains(said), "{text}: {}", refusal(text));
    }
}

#[test]
fn what_does_not_change_the_form_is_taken() {
    for text in [
        "#[serde(rename = \"x\", bound = \"\", crate = \"serde\", expecting = \"a table\")] struct A { b: B }",
        "#[serde(rename(serialize = \"x\", deserialize = \"y\"))] struct A { b: B }",
        "struct A { #[serde(skip_serializing_if = \"is_none\", borrow, serialize_with = \"f\")] b: B }",
        "struct A { #[serde(skip, with = \"f\")] b: B }",
        "enum A { #[serde(skip_serializing, rename(deserialize = \"x\"))] B }",
    ] {
        assert_eq!(refusal(text), "", "{text}");
    }
}

#[test]
fn names_are_written_in_serdes_cases() {
    let cases = [
        ("lowercase", "firstname", "first_name"),
        ("UPPERCASE", "FIRSTNAME", "FIRST_NAME"),
        ("PascalCase", "FirstName", "FirstName"),
        ("camelCase", "firstName", "firstName"),
        ("snake_case", "first_name", "first_name"),
        ("SCREAMING_SNAKE_CASE", "FIRST_NAME", "FIRST_NAME"),
        ("kebab-case", "first-name", "first-name"),
        ("SCREAMING-KEBAB-CASE", "FIRST-NAME", "FIRST-NAME"),
    ];
    for (name, of_variant, of_field) in cases {
        let case = case::Case::named(name).unwrap();
        assert_eq!(
            (case.of_variant("FirstName"), case.of_field("first_name")),
            (of_variant.to_owned(), of_field.to_owned())
        );
    }
}
