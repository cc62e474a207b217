//! Compiled code on disk: one file an image, or code that images of several configs share; framed with a checksum, used only if it
//! was made by this engine for this machine.

use std::fs::{self, File, FileTimes};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use wasmtime::component::Component;
use wasmtime::{Engine, Module};

use crate::direct::Contents;
use crate::image::{Code, Frozen, Image, Parted};
use crate::setup::Setup;

/// Raised whenever the form of a file changes, or what is made of one and the same component; also with each change of the contract,
/// whose types are compared with a component's when it is made, and not when it is read.
const FORMAT: u32 = 8;
const MAGIC: &[u8; 8] = b"sluicegc";
/// Bytes of one file.
const FILE_BYTES_MAX: u64 = 512 << 20;
/// Files that are kept; the one that was used least recently goes first. Most are of a config whose code is in another file, and of
/// some KiB: there must be room for all chains of a large gateway, or each start would make all of them anew.
pub(crate) const FILES_MAX: usize = 8192;
/// Bytes of all files together.
const TOTAL_BYTES_MAX: u64 = 2 << 30;
/// Bytes of the record that stands before the code.
const RECORD_BYTES_MAX: usize = 1 << 20;
const DIGEST_BYTES: usize = 32;

/// Finds an image: SHA-256 of everything that decides what the image is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Key([u8; DIGEST_BYTES]);

/// A directory of images, or nothing.
pub(crate) struct Cache {
    dir: Option<PathBuf>,
    /// Hash of compiler version, target, CPU features and engine settings.
    engine_hash: u64,
}

/// What stands before the code.
#[derive(Serialize, Deserialize)]
struct Record {
    key: [u8; DIGEST_BYTES],
    engine_hash: u64,
    /// The code is a module's, and no component's.
    is_module: bool,
    /// None for code that is the same for all configs.
    image: Option<ImageRecord>,
}

#[derive(Serialize, Deserialize)]
struct ImageRecord {
    digest: String,
    setup: Setup,
    frozen: Frozen,
    /// No code follows: it is in a file of its own.
    parted: Option<(Key, Contents)>,
}

/// Of one file; without code where it is in another.
type Kept = (Option<Code>, Option<ImageRecord>);

impl Cache {
    pub(crate) fn open(dir: Option<PathBuf>, engine: &Engine) -> io::Result<Cache> {
        if let Some(dir) = &dir {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(|error| at(dir, &error))?;
            check_owner(dir)?;
        }
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Ok(Cache { dir, engine_hash: hasher.finish() })
    }

    /// `digest`: of the component; `config`: as handed to `configure`.
    pub(crate) fn key(&self, digest: &str, config: &str) -> Key {
        let text = format!("{FORMAT}\n{}\n{}\n{digest}\n{config}", self.engine_hash, env!("CARGO_PKG_VERSION"));
        Key(sha256(text.as_bytes()))
    }

    /// None where there is no such file, or one that must not be run: that one is removed.
    ///
    /// `shared`: finds code that is in a file of its own.
    pub(crate) fn load(
        &self,
        key: &Key,
        engine: &Engine,
        shared: impl FnOnce(&Key) -> Option<Arc<Module>>,
    ) -> Option<Image> {
        let (code, image) = self.read(key, engine)?;
        let ImageRecord { digest, setup, frozen, parted } = image?;
        let parted = parted.map(|(code, contents)| Parted { code, contents: Arc::new(contents) });
        let code = match &parted {
            Some(parted) => {
                let code = shared(&parted.code)?;
                // It may have been found in memory, and be the one file that all others need.
                self.path(&parted.code).iter().for_each(|path| mark_used(path));
                Code::Module(code)
            }
            None => code?,
        };
        Some(Image { code, parted, setup, frozen, digest, making: None, symbols: None })
    }

    /// The same for code alone.
    pub(crate) fn load_code(&self, key: &Key, engine: &Engine) -> Option<Code> {
        self.read(key, engine)?.0
    }

    /// Keeps an image. A failure costs a compilation at the next start, so it is logged and not raised.
    pub(crate) fn store(&self, key: &Key, image: &Image) {
        let Image { code, parted, setup, frozen, digest, .. } = image;
        let code = if parted.is_some() { None } else { Some(code) };
        let parted = parted.as_ref().map(|parted| (parted.code, Contents::clone(&parted.contents)));
        let record = ImageRecord { digest: digest.clone(), setup: setup.clone(), frozen: frozen.clone(), parted };
        self.write(key, code, Some(record));
    }

    /// The same for code alone.
    pub(crate) fn store_code(&self, key: &Key, code: &Code) {
        self.write(key, Some(code), None);
    }

    fn read(&self, key: &Key, engine: &Engine) -> Option<Kept> {
        let path = self.path(key)?;
        match read(&path, key, self.engine_hash, engine) {
            Ok(kept) => {
                mark_used(&path);
                Some(kept)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(file = %path.display(), "compiled code is not used and will be made again: {error}");
                if let Err(error) = fs::remove_file(&path) {
                    tracing::warn!(file = %path.display(), "cannot remove it: {error}");
                }
                None
            }
        }
    }

    fn write(&self, key: &Key, code: Option<&Code>, image: Option<ImageRecord>) {
        let Some(path) = self.path(key) else { return };
        let is_module = matches!(code, Some(Code::Module(_)));
        let record = Record { key: key.0, engine_hash: self.engine_hash, is_module, image };
        if let Err(error) = write(&path, &record, code) {
            tracing::warn!(file = %path.display(), "cannot keep compiled code: {error}");
        }
        if let Some(dir) = &self.dir
            && let Err(error) = make_room(dir)
        {
            tracing::warn!(folder = %dir.display(), "cannot remove compiled code of the past: {error}");
        }
    }

    fn path(&self, key: &Key) -> Option<PathBuf> {
        Some(self.dir.as_ref()?.join(format!("{}.image", hex(&key.0))))
    }
}

/// Removes files until the rest are within [`FILES_MAX`] and [`TOTAL_BYTES_MAX`]; also what a process that was killed left half
/// written.
fn make_room(dir: &Path) -> io::Result<()> {
    let mut files = Vec::new();
    for file in fs::read_dir(dir)? {
        let file = file?;
        let metadata = file.metadata()?;
        if metadata.is_file() {
            files.push((metadata.accessed()?, metadata.len(), file.path()));
        }
    }
    files.sort();
    let mut total: u64 = files.iter().map(|(_, length, _)| length).sum();
    let mut count = files.len();
    for (_, length, path) in files {
        if count <= FILES_MAX && total <= TOTAL_BYTES_MAX {
            break;
        }
        fs::remove_file(path)?;
        (count, total) = (count - 1, total - length);
    }
    Ok(())
}

/// A failure makes it look older than it is, and no more.
fn mark_used(path: &Path) {
    let now = FileTimes::new().set_accessed(SystemTime::now());
    drop(File::open(path).and_then(|file| file.set_times(now)));
}

/// The frame: magic, SHA-256 of the rest, length of the record, record, code if it is not in another file.
fn write(path: &Path, record: &Record, code: Option<&Code>) -> io::Result<()> {
    let record = bincode::serde::encode_to_vec(record, bincode::config::standard()).map_err(io::Error::other)?;
    if record.len() > RECORD_BYTES_MAX {
        return Err(invalid("what it must remember is too long"));
    }
    let code = code.map_or_else(|| Ok(Vec::new()), Code::serialize);
    let code = code.map_err(|error| io::Error::other(format!("{error:#}")))?;
    let mut rest = Vec::with_capacity(4 + record.len() + code.len());
    rest.extend_from_slice(&(record.len() as u32).to_le_bytes());
    rest.extend_from_slice(&record);
    rest.extend_from_slice(&code);
    // Written beside and renamed, so that a reader never sees half a file.
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&partial)?;
    let written = file
        .write_all(MAGIC)
        .and_then(|()| file.write_all(&sha256(&rest)))
        .and_then(|()| file.write_all(&rest))
        .and_then(|()| fs::rename(&partial, path));
    if written.is_err() {
        drop(fs::remove_file(&partial));
    }
    written
}

fn read(path: &Path, key: &Key, engine_hash: u64, engine: &Engine) -> io::Result<Kept> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.len() > FILE_BYTES_MAX {
        return Err(invalid("it is too long"));
    }
    if metadata.mode() & 0o022 != 0 {
        return Err(invalid("others than its owner could have written it"));
    }
    let mut bytes = Vec::with_capacity(metadata.len() as usize);
    file.read_to_end(&mut bytes)?;
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(|| invalid("it does not begin as it should"))?;
    let (checksum, rest) = rest.split_at_checked(DIGEST_BYTES).ok_or_else(|| invalid("it is cut"))?;
    if checksum != sha256(rest) {
        return Err(invalid("its checksum is wrong"));
    }
    let (length, rest) = rest.split_first_chunk::<4>().ok_or_else(|| invalid("it is cut"))?;
    let (record, code) =
        rest.split_at_checked(u32::from_le_bytes(*length) as usize).ok_or_else(|| invalid("it is cut"))?;
    let limit = bincode::config::standard().with_limit::<RECORD_BYTES_MAX>();
    let (record, _) = bincode::serde::decode_from_slice::<Record, _>(record, limit).map_err(io::Error::other)?;
    if record.key != key.0 || record.engine_hash != engine_hash {
        return Err(invalid("it belongs to another plugin, configuration, version or machine"));
    }
    let has_code = record.image.as_ref().is_none_or(|image| image.parted.is_none());
    let code = if has_code { Some(map(engine, code, record.is_module)?) } else { None };
    Ok((code, record.image))
}

#[expect(unsafe_code, reason = "precompiled code can be mapped in no other way")]
fn map(engine: &Engine, code: &[u8], is_module: bool) -> io::Result<Code> {
    // SAFETY: `code` must come from `serialize` of this engine. The file is in a directory that only this user can
    // write to, its checksum is right, and its record names this engine's version, target and settings; wasmtime checks
    // version and target once more, and whether it is a module's or a component's.
    let mapped = unsafe {
        match is_module {
            true => Module::deserialize(engine, code).map(|module| Code::Module(Arc::new(module))),
            false => Component::deserialize(engine, code).map(Code::Component),
        }
    };
    mapped.map_err(|error| invalid(&format!("{error:#}")))
}

/// The directory must be ours, and no one else may write to it: who writes there runs code here.
fn check_owner(dir: &Path) -> io::Result<()> {
    let metadata = fs::metadata(dir).map_err(|error| at(dir, &error))?;
    let own = fs::metadata("/proc/self").map_or(metadata.uid(), |own| own.uid());
    if metadata.uid() != own || metadata.mode() & 0o022 != 0 {
        let message = format!(
            "{}: others can write to the directory of compiled code; run `chmod 700` on it, or give another `data_dir`",
            dir.display()
        );
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, message));
    }
    Ok(())
}

fn at(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

pub(crate) fn sha256(bytes: &[u8]) -> [u8; DIGEST_BYTES] {
    let mut array = [0; DIGEST_BYTES];
    array.copy_from_slice(digest(&SHA256, bytes).as_ref());
    array
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
