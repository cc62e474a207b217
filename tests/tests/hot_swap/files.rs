//! Changes that the gateway finds by itself: of its file, of files that it names, and on SIGHUP.

use std::fs;
use std::os::unix::fs::symlink;

use sluicegate_tests::{Gateway, guests};

use crate::support::*;

#[tokio::test]
async fn a_file_that_is_written_serves_the_next_request() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    assert_eq!(version(&gateway).await, "one");
    fs::write(config_file(&gateway), next_version(&gateway, "one", "two")).unwrap();
    wait_for_generation(&gateway, 2);
    assert_eq!(version(&gateway).await, "two");
    let lines = gateway.wait_for_log(2);
    assert_eq!((&lines[0]["generation"], &lines[1]["generation"]), (&1.into(), &2.into()));
    assert_eq!(upstream.received()[1].headers["x-version"], "two");
}

#[tokio::test]
async fn an_editor_that_renames_a_new_file_over_the_old_one_is_followed_again_and_again() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "v1");
    for number in 2..6 {
        let text = next_version(&gateway, &format!("v{}", number - 1), &format!("v{number}"));
        let new = gateway.folder().join(".sluicegate.toml.swp");
        fs::write(&new, text).unwrap();
        // As vim does: the old one goes out of the way, and for a moment there is none.
        fs::rename(config_file(&gateway), gateway.folder().join("sluicegate.toml~")).unwrap();
        fs::rename(new, config_file(&gateway)).unwrap();
        wait_for_generation(&gateway, number);
        assert_eq!(version(&gateway).await, format!("v{number}"));
    }
}

#[tokio::test]
async fn a_link_that_is_swapped_as_kubernetes_does_is_a_change() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let folder = gateway.folder();
    for (name, version) in [("..first", "two"), ("..second", "three")] {
        fs::create_dir(folder.join(name)).unwrap();
        fs::write(folder.join(name).join("sluicegate.toml"), next_version(&gateway, "one", version)).unwrap();
    }
    symlink("..first", folder.join("..data")).unwrap();
    symlink("..data/sluicegate.toml", folder.join("link")).unwrap();
    fs::rename(folder.join("link"), config_file(&gateway)).unwrap();
    wait_for_generation(&gateway, 2);
    assert_eq!(version(&gateway).await, "two");

    symlink("..second", folder.join("..data_tmp")).unwrap();
    fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
    wait_for_generation(&gateway, 3);
    assert_eq!(version(&gateway).await, "three");
}

#[tokio::test]
async fn an_included_file_and_a_new_one_beside_it_are_followed() {
    let upstream = ok().await;
    let include = "include = [\"more/*.toml\"]\n";
    let route = |name: &str| format!("[[routes]]\nname = \"{name}\"\nupstream = \"service\"\npath = \"/{name}\"\n");
    let text =
        format!("{include}{}", versioned(&upstream.url(), "one").replace("[[routes]]\n", "[[routes]]\npath = \"/\"\n"));
    let gateway = Gateway::start(&text, &[("more/first.toml", route("first").as_bytes())]);
    let routes = async || {
        let summary = summary(&gateway).await;
        let routes = summary["routes"].as_array().unwrap().iter();
        routes.map(|route| route["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(routes().await, ["all", "first"]);
    fs::write(gateway.folder().join("more/first.toml"), route("second")).unwrap();
    wait_for_generation(&gateway, 2);
    assert_eq!(routes().await, ["all", "second"]);
    fs::write(gateway.folder().join("more/another.toml"), route("third")).unwrap();
    wait_for_generation(&gateway, 3);
    assert_eq!(routes().await, ["all", "second", "third"]);
}

#[tokio::test]
async fn a_plugin_file_that_is_built_anew_is_loaded() {
    let upstream = ok().await;
    let plugin = "[plugins.mine]\nfile = \"mine.wasm\"\n";
    let text = format!(
        "{plugin}{}",
        versioned(&upstream.url(), "one").replace("plugin = \"headers\"", "plugin = \"mine\"\ngrants = [\"identity\"]")
    );
    let headers = sluicegate::bundled::bundled("headers").unwrap();
    let gateway = Gateway::start(&text, &[("mine.wasm", headers)]);
    assert_eq!(version(&gateway).await, "one");
    let digest = async || summary(&gateway).await["routes"][0]["chain"][0]["digest"].clone();
    let before = digest().await;
    // The same code in other bytes: a custom section at the end.
    let mut other = headers.to_vec();
    other.extend([0, 3, 1, b'x', 0]);
    fs::write(gateway.folder().join("mine.wasm"), other).unwrap();
    wait_for_generation(&gateway, 2);
    assert_ne!(digest().await, before);
    assert_eq!(version(&gateway).await, "one");

    // And one that is no plugin is refused with its stage and name, while the one before serves.
    fs::write(gateway.folder().join("mine.wasm"), "half a plug").unwrap();
    gateway.wait_for_stderr("refused at stage `inspect`, entry `versioned`; generation 2 goes on serving");
    assert_eq!(version(&gateway).await, "one");
}

#[tokio::test]
async fn sighup_reads_the_file_also_when_nothing_has_changed() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    gateway.signal("HUP");
    wait_for_generation(&gateway, 2);
    assert_eq!(version(&gateway).await, "one");
}

#[tokio::test]
async fn a_file_with_a_mistake_changes_nothing_and_the_mended_one_is_taken() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    fs::write(config_file(&gateway), edited(&gateway, "upstream = \"service\"", "upstream = \"servce\"")).unwrap();
    gateway.wait_for_stderr("refused at stage `config`; generation 1 goes on serving");
    gateway.wait_for_stderr("there is no upstream `servce`");
    gateway.wait_for_stderr("did you mean `service`?");
    assert_eq!(version(&gateway).await, "one");
    assert_eq!(ask(&gateway, &["config", "status"])["last_refused"]["mistakes"][0]["help"], "did you mean `service`?");

    let mended = edited(&gateway, "upstream = \"servce\"", "upstream = \"service\"").replace("\"one\"", "\"two\"");
    fs::write(config_file(&gateway), mended).unwrap();
    gateway.wait_for_stderr("serves new requests (file)");
    assert_eq!(version(&gateway).await, "two");
    assert_eq!(ask(&gateway, &["config", "status"])["last_refused"], serde_json::Value::Null);
}

#[tokio::test]
async fn a_file_that_is_named_before_it_is_there_is_waited_for() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let plugin = "[plugins.late]\nfile = \"late.wasm\"\n";
    let entry = "[[routes.chain]]\nplugin = \"late\"\nisolation = \"pooled\"\nconfig = {}\n";
    let text = format!("{}\n{plugin}", next_version(&gateway, "one", "two"));
    let text = text.replace("[[listen]]", &format!("{entry}\n[[listen]]"));
    fs::write(config_file(&gateway), text).unwrap();
    gateway.wait_for_stderr("this file does not exist");
    fs::write(gateway.folder().join("late.wasm.part"), guests::CLERK).unwrap();
    fs::rename(gateway.folder().join("late.wasm.part"), gateway.folder().join("late.wasm")).unwrap();
    gateway.wait_for_stderr("serves new requests (file)");
}
