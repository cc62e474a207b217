//! What the crate's exchanges.toml says about the plugin's entry, and the request that it begins with.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use toml::{Table, Value};

const FILE: &str = "exchanges.toml";
/// Of the file.
const BYTES_MAX: u64 = 4 << 20;

/// What belongs into the chain entry, as it stands there.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Exchanges {
    pub(super) config: Option<Table>,
    pub(super) grants: Option<Vec<String>>,
    pub(super) isolation: Option<String>,
}

impl Exchanges {
    /// Nothing where there is no such file.
    pub(super) fn read(folder: &Path) -> anyhow::Result<Exchanges> {
        let Some(mut file) = table(folder)? else { return Ok(Exchanges::default()) };
        let wrong = |key: &str, what: &str| anyhow::anyhow!("{FILE}: `{key}` must be {what}");
        let config = match file.remove("config") {
            None => None,
            Some(Value::Table(config)) => Some(config),
            Some(_) => bail!(wrong("config", "a table: write it below `[config]`")),
        };
        let names = || wrong("grants", "a list of names, such as `[\"identity\"]`");
        let grants = match file.remove("grants") {
            None => None,
            Some(Value::Array(grants)) => Some(
                grants
                    .into_iter()
                    .map(|grant| grant.as_str().map(str::to_owned).ok_or_else(names))
                    .collect::<Result<_, _>>()?,
            ),
            Some(_) => bail!(names()),
        };
        let isolation = match file.remove("isolation") {
            None => None,
            Some(Value::String(isolation)) => Some(isolation),
            Some(_) => bail!(wrong("isolation", "`\"request\"` or `\"pooled\"`")),
        };
        Ok(Exchanges { config, grants, isolation })
    }
}

fn table(folder: &Path) -> anyhow::Result<Option<Table>> {
    let path = folder.join(FILE);
    match std::fs::metadata(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Ok(metadata) if !metadata.is_file() => bail!("{} is no regular file", path.display()),
        Ok(metadata) if metadata.len() > BYTES_MAX => bail!("{} has over {} MiB", path.display(), BYTES_MAX >> 20),
        _ => {}
    }
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} cannot be read", path.display()))?;
    text.parse().map(Some).with_context(|| format!("{} is no TOML", path.display()))
}

/// The first exchange's request as a command, or the simplest one.
pub(super) fn curl(folder: &Path, address: SocketAddr) -> String {
    let file = table(folder).ok().flatten().unwrap_or_default();
    let first = file.get("exchanges").and_then(|exchanges| exchanges.get(0));
    let request = first.and_then(|exchange| exchange.get("request"));
    let text = |key: &str| request.and_then(|request| request.get(key)).and_then(Value::as_str);
    let body = text("body").filter(|body| !body.is_empty());
    let mut words = vec!["curl -sS -i".to_owned()];
    let usual = if body.is_some() { "POST" } else { "GET" };
    match text("method").unwrap_or("GET") {
        method if method == usual => {}
        "HEAD" => words.push("-I".to_owned()),
        method => words.push(format!("-X {}", quoted(method))),
    }
    words.push(quoted(&format!("http://{address}{}", text("path").unwrap_or("/"))));
    let headers = request.and_then(|request| request.get("headers")).and_then(Value::as_table);
    for (name, value) in headers.into_iter().flatten() {
        words.push(format!("-H {}", quoted(&format!("{name}: {}", value.as_str().unwrap_or_default()))));
    }
    if let Some(body) = body {
        let has_type =
            headers.is_some_and(|headers| headers.keys().any(|name| name.eq_ignore_ascii_case("content-type")));
        if !has_type {
            words.push("-H 'content-type: application/json'".to_owned());
        }
        words.push(format!("--data-binary {}", quoted(body)));
    }
    words.join(" ")
}

/// For a shell.
fn quoted(text: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:=,".contains(letter);
    if text.chars().all(plain) && !text.is_empty() {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(text: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        folder
    }

    #[test]
    fn the_entry_is_what_the_file_says_and_nothing_where_there_is_none() {
        let file = folder(
            "grants = [\"keys\"]\nisolation = \"pooled\"\n[config]\nheader = \"x\"\n[[exchanges]]\nname = \"a\"\n",
        );
        let exchanges = Exchanges::read(file.path()).unwrap();
        assert_eq!(exchanges.config.unwrap()["header"].as_str(), Some("x"));
        assert_eq!((exchanges.grants, exchanges.isolation), (Some(vec!["keys".to_owned()]), Some("pooled".to_owned())));
        assert_eq!(Exchanges::read(&file.path().join("elsewhere")).unwrap(), Exchanges::default());
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("config = 1", "`config` must be a table"),
            ("grants = \"keys\"", "`grants` must be a list of names"),
            ("grants = [1]", "`grants` must be a list of names"),
            ("isolation = 1", "`isolation` must be"),
            ("config = ", "is no TOML"),
        ] {
            let error = Exchanges::read(folder(text).path()).unwrap_err().to_string();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn the_first_exchange_becomes_a_command_to_paste() {
        let address: SocketAddr = "127.0.0.1:8080".parse().unwrap();
        let shown = |text: &str| curl(folder(text).path(), address);
        assert_eq!(shown(""), "curl -sS -i http://127.0.0.1:8080/");
        assert_eq!(
            shown("[[exchanges]]\nrequest = { path = \"/a?b=c\", headers = { \"x-a\" = \"it's\" } }\n"),
            r"curl -sS -i 'http://127.0.0.1:8080/a?b=c' -H 'x-a: it'\''s'"
        );
        assert_eq!(
            shown("[[exchanges]]\nrequest = { method = \"POST\", path = \"/\", body = '{\"a\":1}' }\n"),
            r#"curl -sS -i http://127.0.0.1:8080/ -H 'content-type: application/json' --data-binary '{"a":1}'"#
        );
        assert_eq!(
            shown("[[exchanges]]\nrequest = { method = \"DELETE\", path = \"/a\" }\n"),
            "curl -sS -i -X DELETE http://127.0.0.1:8080/a"
        );
    }
}
