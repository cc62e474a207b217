//! Reads a plugin's file and its signature.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;

use super::PLUGIN_BYTES_MAX;
use super::signature::{SIGNATURE_BYTES_MAX, Signatures};

/// Errors are sentences with the remedy.
pub fn read(path: &Path) -> Result<Bytes, String> {
    let shown = path.display();
    // A pipe would be waited for without end.
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(format!("{shown} is no regular file: give the .wasm file that the build wrote"));
    }
    let file = File::open(path).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => format!("the plugin's file {shown} is not there: build it, or mend `file`"),
        io::ErrorKind::PermissionDenied => {
            format!("the plugin's file {shown} may not be read by this user: run chmod on it")
        }
        _ => format!("the plugin's file {shown} cannot be opened: {error}"),
    })?;
    let bytes = up_to(file, PLUGIN_BYTES_MAX)
        .map_err(|error| format!("the plugin's file {shown} cannot be read: {error}"))?
        .ok_or_else(|| {
            format!("the plugin's file {shown} has over {} MiB, which is the limit", PLUGIN_BYTES_MAX >> 20)
        })?;
    Ok(bytes.into())
}

/// None: there is no such file. Errors are sentences with the remedy.
pub fn read_signatures(path: &Path) -> Result<Option<Signatures>, String> {
    let shown = path.display();
    if std::fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) {
        return Err(format!("{shown} is no regular file: give the .sig file that `sluicegate plugin sign` wrote"));
    }
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("the signature {shown} cannot be opened: {error}; run chmod on it")),
    };
    let text = up_to(file, SIGNATURE_BYTES_MAX)
        .map_err(|error| format!("the signature {shown} cannot be read: {error}"))?
        .ok_or_else(|| format!("{shown} has over {SIGNATURE_BYTES_MAX} bytes; a signature has not"))?;
    Signatures::parse(&text).map(Some).map_err(|error| format!("{shown}: {error}"))
}

/// None: there is more.
fn up_to(file: File, bytes_max: u64) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    file.take(bytes_max + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= bytes_max).then_some(bytes))
}
