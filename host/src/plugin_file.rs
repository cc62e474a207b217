//! Reads a plugin's file, and compares it with its pin before anything else looks at it.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

/// Bytes of one plugin.
pub const PLUGIN_BYTES_MAX: u64 = 64 << 20;

/// Errors are sentences with the remedy.
pub fn read(path: &Path, sha256: Option<&[u8; 32]>) -> Result<Bytes, String> {
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
    let mut bytes = Vec::new();
    file.take(PLUGIN_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("the plugin's file {shown} cannot be read: {error}"))?;
    if bytes.len() as u64 > PLUGIN_BYTES_MAX {
        return Err(format!("the plugin's file {shown} has over {} MiB, which is the limit", PLUGIN_BYTES_MAX >> 20));
    }
    if let Some(pin) = sha256
        && digest(&SHA256, &bytes).as_ref() != pin
    {
        let found: String = digest(&SHA256, &bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        return Err(format!(
            "the plugin's file {shown} is not the one that was pinned: its sha256 is {found}; if you trust it, pin that"
        ));
    }
    Ok(bytes.into())
}
