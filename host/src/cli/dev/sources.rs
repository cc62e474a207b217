//! Sees when the sources of the plugin change.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Beside the crate's `Cargo.toml`. The lock file is not among them: cargo writes it.
const FILES: [&str; 3] = ["Cargo.toml", "build.rs", EXCHANGES];
/// What the plugin is told, which is no part of the component.
const EXCHANGES: &str = "exchanges.toml";
const FOLDER: &str = "src";
/// Files that are looked at; of more, some are not noticed.
const FILES_MAX: usize = 10_000;
/// A change is taken up when nothing more has changed for so long: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(40);
/// And then, even if something has.
const QUIET_MAX: Duration = Duration::from_secs(1);
/// Between two looks, however much happens in the folders.
const REST: Duration = Duration::from_millis(20);
/// For what the system does not tell, as on network file systems.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);

pub(super) struct Sources {
    folder: PathBuf,
    /// Further files, which are looked at every [`LOOK_INTERVAL`].
    others: Vec<PathBuf>,
    seen: Look,
    events: mpsc::Receiver<()>,
    watcher: Option<RecommendedWatcher>,
}

/// Each file with its length and when it was last written.
type Look = BTreeMap<PathBuf, (u64, Option<SystemTime>)>;

/// A source of the crate in `folder` that was written after its component.
pub(in crate::cli) fn newer_than(component: &Path, folder: &Path) -> Option<PathBuf> {
    let built = std::fs::metadata(component).ok()?.modified().ok()?;
    let newer = |path: &Path, written: Option<SystemTime>| {
        written.is_some_and(|written| written > built) && !path.ends_with(EXCHANGES)
    };
    look(folder, &[]).into_iter().find(|(path, (_, written))| newer(path, *written)).map(|(path, _)| path)
}

impl Sources {
    /// From now on, no change is missed of the crate in `folder`, or of `others`.
    pub(super) fn watch(folder: &Path, others: Vec<PathBuf>) -> Sources {
        // One place: any number of events is one reason to look.
        let (sender, events) = mpsc::channel(1);
        let watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            // Each look opens folders, and would call for another one.
            if !event.is_ok_and(|event| event.kind.is_access()) {
                // When there is no room, a look is due already.
                let _ = sender.try_send(());
            }
        });
        let seen = look(folder, &others);
        let mut sources = Sources { folder: folder.to_owned(), others, seen, events, watcher: watcher.ok() };
        sources.follow();
        sources
    }

    /// Returns when something has changed since the last time, and is whole.
    pub(super) async fn changed(&mut self) {
        loop {
            if look(&self.folder, &self.others) != self.seen {
                self.seen = self.settled().await;
                self.follow();
                return;
            }
            // Without a watcher its sender is gone, and there is nothing to receive.
            tokio::select! {
                Some(()) = self.events.recv() => tokio::time::sleep(REST).await,
                () = tokio::time::sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    async fn settled(&self) -> Look {
        let most = Instant::now() + QUIET_MAX;
        let mut before = look(&self.folder, &self.others);
        while Instant::now() < most {
            tokio::time::sleep(QUIET).await;
            let now = look(&self.folder, &self.others);
            if now == before {
                break;
            }
            before = now;
        }
        before
    }

    /// Once more after each change: a folder may have come in the place of another. What cannot be watched is looked at.
    fn follow(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        let _ = watcher.watch(&self.folder, RecursiveMode::NonRecursive);
        let _ = watcher.watch(&self.folder.join(FOLDER), RecursiveMode::Recursive);
    }
}

fn look(folder: &Path, others: &[PathBuf]) -> Look {
    let mut found = Look::new();
    let mut folders = vec![folder.join(FOLDER)];
    let mut paths: Vec<PathBuf> = FILES.iter().map(|file| folder.join(file)).chain(others.iter().cloned()).collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                _ => paths.push(entry.path()),
            }
        }
        if paths.len() >= FILES_MAX {
            break;
        }
    }
    for path in paths {
        if let Ok(metadata) = std::fs::metadata(&path) {
            found.insert(path, (metadata.len(), metadata.modified().ok()));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    async fn is_seen(sources: &mut Sources) -> bool {
        tokio::time::timeout(Duration::from_secs(30), sources.changed()).await.is_ok()
    }

    #[tokio::test]
    async fn each_kind_of_save_is_seen_once() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path();
        fs::create_dir_all(folder.join("src/deep")).unwrap();
        fs::write(folder.join("src/lib.rs"), "1").unwrap();
        let mut sources = Sources::watch(folder, vec![folder.join("elsewhere.toml")]);
        fs::write(folder.join("src/lib.rs"), "12").unwrap();
        assert!(is_seen(&mut sources).await);
        fs::write(folder.join("src/lib.rs~"), "123").unwrap();
        fs::rename(folder.join("src/lib.rs~"), folder.join("src/lib.rs")).unwrap();
        assert!(is_seen(&mut sources).await);
        fs::write(folder.join("src/deep/new.rs"), "1").unwrap();
        assert!(is_seen(&mut sources).await);
        fs::write(folder.join("exchanges.toml"), "").unwrap();
        assert!(is_seen(&mut sources).await);
        fs::write(folder.join("elsewhere.toml"), "").unwrap();
        assert!(is_seen(&mut sources).await);
        fs::remove_file(folder.join("src/deep/new.rs")).unwrap();
        assert!(is_seen(&mut sources).await);
        let again = tokio::time::timeout(QUIET * 3, sources.changed()).await;
        assert!(again.is_err(), "nothing has changed since");
        // Nor does a look itself call for another one.
        tokio::time::sleep(REST).await;
        while sources.events.try_recv().is_ok() {}
        drop(look(&sources.folder, &sources.others));
        assert!(tokio::time::timeout(QUIET * 3, sources.events.recv()).await.is_err(), "a look is an event");
    }

    #[tokio::test]
    async fn what_a_build_writes_is_no_change() {
        let temp = tempfile::tempdir().unwrap();
        fs::create_dir_all(temp.path().join("src")).unwrap();
        let mut sources = Sources::watch(temp.path(), Vec::new());
        for file in ["Cargo.lock", "mine.wasm"] {
            fs::write(temp.path().join(file), "x").unwrap();
        }
        fs::create_dir_all(temp.path().join("target/debug")).unwrap();
        assert!(tokio::time::timeout(QUIET * 3, sources.changed()).await.is_err());
    }
}
