//! HTTP/1.1 on one connection.
//!
//! hyper keeps two buffers of 8 KiB and the fields of the last answer for as long as a connection lives. One on which nobody asks
//! for a while is therefore taken out of its hands: at rest it is a socket and a timer.

mod rest;

use std::pin::Pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use http::{Response, StatusCode, Version, header};
use http_body::Body;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::sleep;

use super::activity::Activity;
use super::allowance::Closed;
use super::aside::{Aside, First};
use super::connection::{Ground, HEAD_GRACE};
use super::head_timer::HeadTimer;
use super::service::Service;
use super::tunnel::{self, Resettable};
use super::unread::OwnAnswers;
use super::{ClientInfo, report};
use crate::error::{Code, Refusal};

/// What comes between a connection and its end.
enum Interrupt {
    /// It must end now.
    End,
    /// The process comes to its end.
    Drain,
    /// Nobody has asked for a while.
    Rest,
}

/// Returns when the connection has ended.
pub(super) async fn serve<S: Service>(
    ground: &Ground<S>,
    io: impl Resettable,
    client: &ClientInfo,
    activity: &Arc<Activity>,
) {
    let mut next = Some((io, Bytes::new()));
    while let Some((io, read)) = next.take() {
        // Boxed, so that a connection at rest does not carry the room for it.
        let resting = Box::pin(until_rest(ground, io, read, client, activity)).await;
        let Some(resting) = resting else { return };
        next = rest::until_asked(resting, ground, client).await;
    }
}

/// Serves requests. None: the connection has ended. What is read first was read before.
async fn until_rest<S: Service, IO: Resettable>(
    ground: &Ground<S>,
    io: IO,
    read: Bytes,
    client: &ClientInfo,
    activity: &Arc<Activity>,
) -> Option<(IO, Bytes)> {
    let mut drain = ground.drain.clone();
    let tunnel = tunnel::Slot::of(&io);
    let service = service_fn(|request| {
        let (answering, tunnel) = (activity.begin(), &tunnel);
        let is_old = request.version() == Version::HTTP_10;
        let answer = ground.answer(request, client.clone());
        answer.map(move |answer| {
            answer.map(|mut response| {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    activity.switches();
                    tunnel.keep_of(&mut response);
                } else if response.headers().contains_key(header::CONNECTION) {
                    activity.leaves_request();
                }
                // A client of HTTP/1.0 knows no chunks.
                match is_old && ends_by_closing(&response) {
                    true => response.map(|body| answering.body_to_the_end(body)),
                    false => response.map(|body| answering.body(body)),
                }
            })
        })
    });
    let io = TokioIo::new(OwnAnswers::new(io, read, activity.clone()));
    let mut http1 = ground.terms.http1.clone();
    http1.timer(HeadTimer::default());
    let mut connection = http1.serve_connection(io, service).with_upgrades();
    let (ended, quiet, begun) = (client.connection.clone(), activity.clone(), activity.begun());
    let mut interrupted = Aside::new(async move {
        tokio::select! {
            () = ended.wanted() => Interrupt::End,
            () = drain.begun() => Interrupt::Drain,
            () = rest::wanted(quiet, begun) => Interrupt::Rest,
        }
    });
    let result = match interrupted.beside(&mut connection).await {
        First::Work(result) => result,
        First::Aside(Interrupt::End) => return None,
        First::Aside(why) => {
            // Ends an idle connection now, and one in use after its answer, which says `connection: close`.
            Pin::new(&mut connection).graceful_shutdown();
            if matches!(why, Interrupt::Rest) {
                // hyper alone knows whether all of a request has been read. Where it has not, there is no rest, but an end.
                activity.rests(true);
                let ended = (&mut connection).now_or_never();
                activity.rests(false);
                if let Some(Ok(())) = ended {
                    let parts = connection.into_parts()?;
                    return Some((parts.io.into_inner().into_inner(), parts.read_buf));
                }
            }
            // Half a head is no request yet, and may never be one.
            let nothing_comes = async {
                let begun = activity.begun();
                sleep(HEAD_GRACE).await;
                if !activity.is_quiet() || activity.begun() != begun {
                    std::future::pending().await
                }
            };
            tokio::select! {
                biased;
                result = &mut connection => result,
                () = client.connection.wanted() => return None,
                () = nothing_comes => return None,
            }
        }
    };
    let Err(error) = result else {
        // Boxed, so that connections without one do not carry the room for it.
        Box::pin(async {
            tokio::select! {
                () = tunnel.run() => {}
                () = client.connection.wanted() => {}
            }
        })
        .await;
        return None;
    };
    // Boxed, so that connections in good order do not carry the room for it.
    let failed = Box::pin(async move {
        // Without them, HTTP has ended here before.
        let Some(http1::Parts { io, read_buf, .. }) = connection.into_parts() else { return };
        // The head's time also runs while a connection waits for its next request, and then its end is in order.
        if error.is_timeout() && read_buf.is_empty() {
            return;
        }
        if error.is_timeout() {
            ground.allowance.closed(Closed::SlowHead);
        }
        if activity.fell_behind() {
            ground.allowance.closed(Closed::SlowReader);
        }
        report::connection_failed(client, &error);
        let io = io.into_inner();
        if let Some(refusal) = refusal(&error, io.held_back()) {
            // A client that has left is not told.
            let _ = io.answer(ground.service.refuse_unread(&refusal, client)).await;
        }
    });
    failed.await;
    None
}

/// Whether an answer to HTTP/1.0 ends where its connection does (RFC 9112, 6.3).
fn ends_by_closing<B: Body>(response: &Response<B>) -> bool {
    let body = response.body();
    let is_known = response.headers().contains_key(header::CONTENT_LENGTH) || body.size_hint().exact().is_some();
    !is_known && !body.is_end_stream()
}

/// `status`: as hyper would have answered.
fn refusal(error: &hyper::Error, status: Option<StatusCode>) -> Option<Refusal> {
    if error.is_timeout() {
        return Some(Refusal::new(Code::HeadTimeout, "No whole request head arrived in time."));
    }
    Some(match status? {
        StatusCode::URI_TOO_LONG => Refusal::new(Code::TargetTooLong, "The target of the request is too long."),
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE => {
            Refusal::new(Code::HeadTooLarge, "The head of the request is longer, or has more fields, than is allowed.")
        }
        _ => Refusal::new(Code::BadRequest, format!("The head of the request cannot be understood: {error}.")),
    })
}
