//! Every policy on the pages for authors, as a component in the real gateway: it loads with the chain entry that stands behind it
//! on the page, and passes the exchanges that do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sluicegate_docs::pages::{Page, pages};
use sluicegate_tests::{binary, sluicegate};
use toml::{Table, Value};

const TARGET: &str = "wasm32-unknown-unknown";

/// One policy of a page.
struct Example {
    /// Where it begins.
    place: String,
    rust: String,
    /// A configuration or a part of one, with the plugin and its chain.
    config: Option<Table>,
    exchanges: Option<Table>,
}

impl Example {
    /// What the configuration calls the plugin.
    fn name(&self) -> &str {
        let plugins = self.config.as_ref().and_then(|config| config.get("plugins")?.as_table());
        let name = plugins.and_then(|plugins| plugins.keys().next());
        name.unwrap_or_else(|| panic!("{}: no chain entry stands behind this policy", self.place))
    }

    /// Its chain, with the exchanges as self-tests, and a route to it.
    fn add_to(&self, config: &mut Table) {
        let name = self.name();
        let own = self.config.as_ref().unwrap();
        let mut chain = own["chains"].as_table().unwrap().values().next().unwrap().as_array().unwrap().clone();
        for entry in chain.iter_mut().map(|entry| entry.as_table_mut().unwrap()) {
            if entry["plugin"].as_str() == Some(name) {
                entry.insert("self_tests".to_owned(), self.self_tests());
            } else {
                // An entry's name is unique in a configuration, and several pages have one of this plugin in front.
                let unique = format!("{}-before-{name}", entry["plugin"].as_str().unwrap());
                entry.insert("name".to_owned(), Value::String(unique));
            }
        }
        let mut put = |list: &str, key: &str, value: Value| {
            let table = config.entry(list).or_insert_with(|| Value::Table(Table::new()));
            let before = table.as_table_mut().unwrap().insert(key.to_owned(), value);
            assert!(before.is_none(), "{}: another example is called {key}, too", self.place);
        };
        put("plugins", name, own["plugins"][name].clone());
        put("chains", name, Value::Array(chain));
        let route = Table::from_iter([
            ("name".to_owned(), Value::String(name.to_owned())),
            ("path".to_owned(), Value::String(format!("/{name}/*"))),
            ("chain".to_owned(), Value::String(name.to_owned())),
            ("upstream".to_owned(), Value::String("service".to_owned())),
        ]);
        let routes = config.entry("routes").or_insert_with(|| Value::Array(Vec::new()));
        routes.as_array_mut().unwrap().push(Value::Table(route));
    }

    /// None where the exchanges need keys, which a self-test has not.
    fn self_tests(&self) -> Value {
        let exchanges = self.exchanges.as_ref().filter(|exchanges| !exchanges.contains_key("keys"));
        exchanges.map_or_else(|| Value::Array(Vec::new()), |exchanges| exchanges["exchanges"].clone())
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().unwrap()
}

/// What belongs to a policy stands behind it, up to the next one.
fn examples_of(page: &Page) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    for block in page.blocks().unwrap() {
        let table = |text: &str| Some(text.parse::<Table>().unwrap());
        match (block.words.as_str(), examples.last_mut()) {
            ("rust", _) => {
                let place = format!("{}:{}", page.name, block.line);
                examples.push(Example { place, rust: block.text, config: None, exchanges: None });
            }
            ("rust continued", Some(example)) => example.rust.push_str(&block.text),
            ("toml", Some(example)) if example.config.is_none() => example.config = table(&block.text),
            ("toml exchanges", Some(example)) if example.exchanges.is_none() => example.exchanges = table(&block.text),
            _ => {}
        }
    }
    // The page of `targets` shows its chain entry first, since it begins with the route.
    if let [example @ Example { config: None, .. }] = &mut examples[..] {
        let first = page.blocks().unwrap().into_iter().find(|block| block.words == "toml");
        example.config = first.map(|block| block.text.parse().unwrap());
    }
    examples
}

/// All of them in one crate, each a component of its own.
fn build(examples: &[Example], folder: &Path) -> PathBuf {
    let sdk = root().join("plugin-sdk");
    let mut manifest = format!(
        "[package]\nname = \"examples\"\nedition = \"2024\"\n[workspace]\n[lib]\npath = \"lib.rs\"\n[dependencies]\nserde = {{ version = \
         \"1.0\", features = [\"derive\"] }}\nserde_json = {{ version = \"1.0\", features = [\"raw_value\"] }}\nsluicegate-plugin = {{ \
         path = {sdk:?} }}\n"
    );
    let workspace: Table = fs::read_to_string(root().join("Cargo.toml")).unwrap().parse().unwrap();
    let profile = Table::from_iter([("plugin".to_owned(), workspace["profile"]["plugin"].clone())]);
    fs::create_dir_all(folder.join("examples")).unwrap();
    for example in examples {
        let name = example.name();
        manifest.push_str(&format!("[[example]]\nname = \"{name}\"\ncrate-type = [\"cdylib\"]\n"));
        fs::write(folder.join(format!("examples/{name}.rs")), &example.rust).unwrap();
    }
    let profile = Table::from_iter([("profile".to_owned(), Value::Table(profile))]);
    fs::write(folder.join("Cargo.toml"), format!("{manifest}{profile}")).unwrap();
    fs::write(folder.join("lib.rs"), "").unwrap();
    // The versions that everything else is built with are on this machine.
    fs::copy(root().join("Cargo.lock"), folder.join("Cargo.lock")).unwrap();
    // Where the build put what the bundled plugins are made of: most of it need not be compiled again.
    let target = binary().ancestors().nth(2).expect("TARGET/PROFILE/sluicegate").join("plugins");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--offline", "--target", TARGET, "--profile", "plugin", "--examples", "--config"]);
    cargo.arg(root().join(".cargo/config.toml")).current_dir(folder).env("CARGO_TARGET_DIR", &target);
    let output = cargo.env_remove("RUSTFLAGS").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    target.join(TARGET).join("plugin/examples")
}

#[test]
fn every_policy_loads_with_the_entry_behind_it_and_passes_the_exchanges_there() {
    let examples: Vec<Example> = pages(&root()).unwrap().iter().flat_map(examples_of).collect();
    assert!(examples.len() > 20, "only {} policies were found", examples.len());
    let folder = tempfile::tempdir().unwrap();
    let components = build(&examples, folder.path());
    let mut config: Table =
        "[[listen]]\naddress = \"127.0.0.1:0\"\n[upstreams.service]\nurl = \"http://127.0.0.1:1\"\n".parse().unwrap();
    for example in &examples {
        example.add_to(&mut config);
        let name = example.name();
        let component = components.join(format!("{}.wasm", name.replace('-', "_")));
        fs::copy(&component, folder.path().join(format!("{name}.wasm"))).unwrap();
    }
    fs::write(folder.path().join("sluicegate.toml"), config.to_string()).unwrap();
    let said = sluicegate(folder.path(), &["check"]);
    assert_eq!(said.status, 0, "{}\n{config}", said.stderr);
}
