//! The configuration that `dev` makes for a plugin that comes without one.

use std::net::SocketAddr;

use toml::{Table, Value};

use super::exchanges::Exchanges;

const CHAIN: &str = "dev";
const HEAD: &str = "# Written by `sluicegate dev` at each build, from exchanges.toml: a change here is lost.\n\n";
/// Paths whose clients read errors in a form of their own.
const DIALECTS: [(&str, &str); 3] =
    [("/v1/chat/completions", "openai"), ("/v1/embeddings", "openai"), ("/v1/messages", "anthropic")];

/// What it is made from.
pub(super) struct Plan<'a> {
    pub(super) listen: SocketAddr,
    /// Where `sluicegate trace` asks.
    pub(super) admin: SocketAddr,
    /// Names and URLs. Several of them where the plugin chooses.
    pub(super) upstreams: &'a [(&'static str, String)],
    pub(super) chooses: bool,
    /// What the plugin is called here.
    pub(super) plugin: &'a str,
    /// Beside the configuration.
    pub(super) file: &'a str,
    pub(super) grants: Vec<String>,
    /// The tables of gateway keys.
    pub(super) keys: Vec<Table>,
    pub(super) exchanges: &'a Exchanges,
}

impl Plan<'_> {
    pub(super) fn text(&self) -> Result<String, toml::ser::Error> {
        let mut entry = table([("plugin", text(self.plugin))]);
        let grants = self.exchanges.grants.as_ref().unwrap_or(&self.grants);
        entry.insert("grants".to_owned(), Value::Array(grants.iter().map(|grant| text(grant)).collect()));
        // Each failure shall be seen.
        entry.insert("breaker".to_owned(), Value::Table(table([("traps", Value::Integer(10_000))])));
        if let Some(isolation) = &self.exchanges.isolation {
            entry.insert("isolation".to_owned(), text(isolation));
        }
        for (name, part) in [("config", &self.exchanges.config), ("limits", &self.exchanges.limits)] {
            entry.extend(part.clone().map(|part| (name.to_owned(), Value::Table(part))));
        }
        let upstreams = self.upstreams.iter().map(|(name, url)| (*name, Value::Table(table([("url", text(url))]))));
        let mut routes = vec![self.route("all", "/*", "http")];
        for (index, (path, dialect)) in DIALECTS.iter().enumerate() {
            routes.push(self.route(&format!("{dialect}-{index}"), path, dialect));
        }
        let config = table([
            ("data_dir", text(".")),
            ("access_log", text("off")),
            ("listen", Value::Array(vec![Value::Table(table([("address", text(&self.listen.to_string()))]))])),
            ("admin", Value::Table(table([("address", text(&self.admin.to_string()))]))),
            // Who writes a plugin does not wait for open requests.
            ("limits", Value::Table(table([("drain_timeout_ms", Value::Integer(1_000))]))),
            ("upstreams", Value::Table(table(upstreams))),
            ("plugins", Value::Table(table([(self.plugin, Value::Table(table([("file", text(self.file))])))]))),
            ("chains", Value::Table(table([(CHAIN, Value::Array(vec![Value::Table(entry)]))]))),
            ("keys", Value::Array(self.keys.iter().cloned().map(Value::Table).collect())),
            ("routes", Value::Array(routes)),
        ]);
        Ok(format!("{HEAD}{}", toml::to_string(&config)?))
    }

    fn route(&self, name: &str, path: &str, dialect: &str) -> Value {
        let mut route =
            table([("name", text(name)), ("path", text(path)), ("dialect", text(dialect)), ("chain", text(CHAIN))]);
        match (self.chooses, self.upstreams) {
            (false, [(name, _), ..]) => route.insert("upstream".to_owned(), text(name)),
            (_, upstreams) => {
                let names = upstreams.iter().map(|(name, _)| text(name)).collect();
                route.insert("upstreams".to_owned(), Value::Array(names))
            }
        };
        Value::Table(route)
    }
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn table<'a>(members: impl IntoIterator<Item = (&'a str, Value)>) -> Table {
    members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{self, Texts};

    #[test]
    fn it_is_a_configuration_whatever_the_plugin_is_told() {
        let exchanges = "grants = [\"clock\"]\nisolation = \"pooled\"\n[limits]\ncpu_max_ms = 7\n\
                         [config]\ntext = \"\"\"a \\\" b\n\"\"\"\nlist = [1, { deep = [] }]\n[config.table]\nempty = {}\n";
        let exchanges: Exchanges = toml::from_str(exchanges).unwrap();
        let plan = Plan {
            listen: "127.0.0.1:0".parse().unwrap(),
            admin: "127.0.0.1:0".parse().unwrap(),
            upstreams: &[("echo", "http://127.0.0.1:1".to_owned())],
            chooses: false,
            plugin: "mine",
            file: "it's mine.wasm",
            grants: vec!["identity".to_owned()],
            keys: vec![],
            exchanges: &exchanges,
        };
        let text = plan.text().unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(plan.file), "").unwrap();
        let texts = Texts::of(&folder.path().join("sluicegate.toml"), text.clone());
        let config = config::parse(&texts.unwrap()).unwrap_or_else(|found| panic!("{}\n{text}", found.render(false)));
        assert_eq!(config.routes.len(), 4);
        assert!(text.contains("grants = [\"clock\"]") && text.contains("isolation = \"pooled\""), "{text}");

        let made = Plan { exchanges: &Exchanges::default(), ..plan }.text().unwrap();
        assert!(made.contains("grants = [\"identity\"]") && !made.contains("isolation"), "{made}");
    }

    #[test]
    fn a_plugin_that_chooses_has_something_to_choose() {
        let plan = Plan {
            listen: "127.0.0.1:0".parse().unwrap(),
            admin: "127.0.0.1:0".parse().unwrap(),
            upstreams: &[("first", "http://127.0.0.1:1".to_owned()), ("second", "http://127.0.0.1:2".to_owned())],
            chooses: true,
            plugin: "mine",
            file: "mine.wasm",
            grants: vec![],
            keys: vec![],
            exchanges: &Exchanges::default(),
        };
        assert!(plan.text().unwrap().contains("upstreams = [\"first\", \"second\"]"));
    }
}
