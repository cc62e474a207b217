//! Each way in which a config can be wrong is said with its place, and what serde reads is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[expect(dead_code, reason = "only the errors of reading it matter")]
    limits: Vec<Limit>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Limit {
    #[serde(rename = "a/b")]
    #[expect(dead_code, reason = "only the errors of reading it matter")]
    requests: u64,
}

fn problem(config: &str) -> (String, String) {
    let mut problems = read::<Config>(config).unwrap_err().into_vec();
    let problem = problems.remove(0);
    (problem.pointer, problem.message)
}

#[test]
fn an_unknown_name_is_pointed_at_and_the_known_ones_are_told() {
    let (pointer, message) = problem(r#"{"limits":[{"a/b":1,"x":2}]}"#);
    assert_eq!(pointer, "/limits/0/x");
    assert_eq!(message, "unknown field `x`, expected `a/b`.");
}

#[test]
fn a_wrong_type_is_said_in_the_words_of_a_config() {
    let (pointer, message) = problem(r#"{"limits":[{"a/b":"many"}]}"#);
    assert_eq!(pointer, "/limits/0/a~1b");
    assert_eq!(message, "`a/b`: invalid type: string \"many\", expected a whole number that is not negative.");
    assert_eq!(problem(r#"{"limits":true}"#).1, "`limits`: invalid type: boolean `true`, expected a list.");
}

#[test]
fn a_missing_name_points_at_the_table_that_lacks_it() {
    assert_eq!(problem("{}"), (String::new(), "missing field `limits`.".to_owned()));
    assert_eq!(problem(r#"{"limits":[{}]}"#).0, "/limits/0");
}

#[test]
fn an_item_of_a_list_is_named_by_its_list() {
    let problem = problem(r#"{"limits":[{"a/b":1},5]}"#);
    assert_eq!(
        problem,
        ("/limits/1".to_owned(), "`limits[1]`: invalid type: integer `5`, expected a table.".to_owned())
    );
}

#[test]
fn what_follows_the_document_is_refused() {
    assert_eq!(problem(r#"{"limits":[]} x"#).1, "trailing characters.");
}

#[test]
fn what_is_json_is_read_as_serde_json_reads_it() {
    for text in [
        r#" { "a" : [ 1 , -2 , 0.5 , 1e3 , -1.5E-2 , 18446744073709551615 , -9223372036854775808 ] , "b" : { } } "#,
        r#"["", "plain", "\"\\\/\b\f\n\r\t", "\u00e4\ud83d\ude00 ä😀", "\u0000", true, false, null, []]"#,
        "18446744073709551616",
        "7",
        "[-0, 0, -0.0, 1e308]",
    ] {
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(read::<serde_json::Value>(text).unwrap(), expected, "{text}");
        read::<serde::de::IgnoredAny>(text).unwrap();
    }
}

#[test]
fn what_is_no_json_is_refused() {
    for text in [
        "",
        " ",
        "{",
        "[",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{"a" 1}"#,
        "{1:1}",
        r#"""#,
        r#""\"#,
        r#""\x""#,
        r#""\u12"#,
        r#""\u12g4""#,
        r#""\ud800""#,
        r#""\ud800\u0041""#,
        r#""\udc00""#,
        "\"\n\"",
        "tru",
        "nul",
        "01",
        "1.",
        ".5",
        "-",
        "1e",
        "+1",
        "1 1",
        "nan",
        "'a'",
        "[1}",
        r#"{"a":1]"#,
    ] {
        assert!(serde_json::from_str::<serde_json::Value>(text).is_err(), "{text}");
        assert!(read::<serde_json::Value>(text).is_err(), "{text}");
        assert!(read::<serde::de::IgnoredAny>(text).is_err(), "{text} is skipped");
    }
}

#[test]
fn lists_in_lists_have_an_end() {
    for depth in [128, 130, 100_000] {
        let text = "[".repeat(depth) + &"]".repeat(depth);
        assert_eq!(read::<serde_json::Value>(&text).is_ok(), depth == 128, "{depth}");
        assert_eq!(read::<serde::de::IgnoredAny>(&text).is_ok(), depth == 128, "{depth}");
    }
}

#[derive(Debug, PartialEq, Deserialize)]
enum Choice {
    Bare,
    One(u8),
    Two(u8, bool),
    Table { size: Option<i16> },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Forms {
    choice: Vec<Choice>,
    by_number: BTreeMap<u16, f32>,
    by_choice: BTreeMap<Word, ()>,
    pair: (i64, char),
    #[serde(default)]
    bytes: Vec<u8>,
    wide: i128,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
enum Word {
    First,
    Second,
}

#[test]
fn each_form_is_read() {
    let text = r#"{
        "choice": ["Bare", {"One": 1}, {"Two": [1, true]}, {"Table": {"size": -3}}, {"Table": {"size": null}}],
        "by_number": {"7": 1.5, "8": 2}, "by_choice": {"Second": {}, "First": null}, "pair": [-5, "ä"],
        "unknown": [{"a": ["b"]}, "\"", 1e5], "wide": -170141183460469231731687303715884105728
    }"#;
    let expected = Forms {
        choice: vec![
            Choice::Bare,
            Choice::One(1),
            Choice::Two(1, true),
            Choice::Table { size: Some(-3) },
            Choice::Table { size: None },
        ],
        by_number: BTreeMap::from([(7, 1.5), (8, 2.0)]),
        by_choice: BTreeMap::from([(Word::First, ()), (Word::Second, ())]),
        pair: (-5, 'ä'),
        bytes: Vec::new(),
        wide: i128::MIN,
    };
    assert_eq!(read::<Forms>(text).unwrap(), expected);
}

#[track_caller]
fn assert_problem<C: serde::de::DeserializeOwned>(config: &str, pointer: &str, message: &str) {
    let problems = read::<C>(config).err().unwrap().into_vec();
    assert_eq!(problems, [crate::Problem { pointer: pointer.to_owned(), message: message.to_owned() }]);
}

#[test]
fn a_wrong_choice_is_said_at_its_place() {
    let known = "expected one of `Bare`, `One`, `Two`, `Table`";
    let said = [
        (r#""Base""#, "", format!("unknown variant `Base`, {known}.")),
        (r#"{"Base": 1}"#, "", format!("unknown variant `Base`, {known}.")),
        (
            r#"{"One": "a"}"#,
            "/One",
            "`One`: invalid type: string \"a\", expected a whole number from 0 to 255.".to_owned(),
        ),
        (
            r#"{"One": 300}"#,
            "/One",
            "`One`: invalid value: integer `300`, expected a whole number from 0 to 255.".to_owned(),
        ),
        (r#""One""#, "", "this name alone is not enough: write a table with the name and its value.".to_owned()),
        (r#"{"Bare": {}}"#, "/Bare", "`Bare`: this name has no value: write it alone, as text.".to_owned()),
        (r#"{"One": 1, "Two": 2}"#, "", "the table holds several names, where one is expected.".to_owned()),
        ("{}", "", "the table is empty, where one name is expected.".to_owned()),
        ("5", "", "invalid type: integer `5`, expected enum Choice.".to_owned()),
    ];
    for (config, pointer, message) in said {
        assert_problem::<Choice>(config, pointer, &message);
    }
}

#[test]
fn a_number_that_does_not_fit_is_told_as_it_was_written() {
    assert_problem::<(u64,)>(
        "[1.50]",
        "/0",
        "invalid type: number `1.50`, expected a whole number that is not negative.",
    );
    let wide = "[18446744073709551616]";
    assert_problem::<(u64,)>(
        wide,
        "/0",
        "invalid type: integer `18446744073709551616`, expected a whole number that is not negative.",
    );
    assert_problem::<(i32,)>(
        "[-3000000000]",
        "/0",
        "invalid value: integer `-3000000000`, expected a whole number from -2147483648 to 2147483647.",
    );
    let zero = "invalid type: integer `-0`, expected a whole number";
    assert_problem::<(u64,)>("[-0]", "/0", &format!("{zero} that is not negative."));
    assert_problem::<(i64,)>("[-0]", "/0", &format!("{zero}."));
    for number in ["1e999", "-1e999"] {
        assert!(serde_json::from_str::<f64>(number).is_err());
        assert_problem::<(f64,)>(&format!("[{number}]"), "/0", "the number is too large.");
        assert_problem::<(f32,)>(&format!("[{number}]"), "/0", "the number is too large.");
        assert_problem::<(serde_json::Value,)>(&format!("[{number}]"), "/0", "the number is too large.");
    }
    assert_problem::<(bool, bool)>("[true]", "", "invalid length 1, expected a tuple of size 2.");
    assert_problem::<(bool,)>("[true, false]", "", "the list holds more items than are expected.");
    assert_problem::<(String,)>("[1.5]", "/0", "invalid type: number `1.5`, expected a string.");
    assert_problem::<(String,)>("[{}]", "/0", "invalid type: a table, expected a string.");
    assert_problem::<(bool,)>("[\"a\\n\\\"\"]", "/0", "invalid type: string \"a\\u{0a}\\\"\", expected true or false.");
}
