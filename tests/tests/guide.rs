//! The three policies of the guide for authors, made as a reader makes them: from an empty folder, by the commands on the page.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use sluicegate_tests::readme::{Block, blocks};
use sluicegate_tests::{Gateway, Upstream, binary};
use tempfile::TempDir;

/// Where the configurations of the page listen.
const ADDRESS: &str = "http://127.0.0.1:8080";

fn page() -> String {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authoring/README.md");
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// What stands under one heading of the page.
fn section(heading: &str) -> String {
    let page = page();
    let (_, rest) = page.split_once(&format!("\n## {heading}\n")).unwrap_or_else(|| panic!("no heading {heading:?}"));
    rest.split("\n## ").next().unwrap().to_owned()
}

fn text_of(section: &str, words: &str) -> String {
    blocks(section, words).into_iter().map(|block| block.text).collect()
}

/// A folder with the policy of one section, built and tried.
struct Policy {
    section: String,
    name: String,
    folder: PathBuf,
    _parent: TempDir,
}

impl Policy {
    fn of(heading: &str) -> Policy {
        let section = section(heading);
        let (_, rest) = section.split_once("`sluicegate plugin new ").expect("the section says how to begin");
        let name = rest.split('`').next().unwrap().to_owned();
        let parent = tempfile::tempdir().unwrap();
        run(parent.path(), binary().to_str().unwrap(), &["plugin", "new", &name]);
        let folder = parent.path().join(&name);
        fs::write(folder.join("src/lib.rs"), text_of(&section, "rust") + &text_of(&section, "rust continued")).unwrap();
        fs::write(folder.join("exchanges.toml"), text_of(&section, "toml exchanges")).unwrap();
        run(&folder, "cargo", &["test", "--quiet"]);
        run(&folder, binary().to_str().unwrap(), &["plugin", "build"]);
        run(&folder, binary().to_str().unwrap(), &["plugin", "test"]);
        Policy { section, name, folder, _parent: parent }
    }

    /// A gateway with the entry of the section, in front of a service that sends back what it gets.
    async fn serve(&self) -> (Gateway, Upstream) {
        let upstream = Upstream::start(|request| Response::new(Full::<Bytes>::new(request.body.clone()))).await;
        let entry = text_of(&self.section, "toml");
        let config = match entry.contains("[[listen]]") {
            true => entry.replace("127.0.0.1:8080", "127.0.0.1:0").replace("http://127.0.0.1:3000", &upstream.url()),
            false => format!(
                "{entry}\n[upstreams.service]\nurl = \"{}\"\n[[routes]]\nname = \"all\"\nchain = \"default\"\nupstream = \"service\"\n",
                upstream.url()
            ),
        };
        let file = format!("{}.wasm", self.name);
        let wasm = fs::read(self.folder.join(&file)).unwrap();
        (Gateway::start(&config, &[(&file, &wasm)]), upstream)
    }

    /// Runs the commands that the section shows, and compares what they print; `…` stands for anything.
    fn assert_shown(&self, gateway: &Gateway) {
        let shown = blocks(&self.section, "console");
        assert!(!shown.is_empty(), "{}: the section shows nothing", self.name);
        for Block { text, .. } in shown {
            for part in text.split("$ ").filter(|part| !part.is_empty()) {
                let (command, expected) = part.split_once('\n').unwrap();
                let command = command.replace(ADDRESS, &gateway.url(""));
                let printed = run(&self.folder, "sh", &["-euc", &command]);
                assert!(fits(printed.trim_end(), expected.trim_end()), "{command}\n{printed}\ninstead of\n{expected}");
            }
        }
    }
}

/// Where the build put what the bundled plugins are made of: most of it need not be compiled again.
fn target() -> PathBuf {
    binary().ancestors().nth(2).expect("TARGET/PROFILE/sluicegate").join("plugins")
}

/// Runs a command without the network.
fn run(folder: &Path, program: &str, words: &[&str]) -> String {
    let mut command = Command::new(program);
    command.args(words).current_dir(folder).stdin(Stdio::null());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO") && name_text != "CARGO_HOME" {
            command.env_remove(&name);
        }
    }
    command.env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    let output = command.output().unwrap_or_else(|error| panic!("{program}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{program} {words:?}: {}\n{stdout}\n{stderr}", output.status);
    stdout.into_owned()
}

fn fits(printed: &str, expected: &str) -> bool {
    let Some((begin, end)) = expected.split_once('…') else { return printed == expected };
    let Some(rest) = printed.strip_prefix(begin) else { return false };
    rest.char_indices().map(|(place, _)| place).chain([rest.len()]).any(|place| fits(&rest[place..], end))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_that_refuses_is_made_and_seen_as_the_page_says() {
    let policy = Policy::of("A policy that refuses");
    let (gateway, _upstream) = policy.serve().await;
    policy.assert_shown(&gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_that_rewrites_a_body_is_made_and_seen_as_the_page_says() {
    let policy = Policy::of("A policy that rewrites a JSON body");
    let (gateway, _upstream) = policy.serve().await;
    policy.assert_shown(&gateway);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_that_adds_a_label_is_made_and_seen_as_the_page_says() {
    let policy = Policy::of("A policy that adds a label");
    let (gateway, _upstream) = policy.serve().await;
    run(&policy.folder, "curl", &["-s", &gateway.url("/")]);
    let shown: serde_json::Value = serde_json::from_str(&text_of(&policy.section, "json")).unwrap();
    assert_eq!(gateway.wait_for_log(1)[0]["labels"], shown["labels"]);
}

#[test]
fn every_command_on_the_pages_is_one_of_the_program() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authoring");
    let pages = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
    let mut commands = 0;
    for page in pages {
        let text = text_of(&fs::read_to_string(&page).unwrap(), "console");
        let lines = text.lines().map(|line| line.strip_prefix("$ ").unwrap_or(line));
        for words in lines.filter_map(|line| line.strip_prefix("sluicegate ")) {
            let mut words: Vec<&str> = words.split(' ').collect();
            words.truncate(if words[0] == "plugin" { 2 } else { 1 });
            words.push("--help");
            run(&folder, binary().to_str().unwrap(), &words);
            commands += 1;
        }
    }
    assert!(commands > 4, "only {commands} commands are on the pages");
}

#[test]
fn a_text_fits_what_is_shown_with_anything_for_an_ellipsis() {
    for (printed, expected, fit) in [
        ("a", "a", true),
        ("abc", "a…c", true),
        ("abc", "a…", true),
        ("abc", "a…b", false),
        ("abcxc", "a…c", true),
        ("abcx", "a…c", false),
        ("xabc", "a…c", false),
    ] {
        assert_eq!(fits(printed, expected), fit, "{printed} {expected}");
    }
}
