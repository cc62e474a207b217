//! What the admin listener tells, read by name.

use bytes::Bytes;
use http::Request;
use http_body_util::Full;

use crate::client::{Reply, send};
use crate::gateway::{Gateway, PATIENCE};

/// A path of the admin listener, with its token.
pub async fn ask_admin(gateway: &Gateway, path: &str) -> Reply {
    let request = Request::get(format!("{}{path}", gateway.admin()))
        .header("authorization", format!("Bearer {}", gateway.admin_token()))
        .body(Full::<Bytes>::default());
    send(request.expect("a valid request")).await
}

/// The sum of all series of a name whose labels hold all of these, such as `entry="audit"`.
pub async fn metric(gateway: &Gateway, name: &str, labels: &[&str]) -> f64 {
    sum_of(&ask_admin(gateway, "/metrics").await.text(), name, labels)
}

pub(crate) fn sum_of(text: &str, name: &str, labels: &[&str]) -> f64 {
    let samples = text.lines().filter_map(|line| line.rsplit_once(' '));
    let wanted = samples.filter(|(series, _)| {
        series.split('{').next() == Some(name) && labels.iter().all(|label| series.contains(label))
    });
    wanted.map(|(_, value)| value.parse::<f64>().expect("a number")).sum()
}

/// Waits until that sum is `value`.
pub async fn wait_for_metric(gateway: &Gateway, name: &str, labels: &[&str], value: f64) {
    let started = std::time::Instant::now();
    loop {
        let found = metric(gateway, name, labels).await;
        if found == value {
            return;
        }
        assert!(started.elapsed() < PATIENCE, "{name} {labels:?} is {found} and not {value}");
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}
