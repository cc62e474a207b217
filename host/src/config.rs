//! The configuration: from a TOML file to a value that holds valid states only.

pub mod bundled;
pub mod diagnostic;
mod exchanges;
mod include;
mod inputs;
mod mask;
mod merge;
pub mod model;
mod near;
mod place;
mod raw;
mod read;
mod resolve;
mod schema;
mod shape;
mod source;
mod syntax;
#[cfg(test)]
mod tests;
mod texts;

use std::path::Path;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, Deserializer};

pub use diagnostic::{Diagnostic, Diagnostics, Mistake};
pub use exchanges::{EXCHANGES_MAX, check_exchanges, load_exchanges, parse_exchanges};
pub use include::{FOLDER_ENTRIES_MAX, INCLUDED_FILES_MAX};
pub use model::*;
pub use near::nearest;
pub use place::Place;
pub use read::TEXT_BYTES_MAX;
pub use resolve::collide;
pub use schema::{bind, exchanges_schema, included_schema, schema};
pub use texts::{TextFile, Texts};

use diagnostic::Report;
use raw::RawConfig;
use source::Source;

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
    let mut report = Report::new(Source::new(&texts.files));
    let config = check(texts, &mut report);
    match config {
        Some(config) if report.is_empty() => Ok(config),
        None if report.is_empty() => {
            report.add_without_place(Mistake::Shape, "the configuration cannot be understood");
            Err(report.into_diagnostics())
        }
        _ => Err(report.into_diagnostics()),
    }
}

fn check(texts: &Texts, report: &mut Report) -> Option<Config> {
    let documents = syntax::parse(texts, report)?;
    let declared = resolve::Declared::of(&documents);
    let document = merge::merge(documents, report)?;
    let raw = read_raw(document, report)?;
    resolve::resolve(raw, &declared, texts, report)
}

/// What can be understood of the file at `path` and of what it includes, whatever mistakes are in it: for whoever helps to write it.
///
/// # Errors
/// All mistakes, if nothing can be understood.
pub fn survey(path: &Path) -> Result<Config, Diagnostics> {
    let texts = Texts::read(path)?;
    let mut report = Report::new(Source::new(&texts.files));
    check(&texts, &mut report).ok_or_else(|| {
        if report.is_empty() {
            report.add_without_place(Mistake::Shape, "the configuration cannot be understood");
        }
        report.into_diagnostics()
    })
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
