//! The bundled plugin `router`, on a route with several upstreams.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use serde_json::json;
use sluicegate_tests::{Gateway, RawUpstream, Reply, Upstream, send};

/// Answers with its name.
async fn named(name: &'static str) -> Upstream {
    Upstream::start(move |_| Response::new(Full::from(name))).await
}

/// A route to these upstreams, with the plugin in its chain.
fn config(upstreams: &[(&str, &str)], entry: &str) -> String {
    let tables: String = upstreams.iter().map(|(name, url)| format!("[upstreams.{name}]\nurl = \"{url}\"\n")).collect();
    let names: Vec<String> = upstreams.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!(
        "{tables}\n[[routes]]\nname = \"all\"\nupstreams = [{}]\n[[routes.chain]]\nplugin = \"router\"\n{entry}\n",
        names.join(", ")
    )
}

async fn ask(gateway: &Gateway, path: &str, fields: &[(&str, &str)]) -> Reply {
    let mut request = Request::get(gateway.url(path));
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    send(request.body(Full::<Bytes>::default()).unwrap()).await
}

#[tokio::test]
async fn the_first_rule_that_matches_says_where_a_request_goes() {
    let (a, b, c) = (named("a").await, named("b").await, named("c").await);
    let rules = r#"config = { rules = [
        { path = "/batch", targets = [{ upstream = "c" }] },
        { headers = { x-tier = "gold" }, targets = [{ upstream = "b" }, { upstream = "a" }] },
    ] }"#;
    for isolation in ["pooled", "request"] {
        let entry = format!("isolation = \"{isolation}\"\n{rules}");
        let gateway = Gateway::start(&config(&[("a", &a.url()), ("b", &b.url()), ("c", &c.url())], &entry), &[]);
        assert_eq!(ask(&gateway, "/batch/1", &[("x-tier", "gold")]).await.text(), "c", "{isolation}");
        assert_eq!(ask(&gateway, "/b%61tch/1", &[("x-tier", "gold")]).await.text(), "c", "{isolation}");
        assert_eq!(ask(&gateway, "/batches", &[("x-tier", "gold")]).await.text(), "b", "{isolation}");
        assert_eq!(ask(&gateway, "/batches", &[]).await.text(), "a", "{isolation}");
    }
}

#[tokio::test]
async fn a_rule_sees_what_an_entry_behind_it_has_made_of_the_head() {
    let (a, b) = (named("a").await, named("b").await);
    let entry = r#"config = { rules = [{ headers = { x-tier = "gold" }, targets = [{ upstream = "b" }] }] }
[[routes.chain]]
plugin = "headers"
config = { request = [{ set = "x-tier", value = "gold" }] }"#;
    let gateway = Gateway::start(&config(&[("a", &a.url()), ("b", &b.url())], entry), &[]);
    assert_eq!(ask(&gateway, "/", &[]).await.text(), "b");
}

#[tokio::test]
async fn weights_share_requests_out_and_the_others_stand_in() {
    let (a, b) = (named("a").await, named("b").await);
    let gone = RawUpstream::start(|raw, _| async move { drop(raw) }).await;
    let entry = "config = { strategy = \"weighted\", targets = [{ upstream = \"a\", weight = 3 }, { upstream = \"b\" }, \
                 { upstream = \"gone\", weight = 0 }] }";
    let upstreams = [("gone", gone.url()), ("a", a.url()), ("b", b.url())];
    let upstreams: Vec<(&str, &str)> = upstreams.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let gateway = Gateway::start(&config(&upstreams, entry), &[]);
    let mut served = BTreeMap::new();
    for _ in 0..400 {
        *served.entry(ask(&gateway, "/", &[]).await.text()).or_insert(0) += 1;
    }
    // 300 on average; less than one run in a million is this far off.
    assert!(served.len() == 2 && (255..345).contains(&served["a"]), "{served:?}");
}

#[tokio::test]
async fn a_caller_stays_at_one_upstream_and_moves_only_if_that_is_lost() {
    let (a, b, c) = (named("a").await, named("b").await, named("c").await);
    let entry = "config = { strategy = \"sticky\", by = \"header:x-session\" }";
    let all = [("a", a.url()), ("b", b.url()), ("c", c.url())];
    let upstreams = |names: &[&str]| -> String {
        let kept: Vec<(&str, &str)> =
            all.iter().filter(|(name, _)| names.contains(name)).map(|(name, url)| (*name, url.as_str())).collect();
        config(&kept, entry)
    };
    let whole = Gateway::start(&upstreams(&["a", "b", "c"]), &[]);
    let without = Gateway::start(&upstreams(&["a", "c"]), &[]);
    let mut served = BTreeMap::new();
    for number in 0..30 {
        let session = format!("session-{number}");
        let fields = [("x-session", session.as_str())];
        let first = ask(&whole, "/", &fields).await.text();
        assert_eq!(ask(&whole, "/again", &fields).await.text(), first);
        if first != "b" {
            assert_eq!(ask(&without, "/", &fields).await.text(), first, "{session}");
        }
        *served.entry(first).or_insert(0) += 1;
    }
    assert_eq!(served.len(), 3, "{served:?}");
}

#[tokio::test]
async fn the_least_busy_one_serves() {
    let slow = RawUpstream::start(|mut raw, notes| async move {
        raw.read_head().await;
        notes.add("arrived");
        raw.closed().await;
    })
    .await;
    let quick = named("quick").await;
    let upstreams = [("slow", slow.url()), ("quick", quick.url())];
    let upstreams: Vec<(&str, &str)> = upstreams.iter().map(|(name, url)| (*name, url.as_str())).collect();
    let gateway = Gateway::start(&config(&upstreams, "config = { strategy = \"least-busy\" }"), &[]);
    let url = gateway.url("/");
    let waiting = tokio::spawn(async move { sluicegate_tests::get(&url).await });
    slow.notes.wait_for("arrived").await;
    for _ in 0..3 {
        assert_eq!(ask(&gateway, "/", &[]).await.text(), "quick");
    }
    waiting.abort();
}

#[tokio::test]
async fn the_quickest_one_serves_once_all_are_known() {
    let slow = Upstream::start(|_| {
        std::thread::sleep(std::time::Duration::from_millis(60));
        Response::new(Full::from("slow"))
    })
    .await;
    let quick = named("quick").await;
    let entry = "config = { strategy = \"lowest-latency\" }";
    let gateway = Gateway::start(&config(&[("slow", &slow.url()), ("quick", &quick.url())], entry), &[]);
    let mut served = Vec::new();
    for _ in 0..40 {
        served.push(ask(&gateway, "/", &[]).await.text());
    }
    let slow = served.iter().filter(|name| *name == "slow").count();
    // Once because nothing is known of it, and then one in 128 by lot.
    assert!((1..=8).contains(&slow), "{served:?}");
}

#[tokio::test]
async fn where_nothing_is_left_the_request_is_refused_and_the_log_says_why() {
    let (a, b) = (named("a").await, named("b").await);
    let entry = "config = { rules = [{ path = \"/b\", targets = [{ upstream = \"b\" }] }] }";
    // Another route has the upstream, so that its name is no mistake of spelling.
    let other = format!("[upstreams.b]\nurl = \"{}\"\n", b.url());
    let gateway = Gateway::start(&format!("{other}{}", config(&[("a", &a.url())], entry)), &[]);
    let refused = ask(&gateway, "/b", &[]).await;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (503, &json!("policy_no_target")));
    gateway.wait_for_stderr("none of the upstreams that the config names here is left to this request");
    assert_eq!(ask(&gateway, "/a", &[]).await.text(), "a");
}

#[tokio::test]
async fn a_rule_by_identity_needs_an_entry_in_front_that_provides_one() {
    let (a, b) = (named("a").await, named("b").await);
    let entry = "config = { rules = [{ identity = { team = \"core\" }, targets = [{ upstream = \"b\" }] }] }";
    let text = config(&[("a", &a.url()), ("b", &b.url())], entry);
    let said = Gateway::try_start(&text, &[], &[]).err().expect("it must not start");
    assert!(said.contains("needs the identity that an entry in front of it provides"), "{said}");
}

#[test]
fn an_upstream_that_the_configuration_does_not_have_is_found_before_it_serves() {
    let entry = "config = { targets = [{ upstream = \"near\" }, { upstream = \"fra\" }] }";
    let text = config(&[("near", "http://127.0.0.1:1"), ("far", "http://127.0.0.1:2")], entry);
    let said = Gateway::try_start(&text, &[], &[]).err().expect("it must not start");
    let sentence =
        "entry `router` names the upstream `fra`, which this configuration does not have: did you mean `far`?";
    assert!(said.contains(sentence), "{said}");
}
