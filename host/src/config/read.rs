//! Reads a configuration file, and says what to do when that fails.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

use super::diagnostic::{Diagnostics, Mistake, Report, Source};

/// A configuration with ten thousand routes stays below it.
pub const FILE_BYTES_MAX: u64 = 4 << 20;

/// The text of the file at `path`.
pub fn read(path: &Path) -> Result<String, Diagnostics> {
    read_text(path).map_err(|(message, help)| {
        let mut report = Report::new(Source::new(&path.display().to_string(), ""));
        report.add_without_place(Mistake::File, message).help(help);
        report.into_diagnostics()
    })
}

fn read_text(path: &Path) -> Result<String, (String, String)> {
    let failed = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => (
            "the configuration file does not exist".to_owned(),
            "check the path after `-c`; the folder `examples` of the source has files to start from".to_owned(),
        ),
        ErrorKind::PermissionDenied => (
            "the configuration file may not be read".to_owned(),
            "give the user that runs the gateway the right to read it".to_owned(),
        ),
        _ => (format!("the configuration file cannot be read: {error}"), "check the path after `-c`".to_owned()),
    };
    let metadata = std::fs::metadata(path).map_err(failed)?;
    if metadata.is_dir() {
        let help = format!("name the file in it, such as `{}`", path.join("sluicegate.toml").display());
        return Err(("the configuration file is a directory".to_owned(), help));
    }
    let mut bytes = Vec::new();
    File::open(path).map_err(failed)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err((
            "the configuration file is longer than 4 MiB".to_owned(),
            "check that it is the right file; lists that long belong into a service".to_owned(),
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(valid).filter(|byte| **byte == b'\n').count() + 1;
        (format!("the configuration file is not UTF-8: see line {line}"), "save it as UTF-8 in your editor".to_owned())
    })
}
