//! Parses the texts of a configuration, and says in plain words where one of them is not TOML.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::diagnostic::{Mistake, Report};
use super::texts::Texts;

/// Syntax errors tend to follow from one another; so many are shown of each file.
const SYNTAX_ERRORS_MAX: usize = 3;

/// The document of each text; its spans are offsets among all texts. None when one of them is not TOML.
pub fn parse<'a>(texts: &'a Texts, report: &mut Report) -> Option<Vec<Spanned<DeTable<'a>>>> {
    let mut documents = Vec::new();
    let starts: Vec<usize> = report.source.starts().collect();
    for (file, start) in texts.files.iter().zip(starts) {
        let (document, errors) = DeTable::parse_recoverable(&file.text);
        report_errors(&file.text, start, &errors, report);
        documents.push(moved(document, start, |table| moved_table(table, start)));
    }
    report.is_empty().then_some(documents)
}

fn report_errors(text: &str, start: usize, errors: &[toml::de::Error], report: &mut Report) {
    let mut errors: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    // The first error of a line tends to be the cause of the others.
    let line = |span: &Range<usize>| text.get(..span.start).unwrap_or_default().rfind('\n');
    errors.dedup_by_key(|(span, _)| line(span));
    for (span, message) in errors.into_iter().take(SYNTAX_ERRORS_MAX) {
        let span = start + span.start..start + span.end;
        report.add(Mistake::Syntax, &span, format!("not valid TOML: {message}")).help(help(message));
    }
}

fn help(message: &str) -> &'static str {
    let helps = [
        ("duplicate key", "a key or a table may stand in a file once; write `[[…]]` for each of several tables"),
        ("must be quoted", "put the value in double quotes"),
        ("unclosed", "close what was opened on this line or above it"),
        (
            "basic string",
            "a string ends on its line with the quote that it began with; `\\` stands before a `\"` or `\\` in it",
        ),
        (
            "unquoted key",
            "a key is letters, digits, `_` and `-`, or stands in quotes; between it and its value stands `=`",
        ),
        ("key with no value", "write `key = value`, one on each line"),
        ("missing comma", "put a comma between the members of a list or an inline table"),
    ];
    let help = helps.into_iter().find(|(part, _)| message.contains(part)).map(|(_, help)| help);
    help.unwrap_or("the rules of TOML are at https://toml.io")
}

fn moved<T>(spanned: Spanned<T>, by: usize, inner: impl FnOnce(T) -> T) -> Spanned<T> {
    let span = spanned.span();
    Spanned::new(span.start + by..span.end + by, inner(spanned.into_inner()))
}

fn moved_table(table: DeTable<'_>, by: usize) -> DeTable<'_> {
    table.into_iter().map(|(key, value)| (moved(key, by, |key| key), moved_value(value, by))).collect()
}

fn moved_value(value: Spanned<DeValue<'_>>, by: usize) -> Spanned<DeValue<'_>> {
    moved(value, by, |value| match value {
        DeValue::Array(items) => {
            DeValue::Array(items.into_iter().map(|item| moved_value(item, by)).collect::<DeArray<'_>>())
        }
        DeValue::Table(table) => DeValue::Table(moved_table(table, by)),
        other => other,
    })
}
