//! Files of exchanges that a plugin is tried on.

use std::path::Path;

use serde_json::json;

use super::root;
use crate::config::{EXCHANGES_MAX, Exchanges, load_exchanges, parse_exchanges};

fn parse(text: &str) -> Result<Exchanges, String> {
    parse_exchanges(Path::new("exchanges.toml"), text.to_owned()).map_err(|refused| refused.render(false))
}

fn one(name: &str) -> String {
    format!("[[exchanges]]\nname = \"{name}\"\n")
}

#[test]
fn the_example_in_the_documentation_is_understood() {
    let page = std::fs::read_to_string(root().join("docs/exchanges.md")).unwrap();
    let example = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let exchanges = parse(example).unwrap();
    assert_eq!(exchanges.keys[0].id, "test00000000");
    let configs: Vec<_> = exchanges.trials.iter().map(|trial| trial.config.clone()).collect();
    assert_eq!(configs, [json!({ "header": "x-team" }), json!({ "header": "x-team" }), json!({ "header": "x-group" })]);
    let expected: Vec<bool> = exchanges.trials.iter().map(|trial| trial.expect.is_some()).collect();
    assert_eq!(expected, [true, true, false]);
}

#[test]
fn what_the_file_does_not_say_is_left_to_the_plugin() {
    let exchanges = parse(&one("only")).unwrap();
    assert!(exchanges.grants.is_none() && exchanges.isolation.is_none() && exchanges.keys.is_empty());
    assert_eq!(exchanges.trials[0].config, json!({}));
    let exchanges = parse(&format!("grants = []\nisolation = \"pooled\"\n{}", one("only"))).unwrap();
    assert_eq!(exchanges.grants.map(|grants| grants.len()), Some(0));
    assert_eq!(exchanges.isolation.map(|isolation| isolation.as_str()), Some("pooled"));
}

#[test]
fn as_many_exchanges_as_the_limit_are_taken_and_no_more() {
    let many = |count: usize| (0..count).map(|number| one(&number.to_string())).collect::<String>();
    assert_eq!(parse(&many(EXCHANGES_MAX)).unwrap().trials.len(), EXCHANGES_MAX);
    let refused = parse(&many(EXCHANGES_MAX + 1)).unwrap_err();
    assert!(refused.contains("256"), "{refused}");
}

#[test]
fn a_file_that_is_none_or_not_toml_is_refused_with_a_remedy() {
    let refused = parse("[[exchanges]\n").unwrap_err();
    assert!(refused.contains("not valid TOML") && refused.contains("help:"), "{refused}");
    let refused = parse("").unwrap_err();
    assert!(refused.contains("the file has no exchange") && refused.contains("help:"), "{refused}");
    let refused = load_exchanges(&root()).unwrap_err().render(false);
    assert!(refused.contains("the file of exchanges is a directory"), "{refused}");
}

#[test]
fn no_part_of_the_file_makes_the_reader_panic() {
    let page = std::fs::read_to_string(root().join("docs/exchanges.md")).unwrap();
    let example = page.split("```toml\n").nth(1).unwrap();
    for end in (0..example.len()).filter(|end| example.is_char_boundary(*end)) {
        let _ = parse(&example[..end]);
    }
}
