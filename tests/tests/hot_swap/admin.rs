//! Changes that an operator makes: push, reload, rollback, and what the gateway says of them.

use std::fs;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use sluicegate_tests::{Gateway, guests, send};

use crate::support::*;

#[tokio::test]
async fn a_pushed_configuration_serves_until_the_file_changes_and_a_saved_one_is_the_file() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let said = push(&gateway, &next_version(&gateway, "one", "two"));
    insta::assert_snapshot!(said.stdout, @"
    generation 2 serves new requests (push); generation 1 ends with its last request
    it runs until a restart or the next change of the gateway's own file; push with --save to keep it
    ");
    assert_eq!(version(&gateway).await, "two");
    assert!(fs::read_to_string(config_file(&gateway)).unwrap().contains("\"one\""));

    fs::write(gateway.folder().join("pushed.toml"), next_version(&gateway, "one", "three")).unwrap();
    let said = command(&gateway, &["config", "push", "--save", "pushed.toml"]);
    assert_eq!((said.status, said.stdout.contains("it runs until")), (0, false), "{said:?}");
    assert_eq!(version(&gateway).await, "three");
    assert!(fs::read_to_string(config_file(&gateway)).unwrap().contains("\"three\""));
    let status = command(&gateway, &["config", "status"]).stdout;
    assert!(status.contains("(push)") || status.contains("(file)"), "{status}");
}

#[tokio::test]
async fn a_pushed_configuration_stays_when_a_plugin_that_it_alone_names_is_built_anew() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let headers = sluicegate::bundled::bundled("headers").unwrap();
    let file = gateway.folder().join("mine.wasm");
    fs::write(&file, headers).unwrap();
    let plugin = "[plugins.mine]\nfile = \"mine.wasm\"\n[[listen]]";
    let text = next_version(&gateway, "one", "two")
        .replace("plugin = \"headers\"", "plugin = \"mine\"\ngrants = [\"identity\"]");
    assert_eq!(push(&gateway, &text.replace("[[listen]]", plugin)).status, 0);
    fs::write(gateway.folder().join("new.wasm"), [headers, &[0, 3, 1, b'x', 0]].concat()).unwrap();
    fs::rename(gateway.folder().join("new.wasm"), &file).unwrap();
    wait_for_generation(&gateway, 3);
    assert_eq!(version(&gateway).await, "two");
    // The gateway's own file takes its place as soon as it changes.
    fs::write(config_file(&gateway), next_version(&gateway, "one", "three")).unwrap();
    wait_for_generation(&gateway, 4);
    assert_eq!(version(&gateway).await, "three");
}

#[tokio::test]
async fn what_is_pushed_with_mistakes_is_answered_with_their_places_and_changes_nothing() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let said = push(&gateway, &edited(&gateway, "upstream = \"service\"", "upstream = \"servce\""));
    assert_eq!(said.status, 1);
    insta::assert_snapshot!(said.stderr, @r#"
    error: The configuration is refused at stage `config`; what ran goes on.
    error: there is no upstream `servce`
      --> sluicegate.toml:11:12
       |
    11 | upstream = "servce"
       |            ^^^^^^^^ not declared
       |
       = help: did you mean `service`?

    1 mistake
    "#);

    // A plugin that refuses its config is named with its entry and the value's place.
    let said = push(&gateway, &edited(&gateway, "reply = [{ set = \"x-version\"", "reply = [{ sett = \"x-version\""));
    assert_eq!(said.status, 1);
    insta::assert_snapshot!(said.stderr, @r#"
    error: The configuration is refused at stage `configure`, entry `versioned`; what ran goes on.
    error: unknown field `sett`, expected one of `set`, `append`, `rename`, `remove`, `value`, `to`, `when_empty`.
      --> sluicegate.toml:19:19
       |
    19 | reply = [{ sett = "x-version", value = "***" }]
       |                   ^^^^^^^^^^^

    1 mistake
    "#);
    assert_eq!(version(&gateway).await, "one");
    assert_eq!(ask(&gateway, &["config", "status"])["last_refused"]["stage"], "configure");
}

#[tokio::test]
async fn each_stage_of_a_refusal_is_named() {
    let upstream = ok().await;
    let plugin = "[plugins.mine]\nfile = \"mine.wasm\"\n";
    let entry = "[[routes.chain]]\nplugin = \"mine\"\nname = \"tried\"\n";
    let cases: [(&str, &[u8], &str, &str); 6] = [
        ("inspect", b"no component", "", ""),
        ("grants", guests::HOSTILE, "", "config = {}\n"),
        ("fetch", guests::CLERK, "sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n", ""),
        ("configure", guests::LIAR, "", "config = { lie = \"no-problem\" }\n"),
        ("snapshot", guests::CLERK, "", "isolation = \"request\"\n"),
        (
            "secrets",
            guests::CLERK,
            "[credentials.c]\nvalue = \"${env:SLUICEGATE_NOT_SET}\"\norigin = \"https://example.com\"\nheader = \"authorization\"\n",
            "isolation = \"pooled\"\n",
        ),
    ];
    let gateway = start(&upstream.url(), "one");
    for (stage, wasm, in_plugin, in_entry) in cases {
        fs::write(gateway.folder().join("mine.wasm"), wasm).unwrap();
        let text = edited(&gateway, "[[listen]]", &format!("{entry}{in_entry}\n{plugin}{in_plugin}\n[[listen]]"));
        let said = push(&gateway, &text);
        assert_eq!(said.status, 1, "{stage}: {}", said.stdout);
        let refused = &ask(&gateway, &["config", "status"])["last_refused"];
        let entry = if stage == "secrets" { serde_json::Value::Null } else { "tried".into() };
        assert_eq!((&refused["stage"], &refused["entry"]), (&stage.into(), &entry), "{refused:#}");
        assert!(!refused["reason"].as_str().unwrap().is_empty());
        assert_eq!(version(&gateway).await, "one");
    }
    assert_eq!(ask(&gateway, &["generations"]).as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_only_a_restart_can_change_is_refused_by_name() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let edits = [
        ("access_log", "access_log = \"file:access.log\"", "access_log = \"off\""),
        ("data_dir", "access_log =", "data_dir = \"elsewhere\"\naccess_log ="),
        ("limits.connections_max", "[upstreams.service]", "[limits]\nconnections_max = 7\n[upstreams.service]"),
        ("limits.instances_max", "[upstreams.service]", "[limits]\ninstances_max = 70\n[upstreams.service]"),
    ];
    for (setting, from, to) in edits {
        let said = push(&gateway, &edited(&gateway, from, to));
        assert_eq!(said.status, 1, "{setting}");
        assert!(
            said.stderr.contains("stage `restart`")
                && said.stderr.contains(&format!("`{setting}` can only change when")),
            "{}",
            said.stderr
        );
    }
    // The other limits are not of that kind.
    let said =
        push(&gateway, &edited(&gateway, "[upstreams.service]", "[limits]\nbody_bytes_max = 2\n[upstreams.service]"));
    assert_eq!(said.status, 0, "{}", said.stderr);
    assert_eq!(sluicegate_tests::post(&gateway.url("/"), "abc").await.status, 413);
}

#[tokio::test]
async fn a_rollback_goes_one_further_back_each_time_and_brings_the_plugin_that_was_there() {
    let upstream = ok().await;
    let plugin = "[plugins.mine]\nfile = \"mine.wasm\"\n";
    let text =
        versioned(&upstream.url(), "one").replace("plugin = \"headers\"", "plugin = \"mine\"\ngrants = [\"identity\"]");
    let headers = sluicegate::bundled::bundled("headers").unwrap();
    let gateway = Gateway::start(&format!("{plugin}{text}"), &[("mine.wasm", headers)]);
    push_version(&gateway, "one", "two");
    push_version(&gateway, "one", "three");
    // What the file holds by now is of no use.
    fs::write(gateway.folder().join("mine.wasm"), "gone").unwrap();
    gateway.wait_for_stderr("refused at stage `inspect`");

    let back = ask(&gateway, &["config", "rollback"]);
    assert_eq!((&back["generation"].as_u64().unwrap() > &3, &back["origin"]), (true, &"rollback to 2".into()));
    assert_eq!(version(&gateway).await, "two");
    assert_eq!(ask(&gateway, &["config", "rollback"])["origin"], "rollback to 1");
    assert_eq!(version(&gateway).await, "one");
    let said = command(&gateway, &["config", "rollback"]);
    assert!(
        said.status == 1 && said.stderr.contains("no configuration before that of generation 1 is kept"),
        "{said:?}"
    );
    assert_eq!(ask(&gateway, &["config", "rollback", "3"])["origin"], "rollback to 3");
    assert_eq!(version(&gateway).await, "three");
    let said = command(&gateway, &["config", "rollback", "99"]);
    assert!(said.stderr.contains("the configuration of generation 99 is not kept"), "{said:?}");

    let history = ask(&gateway, &["config", "history"]);
    let origins: Vec<&str> = history.as_array().unwrap().iter().map(|line| line["origin"].as_str().unwrap()).collect();
    assert_eq!(origins, ["rollback to 3", "rollback to 1", "rollback to 2", "push", "push", "start"]);
    assert_eq!(history[0]["current"], true);
    let table = command(&gateway, &["config", "history"]).stdout;
    assert!(table.lines().nth(1).unwrap().contains("(runs)"), "{table}");
    assert!(table.contains("mine@"), "{table}");
}

#[tokio::test]
async fn after_a_restart_numbers_go_on_and_the_past_is_still_there() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    push_version(&gateway, "one", "two");
    let history = fs::read_dir(gateway.folder().join(".sluicegate/history")).unwrap();
    let records: Vec<(String, Vec<u8>)> = history
        .filter_map(|file| {
            let path = file.unwrap().path();
            path.is_file().then(|| {
                (
                    format!(".sluicegate/history/{}", path.file_name().unwrap().to_str().unwrap()),
                    fs::read(&path).unwrap(),
                )
            })
        })
        .collect();
    let files: Vec<(&str, &[u8])> = records.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    drop(gateway);
    let gateway = Gateway::start(&versioned(&upstream.url(), "three"), &files);
    assert_eq!(ask(&gateway, &["config", "status"])["generation"], 3);
    assert_eq!(ask(&gateway, &["config", "rollback", "2"])["generation"], 4);
    assert_eq!(version(&gateway).await, "two");
}

#[tokio::test]
async fn changing_wants_the_token_the_method_and_a_text_of_bounded_length() {
    let upstream = ok().await;
    let gateway = start(&upstream.url(), "one");
    let token = gateway.admin_token();
    let status = async |method: &str, path: &str, token: &str, body: Vec<u8>| {
        let request = Request::builder().method(method).uri(format!("{}{path}", gateway.admin()));
        let request = request.header("authorization", format!("Bearer {token}"));
        send(request.body(Full::new(Bytes::from(body))).unwrap()).await.status.as_u16()
    };
    for (method, path) in [
        ("POST", "/config"),
        ("POST", "/config/reload"),
        ("POST", "/config/rollback"),
        ("DELETE", "/generations/1"),
        ("GET", "/config/history"),
    ] {
        assert_eq!(status(method, path, "wrong", Vec::new()).await, 401, "{path}");
    }
    for (method, path) in [
        ("PUT", "/config"),
        ("GET", "/config/reload"),
        ("GET", "/config/rollback"),
        ("POST", "/generations/1"),
        ("POST", "/config/status"),
    ] {
        assert_eq!(status(method, path, &token, Vec::new()).await, 405, "{method} {path}");
    }
    assert_eq!(status("POST", "/config", &token, vec![b'#'; (4 << 20) + 1]).await, 413);
    assert_eq!(status("POST", "/config", &token, vec![0xff]).await, 400);
    assert_eq!(status("POST", "/config/rollback?to=x", &token, Vec::new()).await, 400);
    assert_eq!(status("DELETE", "/generations/1", &token, Vec::new()).await, 404);
    assert_eq!(version(&gateway).await, "one");
    assert_eq!(ask(&gateway, &["config", "status"])["generation"], 1);
}

#[tokio::test]
async fn each_command_says_what_to_do_when_it_cannot_reach_the_gateway() {
    let folder = tempfile::tempdir().unwrap();
    let say = |words: &[&str]| sluicegate_tests::sluicegate(folder.path(), words).stderr;
    insta::assert_snapshot!(say(&["config", "status"]), @"error: cannot read sluicegate.toml; name the gateway's configuration by -c, or give --admin and --token-file: No such file or directory (os error 2)");
    fs::write(folder.path().join("sluicegate.toml"), "[[listen]]\naddress = \"127.0.0.1:0\"\n").unwrap();
    insta::assert_snapshot!(say(&["generations"]), @r#"error: sluicegate.toml has no admin listener: add `[admin]` with `address = "127.0.0.1:9901"` and restart the gateway"#);
    fs::write(folder.path().join("sluicegate.toml"), "[admin]\naddress = \"127.0.0.1:1\"\n").unwrap();
    insta::assert_snapshot!(say(&["config", "reload"]), @"error: cannot read the admin token in .sluicegate/admin.token: run this as the gateway's user, or give --token-file: No such file or directory (os error 2)");
    fs::create_dir(folder.path().join(".sluicegate")).unwrap();
    fs::write(folder.path().join(".sluicegate/admin.token"), "x").unwrap();
    insta::assert_snapshot!(say(&["config", "reload"]), @"error: no gateway answers at 127.0.0.1:1; start it with `sluicegate run`, or give --admin: Connection refused (os error 111)");
    insta::assert_snapshot!(say(&["config", "push", "nothing.toml"]), @"error: cannot read nothing.toml: No such file or directory (os error 2)");
}
