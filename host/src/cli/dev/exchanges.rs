//! What the crate's exchanges.toml says about the plugin's entry, and the request that it begins with.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::Context;
use serde::Deserialize;
use toml::Table;

use crate::cli::shell::quoted;
use crate::config::check_exchanges;

const FILE: &str = "exchanges.toml";

/// What is read of the file; the rest is for `sluicegate plugin test`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Exchanges {
    pub(super) config: Option<Table>,
    pub(super) grants: Option<Vec<String>>,
    pub(super) isolation: Option<String>,
    pub(super) limits: Option<Table>,
    /// Gateway keys that are made for one run.
    #[serde(default)]
    pub(super) keys: Vec<Key>,
    #[serde(default)]
    exchanges: Vec<Exchange>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Key {
    pub(super) name: String,
    pub(super) consumer: String,
    #[serde(default)]
    pub(super) scopes: Vec<String>,
    #[serde(default)]
    pub(super) revoked: bool,
}

#[derive(Debug, Default, Deserialize)]
struct Exchange {
    #[serde(default)]
    request: Request,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Request {
    method: Option<String>,
    path: Option<String>,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Exchanges {
    /// Nothing where there is no such file.
    ///
    /// # Errors
    /// All mistakes in it, with their places.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Exchanges> {
        let path = folder.join(FILE);
        match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Exchanges::default()),
            // What `sluicegate plugin test` refuses is refused here.
            _ => check_exchanges(&path)?,
        }
        let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
        toml::from_str(&text).with_context(|| format!("{} cannot be understood", path.display()))
    }

    /// The first exchange's request as a command, or the simplest one. `keys`: those that fields name as `${key:NAME}`.
    pub(super) fn curl(&self, address: SocketAddr, keys: &BTreeMap<String, String>) -> String {
        let simplest = Request::default();
        let request = self.exchanges.first().map_or(&simplest, |exchange| &exchange.request);
        let mut words = vec!["curl -sS -i".to_owned()];
        let usual = if request.body.is_empty() { "GET" } else { "POST" };
        match request.method.as_deref().unwrap_or("GET") {
            method if method == usual => {}
            "HEAD" => words.push("-I".to_owned()),
            method => words.push(format!("-X {}", quoted(method))),
        }
        words.push(quoted(&format!("http://{address}{}", request.path.as_deref().unwrap_or("/"))));
        for (name, value) in &request.headers {
            let with_key =
                |value: String, (name, key): (&String, &String)| value.replace(&format!("${{key:{name}}}"), key);
            words.push(format!("-H {}", quoted(&format!("{name}: {}", keys.iter().fold(value.clone(), with_key)))));
        }
        if !request.body.is_empty() {
            if !request.headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")) {
                words.push("-H 'content-type: application/json'".to_owned());
            }
            words.push(format!("--data-binary {}", quoted(&request.body)));
        }
        words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Diagnostics;

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        folder
    }

    #[test]
    fn the_entry_is_what_the_file_says_and_nothing_where_there_is_none() {
        let text = "grants = [\"keys\"]\nisolation = \"pooled\"\n[config]\nheader = \"x\"\n[[keys]]\nname = \"a\"\nconsumer = \"b\"\n";
        let file = folder(text);
        let exchanges = Exchanges::read(file.path()).unwrap();
        assert_eq!(exchanges.config.unwrap()["header"].as_str(), Some("x"));
        assert_eq!((exchanges.grants, exchanges.isolation), (Some(vec!["keys".to_owned()]), Some("pooled".to_owned())));
        assert_eq!(exchanges.keys[0].consumer, "b");
        assert!(Exchanges::read(&file.path().join("elsewhere")).unwrap().config.is_none());
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, part) in [
            ("config = 1", "exchanges.toml:1:10"),
            ("\ngrants = \"keys\"", "exchanges.toml:2:10"),
            ("[[keys]]\nname = \"a\"", "consumer"),
            ("config = ", "exchanges.toml:1"),
            ("isolatoin = \"pooled\"", "did you mean `isolation`?"),
            ("[[exchanges]]\nname = \"a\"\nreqest = {}", "did you mean `request`?"),
        ] {
            let error = Exchanges::read(folder(text).path()).unwrap_err();
            let said = error.downcast_ref::<Diagnostics>().map(|found| found.render(false)).unwrap_or_default();
            assert!(said.contains(part), "{text}: {said}");
        }
    }

    #[test]
    fn the_first_exchange_becomes_a_command_to_paste() {
        let address: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let keys = BTreeMap::from([("acme".to_owned(), "sg_1".to_owned())]);
        let key = "[[keys]]\nname = \"acme\"\nconsumer = \"acme\"\n";
        let shown = |request: &str| {
            let text = format!("{key}[[exchanges]]\nname = \"first\"\n{request}");
            Exchanges::read(folder(&text).path()).unwrap().curl(address, &keys)
        };
        assert_eq!(Exchanges::default().curl(address, &keys), "curl -sS -i http://127.0.0.1:8080/");
        assert_eq!(
            shown("request = { path = \"/a?b=c\", headers = { \"x-a\" = \"it's\" } }\n"),
            r"curl -sS -i 'http://127.0.0.1:8080/a?b=c' -H 'x-a: it'\''s'"
        );
        assert_eq!(
            shown("request = { method = \"POST\", path = \"/\", body = '{\"a\":1}' }\n"),
            r#"curl -sS -i http://127.0.0.1:8080/ -H 'content-type: application/json' --data-binary '{"a":1}'"#
        );
        assert_eq!(
            shown("request = { method = \"DELETE\", headers = { x-key = \"${key:acme}\" } }\n"),
            "curl -sS -i -X DELETE http://127.0.0.1:8080/ -H 'x-key: sg_1'"
        );
    }
}
