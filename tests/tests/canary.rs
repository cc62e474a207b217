//! A second version of an entry serves a share of the exchanges, and goes when it does worse.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use serde_json::Value;
use sluicegate_tests::{
    Gateway, Key, Reply, Upstream, ask_admin, config, guests, metric, new_key, send, wait_for_metric,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The stable version says `stable` in the answer; `canary` holds the lines of the second one.
fn entry(canary: &str) -> String {
    format!(
        "plugin = \"headers\"\nname = \"mark\"\nconfig = {{ reply = [{{ set = \"x-version\", value = \"stable\" }}] }}\n\
         [chains.all.canary]\n{canary}"
    )
}

const SECOND: &str = "config = { reply = [{ set = \"x-version\", value = \"canary\" }] }\n";
/// It does what the request tells it, which the stable version does not look at.
const HOSTILE: &str = "plugin = \"hostile\"\ngrants = [\"identity-writer\"]\nconfig = {}\n";

fn start(upstream: &Upstream, entries: &[String], keys: &[&Key]) -> Gateway {
    Gateway::start(&whole(&upstream.url(), entries, keys), &[("hostile.wasm", guests::HOSTILE)])
}

fn whole(upstream: &str, entries: &[String], keys: &[&Key]) -> String {
    let entries: String = entries.iter().map(|entry| format!("[[chains.all]]\n{entry}\n")).collect();
    let keys: String = keys.iter().map(|key| format!("{}\n", key.table)).collect();
    let head = "[admin]\naddress = \"127.0.0.1:0\"\n[plugins.hostile]\nfile = \"hostile.wasm\"\n";
    format!("{head}{entries}{keys}{}", config::route(upstream, "chain = \"all\""))
}

/// Request ids are given, so that the choice is the same in every run.
async fn ask(gateway: &Gateway, id: usize, fields: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(gateway.url("/")).header("x-request-id", format!("request-{id}"));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::<Bytes>::default()).unwrap()).await
}

fn chosen(reply: &Reply) -> String {
    reply.header("x-version").unwrap_or("none").to_owned()
}

#[tokio::test]
async fn of_1000_requests_the_share_that_the_weight_says_meets_the_canary_and_log_and_metrics_agree() {
    let upstream = Upstream::ok().await;
    let gateway = start(&upstream, &[entry(&format!("{SECOND}weight = 20"))], &[]);
    let mut answered: BTreeMap<String, String> = BTreeMap::new();
    for id in 0..1000 {
        let reply = ask(&gateway, id, &[]).await;
        assert_eq!(reply.status, 200);
        answered.insert(format!("request-{id}"), chosen(&reply));
    }
    let canaries = answered.values().filter(|version| *version == "canary").count();
    assert!((150..250).contains(&canaries), "{canaries} of 1,000 at 20 percent");
    for line in gateway.wait_for_log(1000) {
        let version = line["versions"]["mark"].as_str().unwrap_or("stable");
        assert_eq!(answered[line["request_id"].as_str().unwrap()], version, "{line}");
    }
    for (version, count) in [("canary", canaries), ("stable", 1000 - canaries)] {
        let labels = ["entry=\"mark\"", &format!("version=\"{version}\"")];
        assert_eq!(metric(&gateway, "sluicegate_policy_exchanges_total", &labels).await, count as f64);
        assert_eq!(metric(&gateway, "sluicegate_policy_call_seconds_count", &labels).await, count as f64);
    }
}

#[tokio::test]
async fn a_request_that_comes_again_under_its_id_meets_the_same_version() {
    let upstream = Upstream::ok().await;
    let gateway = start(&upstream, &[entry(&format!("{SECOND}weight = 50"))], &[]);
    let mut seen = BTreeSet::new();
    for id in 0..20 {
        let (first, again) = (ask(&gateway, id, &[]).await, ask(&gateway, id, &[]).await);
        assert_eq!(chosen(&first), chosen(&again));
        seen.insert(chosen(&first));
    }
    assert_eq!(seen.len(), 2);
}

#[tokio::test]
async fn a_consumer_always_meets_one_version_and_a_higher_weight_moves_none_back() {
    let upstream = Upstream::ok().await;
    let keys: Vec<Key> = (0..12).map(|number| new_key(&format!("consumer-{number}"), &[])).collect();
    let refs: Vec<&Key> = keys.iter().collect();
    let mut before = BTreeSet::new();
    for weight in [30, 70] {
        let canary = entry(&format!("{SECOND}weight = {weight}\nsticky = \"consumer\""));
        let gateway = start(&upstream, &["plugin = \"api-key\"".to_owned(), canary], &refs);
        let mut chose = BTreeSet::new();
        for (number, key) in keys.iter().enumerate() {
            let mut versions = BTreeSet::new();
            for id in 0..8 {
                versions.insert(chosen(&ask(&gateway, id, &[("x-api-key", &key.key)]).await));
            }
            assert_eq!(versions.len(), 1, "consumer {number} met {versions:?}");
            if versions.contains("canary") {
                chose.insert(number);
            }
        }
        assert!(!chose.is_empty() && chose.len() < 12, "{chose:?} at {weight} percent");
        assert!(chose.is_superset(&before), "{before:?}, then {chose:?}");
        before = chose;
    }
}

#[test]
fn a_canary_by_consumer_without_an_identity_before_it_is_refused() {
    let entries = [entry(&format!("{SECOND}weight = 5\nsticky = \"consumer\""))];
    let config = whole("http://127.0.0.1:1", &entries, &[]);
    let said = Gateway::try_start(&config, &[("hostile.wasm", guests::HOSTILE)], &[]).err().expect("it must not start");
    assert!(said.contains("sticky by consumer"), "{said}");
    assert!(said.contains("put one, such as `api-key`, before it"), "{said}");
}

#[tokio::test]
async fn quotas_are_shared_by_both_versions() {
    let upstream = Upstream::ok().await;
    let limit = "{ limits = [{ name = \"few\", requests = 10, window_ms = 600000, by = \"route\" }] }";
    let entry = format!("plugin = \"rate-limit\"\nconfig = {limit}\ncanary = {{ weight = 50 }}");
    let gateway = start(&upstream, &[entry], &[]);
    let mut passed = 0;
    for id in 0..40 {
        passed += usize::from(ask(&gateway, id, &[]).await.status == 200);
    }
    assert_eq!(passed, 10);
    let log = gateway.wait_for_log(40);
    let by_canary = log.iter().filter(|line| line["versions"]["rate-limit"] == "canary").count();
    assert!((5..35).contains(&by_canary), "{by_canary} of 40 by the canary");
}

#[tokio::test]
async fn a_canary_that_traps_is_rolled_back_at_its_threshold_and_no_request_fails_after_it() {
    let upstream = Upstream::ok().await;
    let canary = format!("{HOSTILE}weight = 50\n[chains.all.canary.rollback]\ntraps = 4");
    let gateway = start(&upstream, &[entry(&canary)], &[]);
    let mut statuses = Vec::new();
    for id in 0..100 {
        let reply = ask(&gateway, id, &[("x-do", "head=trap")]).await;
        assert_eq!(reply.status == 200, chosen(&reply) == "stable", "the stable version's clients see nothing of it");
        statuses.push(reply.status.as_u16());
    }
    let failed: Vec<usize> = (0..100).filter(|id| statuses[*id] != 200).collect();
    assert_eq!(failed.len(), 4, "failed requests: {failed:?}");
    wait_for_metric(&gateway, "sluicegate_policy_rollbacks_total", &["entry=\"mark\""], 1.0).await;
    let line = gateway.wait_for_stderr("canary rolled back");
    assert!(line.contains("the canary failed 4 times within 60000 ms") && line.contains("WARN"), "{line}");
    let said = gateway.stderr_lines().iter().filter(|line| line.contains("canary rolled back")).count();
    assert_eq!(said, 1);
    let summary = ask_admin(&gateway, "/config").await.json();
    let canary = &summary["routes"][0]["chain"][0]["canary"];
    assert_eq!(canary["weight"], 0);
    assert_eq!(canary["rolled_back"]["why"], "the canary failed 4 times within 60000 ms");
    assert!(canary["rolled_back"]["since"].as_str().is_some_and(|since| since.ends_with('Z')), "{canary}");
    let traps = "sluicegate_policy_traps_total";
    assert_eq!(metric(&gateway, traps, &["version=\"canary\"", "kind=\"trap\""]).await, 4.0);
    assert_eq!(metric(&gateway, traps, &["version=\"stable\""]).await, 0.0);
}

#[tokio::test]
async fn a_canary_that_was_rolled_back_stays_out_over_a_change_elsewhere() {
    let upstream = Upstream::ok().await;
    let canary = format!("{HOSTILE}weight = 50\n[chains.all.canary.rollback]\ntraps = 4");
    let gateway = start(&upstream, &[entry(&canary)], &[]);
    for id in 0..100 {
        ask(&gateway, id, &[("x-do", "head=trap")]).await;
    }
    let weight =
        async || ask_admin(&gateway, "/config").await.json()["routes"][0]["chain"][0]["canary"]["weight"].clone();
    gateway.wait_for_stderr("canary rolled back");
    assert_eq!(weight().await, 0);
    let file = gateway.folder().join("sluicegate.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    let other = "[[routes]]\nname = \"other\"\nupstream = \"service\"\npath = \"/other\"\n";
    std::fs::write(&file, format!("{text}\n{other}")).unwrap();
    gateway.wait_for_stderr("generation 2 serves new requests");
    assert_eq!(weight().await, 0);
    assert!(ask(&gateway, 1, &[("x-do", "head=trap")]).await.status == 200);
    // Another try is another configuration of the entry.
    std::fs::write(&file, text.replace("weight = 50", "weight = 60")).unwrap();
    gateway.wait_for_stderr("generation 3 serves new requests");
    assert_eq!(weight().await, 60);
}

#[tokio::test]
async fn a_version_is_chosen_wherever_its_entry_is_called_first() {
    for bodies in ["body = \"none\"", "reply_body = \"none\""] {
        let upstream = Upstream::ok().await;
        let entry = format!(
            "plugin = \"hostile\"\nname = \"late\"\ngrants = [\"identity-writer\"]\nconfig = {{ only_bodies = true, {bodies} }}\n\
             canary = {{ weight = 50 }}"
        );
        let gateway = start(&upstream, &[entry], &[]);
        for id in 0..20 {
            let request = Request::post(gateway.url("/")).header("x-request-id", format!("request-{id}"));
            let reply = send(request.body(Full::new(Bytes::from_static(b"hello"))).unwrap()).await;
            assert_eq!(reply.text(), "ok");
        }
        let log = gateway.wait_for_log(20);
        let by_canary = log.iter().filter(|line| line["versions"]["late"] == "canary").count();
        assert!((1..20).contains(&by_canary), "{by_canary} of 20");
    }
}

#[tokio::test]
async fn an_exchange_that_met_the_canary_stays_with_it_over_a_rollback() {
    let upstream = Upstream::ok().await;
    let canary = format!("{HOSTILE}weight = 100\n[chains.all.canary.rollback]\ntraps = 3");
    let gateway = start(&upstream, &[entry(&canary)], &[]);
    let mut open = TcpStream::connect(gateway.address()).await.unwrap();
    let head =
        "POST /open HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-do: reply-head=labels\r\ncontent-length: 5\r\n\r\nhe";
    open.write_all(head.as_bytes()).await.unwrap();
    wait_for_metric(&gateway, "sluicegate_policy_exchanges_total", &["version=\"canary\""], 1.0).await;
    for id in 0..3 {
        assert_eq!(ask(&gateway, id, &[("x-do", "head=trap")]).await.status, 500);
    }
    assert_eq!(chosen(&ask(&gateway, 3, &[("x-do", "head=trap")]).await), "stable");
    open.write_all(b"llo").await.unwrap();
    let mut answer = String::new();
    open.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && !answer.contains("x-version"), "{answer}");
    let log = gateway.wait_for_log(5);
    let line = log.iter().find(|line| line["path"] == "/open").unwrap();
    assert_eq!((&line["versions"]["mark"], &line["labels"]["name-64"]), (&"canary".into(), &"true".into()), "{line}");
}

#[tokio::test]
async fn calls_that_the_canarys_open_breaker_refuses_roll_it_back_as_well() {
    let upstream = Upstream::ok().await;
    let canary = format!("{HOSTILE}weight = 100\n[chains.all.canary.rollback]\ntraps = 12");
    let gateway = start(&upstream, &[entry(&canary)], &[]);
    let mut failed = 0;
    for id in 0..20 {
        failed += usize::from(ask(&gateway, id, &[("x-do", "head=trap")]).await.status != 200);
    }
    assert_eq!(failed, 12);
    let traps = metric(&gateway, "sluicegate_policy_traps_total", &["version=\"canary\"", "kind=\"trap\""]);
    assert_eq!(traps.await, 5.0, "the breaker opens at the fifth");
}

#[tokio::test]
async fn a_canary_that_rejects_more_than_the_stable_version_is_rolled_back() {
    let upstream = Upstream::ok().await;
    let rollback = "[chains.all.canary.rollback]\nrejections_percent = 30\nexchanges_min = 10";
    let gateway = start(&upstream, &[entry(&format!("{HOSTILE}weight = 50\n{rollback}"))], &[]);
    let mut refused = Vec::new();
    for id in 0..100 {
        let reply = ask(&gateway, id, &[("x-do", "head=reject")]).await;
        if reply.status != 200 {
            assert_eq!(reply.status, 418);
            refused.push(id);
        }
    }
    let line = gateway.wait_for_stderr("canary rolled back");
    assert!(line.contains("exchanges, the stable version 0 of"), "{line}");
    assert!(refused.len() >= 10 && refused.len() < 30, "refused: {refused:?}");
    assert!(refused.iter().all(|id| *id < 60), "refused: {refused:?}");
    let decisions =
        metric(&gateway, "sluicegate_policy_decisions_total", &["version=\"canary\"", "decision=\"reject\""]);
    assert_eq!(decisions.await, refused.len() as f64);
}

#[tokio::test]
async fn a_canary_may_take_part_in_other_phases_than_the_stable_version() {
    let upstream = Upstream::ok().await;
    let stable = "plugin = \"hostile\"\nname = \"witness\"\ngrants = [\"identity-writer\"]\n\
                  config = { witness = true, body = \"none\", reply_body = \"none\" }\n\
                  canary = { weight = 50, config = { witness = true } }";
    let gateway = start(&upstream, &[stable.to_owned()], &[]);
    for id in 0..20 {
        let request = Request::post(gateway.url("/")).header("x-request-id", format!("request-{id}"));
        let reply = send(request.body(Full::new(Bytes::from_static(b"hello"))).unwrap()).await;
        assert_eq!((reply.status.as_u16(), reply.text().as_str()), (200, "ok"));
    }
    let mut versions = BTreeSet::new();
    for line in gateway.wait_for_log(20) {
        let is_canary = line["versions"]["witness"] == "canary";
        let saw =
            if is_canary { "head route body reply-head reply-body finish" } else { "head route reply-head finish" };
        assert_eq!(line["labels"]["saw"], Value::from(saw), "{line}");
        versions.insert(is_canary);
    }
    assert_eq!(versions.len(), 2);
    assert!(upstream.received().iter().all(|request| request.body == "hello"));
}
