//! The guest that does by force what safe code does not.

mod bodies;
mod bulk;
mod floods;
mod handles;
mod tables;

use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Heard, Origin, WHOLE, metric, wait_for_metric};

const PHASES: [&str; 6] = ["head", "body", "route", "reply-head", "reply-body", "finish"];
const ISOLATIONS: [&str; 2] = ["request", "pooled"];

/// One route with one entry of the same name for each pair of a name and the further members of the entry, as TOML.
fn gateway(origin: &Origin, head: &str, entries: &[(&str, &str)]) -> Gateway {
    let mut config = format!(
        "data_dir = \"data\"\n{head}\n[admin]\naddress = \"127.0.0.1:0\"\n[plugins.brute]\nfile = \
         \"brute.wasm\"\n[upstreams.origin]\nurl = \"{}\"\n",
        origin.url()
    );
    for (name, entry) in entries {
        let grants = if entry.contains("grants") { "" } else { "grants = [\"metrics\"], " };
        config += &format!(
            "[[routes]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"origin\"\ndialect = \"openai\"\nchain = [{{ plugin = \
             \"brute\", name = \"{name}\", {grants}breaker = {{ traps = 10_000 }}, {entry} }}]\n"
        );
    }
    Gateway::start(&config, &[("brute.wasm", guests::BRUTE)])
}

/// Sends a body to a route, with what its plugin shall do.
async fn told(gateway: &Gateway, name: &str, acts: &str) -> Heard {
    Ask::to(&format!("/{name}")).field("x-do", acts).body("a body").send(gateway.address()).await
}

fn is_whole(heard: &Heard) -> bool {
    heard.status == 200 && heard.text() == WHOLE && heard.complete
}

/// What a client sees of a plugin that fails in a phase, where failures are denied.
fn fails_as_in(phase: &str, heard: &Heard) -> bool {
    match phase {
        "finish" => is_whole(heard),
        // The head has gone out: the answer is cut, so that nobody takes it for whole.
        "reply-body" => heard.status == 200 && !heard.complete,
        _ => heard.status == 500 && heard.complete && heard.json()["error"]["code"] == "policy_failed",
    }
}

/// The act in every phase and both isolation modes: it ends as `kind`, and the next request is served.
async fn ends(act: &str, kind: &str, limits: &str) {
    let origin = Origin::start().await;
    let entry = |isolation: &str| format!("isolation = \"{isolation}\", limits = {{ {limits} }}");
    let entries = ISOLATIONS.map(|isolation| (isolation, entry(isolation)));
    let gateway = gateway(&origin, "", &entries.each_ref().map(|(name, entry)| (*name, entry.as_str())));
    for isolation in ISOLATIONS {
        let series =
            format!("sluicegate_policy_traps_total{{entry=\"{isolation}\",version=\"stable\",kind=\"{kind}\"}}");
        for (count, phase) in (1_u8..).zip(PHASES) {
            let heard = told(&gateway, isolation, &format!("{phase}={act}")).await;
            assert!(fails_as_in(phase, &heard), "{act} in {phase}, {isolation}: {heard:?}");
            // `finish` runs behind the answer.
            wait_for_metric(&gateway, &series, |value| value == f64::from(count)).await;
            let next = told(&gateway, isolation, "head=nothing").await;
            assert!(is_whole(&next), "after {act} in {phase}, {isolation}: {next:?}");
        }
    }
    let live = metric(&gateway, "sluicegate_instances_live").await;
    assert!(live <= 2.0, "{live} instances live after {act}");
}
