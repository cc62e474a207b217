//! Changes the configuration of a running gateway: builds a generation apart, and swaps it in only if all of it is good.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Value, json};
use thread_priority::ThreadPriority;
use tokio::sync::{OwnedMutexGuard, oneshot};

use super::generations::{Current, Origin};
use super::history::Summary;
use super::watch::Fingerprint;
use super::{Shared, restart};
use crate::config::{self, Config, Diagnostics, Texts};
use crate::generation::{BuildError, Built, PluginFile, Stage};
use crate::listen::Terms;

/// What shall serve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Wanted {
    /// What the config file and its inputs hold now.
    File,
    /// A text in place of what the config file holds; `save` writes it there, once it serves.
    Text { text: String, save: bool },
    /// What serves, with files that have changed.
    Again,
    /// An earlier configuration; none: the one before that which serves.
    Earlier(Option<u64>),
}

/// A change that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Applied {
    pub(super) generation: u64,
    pub(super) previous: u64,
    pub(super) origin: Origin,
    /// Something that did not go as it should, though the change was made.
    pub(super) note: Option<String>,
}

/// A change that was not made. What served goes on serving.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{reason}")]
pub(super) struct Refused {
    /// How far it came: `config`, `restart`, `listen`, `history`, or a stage of building.
    pub(super) stage: &'static str,
    /// The chain entry that it is about.
    pub(super) entry: Option<String>,
    pub(super) reason: String,
    pub(super) mistakes: Option<Diagnostics>,
}

/// The last change, if it was refused.
pub(super) struct LastRefused {
    pub(super) time_unix_ms: u64,
    /// `file`, `push` or `rollback`.
    pub(super) origin: &'static str,
    pub(super) why: Refused,
}

/// The text itself is wrong, or a file that it names is not there.
pub(super) const CONFIG_STAGE: &str = "config";

/// What is to be built, and how it will be kept.
struct Candidate {
    texts: Texts,
    config: Config,
    origin: Origin,
    same_as: Option<u64>,
}

impl Shared {
    /// One change after the other, on a thread apart that gives way to those that serve. It is made or refused also if nobody
    /// waits for the answer any longer.
    pub(super) async fn change(self: &Arc<Shared>, wanted: Wanted) -> Result<Applied, Refused> {
        self.change_apart(None, wanted).await
    }

    /// The same for whoever has the turn already, and has decided in it.
    pub(super) async fn change_in_turn(
        self: &Arc<Shared>,
        turn: OwnedMutexGuard<()>,
        wanted: Wanted,
    ) -> Result<Applied, Refused> {
        self.change_apart(Some(turn), wanted).await
    }

    async fn change_apart(
        self: &Arc<Shared>,
        turn: Option<OwnedMutexGuard<()>>,
        wanted: Wanted,
    ) -> Result<Applied, Refused> {
        let (answer, answered) = oneshot::channel();
        let (shared, handle) = (self.clone(), tokio::runtime::Handle::current());
        let thread = std::thread::Builder::new().name("config-change".into()).spawn(move || {
            if let Err(error) = thread_priority::set_current_thread_priority(ThreadPriority::Min) {
                tracing::debug!("configurations are built at the usual priority: {error:?}");
            }
            let changing = async {
                let _one_at_a_time = match turn {
                    Some(turn) => turn,
                    None => shared.changing.clone().lock_owned().await,
                };
                shared.change_now(wanted).await
            };
            drop(answer.send(handle.block_on(changing)));
        });
        let failed = |reason: String| Err(Refused::new(CONFIG_STAGE, reason));
        match thread {
            Err(error) => failed(format!("no thread could be started to build it: {error}")),
            Ok(_) => {
                answered.await.unwrap_or_else(|_| failed("the gateway failed on it; please report this".to_owned()))
            }
        }
    }

    async fn change_now(self: &Arc<Shared>, wanted: Wanted) -> Result<Applied, Refused> {
        let origin = wanted.origin();
        let changed = self.try_change(wanted).await;
        self.foundation.metrics.config_changed(origin, changed.is_ok());
        // What the status says is true before the log tells of it.
        let time_unix_ms = self.foundation.clock.now_unix_ms();
        let refused = changed.as_ref().err().cloned();
        self.refused.store(refused.map(|why| Arc::new(LastRefused { time_unix_ms, origin, why })));
        match &changed {
            Ok(applied) => {
                let (generation, origin) = (applied.generation, applied.origin.describe());
                tracing::info!("generation {generation} serves new requests ({origin})");
                if let Some(note) = &applied.note {
                    tracing::warn!("{note}");
                }
            }
            Err(refused) => {
                let serving = self.generations.current().generation.id;
                let entry = refused.entry.as_ref().map(|entry| format!(", entry `{entry}`")).unwrap_or_default();
                let (stage, reason) = (refused.stage, refused.reason.trim_end());
                tracing::error!(
                    "the new configuration is refused at stage `{stage}`{entry}; generation {serving} goes on serving\n{reason}"
                );
            }
        }
        changed
    }

    async fn try_change(self: &Arc<Shared>, wanted: Wanted) -> Result<Applied, Refused> {
        let save = match &wanted {
            Wanted::Text { text, save: true } => Some(text.clone()),
            _ => None,
        };
        let candidate = self.candidate(wanted)?;
        let running = self.generations.current();
        if let Some(setting) = restart::difference(&running.config, &candidate.config) {
            let reason = format!(
                "`{setting}` can only change when the gateway starts: take that change back, or restart the gateway with it"
            );
            return Err(Refused::new("restart", reason));
        }
        let terms = Terms::of_all(&candidate.config.listeners, &candidate.config.limits)
            .map_err(|error| Refused::new("listen", error.to_string()))?;
        let id = self.generations.next_id();
        let Built { generation, plugin_files } = self.foundation.build(&candidate.config, id).await?;
        let Candidate { texts, config, origin, same_as } = candidate;
        // The last thing that can fail, so that no client waits behind a port for what never serves.
        let listeners = self.listeners.prepare(&config.listeners, terms);
        let listeners = listeners.map_err(|reason| Refused::new("listen", reason))?;
        self.allowance.change(&config.limits);
        let previous = running.generation.id;
        drop(running);
        self.seen.store(Arc::new(self.seen.load().with_new(&config.inputs)));
        let drain_timeout = config.limits.drain_timeout;
        let (generation, config, texts) = (Arc::new(generation), Arc::new(config), Arc::new(texts));
        let next = Current { generation, config, texts: texts.clone(), origin: origin.clone() };
        self.generations.swap(next).await;
        self.listeners.take_over(self, listeners, drain_timeout).await;
        let mut notes = Vec::new();
        if let Err(error) = self.keep(id, &origin, same_as, &texts, &plugin_files) {
            notes.push(format!("the configuration cannot be kept for a rollback: {error}"));
        }
        if let Some(text) = save
            && let Err(error) = save_over(&self.config_path, &text)
        {
            let path = self.config_path.display();
            notes.push(format!("it serves, but {path} cannot be written, so that a restart will not have it: {error}"));
        }
        self.changed.notify_waiters();
        Ok(Applied { generation: id, previous, origin, note: (!notes.is_empty()).then(|| notes.join("; ")) })
    }

    fn candidate(&self, wanted: Wanted) -> Result<Candidate, Refused> {
        let path = &self.config_path;
        let (texts, origin, same_as) = match wanted {
            Wanted::File => {
                // Looked at before it is read: what changes from now on is seen as a further change.
                self.seen.store(Arc::new(Fingerprint::of(&self.all_inputs())));
                (Texts::read(path)?, Origin::File, None)
            }
            Wanted::Text { text, .. } => (Texts::of(path, text)?, Origin::Push, None),
            Wanted::Again => {
                let current = self.generations.current();
                self.seen.store(Arc::new(Fingerprint::of(&current.config.inputs)));
                (current.texts.as_ref().clone(), current.origin.clone(), None)
            }
            Wanted::Earlier(id) => {
                let id = self.earlier(id)?;
                let texts = self.history.as_ref().map(|history| history.texts(id));
                let texts = texts.unwrap_or_else(|| Err(std::io::ErrorKind::NotFound.into()));
                let unusable = |error| {
                    Refused::new("history", format!("the configuration of generation {id} cannot be read: {error}"))
                };
                (texts.map_err(unusable)?, Origin::Rollback(id), Some(id))
            }
        };
        let config = config::parse(&texts)?;
        Ok(Candidate { texts, config, origin, same_as })
    }

    /// Which configuration a rollback goes to. Without a number it goes one further back each time.
    fn earlier(&self, wanted: Option<u64>) -> Result<u64, Refused> {
        let known = self.history.as_ref().map(|history| history.list()).unwrap_or_default();
        let list = "`sluicegate config history` lists those that are kept";
        if let Some(id) = wanted {
            let found = known.iter().any(|summary| summary.id == id);
            return found.then_some(id).ok_or_else(|| {
                Refused::new("history", format!("the configuration of generation {id} is not kept: {list}"))
            });
        }
        let current = self.generations.current();
        let from = match current.origin {
            Origin::Rollback(id) => id,
            _ => current.generation.id,
        };
        // Those that were rollbacks themselves are older configurations once more.
        let before = known.iter().rev().find(|summary| summary.id < from && summary.same_as.is_none());
        before.map(|summary| summary.id).ok_or_else(|| {
            Refused::new("history", format!("no configuration before that of generation {from} is kept: {list}"))
        })
    }

    pub(super) fn keep(
        &self,
        id: u64,
        origin: &Origin,
        same_as: Option<u64>,
        texts: &Texts,
        plugin_files: &BTreeMap<String, PluginFile>,
    ) -> std::io::Result<()> {
        let Some(history) = &self.history else { return Ok(()) };
        let summary = Summary {
            id,
            time_unix_ms: self.foundation.clock.now_unix_ms(),
            origin: origin.describe(),
            same_as,
            plugins: Default::default(),
            sha256: String::new(),
        };
        history.keep(summary, texts, plugin_files)
    }
}

impl Wanted {
    fn origin(&self) -> &'static str {
        match self {
            Wanted::File => Origin::File.word(),
            Wanted::Text { .. } | Wanted::Again => Origin::Push.word(),
            Wanted::Earlier(_) => Origin::Rollback(0).word(),
        }
    }
}

impl Refused {
    fn new(stage: &'static str, reason: String) -> Refused {
        Refused { stage, entry: None, reason, mistakes: None }
    }

    /// For an answer of the admin listener.
    pub(super) fn details(&self) -> Value {
        let mistakes = self.mistakes.iter().flat_map(|mistakes| &mistakes.items).map(|mistake| {
            json!({
                "file": mistake.file,
                "line": mistake.line,
                "column": mistake.column,
                "message": mistake.message,
                "help": mistake.help,
            })
        });
        json!({
            "stage": self.stage,
            "entry": self.entry,
            "reason": self.reason,
            "mistakes": mistakes.collect::<Vec<_>>(),
        })
    }
}

impl From<Diagnostics> for Refused {
    fn from(mistakes: Diagnostics) -> Refused {
        Refused {
            reason: mistakes.render(false),
            mistakes: Some(mistakes),
            ..Refused::new(CONFIG_STAGE, String::new())
        }
    }
}

impl From<BuildError> for Refused {
    fn from(error: BuildError) -> Refused {
        let BuildError { stage, entry, diagnostics } = error;
        Refused { stage: Stage::as_str(stage), entry, ..Refused::from(diagnostics) }
    }
}

/// In place of what stands there, with the same mode; through a symbolic link, so that the link stays.
fn save_over(path: &Path, text: &str) -> std::io::Result<()> {
    let path = std::fs::canonicalize(path)?;
    let mut partial = path.clone().into_os_string();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let saved = std::fs::write(&partial, text)
        .and_then(|()| std::fs::set_permissions(&partial, std::fs::metadata(&path)?.permissions()))
        .and_then(|()| std::fs::rename(&partial, &path));
    if saved.is_err() {
        drop(std::fs::remove_file(&partial));
    }
    saved
}
