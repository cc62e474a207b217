//! Keeps fetched plugins by their digest, so that a start does not depend on a server.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;

use super::PLUGIN_BYTES_MAX;
use super::signature::{SIGNATURE_BYTES_MAX, Signatures};
use crate::config::{digest_from_hex, hex};

/// Plugins kept at most, those of the current configuration not counted out.
pub const KEPT_FILES_MAX: usize = 64;

/// Bytes of plugins kept at most, likewise.
pub const KEPT_BYTES_MAX: u64 = 1 << 30;

/// What a write that was interrupted left behind is removed after that.
const LEFTOVER_AGE: Duration = Duration::from_secs(3600);

/// A folder of files named after the SHA-256 of what is in them.
pub struct Store {
    folder: PathBuf,
    files_max: usize,
    bytes_max: u64,
}

impl Store {
    /// The folder is made when the first plugin is kept.
    pub fn new(folder: PathBuf) -> Store {
        Store { folder, files_max: KEPT_FILES_MAX, bytes_max: KEPT_BYTES_MAX }
    }

    /// None unless it is there and its content has this digest.
    pub fn plugin(&self, sha256: &[u8; 32]) -> Option<Bytes> {
        let path = self.path(sha256, "wasm");
        let file = File::open(&path).ok()?;
        let mut bytes = Vec::new();
        (&file).take(PLUGIN_BYTES_MAX + 1).read_to_end(&mut bytes).ok()?;
        if digest(&SHA256, &bytes).as_ref() != sha256 {
            tracing::warn!("{} is damaged, and is fetched again", path.display());
            return None;
        }
        // The time of its last use; if it cannot be set, it is only taken for older than it is.
        drop(file.set_modified(SystemTime::now()));
        Some(bytes.into())
    }

    pub fn signatures(&self, sha256: &[u8; 32]) -> Option<Signatures> {
        let mut text = Vec::new();
        File::open(self.path(sha256, "sig")).ok()?.take(SIGNATURE_BYTES_MAX).read_to_end(&mut text).ok()?;
        Signatures::parse(&text).ok()
    }

    /// What cannot be kept is only fetched again.
    pub fn keep(&self, sha256: &[u8; 32], wasm: &[u8], signatures: Option<&Signatures>) {
        let kept = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder).and_then(|()| {
            // The signature first: a plugin that is there must not be taken for one without a signature.
            if let Some(signatures) = signatures {
                self.write(&self.path(sha256, "sig"), signatures.to_string().as_bytes())?;
            }
            self.write(&self.path(sha256, "wasm"), wasm)
        });
        if let Err(error) = kept {
            tracing::warn!("a fetched plugin cannot be kept in {}: {error}", self.folder.display());
        }
    }

    /// Removes what was used least recently beyond the limits, but nothing that is `in_use`.
    pub fn prune(&self, in_use: &BTreeSet<[u8; 32]>) {
        let Ok(entries) = fs::read_dir(&self.folder) else { return };
        let mut kept = Vec::new();
        for entry in entries.flatten() {
            let (path, Ok(metadata)) = (entry.path(), entry.metadata()) else { continue };
            let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
            let name = |extension: &str| path.extension().is_some_and(|found| found == extension);
            let sha256 = path.file_stem().and_then(|stem| stem.to_str()).and_then(digest_from_hex);
            match sha256 {
                Some(sha256) if name("wasm") => kept.push((modified, metadata.len(), sha256)),
                Some(sha256) if name("sig") && self.path(&sha256, "wasm").exists() => {}
                // A signature without its plugin, or what an interrupted write left; one under way is younger.
                _ if modified.elapsed().is_ok_and(|age| age > LEFTOVER_AGE) => drop(fs::remove_file(&path)),
                _ => {}
            }
        }
        kept.sort();
        let (mut files, mut bytes) = (kept.len(), kept.iter().map(|(_, bytes, _)| bytes).sum::<u64>());
        for (_, length, sha256) in kept.iter().filter(|(_, _, sha256)| !in_use.contains(sha256)) {
            if files <= self.files_max && bytes <= self.bytes_max {
                return;
            }
            drop(fs::remove_file(self.path(sha256, "wasm")));
            drop(fs::remove_file(self.path(sha256, "sig")));
            files -= 1;
            bytes -= length;
        }
    }

    fn path(&self, sha256: &[u8; 32], extension: &str) -> PathBuf {
        self.folder.join(format!("{}.{extension}", hex(sha256)))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        write_beside(path, bytes, 0o600)
    }
}

/// Writes a file beside the place where it belongs, and moves it there when it is whole.
pub fn write_beside(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}-{}.part", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
    let beside = PathBuf::from(beside);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&beside)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        drop(fs::remove_file(&beside));
    }
    written
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::plugin_source::signature::SigningKey;

    fn sha256(bytes: &[u8]) -> [u8; 32] {
        digest(&SHA256, bytes).as_ref().try_into().unwrap()
    }

    fn names(store: &Store) -> Vec<String> {
        let entries = fs::read_dir(&store.folder).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Keeps plugins that were last used so many seconds ago.
    fn keep_used(store: &Store, plugins: &[(&[u8], u64)]) {
        for (plugin, seconds) in plugins {
            store.keep(&sha256(plugin), plugin, None);
            let file = File::open(store.path(&sha256(plugin), "wasm")).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(*seconds)).unwrap();
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_only_its_owner_can_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().join("plugins"));
        let signatures = SigningKey::generate().unwrap().0.sign(b"plugin").unwrap();
        assert!(store.plugin(&sha256(b"plugin")).is_none());
        store.keep(&sha256(b"plugin"), b"plugin", Some(&signatures));
        assert_eq!(store.plugin(&sha256(b"plugin")).unwrap(), "plugin");
        assert_eq!(store.signatures(&sha256(b"plugin")).unwrap(), signatures);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&store.folder), 0o700);
        assert_eq!(names(&store).len(), 2, "nothing is left beside");
        for name in names(&store) {
            assert_eq!(mode(&store.folder.join(name)), 0o600);
        }
    }

    #[test]
    fn what_was_damaged_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        store.keep(&sha256(b"plugin"), b"plugin", None);
        fs::write(store.path(&sha256(b"plugin"), "wasm"), b"plugim").unwrap();
        assert!(store.plugin(&sha256(b"plugin")).is_none());
        store.keep(&sha256(b"plugin"), b"plugin", None);
        assert!(store.plugin(&sha256(b"plugin")).is_some());
    }

    #[test]
    fn over_the_number_of_files_the_longest_unused_goes_but_nothing_in_use() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store { folder: folder.path().to_owned(), files_max: 2, bytes_max: 1000 };
        keep_used(&store, &[(b"a", 40), (b"b", 30), (b"c", 20), (b"d", 10)]);
        // Used again just now.
        assert!(store.plugin(&sha256(b"b")).is_some());
        store.prune(&BTreeSet::from([sha256(b"a")]));
        let is_there = |plugin: &[u8]| store.path(&sha256(plugin), "wasm").exists();
        assert_eq!([b"a", b"b", b"c", b"d"].map(|plugin| is_there(plugin)), [true, true, false, false]);
    }

    #[test]
    fn over_the_number_of_bytes_the_longest_unused_goes() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store { folder: folder.path().to_owned(), files_max: 10, bytes_max: 250 };
        let signatures = SigningKey::generate().unwrap().0.sign(&[1; 100]).unwrap();
        store.keep(&sha256(&[1; 100]), &[1; 100], Some(&signatures));
        keep_used(&store, &[(&[1; 100], 30), (&[2; 100], 20), (&[3; 100], 10)]);
        store.prune(&BTreeSet::new());
        assert_eq!(names(&store).len(), 2, "the signature goes along: {:?}", names(&store));
        assert!(store.plugin(&sha256(&[1; 100])).is_none());
    }

    #[test]
    fn what_an_interrupted_write_left_goes_when_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::new(folder.path().to_owned());
        for (name, age) in [("old.part", 4000), ("young.part", 10)] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        }
        store.prune(&BTreeSet::new());
        assert_eq!(names(&store), ["young.part"]);
    }
}
