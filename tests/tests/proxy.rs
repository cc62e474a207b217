//! A request goes to the upstream and back.

use sluicegate_tests::{Gateway, Upstream, get};

#[tokio::test]
async fn a_request_reaches_the_upstream_and_its_answer_the_client() {
    let upstream = Upstream::ok().await;
    let config = format!(
        "[upstreams.service]\nurl = \"{}\"\n\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n",
        upstream.url()
    );
    let gateway = Gateway::start(&config, &[]);
    let reply = get(&gateway.url("/a/b?c=d")).await;
    assert_eq!((reply.status.as_u16(), reply.text().as_str(), reply.complete), (200, "ok", true));
    assert_eq!(upstream.received()[0].target, "/a/b?c=d");
    let log = gateway.wait_for_log(1);
    assert_eq!((log[0]["route"].as_str(), log[0]["outcome"].as_str()), (Some("all"), Some("complete")));
    let (status, log, _) = gateway.stop();
    assert!(status.success());
    assert_eq!(log.len(), 1);
}
