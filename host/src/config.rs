//! The configuration: from a TOML file to a value that holds valid states only.

pub mod bundled;
pub mod diagnostic;
mod mask;
pub mod model;
mod near;
mod place;
mod raw;
mod read;
mod resolve;
mod schema;
mod shape;
#[cfg(test)]
mod tests;
mod texts;

use std::ops::Range;
use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

pub use diagnostic::{Diagnostic, Diagnostics, Mistake};
pub use model::*;
pub use place::Place;
pub use read::FILE_BYTES_MAX;
pub use schema::schema;
pub use texts::{TextFile, Texts};

use diagnostic::{Report, Source};
use raw::RawConfig;

/// Syntax errors tend to follow from one another; so many are shown.
const SYNTAX_ERRORS_MAX: usize = 3;

/// Reads and checks the file at `path` and what it includes. Relative paths in them become relative to its folder.
///
/// # Errors
/// All mistakes in the files. Values of secrets are not read, so a secret that is missing is none of them.
pub fn load(path: &Path) -> Result<Config, Diagnostics> {
    parse(&Texts::read(path)?)
}

/// Checks a configuration. Relative paths become relative to the folder of the main file.
///
/// # Errors
/// All mistakes in `texts`.
pub fn parse(texts: &Texts) -> Result<Config, Diagnostics> {
    let main = texts.files.first();
    let name = main.map(|file| file.path.display().to_string()).unwrap_or_default();
    let text = main.map_or("", |file| file.text.as_str());
    let mut report = Report::new(Source::new(&name, text));
    let config = check(text, texts, &mut report);
    match config {
        Some(config) if report.is_empty() => Ok(config),
        None if report.is_empty() => {
            report.add_without_place(Mistake::Shape, "the configuration cannot be understood");
            Err(report.into_diagnostics())
        }
        _ => Err(report.into_diagnostics()),
    }
}

fn check(text: &str, texts: &Texts, report: &mut Report) -> Option<Config> {
    let (mut document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        syntax(text, &errors, report);
        return None;
    }
    let declared = resolve::Declared::of(document.get_ref());
    shape::check(&schema(), &mut document, report);
    let raw = read_raw(document, report)?;
    resolve::resolve(raw, &declared, texts, report)
}

/// What has the shape of the schema can be read. If not, the place is reported, and never the value.
fn read_raw(document: Spanned<DeTable<'_>>, report: &mut Report) -> Option<RawConfig> {
    match RawConfig::deserialize(Deserializer::from(document)) {
        Ok(raw) => Some(raw),
        Err(error) => {
            report.add(Mistake::Shape, &error.span().unwrap_or(0..0), "this cannot be understood here");
            None
        }
    }
}

fn syntax(text: &str, errors: &[toml::de::Error], report: &mut Report) {
    let mut errors: Vec<_> = errors.iter().map(|error| (error.span().unwrap_or(0..0), error.message())).collect();
    errors.sort_by_key(|(span, _)| span.start);
    // The first error of a line tends to be the cause of the others.
    let line = |span: &Range<usize>| text.get(..span.start).unwrap_or_default().rfind('\n');
    errors.dedup_by_key(|(span, _)| line(span));
    for (span, message) in errors.into_iter().take(SYNTAX_ERRORS_MAX) {
        report.add(Mistake::Syntax, &span, format!("not valid TOML: {message}")).help(syntax_help(message));
    }
}

fn syntax_help(message: &str) -> &'static str {
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
