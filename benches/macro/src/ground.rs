//! What all comparisons stand on: processors, programs, keys, and the services behind every proxy.

use std::cell::OnceCell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;

use crate::cores::Cores;
use crate::question::Question;
use crate::server::{self, Server};
use crate::tools::{Tool, Tools};

const KEYS: usize = 100;
const ANSWER_BYTES: usize = 1024;
const PATIENCE: Duration = Duration::from_secs(10);

pub struct Ground {
    pub cores: Cores,
    pub tools: Tools,
    /// The program `sluicegate`.
    pub gateway: PathBuf,
    pub keys: Vec<Key>,
    /// Answers every request with a kibibyte of JSON, in which there is one e-mail address.
    pub service: Server,
    models: OnceCell<Models>,
    folder: TempDir,
    folders: AtomicUsize,
}

/// A key of the gateway's, which the peers know too.
#[derive(Debug)]
pub struct Key {
    pub key: String,
    pub consumer: String,
    /// What the gateway's configuration keeps of it.
    pub entry: String,
}

/// The built-in model provider, in a process of its own.
#[derive(Debug)]
pub struct Models {
    pub server: Server,
    pub key: String,
}

impl Ground {
    pub fn new(cores: Cores, tools: Tools, gateway: PathBuf) -> Result<Ground> {
        ensure!(gateway.is_file(), "{} is missing: run `cargo xtask bench`", gateway.display());
        let folder = tempfile::tempdir()?;
        let keys = (0..KEYS).map(|number| Key::make(&gateway, number)).collect::<Result<_>>()?;
        let service =
            service(&cores, &tools, folder.path()).context("the upstream of the comparisons does not start")?;
        let (models, folders) = (OnceCell::new(), AtomicUsize::new(0));
        Ok(Ground { cores, tools, gateway, keys, service, models, folder, folders })
    }

    /// A new one, empty, for one proxy's files.
    pub fn folder(&self) -> Result<PathBuf> {
        let number = self.folders.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.path().join(format!("proxy-{number}"));
        fs::create_dir(&folder)?;
        Ok(folder)
    }

    /// The one that the load presents.
    pub fn key(&self) -> &str {
        self.keys.get(KEYS / 2).map_or("", |key| &key.key)
    }

    /// Started when it is first asked for.
    pub fn models(&self) -> Result<&Models> {
        if self.models.get().is_none() {
            let models = Models::start(self).context("the model provider does not start")?;
            drop(self.models.set(models));
        }
        self.models.get().context("it was started above")
    }
}

impl Key {
    fn make(gateway: &Path, number: usize) -> Result<Key> {
        let consumer = format!("consumer-{number}");
        let made = Command::new(gateway).args(["key", "new", "--consumer", &consumer]).output()?;
        ensure!(made.status.success(), "no key: {}", String::from_utf8_lossy(&made.stderr));
        let (said, entry) = (String::from_utf8(made.stderr)?, String::from_utf8(made.stdout)?);
        let key = said.split_whitespace().find(|word| word.starts_with("sg_")).context("no key in what was said")?;
        Ok(Key { key: key.to_owned(), consumer, entry })
    }
}

impl Models {
    fn start(ground: &Ground) -> Result<Models> {
        let key = "provider-of-the-benches".to_owned();
        let address = server::free_address()?;
        let mut command = ground.cores.load.command(std::env::current_exe()?);
        command.args(["provider", "--address", &address.to_string(), "--key", &key]);
        let mut server = Server::start(command, address, &ground.folder.path().join("provider.log"))?;
        let question = Question { path: "/v1/models".to_owned(), key: Some(key.clone()), ..Question::to(address) };
        question.ask_until_answered(PATIENCE, || server.must_run())?;
        Ok(Models { server, key })
    }
}

/// nginx, which answers from its configuration: nothing that we know answers with less work.
fn service(cores: &Cores, tools: &Tools, folder: &Path) -> Result<Server> {
    let address = server::free_address()?;
    let config = folder.join("service.conf");
    let text = include_str!("service.conf")
        .replace("@FOLDER@", &folder.display().to_string())
        .replace("@ADDRESS@", &address.to_string())
        .replace("@ANSWER@", &answer());
    fs::write(&config, text)?;
    let mut command = cores.load.command(tools.find(Tool::Nginx)?);
    command.arg("-c").arg(&config).args(["-e", "stderr"]);
    let mut server = Server::start(command, address, &folder.join("service.log"))?;
    Question::to(address).ask_until_answered(PATIENCE, || server.must_run())?;
    Ok(server)
}

/// JSON with words in it, as an answer of a service has, and one address to be found by who looks for them.
fn answer() -> String {
    let mut text = String::from("{\"id\":4711,\"contact\":\"jane.doe@example.com\",\"items\":[");
    let end = "],\"done\":true}";
    for number in 1.. {
        let item = format!("{{\"number\":{number},\"name\":\"part of an answer\"}}");
        if text.len() + item.len() + 1 + end.len() > ANSWER_BYTES {
            break;
        }
        text += &item;
        text.push(',');
    }
    let text = text.trim_end_matches(',').to_owned() + end;
    // White space between members is JSON too.
    text.replacen("\"items\"", &format!("{}\"items\"", " ".repeat(ANSWER_BYTES - text.len())), 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_a_kibibyte_of_json() {
        let answer = answer();
        assert_eq!(answer.len(), ANSWER_BYTES);
        assert!(serde_json::from_str::<serde_json::Value>(&answer).is_ok(), "{answer}");
        assert!(!answer.contains(['\'', '$']), "it stands in quotes in a configuration of nginx");
    }
}
