//! Reads the files of a configuration, and says what to do when that fails.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::diagnostic::{Diagnostics, Mistake, Report};
use super::source::Source;

/// The main file and all that it includes, together, in bytes. A configuration with ten thousand routes stays below it.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Why a file cannot be read; the sentence begins behind the name of the file.
pub struct Problem {
    pub message: String,
    pub help: String,
}

/// The text of the main file.
pub fn main(path: &Path) -> Result<String, Diagnostics> {
    read_main(path).map_err(|problem| refused(path, problem))
}

/// The text of a file of exchanges.
pub fn exchanges(path: &Path) -> Result<String, Diagnostics> {
    regular(path, TEXT_BYTES_MAX).and_then(|text| text.ok_or_else(too_long)).map_err(|problem| {
        let mut report = Report::new(Source::without_text(path));
        let found = report.add_without_place(Mistake::File, format!("the file of exchanges {}", problem.message));
        found.help("write one, or name another with `--exchanges`; docs/exchanges.md says what stands in it");
        report.into_diagnostics()
    })
}

/// Refuses a text of the main file that is too long.
pub fn refuse_long(path: &Path, text: &str) -> Result<(), Diagnostics> {
    if text.len() > TEXT_BYTES_MAX { Err(refused(path, too_long())) } else { Ok(()) }
}

/// The text of a file that is included, which may have so many bytes.
pub fn included(path: &Path, bytes_max: usize) -> Result<String, Problem> {
    regular(path, bytes_max)?.ok_or_else(|| {
        problem(
            "makes the configuration longer than 4 MiB",
            "check that it is the right file; lists that long belong into a service",
        )
    })
}

/// The text of a regular file; none when it is longer.
fn regular(path: &Path, bytes_max: usize) -> Result<Option<String>, Problem> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => problem(
            "does not exist",
            "create it, or correct the path; relative paths start from the folder of the configuration file",
        ),
        ErrorKind::PermissionDenied => {
            problem("may not be read", "give the user that runs the gateway the right to read it")
        }
        _ => problem(&format!("cannot be read: {error}"), "correct the path"),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        return Err(problem(
            "is a directory",
            &format!("name the files in it, such as `{}`", path.join("*.toml").display()),
        ));
    }
    // Opening a pipe waits for its other end.
    if !metadata.is_file() {
        return Err(problem("is not a regular file", "remove it, or correct the path"));
    }
    text(path, bytes_max, failed)
}

fn refused(path: &Path, problem: Problem) -> Diagnostics {
    let mut report = Report::new(Source::without_text(path));
    report.add_without_place(Mistake::File, format!("the configuration file {}", problem.message)).help(problem.help);
    report.into_diagnostics()
}

fn read_main(path: &Path) -> Result<String, Problem> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => problem(
            "does not exist",
            "check the path after `-c`; the folder `examples` of the source has files to start from",
        ),
        ErrorKind::PermissionDenied => {
            problem("may not be read", "give the user that runs the gateway the right to read it")
        }
        _ => problem(&format!("cannot be read: {error}"), "check the path after `-c`"),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let help = format!("name the file in it, such as `{}`", path.join("sluicegate.toml").display());
        return Err(problem("is a directory", &help));
    }
    text(path, TEXT_BYTES_MAX, failed)?.ok_or_else(too_long)
}

/// None when the file is longer.
fn text(path: &Path, bytes_max: usize, failed: impl Fn(std::io::Error) -> Problem) -> Result<Option<String>, Problem> {
    let mut bytes = Vec::new();
    File::open(path).map_err(&failed)?.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(&failed)?;
    if bytes.len() > bytes_max {
        return Ok(None);
    }
    String::from_utf8(bytes).map(Some).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        problem(&format!("is not UTF-8: see line {line}"), "save it as UTF-8 in your editor")
    })
}

fn too_long() -> Problem {
    problem("is longer than 4 MiB", "check that it is the right file; lists that long belong into a service")
}

fn problem(message: &str, help: &str) -> Problem {
    Problem { message: message.to_owned(), help: help.to_owned() }
}
