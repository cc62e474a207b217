//! Problems that a plugin reports about its config.

use std::path::Path;

use super::parse;
use crate::config::Place;

const TEXT: &str = r#"global_chain = "c"
[[listen]]
address = "127.0.0.1:0"
[[chains.c]]
plugin = "rate-limit"
[chains.c.config]
by = "header"
rules = [{ limit = 5 }, { limit = -1 }]
"a/b" = { "m~n" = 1 }
[[chains.c]]
plugin = "headers"
"#;

fn places() -> Vec<Place> {
    let config = parse(TEXT, "gateway.toml", Path::new("")).unwrap();
    config.global_chain.iter().map(|entry| entry.place.clone()).collect()
}

#[test]
fn a_json_pointer_finds_the_line_and_column_of_a_value() {
    let place = &places()[0];
    let at = |pointer: &str| {
        let problem = place.problem(pointer, "m");
        (problem.line, problem.column)
    };
    assert_eq!(at("/by"), (7, 6));
    assert_eq!(at("/rules/1/limit"), (8, 35));
    assert_eq!(at("/a~1b/m~0n"), (9, 19));
    assert_eq!(at(""), (6, 1));
}

#[test]
fn a_pointer_to_what_is_missing_finds_what_is_around_it() {
    let place = &places()[0];
    let problem = place.problem("/rules/0/window_ms", "must be given");
    assert_eq!((problem.line, problem.column), (8, 10));
    let printed = problem.render(false);
    assert!(printed.contains("must be given") && printed.contains("at `/rules/0/window_ms`"), "{printed}");
    assert!(printed.contains("gateway.toml:8:10"), "{printed}");
}

#[test]
fn an_entry_without_config_is_pointed_at_itself() {
    let place = &places()[1];
    assert_eq!((place.problem("/set", "m").line, place.entry_problem("m").line), (11, 11));
}

#[test]
fn a_config_built_in_code_has_problems_without_a_place() {
    let problem = Place::unknown().problem("/limit", "must be above 0");
    assert_eq!((problem.line, problem.span.clone()), (0, None));
    let printed = problem.render(false);
    assert!(printed.contains("must be above 0") && printed.contains("/limit"), "{printed}");
}

#[test]
fn debug_output_shows_nothing_of_the_file() {
    let text = TEXT.replace("\"header\"", "\"private-value\"");
    let config = parse(&text, "gateway.toml", Path::new("")).unwrap();
    let printed = format!("{:?}", config.global_chain[0].place);
    assert!(printed.contains("gateway.toml") && !printed.contains("private-value"), "{printed}");
}
