//! A connection between two requests that are far apart.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::sleep;

use crate::listen::ClientInfo;
use crate::listen::activity::Activity;
use crate::listen::connection::Ground;
use crate::listen::service::Service;
use crate::listen::tunnel::Resettable;

/// Without a request for so long, at most for twice as long. What a rest costs the next request is some microseconds.
const REST_AFTER: Duration = Duration::from_millis(100);
/// A connection on which one answer takes long is looked at less and less often.
const LOOK_AFTER_MAX: Duration = Duration::from_secs(5);

/// Returns when a request has been answered and no other one has begun for a while.
///
/// `first`: the requests that had begun when the connection was given to hyper.
pub(super) async fn wanted(activity: Arc<Activity>, first: usize) {
    let (mut begun, mut look_after) = (first, REST_AFTER);
    loop {
        sleep(look_after).await;
        let is_unchanged = activity.begun() == begun;
        // Half a head that comes in pieces must not put its own end off: there is one rest between two requests.
        if is_unchanged && begun != first && activity.is_quiet() {
            return;
        }
        begun = activity.begun();
        look_after = if is_unchanged { LOOK_AFTER_MAX.min(look_after * 2) } else { REST_AFTER };
    }
}

/// Waits for the first byte of the next request. None: the connection has ended, as it would have in hyper's hands.
pub(super) async fn until_asked<S: Service, IO: Resettable>(
    (mut io, read): (IO, Bytes),
    ground: &Ground<S>,
    client: &ClientInfo,
) -> Option<(IO, Bytes)> {
    if !read.is_empty() {
        return Some((io, read));
    }
    let (mut drain, mut first) = (ground.drain.clone(), [0]);
    // The head's time also runs while a connection waits for its next request.
    let left = ground.terms.head_timeout.saturating_sub(REST_AFTER);
    let asked = tokio::select! {
        biased;
        length = io.read(&mut first) => length.is_ok_and(|length| length > 0),
        () = client.connection.wanted() => return None,
        () = drain.begun() => false,
        () = sleep(left) => false,
    };
    if asked {
        return Some((io, Bytes::copy_from_slice(&first)));
    }
    // In good order, also in TLS. One that has left is not told.
    let _ = io.shutdown().await;
    None
}
