//! The bundled plugin `meter`: what the access log and the metrics say.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::{Value, json};
use sluicegate_tests::{Gateway, Raw, RawUpstream, Reply, Upstream, config, metric, new_key, send, wait_for_metric};
use tokio::net::TcpSocket;

async fn post(gateway: &Gateway, path: &str, body: usize) -> Reply {
    send(Request::post(gateway.url(path)).body(Full::new(Bytes::from(vec![b'x'; body]))).unwrap()).await
}

fn chain(upstream: &str, entry: &str) -> String {
    let lines = format!("[[routes.chain]]\nplugin = \"meter\"\n{entry}");
    format!("[admin]\naddress = \"127.0.0.1:0\"\n{}", config::route(upstream, &lines))
}

const PRICES: &str = r#"config = { prices = [
    { status = "5xx" },
    { status = "404", request = 1 },
    { upstream = "service", route = "all", request = 1_000, request_mib = 1_048_576, reply_mib = 2_097_152 },
] }"#;

#[tokio::test]
async fn a_request_has_its_cost_in_the_log_and_its_use_in_the_metrics() {
    let upstream = Upstream::start(|request| {
        let mut answer = Response::new(Full::from("0123456789"));
        *answer.status_mut() = match request.target.as_str() {
            "/missing" => StatusCode::NOT_FOUND,
            "/broken" => StatusCode::BAD_GATEWAY,
            _ => StatusCode::OK,
        };
        answer
    })
    .await;
    for isolation in ["pooled", "request"] {
        let entry = format!("isolation = \"{isolation}\"\n{PRICES}");
        let gateway = Gateway::start(&chain(&upstream.url(), &entry), &[]);
        for (number, (path, body, cost)) in
            [("/", 300, "1320"), ("/missing", 5, "1"), ("/broken", 5, "0"), ("/", 0, "1020")].into_iter().enumerate()
        {
            assert_eq!(post(&gateway, path, body).await.body.len(), 10);
            let line = gateway.wait_for_log(number + 1).remove(number);
            assert_eq!(line["labels"], json!({ "cost_nano_usd": cost }), "{isolation} {path}");
        }
        let labels = ["plugin=\"meter\"", "route=\"all\""];
        for (name, value) in [
            ("cost_nano_usd", 2341.0),
            ("requests_2xx", 2.0),
            ("requests_4xx", 1.0),
            ("requests_5xx", 1.0),
            ("request_bytes", 310.0),
            ("reply_bytes", 40.0),
        ] {
            wait_for_metric(&gateway, &format!("sluicegate_plugin_metered_{name}_total"), &labels, value).await;
        }
        assert_eq!(metric(&gateway, "sluicegate_policy_metric_drops_total", &[]).await, 0.0);
    }
}

#[tokio::test]
async fn the_upstream_that_answered_is_charged_and_not_the_one_that_was_tried_in_vain() {
    let answering = Upstream::start(|_| Response::new(Full::from("b"))).await;
    let prices = r#"config = { prices = [{ upstream = "a", request = 1 }, { upstream = "b", request = 2 }] }"#;
    // Nobody listens there, and nobody else can.
    let closed = TcpSocket::new_v4().unwrap();
    closed.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let closed_url = format!("http://{}", closed.local_addr().unwrap());
    let text = format!(
        "[upstreams.a]\nurl = \"{closed_url}\"\n[upstreams.b]\nurl = \"{}\"\n[[routes]]\nname = \"all\"\nupstreams = \
         [\"a\", \"b\"]\n[[routes.chain]]\nplugin = \"meter\"\n{prices}\n",
        answering.url()
    );
    let gateway = Gateway::start(&text, &[]);
    assert_eq!(post(&gateway, "/", 0).await.text(), "b");
    let line = gateway.wait_for_log(1).remove(0);
    assert_eq!((&line["upstream"], &line["labels"]["cost_nano_usd"]), (&json!("b"), &json!("2")), "{line}");
}

#[tokio::test]
async fn what_was_sent_before_the_client_hung_up_is_charged() {
    let upstream = RawUpstream::start(|mut connection: Raw, _| async move {
        connection.read_head().await;
        connection.write("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n0123456789").await;
        connection.closed().await;
    })
    .await;
    let gateway = Gateway::start(&chain(&upstream.url(), PRICES), &[]);
    let mut client = Raw::connect(gateway.address()).await;
    client.write("GET / HTTP/1.1\r\nhost: gateway\r\n\r\n").await;
    client.read_until("0123456789").await;
    drop(client);
    let line = gateway.wait_for_log(1).remove(0);
    let found = json!([line["outcome"], line["labels"]["cost_nano_usd"]]);
    assert_eq!(found, json!(["client_gone", "1020"]));
    let name = "sluicegate_plugin_metered_outcomes_client_gone_total";
    wait_for_metric(&gateway, name, &["plugin=\"meter\""], 1.0).await;
}

#[tokio::test]
async fn a_refusal_in_front_of_it_is_not_metered_and_one_behind_it_is() {
    let upstream = Upstream::start(|_| Response::new(Full::from("x"))).await;
    let limit = "{ plugin = \"rate-limit\", config = { limits = [{ name = \"one\", requests = 1, window_ms = 60000, by = \
                 \"global\" }] } }";
    let meter = "{ plugin = \"meter\", config = { prices = [{ status = \"4xx\", request = 7 }] } }";
    for (order, cost) in [(format!("{limit}, {meter}"), Value::Null), (format!("{meter}, {limit}"), json!("7"))] {
        let lines = format!("chain = [{order}]");
        let text = format!("[admin]\naddress = \"127.0.0.1:0\"\n{}", config::route(&upstream.url(), &lines));
        let gateway = Gateway::start(&text, &[]);
        post(&gateway, "/", 0).await;
        gateway.wait_for_log(1);
        assert_eq!(post(&gateway, "/", 0).await.status, 429);
        let line = gateway.wait_for_log(2).remove(1);
        assert_eq!(line["labels"]["cost_nano_usd"], cost, "{order}");
    }
}

#[tokio::test]
async fn in_front_of_api_key_it_charges_by_consumer_and_counts_who_was_refused() {
    let upstream = Upstream::start(|_| Response::new(Full::from("x"))).await;
    let (acme, other) = (new_key("acme", &[]), new_key("other", &[]));
    let meter = "{ plugin = \"meter\", config = { prices = [{ consumer = \"acme\", request = 5 }, { status = \"2xx\", request \
                 = 9 }], callers = { by = \"consumer\", names = [\"acme\"] } } }";
    let lines = format!("chain = [{meter}, {{ plugin = \"api-key\" }}]\n{}\n{}", acme.table, other.table);
    let text = format!("[admin]\naddress = \"127.0.0.1:0\"\n{}", config::route(&upstream.url(), &lines));
    let gateway = Gateway::start(&text, &[]);
    let cases = [(acme.key.as_str(), 200, json!("5")), (&other.key, 200, json!("9")), ("none", 401, Value::Null)];
    for (number, (key, status, cost)) in cases.into_iter().enumerate() {
        let request = Request::get(gateway.url("/")).header("authorization", format!("Bearer {key}"));
        assert_eq!(send(request.body(Full::<Bytes>::default()).unwrap()).await.status, status);
        assert_eq!(gateway.wait_for_log(number + 1).remove(number)["labels"]["cost_nano_usd"], cost);
    }
    for (name, value) in [
        ("requests_of_acme", 1.0),
        ("requests_of_others", 2.0),
        ("cost_nano_usd_of_acme", 5.0),
        ("unpriced_requests", 1.0),
    ] {
        wait_for_metric(&gateway, &format!("sluicegate_plugin_metered_{name}_total"), &["plugin=\"meter\""], value)
            .await;
    }
}

#[test]
fn an_upstream_that_the_configuration_does_not_have_is_found_before_it_serves() {
    let text = chain("http://127.0.0.1:1", "config = { prices = [{ upstream = \"servce\", request = 1 }] }");
    let said = Gateway::try_start(&text, &[], &[]).err().expect("it must not start");
    assert!(
        said.contains("entry `meter` names the upstream `servce`, which this configuration does not have"),
        "{said}"
    );
}
