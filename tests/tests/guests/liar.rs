//! The guest that breaks the canonical ABI by hand, and the contract in `configure`.

use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Origin, WHOLE, metric, refusal};

fn lie(about: &str) -> String {
    format!("config = {{ lie = \"{about}\" }}")
}

#[test]
fn a_setup_that_declares_what_is_not_exported_is_refused() {
    insta::assert_snapshot!(refusal(guests::LIAR, &lie("phase-not-exported")));
}

#[test]
fn a_setup_that_declares_an_unknown_phase_is_refused() {
    insta::assert_snapshot!(refusal(guests::LIAR, &lie("phase-unknown")));
}

#[test]
fn a_setup_that_wants_bytes_for_a_phase_that_it_does_not_declare_is_refused() {
    insta::assert_snapshot!(refusal(guests::LIAR, &lie("bytes-without-phase")));
}

#[test]
fn a_config_that_is_refused_without_a_reason_is_refused_with_one() {
    insta::assert_snapshot!(refusal(guests::LIAR, &lie("no-problem")));
}

/// The lies about a decision, and what the operator's log calls each.
const LIES: [(&str, &str); 5] = [
    ("case", "bad_return"),
    ("text", "bad_return"),
    ("length", "bad_return"),
    ("far-pointer", "bad_return"),
    ("odd-pointer", "bad_return"),
];

#[tokio::test]
async fn what_breaks_the_canonical_abi_is_a_bad_return_and_hurts_its_own_request_alone() {
    let origin = Origin::start().await;
    let mut config = format!(
        "data_dir = \"data\"\n[admin]\naddress = \"127.0.0.1:0\"\n[plugins.liar]\nfile = \"liar.wasm\"\n[upstreams.origin]\nurl = \
         \"{}\"\n[[routes]]\nname = \"honest\"\npath = \"/honest\"\nupstream = \"origin\"\nchain = [{{ plugin = \"liar\" }}]\n",
        origin.url()
    );
    for (about, _) in LIES {
        config += &format!(
            "[[routes]]\nname = \"{about}\"\npath = \"/{about}\"\nupstream = \"origin\"\nchain = [{{ plugin = \"liar\", name = \
             \"{about}\", isolation = \"pooled\", {} }}]\n",
            lie(about)
        );
    }
    let gateway = Gateway::start(&config, &[("liar.wasm", guests::LIAR)]);
    for (about, kind) in LIES {
        for count in 1..=2_u8 {
            let heard = Ask::to(&format!("/{about}")).send(gateway.address()).await;
            assert_eq!((heard.status, heard.complete), (500, true), "{about}: {heard:?}");
            assert_eq!(heard.json()["code"], "policy_failed", "{about}");
            let honest = Ask::to("/honest").send(gateway.address()).await;
            assert_eq!((honest.status, honest.text().as_str()), (200, WHOLE), "after {about}");
            let series =
                format!("sluicegate_policy_traps_total{{entry=\"{about}\",version=\"stable\",kind=\"{kind}\"}}");
            assert_eq!(metric(&gateway, &series).await, f64::from(count), "{series}");
        }
    }
    assert!(origin.seen().len() == 2 * LIES.len(), "only the honest ones went upstream");
}
