//! `isolation = "request"`: whatever a request kept, however it ended, and whoever came at the same time, no other one finds it.

use std::sync::Arc;

use sluicegate_tests::guests;
use sluicegate_tests::surgery::Chance;
use tokio::task::JoinSet;

use super::{Asked, Found, Ground, chance, entry, places};
use crate::support::{check, refusal};

/// Every phase with an act.
const EVERYWHERE: &str = "head=keep, body=keep, route=keep, reply-head=keep, reply-body=keep, finish=keep";
/// Of the canary in a body: enough for several pieces.
const COPIES: usize = 5000;

/// Two entries that share an image, one of the same plugin with another config, one of another plugin, and a chain of two.
/// `short` uses up its CPU soon.
async fn ground(slots: u32) -> Ground {
    let fresh = |plugin: &str, name: &str, number: u32| entry(plugin, name, "request", number, "");
    let short = fresh("other", "short", 0).replace("cpu_max_ms = 30_000", "cpu_max_ms = 1_000");
    Ground::start(
        slots,
        &[
            ("one", &[fresh("keeper", "one", 0)]),
            ("twin", &[fresh("keeper", "twin", 0)]),
            ("configured", &[fresh("keeper", "configured", 1)]),
            ("other", &[fresh("other", "other", 0)]),
            ("short", &[short]),
            ("two", &[fresh("other", "first-of-two", 0), fresh("keeper", "second-of-two", 1)]),
        ],
    )
    .await
}

/// How a request ends that has kept its canary, and what its client sees.
const ENDS: [(&str, u16); 6] = [
    ("keep", 200),
    ("keep-in-place", 200),
    ("keep-and-trap", 500),
    ("keep-and-starve", 500),
    ("keep-and-recurse", 500),
    ("keep-and-loop", 500),
];

#[tokio::test]
async fn no_request_finds_anything_of_the_one_before_however_that_one_ended() {
    // One slot, so that each instance is made where the one before it was.
    let ground = ground(1).await;
    for (end, status) in ENDS {
        let keepers: &[&str] = if end == "keep-and-loop" { &["short"] } else { &["one", "other"] };
        for keeper in keepers {
            for seeker in ["one", "twin", "configured", "other"] {
                let kept = ground.ask(keeper, &format!("head={end}")).await;
                assert_eq!((kept.heard.status, kept.found()), (status, Found::default()), "{end} in {keeper}");
                let sought = ground.ask(seeker, "head=search").await;
                sought.assert_found_nothing(1, &format!("{seeker} after {end} in {keeper}"));
            }
        }
    }
}

#[tokio::test]
async fn no_request_finds_anything_of_one_whose_client_left_in_the_middle() {
    let ground = ground(1).await;
    for phase in ["head", "body", "route"] {
        for seeker in ["one", "twin", "configured", "other"] {
            let kept = ground.ask_and_leave("one", phase).await;
            assert_eq!((&kept.line["outcome"], kept.found()), (&"client_gone".into(), Found::default()));
            let sought = ground.ask(seeker, "head=search").await;
            sought.assert_found_nothing(1, &format!("{seeker} after a client that left in {phase}"));
        }
    }
}

#[tokio::test]
async fn no_call_finds_anything_of_another_request_in_what_the_host_hands_over_or_in_bodies() {
    let ground = ground(1).await;
    for route in ["one", "other", "two", "twin", "one"] {
        let kept = ground.ask_with_body(route, EVERYWHERE, COPIES).await;
        assert_eq!((kept.heard.status, kept.found()), (200, Found::default()), "{route}: {}", kept.line);
        // Each entry in four heads, and in some pieces of two bodies.
        let entries = if route == "two" { 2 } else { 1 };
        assert!(kept.label("searches") >= 8 * entries, "{route}: {}", kept.line);
        // What comes back is the request's own to the last byte.
        assert!(kept.heard.complete && kept.heard.text() == kept.canary.repeat(COPIES), "{route}");
        assert_eq!(kept.heard.field("x-kept"), Some(kept.canary.as_bytes()), "{route}");
    }
}

#[tokio::test]
async fn no_request_finds_anything_of_one_whose_instances_served_all_of_its_phases() {
    // Room enough for them to be kept from phase to phase.
    let ground = ground(8).await;
    for seeker in ["one", "twin", "configured", "other"] {
        let kept = ground.ask("two", "head=keep").await;
        assert_eq!((kept.heard.status, kept.found()), (200, Found::default()), "{}", kept.line);
        let sought = ground.ask(seeker, "head=search").await;
        sought.assert_found_nothing(1, seeker);
    }
}

#[tokio::test]
async fn of_many_requests_at_once_none_finds_anything_of_another() {
    const CLIENTS: u64 = 6;
    const REQUESTS: usize = 40;
    let ground = Arc::new(ground(3).await);
    let seed = u64::from_str_radix(&chance(), 16).expect("digits");
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        let (ground, mut chance) = (ground.clone(), Chance(seed.wrapping_add(number)));
        clients.spawn(async move {
            for _ in 0..REQUESTS {
                let asked = ask_by_chance(&ground, &mut chance).await;
                assert_eq!(asked.found(), Found::default(), "seed {seed}: {}", asked.line);
            }
        });
    }
    clients.join_all().await;
}

async fn ask_by_chance(ground: &Ground, chance: &mut Chance) -> Asked {
    let mut one_of = |choice: &[&'static str]| choice[chance.below(choice.len())];
    let route = one_of(&["one", "twin", "configured", "other", "two"]);
    let phase = one_of(&["head", "route", "reply-head", "finish"]);
    match one_of(&["search", "keep", "keep-in-place", "keep-and-trap", "keep-and-starve", "everywhere", "leave"]) {
        "everywhere" => ground.ask_with_body(route, EVERYWHERE, COPIES).await,
        "leave" => ground.ask_and_leave(route, one_of(&["head", "body", "route"])).await,
        act => ground.ask(route, &format!("{phase}={act}")).await,
    }
}

#[tokio::test]
async fn code_that_changes_tables_is_refused_for_fresh_instances_and_told_to_run_pooled() {
    let wasm = places::with_globals_and_tables(guests::KEEPER);
    let grants = "grants = [\"counters\", \"identity\", \"random\", \"targets\"]";
    let said = refusal(&wasm, &format!("isolation = \"request\", {grants}"));
    assert!(said.contains("it cannot be frozen after `configure`") && said.contains("pooled"), "{said}");
    assert!(check(&wasm, "", &format!("isolation = \"pooled\", {grants}")).0);
}
