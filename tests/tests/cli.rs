//! The command line as a person meets it: what it prints, and its exit status.

use std::fs;
use std::net::TcpListener;
use std::path::Path;

use sluicegate_tests::{Said, new_key, sluicegate};
use tempfile::TempDir;

const CONFIG: &str = r#"
[[listen]]
address = "127.0.0.1:0"

[upstreams.service]
url = "http://127.0.0.1:9"

[[chains.all]]
plugin = "rate-limit"
config = { limits = [{ name = "burst", requests = 5, window_ms = 1000, by = "address" }] }

[[chains.all]]
plugin = "headers"
name = "tidy"
config = { reply = [{ remove = "server" }] }

[[routes]]
name = "chat"
host = "api.example.com"
path = "/v1/*"
methods = ["POST"]
headers = { "x-tier" = "gold" }
chain = "all"
upstream = "service"

[[routes]]
name = "rest"
upstream = "service"
"#;

fn folder(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

fn shown(said: &Said) -> String {
    format!("status: {}\n--- stdout\n{}--- stderr\n{}", said.status, said.stdout, said.stderr)
}

/// What it says in a folder with these files.
fn say(files: &[(&str, &str)], words: &[&str]) -> String {
    shown(&sluicegate(folder(files).path(), words))
}

#[test]
fn help_says_what_each_word_does() {
    for (name, words) in [
        ("help", &["--help"][..]),
        ("help_run", &["run", "--help"]),
        ("help_check", &["check", "--help"]),
        ("help_explain", &["explain", "--help"]),
        ("help_key_new", &["key", "new", "--help"]),
        ("help_plugin", &["plugin", "--help"]),
        ("help_plugin_new", &["plugin", "new", "--help"]),
        ("help_plugin_build", &["plugin", "build", "--help"]),
        ("help_plugin_inspect", &["plugin", "inspect", "--help"]),
        ("help_plugin_test", &["plugin", "test", "--help"]),
        ("help_plugin_bench", &["plugin", "bench", "--help"]),
        ("help_plugin_key_new", &["plugin", "key", "new", "--help"]),
        ("help_plugin_sign", &["plugin", "sign", "--help"]),
        ("help_plugin_push", &["plugin", "push", "--help"]),
        ("help_plugin_pull", &["plugin", "pull", "--help"]),
        ("help_schema", &["schema", "--help"]),
        ("help_dev", &["dev", "--help"]),
        ("help_demo", &["demo", "--help"]),
        ("no_words", &[]),
    ] {
        insta::assert_snapshot!(name, say(&[], words));
    }
    assert!(say(&[], &["--version"]).contains(concat!("sluicegate ", env!("CARGO_PKG_VERSION"))));
}

#[test]
fn wrong_words_are_answered_with_the_right_ones() {
    for (name, words) in [
        ("wrong_command", &["chekc"][..]),
        ("wrong_option", &["run", "--confg", "x"]),
        ("explain_without_url", &["explain", "GET"]),
        ("explain_bad_method", &["explain", "G T", "/x"]),
        ("explain_bad_url", &["explain", "GET", "a b"]),
        ("explain_bad_field", &["explain", "GET", "/x", "-H", "no colon"]),
        ("explain_refused_path", &["explain", "GET", "/a/../b"]),
        ("key_without_consumer", &["key", "new"]),
        ("key_with_bad_consumer", &["key", "new", "--consumer", "a \"quoted\" name"]),
        ("key_with_bad_scope", &["key", "new", "--consumer", "acme", "--scope", "two words"]),
        ("demo_bad_port", &["demo", "--port", "70000"]),
    ] {
        insta::assert_snapshot!(name, say(&[("sluicegate.toml", CONFIG)], words));
    }
}

#[test]
fn a_file_that_is_not_there_is_said_so_by_every_command() {
    for words in [&["run"][..], &["check", "-c", "other.toml"], &["explain", "GET", "/"]] {
        let said = sluicegate(folder(&[]).path(), words);
        assert_eq!(said.status, 1, "{said:?}");
        assert!(said.stderr.contains("the configuration file does not exist"), "{said:?}");
    }
}

#[test]
fn check_says_that_all_is_well_and_notes_secrets_that_are_not_there() {
    let with_secret = format!(
        "{CONFIG}\n[credentials.one]\nvalue = \"${{env:SLUICEGATE_NOT_SET}}\"\norigin = \"https://a.example\"\n\
         [credentials.two]\nvalue = \"${{file:two.key}}\"\norigin = \"https://b.example\"\n"
    );
    insta::assert_snapshot!("check_ok", say(&[("sluicegate.toml", CONFIG)], &["check"]));
    let folder = folder(&[("sluicegate.toml", &with_secret), ("two.key", "sk-secret-two\n")]);
    insta::assert_snapshot!("check_missing_secret", shown(&sluicegate(folder.path(), &["check"])));
    let mut left: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    left.sort();
    assert_eq!(left, ["sluicegate.toml", "two.key"], "a check leaves nothing behind");
}

#[test]
fn check_finds_what_a_plugin_does_not_take_and_where() {
    let wrong_config = CONFIG.replace("requests = 5", "requests = \"five\"");
    insta::assert_snapshot!("check_plugin_config", say(&[("sluicegate.toml", &wrong_config)], &["check"]));
    let wrong_order = CONFIG.replace("by = \"address\"", "by = \"key\"");
    insta::assert_snapshot!("check_order", say(&[("sluicegate.toml", &wrong_order)], &["check"]));
    let missing_grant = CONFIG.replace("plugin = \"rate-limit\"", "plugin = \"rate-limit\"\ngrants = []");
    insta::assert_snapshot!("check_grant", say(&[("sluicegate.toml", &missing_grant)], &["check"]));
    let no_component = format!("{CONFIG}\n[plugins.mine]\nfile = \"mine.wasm\"\n[[chains.more]]\nplugin = \"mine\"\n")
        .replace("name = \"rest\"", "name = \"rest\"\nchain = \"more\"");
    let files = [("sluicegate.toml", no_component.as_str()), ("mine.wasm", "not wasm")];
    insta::assert_snapshot!("check_no_component", say(&files, &["check"]));
}

#[test]
fn what_is_wrong_with_an_entry_of_several_routes_is_said_once() {
    let config = CONFIG
        .replace("requests = 5", "requests = \"five\"")
        .replace("name = \"rest\"", "name = \"rest\"\nchain = \"all\"");
    let said = sluicegate(folder(&[("sluicegate.toml", &config)]).path(), &["check"]);
    assert_eq!((said.status, said.stderr.matches("error: ").count()), (1, 1), "{}", said.stderr);
}

#[test]
fn explain_shows_the_candidates_and_the_order_of_the_plugins() {
    for (name, words) in [
        ("explain_match", &["explain", "POST", "http://api.example.com/v1/chat?x=1", "-H", "x-tier: gold"][..]),
        ("explain_field_differs", &["explain", "POST", "https://api.example.com/v1/chat", "-H", "x-tier: tin"]),
        ("explain_method_differs", &["explain", "GET", "http://api.example.com/v1/chat", "-H", "x-tier: gold"]),
        ("explain_path_only", &["explain", "GET", "/anything"]),
    ] {
        insta::assert_snapshot!(name, say(&[("sluicegate.toml", CONFIG)], words));
    }
    let nothing = CONFIG.replace("name = \"rest\"", "name = \"rest\"\npath = \"/rest\"");
    insta::assert_snapshot!("explain_no_route", say(&[("sluicegate.toml", &nothing)], &["explain", "GET", "/else"]));
    let wrong_method = nothing.replace("path = \"/rest\"", "path = \"/rest\"\nmethods = [\"PUT\"]");
    let words = ["explain", "GET", "/rest"];
    insta::assert_snapshot!("explain_method_not_allowed", say(&[("sluicegate.toml", &wrong_method)], &words));
}

#[test]
fn a_new_key_fits_into_a_configuration_and_its_secret_does_not() {
    let key = new_key("acme/team@1.example", &["read", "write"]);
    let folder = folder(&[("sluicegate.toml", &format!("{CONFIG}\n{}", key.table))]);
    let said = sluicegate(folder.path(), &["check"]);
    assert_eq!((said.status, said.stdout.as_str()), (0, "sluicegate.toml: ok; 2 routes, 1 upstream, 1 key\n"));
    assert!(!key.table.contains(&key.key) && key.table.contains("scopes = [\"read\", \"write\"]"));
    let other = new_key("acme", &[]);
    assert_ne!((&key.key, &key.id), (&other.key, &other.id));
}

#[test]
fn the_schemas_that_are_printed_are_those_in_the_repository() {
    for (words, name) in
        [(vec!["schema"], "sluicegate.schema.json"), (vec!["schema", "--included"], "sluicegate-included.schema.json")]
    {
        let said = sluicegate(Path::new("."), &words);
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../host").join(name);
        assert_eq!((said.status, said.stdout), (0, fs::read_to_string(file).unwrap()));
    }
}

#[test]
fn every_example_passes_the_check() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let names = fs::read_dir(&examples).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let names: Vec<String> = names.filter(|name| name.ends_with(".toml")).collect();
    assert!(names.len() >= 4, "{names:?}");
    for name in names {
        let said = sluicegate(&examples, &["check", "-c", &name]);
        assert!(said.status == 0 && said.stdout.starts_with(&format!("{name}: ok; ")), "{said:?}");
    }
}

#[test]
fn run_says_why_it_does_not_start() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let port_in_use = CONFIG.replace("127.0.0.1:0", &address.to_string());
    let said = sluicegate(folder(&[("sluicegate.toml", &port_in_use)]).path(), &["run"]);
    let expected =
        format!("cannot listen on {address}: another process has this port; stop it, or choose another port");
    assert!(said.status == 1 && said.stderr.contains(&expected), "{said:?}");

    let admin_in_use = format!("{CONFIG}\n[admin]\naddress = \"{address}\"\n");
    let said = sluicegate(folder(&[("sluicegate.toml", &admin_in_use)]).path(), &["run"]);
    assert!(
        said.status == 1 && said.stderr.contains(&format!("the admin address {address} cannot be listened on")),
        "{said:?}"
    );

    let open_admin = format!("{CONFIG}\n[admin]\naddress = \"0.0.0.0:9901\"\n");
    let said = sluicegate(folder(&[("sluicegate.toml", &open_admin)]).path(), &["run"]);
    assert!(said.status == 1 && said.stderr.contains("loopback"), "{said:?}");

    let log_elsewhere = format!("access_log = \"file:no/such/folder/access.log\"\n{CONFIG}");
    let said = sluicegate(folder(&[("sluicegate.toml", &log_elsewhere)]).path(), &["run"]);
    assert!(said.status == 1 && said.stderr.contains("no/such/folder/access.log"), "{said:?}");

    let said = sluicegate(folder(&[]).path(), &["demo", "--port", &address.port().to_string()]);
    assert!(said.status == 1 && said.stderr.contains(&expected), "{said:?}");
}
