//! HTTP/1.1 on one connection.

use std::pin::Pin;
use std::sync::Arc;

use futures_util::FutureExt;
use http::StatusCode;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::time::sleep;

use super::activity::Activity;
use super::allowance::Closed;
use super::aside::{Aside, First};
use super::connection::{Ground, HEAD_GRACE};
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
}

/// Returns when the connection has ended.
///
/// hyper's connection is made before the future, which would else have room for `io` twice as long as it lives.
pub(super) fn serve<'a, S: Service, IO: Resettable>(
    ground: &'a Ground<S>,
    io: IO,
    tunnel: &'a tunnel::Slot<IO>,
    client: &'a ClientInfo,
    activity: &'a Arc<Activity>,
) -> impl Future<Output = ()> + Send + use<'a, S, IO> {
    let mut drain = ground.drain.clone();
    let service = service_fn(move |request| {
        let answering = activity.begin();
        let answer = ground.answer(request, client.clone());
        answer.map(move |answer| {
            answer.map(|mut response| {
                if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                    activity.switches();
                    tunnel.keep_of(&mut response);
                }
                response.map(|body| answering.body(body))
            })
        })
    });
    let io = TokioIo::new(OwnAnswers::new(io, activity.clone()));
    let mut connection = ground.terms.http1.serve_connection(io, service).with_upgrades();
    let ended = client.connection.clone();
    let mut interrupted = Aside::new(async move {
        tokio::select! {
            () = ended.wanted() => Interrupt::End,
            () = drain.begun() => Interrupt::Drain,
        }
    });
    async move {
        let result = match interrupted.beside(&mut connection).await {
            First::Work(result) => result,
            First::Aside(Interrupt::End) => return,
            First::Aside(Interrupt::Drain) => {
                // Ends an idle connection now, and one in use after its answer, which says `connection: close`.
                Pin::new(&mut connection).graceful_shutdown();
                // Boxed, as all that most connections never come to: they do not carry the room for it.
                let last = Box::pin(async {
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
                        result = &mut connection => Some(result),
                        () = client.connection.wanted() => None,
                        () = nothing_comes => None,
                    }
                });
                match last.await {
                    Some(result) => result,
                    None => return,
                }
            }
        };
        let Err(error) = result else {
            return Box::pin(async {
                tokio::select! {
                    () = tunnel.run() => {}
                    () = client.connection.wanted() => {}
                }
            })
            .await;
        };
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
    }
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
