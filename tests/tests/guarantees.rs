//! `docs/guarantees.md`: every promise names a test, and every test that it names is there.

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace").to_owned()
}

fn rows() -> Vec<String> {
    let text = fs::read_to_string(root().join("docs/guarantees.md")).expect("the page");
    let cells = text.lines().filter(|line| line.starts_with("| "));
    cells.filter(|line| !line.starts_with("| promise |")).map(str::to_owned).collect()
}

/// File and name of each test that a row names.
fn tests_in(row: &str) -> Vec<(&str, &str)> {
    row.split('`').skip(1).step_by(2).filter_map(|code| code.split_once("::")).collect()
}

/// The function is there, and the line in front of it makes it a test.
fn is_a_test(text: &str, name: &str) -> bool {
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let head = lines.iter().position(|line| line.contains(&format!("fn {name}(")));
    head.is_some_and(|head| {
        lines[..head].iter().rev().take_while(|line| line.starts_with('#')).any(|line| line.contains("test"))
    })
}

#[test]
fn every_promise_names_a_test_and_every_test_that_it_names_is_there() {
    let rows = rows();
    assert!(rows.len() >= 20, "{} rows", rows.len());
    for row in &rows {
        let tests = tests_in(row);
        assert!(!tests.is_empty(), "no test in: {row}");
        for (file, name) in tests {
            let text = fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(is_a_test(&text, name), "{file} has no test {name}");
        }
    }
}

#[test]
fn what_is_no_test_does_not_pass_for_one() {
    let text = "#[test]\nfn one() {}\nfn two() {}\n#[tokio::test(flavor = \"multi_thread\")]\nasync fn three() {}\n";
    assert_eq!(["one", "two", "three", "on"].map(|name| is_a_test(text, name)), [true, false, true, false]);
}
