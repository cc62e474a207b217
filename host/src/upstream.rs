//! Named upstreams: their connections, their timeouts, and when a request may be sent a second time.

mod body;
mod connect;
mod error;
mod health;
mod heard;
mod pool;
mod received;
mod replay;
mod shared;
mod stream;
mod switched;
#[cfg(test)]
mod tests;
mod tls;

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING, UPGRADE};
use http::uri::PathAndQuery;
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body::Body;
use thiserror::Error;

use body::{Progress, SendBody};
use pool::{Lease, Pool, Right};
use replay::Replay;
use stream::Unanswered;

pub use body::{Translate, UpstreamBody, Whole};
pub use connect::{ConnectError, ConnectSetupError, Connector, Wire};
pub use error::{BoxError, Cause, Excess, UpstreamError};
pub use health::{Health, UnderWay};
pub use switched::{Held, Switched};
pub use tls::{Tls, TlsSetupError, TlsTerms};

use crate::clock::Clock;
use crate::config;

/// One named upstream with its pool of connections and what is known of its health.
///
/// Dropping it closes idle connections; requests under way go on to their end.
pub struct Upstream {
    config: Arc<config::Upstream>,
    /// What `host` says.
    authority: HeaderValue,
    pool: Arc<Pool>,
    health: Arc<Health>,
}

/// An upstream that leaves a request waiting to a deadline has failed it if it had one of so many parts of the whole time.
const DEADLINE_PARTS: u32 = 2;

/// When who waits for an answer gives up.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    pub at: tokio::time::Instant,
    /// Of the exchange; an attempt may get only the end of it.
    pub whole: Duration,
}

/// Why an upstream cannot be set up from its configuration.
#[derive(Debug, Error)]
pub enum SetupError {
    #[error("upstream `{upstream}`: {error}")]
    Tls { upstream: String, error: TlsSetupError },
    #[error("upstream `{upstream}`: `{host}` is neither a host name nor an address")]
    Host { upstream: String, host: String },
}

impl Upstream {
    /// Reads the certificate authorities when the origin is `https`; connects to nothing yet.
    pub fn new(config: Arc<config::Upstream>, tls: &Tls, clock: Arc<dyn Clock>) -> Result<Upstream, SetupError> {
        let origin = &config.origin;
        let host = || SetupError::Host { upstream: config.name.clone(), host: origin.host.clone() };
        let prefix = origin.to_uri_prefix();
        let authority = prefix.split_once("://").map_or(prefix.as_str(), |(_, authority)| authority);
        let authority = HeaderValue::from_str(authority).map_err(|_| host())?;
        let terms = TlsTerms {
            ca_file: config.ca_file.as_deref(),
            server_name: config.server_name.as_deref(),
            client_certificate: config.client_certificate.as_ref(),
            protocol: Some(config.protocol),
        };
        let connector =
            Connector::new(origin.clone(), config.connect_timeout, &terms, tls).map_err(|error| match error {
                ConnectSetupError::Tls(error) => SetupError::Tls { upstream: config.name.clone(), error },
                ConnectSetupError::Host { .. } => host(),
            })?;
        let pool = Pool::new(Arc::clone(&config), connector);
        Ok(Upstream { config, authority, pool, health: Arc::new(Health::new(clock)) })
    }

    pub fn config(&self) -> &config::Upstream {
        &self.config
    }

    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// Connections that carry a request now.
    pub fn connections_in_use(&self) -> usize {
        self.pool.in_use()
    }

    /// Connections that wait for a request.
    pub fn connections_idle(&self) -> usize {
        self.pool.idle()
    }

    /// Sends a request and returns the answer when its head has arrived.
    ///
    /// The target's path goes behind the base path; scheme, host and the fields that frame the body are set here.
    /// With the field `expect`, the body waits until the upstream wants it.
    /// A request goes out a second time only if the upstream has said that it did nothing of it, or if it failed on a reused
    /// connection before a byte of the answer, and was never written or is idempotent; with a body, if that is to be had again.
    /// Dropping the future or the answer's body ends the exchange upstream.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<UpstreamBody>, UpstreamError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.send_until(request, None, &mut |_| None).await
    }

    /// The same for somebody who drops the future at a deadline: to have waited long for the upstream by then is a failure of it.
    ///
    /// `again` gives the body a second time, if it can; it is told whether the upstream has said that it did nothing.
    pub fn send_until<'a, B>(
        &'a self,
        request: Request<B>,
        deadline: Option<Deadline>,
        again: &'a mut (dyn FnMut(bool) -> Option<B> + Send),
    ) -> impl Future<Output = Result<Response<UpstreamBody>, UpstreamError>> + Send + 'a
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        // The request stands in one place until it is handed over: each future that had it as its own would carry it twice.
        let (head, body) = request.into_parts();
        let (body, progress) = SendBody::new(body);
        let mut request = self.prepare(Request::from_parts(head, body));
        async move {
            let request = match request {
                Ok(ref mut request) => request,
                Err(error) => return Err(error),
            };
            let mut awaited = Awaited { under_way: Some(self.health.begin()), progress: &progress, deadline };
            let mut again = |refused| again(refused).map(|body| SendBody::again(body, &progress));
            let mut sent = self.send_prepared(request, &progress, &mut again).await;
            let Some(mut under_way) = awaited.under_way.take() else { return sent };
            match &mut sent {
                Ok(answer) => {
                    match is_failure(answer.status()) {
                        true => under_way.failed(),
                        // It may answer before it has all of the request.
                        false => under_way.answered(progress.waited().unwrap_or_default()),
                    }
                    answer.body_mut().keep(under_way);
                }
                Err(error) if error.is_upstreams_fault() => under_way.failed(),
                Err(_) => {}
            }
            sent
        }
    }

    /// The request is taken from where it stands, once.
    async fn send_prepared(
        &self,
        request: &mut Request<SendBody>,
        progress: &Arc<Progress>,
        body_again: &mut (dyn FnMut(bool) -> Option<SendBody> + Send),
    ) -> Result<Response<UpstreamBody>, UpstreamError> {
        // What seldom happens is boxed: else every request would carry the room for it.
        let lease = match &self.pool.shared {
            Some(_) => Box::pin(self.pool.shared_lease(progress)).await?,
            None => {
                let permit = match self.pool.try_permit() {
                    Some(permit) => permit,
                    None => Box::pin(self.pool.permit()).await?,
                };
                match self.pool.lease(permit) {
                    Ok(lease) => lease,
                    Err(room) => {
                        progress.connecting();
                        Box::pin(self.pool.open(room)).await?
                    }
                }
            }
        };
        let is_idempotent = request.method().is_idempotent();
        let had_body = !request.body().is_none();
        let may_replay = lease.is_http2() || (lease.is_reused() && is_idempotent);
        let replay = may_replay.then(|| Replay::of(request));
        let failed = match self.exchange(lease, request, progress).await {
            Ok(answer) => return Ok(answer),
            Err(failed) => failed,
        };
        let Some(right) = failed.right else { return Err(failed.error) };
        let mut again = match (failed.unsent, replay) {
            (Some(unsent), _) => unsent,
            (None, Some(replay)) if failed.refused || (is_idempotent && !failed.heard) => {
                let body = if had_body { body_again(failed.refused) } else { Some(SendBody::none()) };
                let Some(body) = body else { return Err(failed.error) };
                replay.with(body)
            }
            _ => return Err(failed.error),
        };
        progress.connecting();
        Box::pin(async {
            let lease = match right {
                Right::Connection(permit) => self.pool.open(self.pool.room(permit)).await?,
                Right::Stream(permit) => self.pool.stream(permit).await?,
            };
            self.exchange(lease, &mut again, progress).await.map_err(|failed| failed.error)
        })
        .await
    }

    fn prepare(&self, mut request: Request<SendBody>) -> Result<Request<SendBody>, UpstreamError> {
        // What is a path already goes as it is.
        if request.uri().authority().is_some() || !self.config.base_path.is_empty() {
            let target = match (request.uri().path_and_query(), self.config.base_path.as_str()) {
                (Some(target), "") => target.clone(),
                (target, base) => PathAndQuery::try_from(format!("{base}{}", target.map_or("/", PathAndQuery::as_str)))
                    .map_err(|_| UpstreamError::Target { upstream: self.config.name.clone() })?,
            };
            *request.uri_mut() = Uri::from(target);
        }
        *request.version_mut() = Version::HTTP_11;
        let usually_with_body = matches!(*request.method(), Method::POST | Method::PUT | Method::PATCH);
        let length = request.body().size_hint().exact();
        let headers = request.headers_mut();
        headers.insert(HOST, self.authority.clone());
        // Only the body knows its length; a field that says otherwise would break the framing.
        headers.remove(CONTENT_LENGTH);
        headers.remove(TRANSFER_ENCODING);
        match length {
            Some(0) if !usually_with_body => {}
            Some(length) => {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
            // Without this, hyper would send a GET without its body.
            None => {
                headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
            }
        }
        Ok(request)
    }

    /// As the protocol of the connection has it, whichever it had before.
    fn frame(&self, request: &mut Request<SendBody>, is_http2: bool) -> Result<(), UpstreamError> {
        let target = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        match is_http2 {
            false => {
                *request.uri_mut() = Uri::from(target);
                *request.version_mut() = Version::HTTP_11;
                request.headers_mut().insert(HOST, self.authority.clone());
            }
            true => {
                let scheme = if self.config.origin.tls { "https" } else { "http" };
                let uri =
                    Uri::builder().scheme(scheme).authority(self.authority.as_bytes()).path_and_query(target).build();
                *request.uri_mut() = uri.map_err(|_| UpstreamError::Target { upstream: self.config.name.clone() })?;
                *request.version_mut() = Version::HTTP_2;
                // The authority says it, streams are framed by themselves (RFC 9113, 8.2.2), and no other protocol follows.
                for name in [HOST, CONNECTION, TRANSFER_ENCODING, UPGRADE] {
                    request.headers_mut().remove(name);
                }
            }
        }
        Ok(())
    }

    /// One try on one connection, with the request that is taken from where it stands.
    async fn exchange(
        &self,
        mut lease: Lease,
        request: &mut Request<SendBody>,
        progress: &Arc<Progress>,
    ) -> Result<Response<UpstreamBody>, Failed> {
        if self.pool.shared.is_some() {
            self.frame(request, lease.is_http2()).map_err(Failed::for_good)?;
        }
        if !request.body().is_none() && request.headers().contains_key(EXPECT) {
            SendBody::hold_back(request, lease.is_http2());
        }
        let asked = request.headers().get(UPGRADE).cloned();
        let handed = progress.handed();
        let mut alarm = lease.take_alarm();
        let answer = lease.send(std::mem::replace(request, Request::new(SendBody::none())));
        let patience = async {
            let due = progress.sent().await.map_or(handed, |sent| sent.max(handed)) + self.config.reply_timeout;
            poll_fn(|context| alarm.poll(due, context)).await;
        };
        let result = tokio::select! {
            biased;
            result = answer => result,
            () = patience => {
                let error =
                    UpstreamError::Timeout { upstream: self.config.name.clone(), reply_timeout: self.config.reply_timeout };
                return Err(Failed::for_good(error));
            }
        };
        lease.keep_alarm(alarm);
        match lease.answered(result) {
            Ok(mut answer) if answer.status() == StatusCode::SWITCHING_PROTOCOLS => {
                let is_it = |asked: HeaderValue| {
                    let named = answer.headers().get(UPGRADE);
                    named.is_some_and(|named| named.as_bytes().eq_ignore_ascii_case(asked.as_bytes()))
                };
                if asked.is_some_and(is_it) {
                    lease.switched();
                    let upgrade = hyper::upgrade::on(&mut answer);
                    let (head, _) = answer.into_parts();
                    let body = UpstreamBody::switched(upgrade, lease, Arc::clone(progress), Arc::clone(&self.config));
                    return Ok(Response::from_parts(head, body));
                }
                let error = UpstreamError::Switched { upstream: self.config.name.clone() };
                Err(Failed::for_good(error))
            }
            Ok(answer) => {
                let (head, source) = answer.into_parts();
                let fields_max = self.config.reply_heads.fields_max;
                if head.headers.len() > fields_max {
                    let excess = Excess::Fields { count: head.headers.len(), max: fields_max };
                    let error = UpstreamError::Excess { upstream: self.config.name.clone(), excess };
                    return Err(Failed::for_good(error));
                }
                let body = UpstreamBody::new(source, lease, Arc::clone(progress), Arc::clone(&self.config));
                Ok(Response::from_parts(head, body))
            }
            Err(Unanswered { cause, unsent }) => {
                let error = error::classify(&self.config, cause, progress);
                let is_heard = matches!(error, UpstreamError::RequestBody { .. } | UpstreamError::Excess { .. });
                let heard = lease.has_heard() || is_heard;
                let refused = matches!(error, UpstreamError::Refused { .. });
                let retires = matches!(error, UpstreamError::Refused { retires: true, .. });
                let right = (lease.is_reused() || refused).then(|| lease.into_right(retires)).flatten();
                Err(Failed { error, unsent: unsent.filter(|_| right.is_some()), heard, refused, right })
            }
        }
    }
}

/// A request whose answer is waited for.
struct Awaited<'a> {
    under_way: Option<UnderWay>,
    progress: &'a Progress,
    deadline: Option<Deadline>,
}

/// A client that has left says nothing about the upstream, nor does one that was too slow to send its request, nor time that went
/// to other upstreams or to wait for one of the gateway's own connections.
impl Drop for Awaited<'_> {
    fn drop(&mut self) {
        let Some(under_way) = &mut self.under_way else { return };
        let over = self.deadline.filter(|deadline| tokio::time::Instant::now() >= deadline.at);
        let is_late = over.is_some_and(|deadline| {
            let waited = self.progress.waited().unwrap_or_default();
            !waited.is_zero() && waited >= deadline.whole / DEADLINE_PARTS
        });
        if is_late {
            under_way.failed();
        }
    }
}

/// What stands before a service says so that the service cannot be had; 500 is an answer of its own.
fn is_failure(status: StatusCode) -> bool {
    matches!(status, StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT)
}

/// A try that brought no answer.
struct Failed {
    error: UpstreamError,
    /// The request, when not a byte of it was written.
    unsent: Option<Request<SendBody>>,
    /// Whether sending it again is out of the question, most often because a byte of an answer has come.
    heard: bool,
    /// The upstream has said that it did nothing of it.
    refused: bool,
    /// To send it again, when it was a reused connection that failed, or the upstream has refused.
    right: Option<Right>,
}

impl Failed {
    fn for_good(error: UpstreamError) -> Failed {
        Failed { error, unsent: None, heard: true, refused: false, right: None }
    }
}
