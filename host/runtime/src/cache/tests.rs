//! Files whose checksum is right and that must not be run all the same, and limits of what is read.

use wasmtime::component::Component;

use super::*;
use crate::setup::{BodyMode, BodyNeed, InstanceNeed};

/// A component with nothing in it.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// Its own folder under the system's; removed when dropped.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("sluicegate-cache-{test}-{}", std::process::id()));
        drop(fs::remove_dir_all(&path));
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

fn image(engine: &Engine) -> Image {
    let none = BodyNeed { mode: BodyMode::None, bytes_max: 0, encoded: false };
    let setup = Setup {
        phases: vec!["head".to_owned()],
        body: none,
        reply_body: none,
        need: InstanceNeed::Call,
        metrics: Vec::new(),
        upstreams: Vec::new(),
        credentials: Vec::new(),
        requires: Vec::new(),
        provides: Vec::new(),
    };
    let code = Code::Component(Component::from_binary(engine, EMPTY).unwrap());
    let (frozen, digest) = (Frozen::No("why".to_owned()), "d".to_owned());
    Image { code, parted: None, setup, frozen, digest, making: None, symbols: None }
}

/// The frame around `rest`, with a checksum that fits.
fn framed(rest: &[u8]) -> Vec<u8> {
    [MAGIC, &sha256(rest)[..], rest].concat()
}

fn stored(test: &str) -> (Folder, Engine, Cache, Key, PathBuf) {
    let (folder, engine) = (Folder::new(test), Engine::default());
    let cache = Cache::open(Some(folder.0.clone()), &engine).unwrap();
    let key = cache.key("digest", "{}");
    cache.store(&key, &image(&engine));
    let path = cache.path(&key).unwrap();
    assert!(path.is_file());
    (folder, engine, cache, key, path)
}

#[test]
fn what_was_stored_comes_back_and_under_no_other_key() {
    let (_folder, engine, cache, key, _) = stored("back");
    let found = cache.load(&key, &engine, |_| None).unwrap();
    assert_eq!((found.digest.as_str(), &found.frozen), ("d", &Frozen::No("why".to_owned())));
    assert_eq!(found.setup, image(&engine).setup);
    for other in [cache.key("digest", "{ }"), cache.key("other", "{}"), cache.key("diges", "t\n{}")] {
        assert!(cache.load(&other, &engine, |_| None).is_none());
    }
}

#[test]
fn code_that_belongs_to_no_config_comes_back_and_is_no_image() {
    let (_folder, engine, cache, key, _) = stored("code");
    let code = cache.key("digest", "for all");
    cache.store_code(&code, &Code::Component(Component::from_binary(&engine, EMPTY).unwrap()));
    assert!(cache.load_code(&code, &engine).is_some() && cache.load(&code, &engine, |_| None).is_none());
    assert!(cache.path(&code).unwrap().is_file() && cache.load(&key, &engine, |_| None).is_some());
}

#[test]
fn a_file_of_another_engine_is_removed_and_not_run() {
    let (_folder, engine, cache, key, path) = stored("engine");
    let other = Cache { dir: cache.dir.clone(), engine_hash: cache.engine_hash ^ 1 };
    assert_ne!(other.key("digest", "{}"), key, "another engine does not even look for it");
    assert!(other.load(&key, &engine, |_| None).is_none());
    assert!(!path.exists());
}

#[test]
fn a_checksum_that_fits_does_not_make_nonsense_run() {
    let (_folder, engine, cache, key, path) = stored("nonsense");
    let good = fs::read(&path).unwrap();
    let rest = &good[MAGIC.len() + DIGEST_BYTES..];
    let record_length = u32::from_le_bytes(rest[..4].try_into().unwrap()) as usize;
    let (record, code) = rest[4..].split_at(record_length);
    let with_length = |length: u32, behind: &[u8]| framed(&[&length.to_le_bytes()[..], behind].concat());
    let mut foreign = record.to_vec();
    foreign[0] ^= 1;
    let files = [
        ("nothing", framed(b"")),
        ("half a length", framed(b"\x01\0")),
        ("a length beyond the file", with_length(u32::MAX, record)),
        ("an empty record", with_length(0, code)),
        ("a record of noise", with_length(16, &[0xff; 64])),
        ("the record of another key", with_length(record_length as u32, &[&foreign[..], code].concat())),
        ("no code", with_length(record_length as u32, record)),
        ("code of noise", with_length(record_length as u32, &[record, &[7; 4096][..]].concat())),
        ("code of another kind", with_length(record_length as u32, &[record, EMPTY].concat())),
    ];
    for (what, bytes) in files {
        fs::write(&path, bytes).unwrap();
        assert!(cache.load(&key, &engine, |_| None).is_none(), "{what}");
        assert!(!path.exists(), "{what} is left");
    }
    fs::write(&path, &good).unwrap();
    assert!(cache.load(&key, &engine, |_| None).is_some());
}

#[test]
fn a_file_over_the_limit_is_not_read() {
    let (_folder, engine, cache, key, path) = stored("long");
    // Sparse: it takes no room on the disk.
    File::options().write(true).open(&path).unwrap().set_len(FILE_BYTES_MAX + 1).unwrap();
    assert!(cache.load(&key, &engine, |_| None).is_none());
    assert!(!path.exists());
}

#[test]
fn without_a_directory_nothing_is_kept() {
    let engine = Engine::default();
    let cache = Cache::open(None, &engine).unwrap();
    let key = cache.key("digest", "{}");
    cache.store(&key, &image(&engine));
    assert!(cache.load(&key, &engine, |_| None).is_none());
}

#[test]
fn a_directory_that_cannot_be_written_costs_a_compilation_and_no_start() {
    let (folder, engine, cache, key, path) = stored("gone");
    drop(folder);
    cache.store(&key, &image(&engine));
    assert!(!path.exists() && cache.load(&key, &engine, |_| None).is_none());
}

#[test]
fn past_the_limit_the_file_that_was_used_least_recently_goes() {
    let (folder, engine, cache, key, path) = stored("room");
    let old = FileTimes::new().set_accessed(SystemTime::now() - std::time::Duration::from_secs(3600));
    let age = |path: &Path| File::open(path).unwrap().set_times(old).unwrap();
    for number in 0..FILES_MAX {
        let path = folder.0.join(format!("{number}.image"));
        fs::write(&path, "x").unwrap();
        age(&path);
    }
    age(&path);
    // Read, and so used.
    assert!(cache.load(&key, &engine, |_| None).is_some());
    let another = cache.key("another", "{}");
    cache.store(&another, &image(&engine));
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), FILES_MAX);
    assert!(path.exists() && cache.load(&another, &engine, |_| None).is_some());
}
