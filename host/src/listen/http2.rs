//! HTTP/2 on one connection: as many streams as a limit says, and an end for clients that cost more than they ask for.
//!
//! What h2 itself bounds is set here ([`Http2Limits`]): streams at once, the head, frames of a head, streams that are reset before
//! they were looked at, streams that must be reset for the client's errors. What it does not bound is added: a stream whose
//! client opens no window ([`stream`]), requests that are made only to be taken back ([`abuse`]), and connections without a
//! request.

mod abuse;
mod farewell;
mod seen;
mod stream;

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep_until};

use self::abuse::Withdrawals;
use self::seen::Seen;
use self::stream::{Streams, WindowBody};
use super::activity::Activity;
use super::allowance::Closed;
use super::connection::{Ground, HEAD_GRACE};
use super::service::Service;
use super::{ClientInfo, report};
use crate::chain::Tunnel;
use crate::config::Limits;

/// What a client may send ahead on one stream, in bytes: an upload moves as much in each round trip. Envoy's advice for the edge,
/// 64 KiB, is 10 Mbit/s at 50 ms.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
/// On all of a connection, however many streams it has: what its uploads can take of our memory. Envoy's advice for the edge.
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What is taken of an answer ahead of the client, in bytes a stream.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// Streams that the client has opened and reset before they were looked at.
const RESET_UNSEEN_MAX: usize = 20;
/// Streams that were reset for an error of the client's (MadeYouReset).
const RESET_FOR_ERRORS_MAX: usize = 100;

/// What one connection of HTTP/2 is allowed.
#[derive(Debug, Clone)]
pub(super) struct Http2Limits {
    streams_max: u32,
    head_bytes_max: u32,
    /// Without a request for so long, a connection is ended.
    idle_timeout: Duration,
    /// A stream whose client takes nothing for so long is reset; one that answers no ping for half of it is gone.
    stall_max: Duration,
}

impl Http2Limits {
    pub(super) fn of(limits: &Limits) -> Http2Limits {
        Http2Limits {
            streams_max: limits.http2_streams_max,
            head_bytes_max: u32::try_from(limits.head_bytes_max).unwrap_or(u32::MAX),
            idle_timeout: limits.http2_idle_timeout,
            stall_max: limits.body_idle_timeout,
        }
    }

    fn builder(&self, streams: Streams) -> http2::Builder<Streams> {
        let mut builder = http2::Builder::new(streams);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(self.streams_max)
            .max_header_list_size(self.head_bytes_max)
            .enable_connect_protocol()
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .max_send_buf_size(SEND_BUFFER_BYTES)
            .max_pending_accept_reset_streams(RESET_UNSEEN_MAX)
            .max_local_error_reset_streams(RESET_FOR_ERRORS_MAX)
            .keep_alive_interval(self.stall_max / 4)
            .keep_alive_timeout(self.stall_max / 4);
        builder
    }
}

/// Returns when the connection has ended.
pub(super) async fn serve<S: Service>(
    ground: &Ground<S>,
    io: impl AsyncRead + AsyncWrite + Send + Unpin,
    client: &ClientInfo,
    activity: &Arc<Activity>,
) {
    let (limits, mut drain) = (&ground.terms.http2, ground.drain.clone());
    let streams = Streams::new(limits.stall_max, client.clone(), activity.clone(), ground.allowance.clone());
    let withdrawals = Arc::new(Withdrawals::new(ground.allowance.clone()));
    let service = service_fn(|request| {
        let (flow, asked) = (streams.announce(), withdrawals.asked(&client.connection));
        ground.answer(request, client.clone()).map(|answer| {
            asked.answered();
            answer.map(|mut response| {
                if let Some(tunnel) = Tunnel::taken_from(&mut response) {
                    flow.becomes(tunnel);
                }
                response.map(|body| WindowBody::new(body, flow))
            })
        })
    });
    let io = TokioIo::new(Seen::new(io, client, activity, &ground.allowance));
    let connection = limits.builder(streams.clone()).serve_connection(io, service);
    let mut connection = pin!(connection);
    // It has been told that it ends (GOAWAY).
    let mut leaves = false;
    let mut begun = 0;
    let mut next_look = Instant::now() + limits.idle_timeout;
    let result = loop {
        tokio::select! {
            biased;
            result = connection.as_mut() => break result,
            () = client.connection.wanted() => return,
            () = drain.begun(), if !leaves => {
                leaves = true;
                connection.as_mut().graceful_shutdown();
                next_look = Instant::now() + HEAD_GRACE;
            }
            () = sleep_until(next_look) => {
                let is_idle = activity.is_quiet() && activity.begun() == begun;
                if is_idle && leaves {
                    return;
                }
                if is_idle {
                    leaves = true;
                    connection.as_mut().graceful_shutdown();
                }
                begun = activity.begun();
                next_look = Instant::now() + if leaves { HEAD_GRACE } else { limits.idle_timeout };
            }
        }
    };
    if activity.fell_behind() {
        ground.allowance.closed(Closed::SlowReader);
    }
    match result {
        // hyper gives a connection up so, without telling the client why.
        Ok(()) if !leaves && !activity.has_left() => {
            ground.allowance.closed(Closed::Http2Protocol);
            report::connection_given_up(client);
        }
        Ok(()) => {}
        Err(error) => {
            if let Some(closed) = ended_by_h2(&error) {
                ground.allowance.closed(closed);
            }
            report::connection_failed(client, &error);
        }
    }
}

/// h2 has told the client why it ends the connection.
fn ended_by_h2(error: &hyper::Error) -> Option<Closed> {
    let of_h2 = std::error::Error::source(error)?.downcast_ref::<h2::Error>()?;
    of_h2.is_library().then(|| match of_h2.reason() {
        Some(h2::Reason::ENHANCE_YOUR_CALM) => Closed::Http2Abuse,
        _ => Closed::Http2Protocol,
    })
}
