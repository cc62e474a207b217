//! Sees when the configuration's files change, and asks for a new generation.
//!
//! Folders are watched, not files: editors put a new file in the place of the old one, and Kubernetes swaps a symbolic link
//! beside it. Where the system tells nothing, as on network file systems, a look every few seconds finds out.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::Shared;
use super::change::Wanted;
use super::generations::Origin;
use crate::config::Inputs;

/// A change is taken up when nothing more has changed for so long: an editor writes in several steps.
const QUIET: Duration = Duration::from_millis(60);
/// And then, even if something has.
const QUIET_MAX: Duration = Duration::from_secs(1);
/// Between two looks, however much happens in the folders: a log may stand there, and grow with each request.
const REST: Duration = Duration::from_millis(20);
/// For what the system does not tell.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);
/// Links that are followed from one path.
const LINKS_MAX: usize = 40;

/// What the inputs of a configuration look like from outside: any change of one shows here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fingerprint(BTreeMap<PathBuf, Option<Stamp>>);

/// Of the file behind all links: device, inode, bytes, and when it was last written and last changed, in nanoseconds.
type Stamp = (u64, u64, u64, i128, i128);

impl Fingerprint {
    pub(super) fn of(inputs: &Inputs) -> Fingerprint {
        let folders = inputs.folders.iter().map(|folder| (folder.clone(), stamp(folder)));
        Fingerprint(inputs.files.iter().map(|file| (file.clone(), stamp(file))).chain(folders).collect())
    }

    /// The same, and what it does not know yet as it looks now.
    pub(super) fn with_new(&self, inputs: &Inputs) -> Fingerprint {
        let mut all = Fingerprint::of(inputs);
        all.0.extend(self.0.iter().map(|(path, stamp)| (path.clone(), *stamp)));
        all.0.retain(|path, _| inputs.files.contains(path) || inputs.folders.contains(path));
        all
    }

    /// Those that look other than they did. What was never looked at has not changed.
    fn changed(&self, inputs: &Inputs) -> BTreeSet<PathBuf> {
        let now = Fingerprint::of(inputs).0.into_iter();
        now.filter(|(path, stamp)| self.0.get(path).is_some_and(|seen| seen != stamp)).map(|(path, _)| path).collect()
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
    let metadata = std::fs::metadata(path).ok()?;
    let written = nanoseconds(metadata.mtime(), metadata.mtime_nsec());
    // A folder's own time of change tells of files in it; its size and the rest do not matter.
    match metadata.is_dir() {
        true => Some((metadata.dev(), metadata.ino(), 0, written, 0)),
        false => {
            let changed = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
            Some((metadata.dev(), metadata.ino(), metadata.len(), written, changed))
        }
    }
}

/// Runs as long as the gateway does.
pub(super) async fn watch(shared: Arc<Shared>) {
    // One place: any number of events is one reason to look.
    let (sender, mut events) = mpsc::channel(1);
    let mut folders = Folders::new(sender);
    loop {
        let swapped = shared.changed.notified();
        let inputs = shared.inputs();
        folders.follow(&inputs);
        let changed = shared.seen.load().changed(&inputs);
        if !changed.is_empty() {
            settle(&inputs).await;
            shared.take_up().await;
            continue;
        }
        tokio::select! {
            _ = events.recv() => tokio::time::sleep(REST).await,
            () = tokio::time::sleep(LOOK_INTERVAL) => {}
            () = swapped => {}
        }
    }
}

impl Shared {
    /// What is watched: the inputs of what serves and, where the file itself is refused, those of what it says now.
    fn inputs(&self) -> Inputs {
        match self.refused.load_full() {
            Some(refused) if refused.origin == Origin::File.word() => self.all_inputs(),
            _ => self.generations.current().config.inputs.clone(),
        }
    }

    /// The inputs of what serves, and those of what the file says now.
    pub(super) fn all_inputs(&self) -> Inputs {
        let mut inputs = self.generations.current().config.inputs.clone();
        let of_file = Inputs::of_refused(&self.config_path);
        inputs.files.extend(of_file.files);
        inputs.folders.extend(of_file.folders);
        inputs
    }

    /// Takes up what has changed, unless somebody else has done it by now: a signal may have come after the change, and a
    /// text that was pushed after that must stay.
    async fn take_up(self: &Arc<Shared>) {
        let turn = self.changing.clone().lock_owned().await;
        let changed = self.seen.load().changed(&self.inputs());
        if !changed.is_empty() {
            // Refusals are in the log.
            drop(self.change_in_turn(turn, self.wanted_after(&changed)).await);
        }
    }

    /// A text that was pushed stays, with the plugin or certificate that is new; the gateway's own text takes its place.
    fn wanted_after(&self, changed: &BTreeSet<PathBuf>) -> Wanted {
        let current = self.generations.current();
        let is_text = |path: &PathBuf| path.is_dir() || current.texts.files.iter().any(|file| file.path == *path);
        match current.origin {
            Origin::Push if !changed.iter().any(is_text) => Wanted::Again,
            _ => Wanted::File,
        }
    }
}

async fn settle(inputs: &Inputs) {
    let most = Instant::now() + QUIET_MAX;
    let mut before = Fingerprint::of(inputs);
    while Instant::now() < most {
        tokio::time::sleep(QUIET).await;
        let now = Fingerprint::of(inputs);
        if now == before {
            return;
        }
        before = now;
    }
}

/// The folders that are watched, each with the identity that it had.
struct Folders {
    watcher: Option<RecommendedWatcher>,
    watched: BTreeMap<PathBuf, Option<(u64, u64)>>,
}

impl Folders {
    fn new(events: mpsc::Sender<()>) -> Folders {
        let watcher = notify::recommended_watcher(move |_| {
            // When there is no room, a look is due already.
            let _ = events.try_send(());
        });
        if let Err(error) = &watcher {
            tracing::warn!("changes of files are found by a look every {} s, since: {error}", LOOK_INTERVAL.as_secs());
        }
        Folders { watcher: watcher.ok(), watched: BTreeMap::new() }
    }

    fn follow(&mut self, inputs: &Inputs) {
        let Some(watcher) = &mut self.watcher else { return };
        let wanted: BTreeSet<PathBuf> =
            inputs.files.iter().flat_map(|file| folders_of(file)).chain(inputs.folders.iter().cloned()).collect();
        let identity = |folder: &Path| std::fs::metadata(folder).ok().map(|found| (found.dev(), found.ino()));
        self.watched.retain(|folder, known| {
            let stays = wanted.contains(folder) && known.is_some() && *known == identity(folder);
            if !stays {
                // A folder that is gone takes its watch with it.
                drop(watcher.unwatch(folder));
            }
            stays
        });
        for folder in wanted {
            if !self.watched.contains_key(&folder) && watcher.watch(&folder, RecursiveMode::NonRecursive).is_ok() {
                let known = identity(&folder);
                self.watched.insert(folder, known);
            }
        }
    }
}

/// Every folder in which something could change what `path` leads to: its own, and those of the links on the way.
fn folders_of(path: &Path) -> BTreeSet<PathBuf> {
    let mut folders = BTreeSet::new();
    let mut path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for _ in 0..LINKS_MAX {
        let Some((folder, next)) = first_link(&path) else { break };
        folders.insert(folder);
        path = next;
    }
    folders.extend(path.parent().map(Path::to_owned));
    folders
}

/// The first link on the way: the folder that it stands in, and where the path leads through it.
fn first_link(path: &Path) -> Option<(PathBuf, PathBuf)> {
    let mut walked = PathBuf::new();
    let mut components = path.components();
    while let Some(component) = components.next() {
        if component == Component::ParentDir {
            walked.pop();
            continue;
        }
        let folder = walked.clone();
        walked.push(component);
        if let Ok(target) = std::fs::read_link(&walked) {
            return Some((folder.clone(), folder.join(target).join(components.as_path())));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn inputs(files: &[&Path]) -> Inputs {
        Inputs { files: files.iter().map(|file| (*file).to_owned()).collect(), folders: BTreeSet::new() }
    }

    #[test]
    fn the_folders_of_a_path_are_those_of_each_link_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("..2026")).unwrap();
        std::fs::write(root.join("..2026/config.toml"), "").unwrap();
        symlink("..2026", root.join("..data")).unwrap();
        symlink("..data/config.toml", root.join("config.toml")).unwrap();
        assert_eq!(folders_of(&root.join("config.toml")), BTreeSet::from([root.clone(), root.join("..2026")]));
    }

    #[test]
    fn links_in_a_circle_come_to_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        symlink("b", root.join("a")).unwrap();
        symlink("a", root.join("b")).unwrap();
        assert!(folders_of(&root.join("a")).contains(&root));
    }

    #[test]
    fn a_file_put_in_place_of_another_and_a_swapped_link_are_changes() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        std::fs::write(root.join("one"), "text").unwrap();
        std::fs::write(root.join("two"), "text").unwrap();
        symlink("one", root.join("link")).unwrap();
        let (file, link) = (root.join("one"), root.join("link"));
        let inputs = inputs(&[&file, &link]);
        let before = Fingerprint::of(&inputs);
        assert_eq!(before, Fingerprint::of(&inputs));
        std::fs::rename(root.join("two"), &file).unwrap();
        let renamed = Fingerprint::of(&inputs);
        assert_ne!(before, renamed);
        std::fs::write(root.join("three"), "text").unwrap();
        symlink("three", root.join("next")).unwrap();
        std::fs::rename(root.join("next"), &link).unwrap();
        assert_ne!(renamed, Fingerprint::of(&inputs));
        assert_eq!(before.changed(&inputs), BTreeSet::from([file, link]));
        assert_eq!(before.with_new(&inputs).changed(&inputs), before.changed(&inputs));
    }

    #[test]
    fn what_was_never_looked_at_has_not_changed() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        let seen = Fingerprint::of(&inputs(&[&one]));
        std::fs::write(&two, "text").unwrap();
        let both = inputs(&[&one, &two]);
        assert!(seen.changed(&both).is_empty());
        let seen = seen.with_new(&both);
        std::fs::remove_file(&two).unwrap();
        assert_eq!(seen.changed(&both), BTreeSet::from([two]));
    }
}
