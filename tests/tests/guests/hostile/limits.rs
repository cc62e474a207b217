//! What a plugin tries beyond the limits of one exchange: its own request alone suffers, if any.

use serde_json::json;

use crate::support::{Ask, Cell, Heard, Origin, WHOLE, gateway, metric, wait_for_metric};

const ROOMY: &str = "limits = { cpu_max_ms = 10_000, wall_max_ms = 60_000 }, breaker = { traps = 10_000 }";
const NO_BODIES: &str = "config = { body = \"none\", reply_body = \"none\" }";

fn roomy() -> String {
    format!("{ROOMY}, {NO_BODIES}")
}

fn is_whole(heard: &Heard) -> bool {
    heard.status == 200 && heard.text() == WHOLE && heard.complete
}

#[tokio::test]
async fn recursion_ends_at_the_stack_and_is_called_so() {
    for isolation in ["request", "pooled"] {
        let origin = Origin::start().await;
        let entry = format!("isolation = \"{isolation}\", {}", roomy());
        let gateway = gateway(&origin, "", &[Cell { name: "deep", entry: &entry }]);
        for phase in ["head", "reply-head"] {
            let heard = Ask::to("/deep").field("x-do", format!("{phase}=stack")).send(gateway.address()).await;
            assert_eq!((heard.status, heard.complete), (500, true), "{heard:?}");
            assert!(is_whole(&Ask::to("/deep").send(gateway.address()).await));
        }
        assert_eq!(
            metric(&gateway, "sluicegate_policy_traps_total{entry=\"deep\",version=\"stable\",kind=\"stack\"}").await,
            2.0
        );
        // A trace is part of the line that it explains.
        for line in gateway.stderr_lines() {
            assert!(line.starts_with("20") && line.len() < 4096, "{line}");
        }
    }
}

#[tokio::test]
async fn a_flood_of_host_calls_ends_at_its_limit() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "flood", entry: &roomy() }]);
    let heard = Ask::to("/flood").field("x-do", "head=host-calls").send(gateway.address()).await;
    assert_eq!(heard.json()["error"]["code"], "policy_failed");
    assert_eq!(
        metric(&gateway, "sluicegate_policy_traps_total{entry=\"flood\",version=\"stable\",kind=\"host_calls\"}").await,
        1.0
    );
    gateway.wait_for_stderr("over 10000 host calls in one call");
    assert!(is_whole(&Ask::to("/flood").send(gateway.address()).await));
}

#[tokio::test]
async fn of_thousands_of_header_fields_those_that_fit_are_taken() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "many", entry: &roomy() }]);
    let heard = Ask::to("/many").field("x-do", "head=headers").send(gateway.address()).await;
    assert!(is_whole(&heard), "{heard:?}");
    let line = &gateway.wait_for_log(1)[0];
    let taken: usize = line["labels"]["headers"].as_str().expect("the count").parse().expect("a number");
    assert!((200..256).contains(&taken), "{taken}");
    let head = String::from_utf8_lossy(&origin.seen()[0].0).into_owned();
    assert_eq!(head.matches("x-many-").count(), taken);
}

#[tokio::test]
async fn fields_that_are_the_hosts_and_what_is_no_field_are_refused_in_both_directions() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "owned", entry: &roomy() }]);
    for phase in ["head", "reply-head", "finish"] {
        let heard =
            Ask::to("/owned").field("x-do", format!("{phase}=host-fields")).body("four").send(gateway.address()).await;
        assert!(is_whole(&heard), "{phase}: {heard:?}");
        assert_eq!((heard.field("x-injected"), heard.field("x-sluicegate-code")), (None, None), "{phase}");
    }
    for line in gateway.wait_for_log(3) {
        assert_eq!(line["labels"]["taken"], "0", "{line}");
    }
    for (head, body) in origin.seen() {
        let head = String::from_utf8_lossy(&head).to_lowercase();
        assert_eq!((head.matches("content-length: 4\r\n").count(), body.as_slice()), (1, &b"four"[..]), "{head}");
        assert!(
            !head.contains("transfer-encoding") && !head.contains("elsewhere") && !head.contains("x-injected"),
            "{head}"
        );
    }
}

#[tokio::test]
async fn a_body_that_a_plugin_makes_longer_goes_on_with_a_length_that_is_true() {
    let origin = Origin::start().await;
    let body = format!("{ROOMY}, config = {{ body = \"buffered\", reply_body = \"buffered\" }}");
    let stream = format!("{ROOMY}, config = {{ body = \"stream\", reply_body = \"stream\" }}");
    let gateway =
        gateway(&origin, "", &[Cell { name: "whole", entry: &body }, Cell { name: "pieces", entry: &stream }]);
    for name in ["whole", "pieces"] {
        let ask = Ask::to(&format!("/{name}")).field("x-do", "body=change, reply-body=change").body("ask !");
        let heard = ask.send(gateway.address()).await;
        assert_eq!((heard.text(), heard.complete), (format!("{WHOLE} and more"), true), "{name}: {heard:?}");
    }
    let seen = origin.seen();
    assert_eq!(seen[0].1, b"ask ! and more");
    assert!(String::from_utf8_lossy(&seen[0].0).to_lowercase().contains("content-length: 14\r\n"));
    assert_eq!(seen[1].1, b"E\r\nask ! and more\r\n0\r\n\r\n");
    assert!(!String::from_utf8_lossy(&seen[1].0).to_lowercase().contains("content-length"));
}

#[tokio::test]
async fn a_piece_that_grows_past_the_limit_is_a_bad_return() {
    let origin = Origin::start().await;
    let entry = format!("{ROOMY}, config = {{ reply_body = \"buffered\" }}");
    let gateway = gateway(&origin, "[limits]\nbuffer_bytes_max = 1_048_576\n", &[Cell { name: "grow", entry: &entry }]);
    for phase in ["body", "reply-body"] {
        let heard = Ask::to("/grow").field("x-do", format!("{phase}=grow")).body("!").send(gateway.address()).await;
        assert_eq!(heard.json()["error"]["code"], "policy_failed", "{phase}");
    }
    assert_eq!(
        metric(&gateway, "sluicegate_policy_traps_total{entry=\"grow\",version=\"stable\",kind=\"bad_return\"}").await,
        2.0
    );
    assert!(is_whole(&Ask::to("/grow").body("!").send(gateway.address()).await));
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_and_cannot_forge_a_line() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "chatty", entry: &roomy() }]);
    let heard = Ask::to("/chatty").field("x-do", "head=log-flood").send(gateway.address()).await;
    assert!(is_whole(&heard));
    gateway.wait_for_stderr("over 64 lines in this request");
    let lines = gateway.stderr_lines();
    assert_eq!(lines.iter().filter(|line| line.contains("flood ")).count(), 64);
    assert!(lines.iter().all(|line| !line.starts_with("forged")));
}

#[tokio::test]
async fn labels_and_notes_end_at_their_limits() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "edges", entry: &roomy() }]);
    for act in ["notes", "labels"] {
        let ask = Ask::to("/edges").field("x-do", format!("head={act}")).field("x-request-id", act);
        assert!(is_whole(&ask.send(gateway.address()).await));
    }
    for line in gateway.wait_for_log(2) {
        let labels = line["labels"].as_object().expect("labels");
        match line["request_id"].as_str() {
            Some("notes") => {
                let told = ["notes-most", "notes-over", "notes-kept"].map(|name| &labels[name]);
                assert_eq!(told, [&json!("true"), &json!("false"), &json!("65536")]);
            }
            _ => {
                let told = ["name-65", "name-64", "value-257", "value-256", "empty-name"].map(|name| &labels[name]);
                assert_eq!(told, ["false", "true", "false", "true", "false"].map(|word| json!(word)).each_ref());
                assert_eq!(labels.len(), 32);
            }
        }
    }
}

#[tokio::test]
async fn an_identity_is_written_once_and_only_in_its_known_parts() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "who", entry: &roomy() }]);
    let heard = Ask::to("/who").field("x-do", "head=identity").send(gateway.address()).await;
    assert!(is_whole(&heard));
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!(line["consumer"], "first");
    assert_eq!(line["labels"]["identity"], "[true, false]");
    assert_eq!(
        (&line["labels"]["identity-unknown"], &line["labels"]["identity-control"]),
        (&json!("false"), &json!("false"))
    );
}

#[tokio::test]
async fn header_values_that_are_no_text_pass_through_plugins_byte_for_byte() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "bytes", entry: &roomy() }]);
    let bytes = b"\xff\xfe\x80 caf\xe9";
    let ask = Ask::to("/bytes").field("x-bytes", *bytes).field("x-origin", "bytes").field("x-do", "head=bytes");
    let heard = ask.send(gateway.address()).await;
    assert_eq!((heard.status, heard.complete), (200, true));
    // What the upstream sent, and what the witness set from the request.
    assert_eq!(heard.field("x-origin-bytes"), Some(&b"\xff\xfe\x80"[..]));
    assert_eq!(heard.field("x-bytes-back"), Some(&bytes[..]));
    let head = origin.seen()[0].0.clone();
    for name in ["x-bytes: ", "x-bytes-on: "] {
        let wanted = [name.as_bytes(), bytes, b"\r\n"].concat();
        assert!(
            head.windows(wanted.len()).any(|window| window == wanted),
            "{name}: {}",
            String::from_utf8_lossy(&head)
        );
    }
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!(line["labels"]["bytes"], format!("{bytes:?}"));
    assert_eq!(line["labels"]["bytes-text"], "false");
}

#[tokio::test]
async fn memory_is_kept_between_requests_by_warm_instances_alone() {
    let origin = Origin::start().await;
    let (fresh, warm) =
        (format!("isolation = \"request\", {}", roomy()), format!("isolation = \"pooled\", {}", roomy()));
    // Each worker has warm instances of its own.
    let one_worker = "workers = 1\n";
    let gateway =
        gateway(&origin, one_worker, &[Cell { name: "fresh", entry: &fresh }, Cell { name: "warm", entry: &warm }]);
    let (mut asked, mut log) = (0, Vec::new());
    for name in ["fresh", "warm"] {
        for secret in ["one", "two", "three"] {
            let ask = Ask::to(&format!("/{name}")).field("x-do", "head=canary").field("x-secret", secret);
            assert!(is_whole(&ask.field("x-request-id", format!("{name}-{secret}")).send(gateway.address()).await));
            // Until its line stands there, its `finish` may have the instance.
            asked += 1;
            log = gateway.wait_for_log(asked);
        }
    }
    let canary = |id: &str| {
        let line = log.iter().find(|line| line["request_id"] == id).expect("its line");
        line["labels"]["canary"].as_str().expect("what was kept").to_owned()
    };
    assert_eq!(["fresh-one", "fresh-two", "fresh-three"].map(canary), ["nothing", "nothing", "nothing"]);
    // This is what `pooled` means: state of the guest's own outlives the request.
    assert_eq!(["warm-one", "warm-two", "warm-three"].map(canary), ["nothing", "one", "two"]);
}

#[tokio::test]
async fn once_a_plugin_has_changed_bytes_its_failure_cuts_the_answer_even_where_errors_are_allowed() {
    let origin = Origin::start().await;
    let entry = format!("on_error = \"allow\", {ROOMY}");
    let gateway = gateway(&origin, "", &[Cell { name: "half", entry: &entry }]);
    let ask = Ask::to("/half").field("x-do", "reply-body=change-then-trap").field("x-origin", "pieces");
    let mut talk = ask.field("content-length", "0").open(gateway.address()).await;
    talk.hear("FIRST\n").await;
    origin.go_on();
    let heard = talk.hear_out().await;
    assert_eq!((heard.status, heard.text().as_str(), heard.complete), (200, "FIRST\n", false));
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!(
        (&line["outcome"], &line["code"], &line["bypasses"]),
        (&json!("failed"), &json!("policy_failed"), &json!({}))
    );
    wait_for_metric(&gateway, "sluicegate_policy_bypasses_total{entry=\"half\",version=\"stable\"}", |count| {
        count == 0.0
    })
    .await;
}

#[tokio::test]
async fn a_stream_of_events_that_a_plugin_breaks_ends_with_an_error_event_and_no_more() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "events", entry: ROOMY }]);
    let ask = Ask::to("/events").field("x-do", "reply-body=trap").field("x-origin", "events");
    let mut talk = ask.field("content-length", "0").open(gateway.address()).await;
    talk.hear("data: 1\n\n").await;
    origin.go_on();
    let heard = talk.hear_out().await;
    let text = heard.text();
    let event =
        text.strip_prefix("data: 1\n\ndata: ").and_then(|rest| rest.strip_suffix("\n\n")).expect("one more event");
    let event: serde_json::Value = serde_json::from_str(event).expect("an error object");
    assert_eq!((&event["error"]["code"], &event["error"]["type"]), (&json!("policy_failed"), &json!("server_error")));
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!(
        (&line["outcome"], &line["fault"], &line["decided_by"]),
        (&json!("failed"), &json!("policy"), &json!("events"))
    );
}

#[tokio::test]
async fn an_answer_whose_first_piece_is_refused_is_cut_and_never_looks_whole() {
    let origin = Origin::start().await;
    let gateway = gateway(&origin, "", &[Cell { name: "first", entry: ROOMY }]);
    let heard = Ask::to("/first").field("x-do", "reply-body=trap").send(gateway.address()).await;
    // The head is there, so that no client takes the request for unserved and sends it again.
    assert_eq!((heard.status, heard.text().as_str(), heard.complete), (200, "", false));
    let line = &gateway.wait_for_log(1)[0];
    assert_eq!(
        (&line["outcome"], &line["fault"], &line["code"]),
        (&json!("failed"), &json!("policy"), &json!("policy_failed"))
    );
}
