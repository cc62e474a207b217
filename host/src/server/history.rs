//! The configurations that have served, on disk, with the plugins that they had: what a rollback goes back to.
//!
//! Each is one JSON file in `history` under the data directory, named by its generation; plugins stand beside them, named by
//! their SHA-256. Nothing of it is kept in memory but what the list shows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::config::{Texts, signature_path};
use crate::generation::PluginFile;

/// Configurations that are kept; the oldest goes first.
pub const RECORDS_MAX: usize = 32;
/// Bytes of one record: the texts of a configuration and some more.
const RECORD_BYTES_MAX: u64 = 16 << 20;

pub(super) struct History {
    dir: PathBuf,
    /// Oldest first.
    known: Mutex<Vec<Summary>>,
}

/// What the list shows of one configuration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Summary {
    /// The generation that it became.
    pub(super) id: u64,
    pub(super) time_unix_ms: u64,
    pub(super) origin: String,
    /// For a rollback: the generation whose configuration it is.
    pub(super) same_as: Option<u64>,
    /// SHA-256 of each file that `plugins` names, in hexadecimal, by the plugin's name.
    pub(super) plugins: BTreeMap<String, String>,
    /// Of all texts, in hexadecimal: equal configurations have equal ones.
    pub(super) sha256: String,
}

#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(flatten)]
    summary: Summary,
    texts: Texts,
}

impl History {
    /// Reads what earlier processes have left. What cannot be read is left alone, and logged.
    pub(super) fn open(data_dir: &Path) -> io::Result<History> {
        let dir = data_dir.join("history");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(dir.join("plugins"))?;
        let mut known = Vec::new();
        for file in fs::read_dir(&dir)? {
            let path = file?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                match read(&path) {
                    Ok(record) => known.push(record.summary),
                    Err(error) => {
                        tracing::warn!(file = %path.display(), "a configuration of the past is not usable: {error}")
                    }
                }
            }
        }
        known.sort_by_key(|summary| summary.id);
        Ok(History { dir, known: Mutex::new(known) })
    }

    pub(super) fn list(&self) -> Vec<Summary> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps what serves now, and gives up what is past [`RECORDS_MAX`].
    pub(super) fn keep(
        &self,
        mut summary: Summary,
        texts: &Texts,
        plugin_files: &BTreeMap<String, PluginFile>,
    ) -> io::Result<()> {
        for (name, file) in plugin_files {
            let sha256 = hex_sha256(&file.wasm);
            let path = self.plugin_path(&sha256);
            if !path.exists() {
                write(&path, &file.wasm)?;
            }
            // Who trusted it then may want to know again.
            if let Some(signatures) = &file.signatures {
                write(&signature_path(&path), signatures.to_string().as_bytes())?;
            }
            summary.plugins.insert(name.clone(), sha256);
        }
        summary.sha256 = hex_sha256(&serde_json::to_vec(texts)?);
        let record = Record { summary, texts: texts.clone() };
        write(&self.record_path(record.summary.id), &serde_json::to_vec(&record)?)?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.push(record.summary);
        let gone = known.len().saturating_sub(RECORDS_MAX);
        for summary in known.drain(..gone) {
            remove(&self.record_path(summary.id));
        }
        if gone > 0 {
            self.remove_unused(&known)?;
        }
        Ok(())
    }

    /// The texts of an earlier configuration, with its plugins in place of those that its files hold now.
    pub(super) fn texts(&self, id: u64) -> io::Result<Texts> {
        let record = read(&self.record_path(id))?;
        let plugin_files = record.summary.plugins.iter().map(|(name, sha256)| (name.clone(), self.plugin_path(sha256)));
        Ok(Texts { plugin_files: plugin_files.collect(), ..record.texts })
    }

    fn remove_unused(&self, known: &[Summary]) -> io::Result<()> {
        let plugins = known.iter().flat_map(|summary| summary.plugins.values()).map(|sha256| self.plugin_path(sha256));
        let used: BTreeSet<PathBuf> = plugins.flat_map(|path| [signature_path(&path), path]).collect();
        for file in fs::read_dir(self.dir.join("plugins"))? {
            let path = file?.path();
            if !used.contains(&path) {
                remove(&path);
            }
        }
        Ok(())
    }

    fn record_path(&self, id: u64) -> PathBuf {
        self.dir.join(format!("{id}.json"))
    }

    fn plugin_path(&self, sha256: &str) -> PathBuf {
        self.dir.join("plugins").join(format!("{sha256}.wasm"))
    }
}

fn read(path: &Path) -> io::Result<Record> {
    if fs::metadata(path)?.len() > RECORD_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is too long"));
    }
    serde_json::from_slice(&fs::read(path)?).map_err(io::Error::other)
}

/// Written beside and renamed, so that a reader never sees half a file.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let partial = path.with_extension("partial");
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    let written = file.write_all(bytes).and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        remove(&partial);
    }
    written
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_file(path) {
        tracing::warn!(file = %path.display(), "cannot be removed: {error}");
    }
}

fn hex_sha256(bytes: &[u8]) -> String {
    digest(&SHA256, bytes).as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TextFile;

    fn texts(text: &str) -> Texts {
        let file = TextFile { path: "sluicegate.toml".into(), text: text.to_owned() };
        Texts { files: vec![file], plugin_files: BTreeMap::new() }
    }

    fn summary(id: u64) -> Summary {
        let (plugins, sha256) = (BTreeMap::new(), String::new());
        Summary { id, time_unix_ms: 1, origin: "start".to_owned(), same_as: None, plugins, sha256 }
    }

    fn plugin(bytes: &[u8]) -> BTreeMap<String, PluginFile> {
        let wasm = bytes::Bytes::copy_from_slice(bytes);
        BTreeMap::from([("audit".to_owned(), PluginFile { wasm, signatures: None })])
    }

    #[test]
    fn a_configuration_comes_back_with_the_plugins_it_had_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        history.keep(summary(1), &texts("first"), &plugin(b"one")).unwrap();
        history.keep(summary(2), &texts("second"), &plugin(b"two")).unwrap();
        let again = History::open(folder.path()).unwrap();
        assert_eq!(again.list(), history.list());
        let first = again.texts(1).unwrap();
        assert_eq!(first.files, texts("first").files);
        assert_eq!(fs::read(&first.plugin_files["audit"]).unwrap(), b"one");
    }

    #[test]
    fn past_the_limit_the_oldest_goes_with_the_plugins_that_nobody_else_has() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        history.keep(summary(1), &texts("1"), &plugin(b"only here")).unwrap();
        for id in 2..=RECORDS_MAX as u64 + 1 {
            history.keep(summary(id), &texts(&id.to_string()), &plugin(b"shared")).unwrap();
        }
        assert_eq!(history.list().len(), RECORDS_MAX);
        assert_eq!(history.texts(1).unwrap_err().kind(), io::ErrorKind::NotFound);
        assert!(history.texts(2).is_ok());
        assert_eq!(fs::read_dir(folder.path().join("history/plugins")).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_read_hides_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(folder.path()).unwrap();
        history.keep(summary(1), &texts("1"), &BTreeMap::new()).unwrap();
        fs::write(folder.path().join("history/2.json"), "{ cut").unwrap();
        assert_eq!(History::open(folder.path()).unwrap().list().len(), 1);
    }
}
