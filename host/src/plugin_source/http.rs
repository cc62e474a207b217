//! A small HTTP client for what the gateway fetches for itself: one connection a request, everything limited.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONNECTION, CONTENT_ENCODING, HOST, LOCATION, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::error::FetchError;
use crate::config::{Access, Url};
use crate::secrets::{Credentials, InjectError};
use crate::upstream::{ConnectError, Connector, Tls, TlsTerms};

/// An answer's head, in bytes.
pub const ANSWER_HEAD_BYTES_MAX: usize = 32 * 1024;

/// From one server to the next for one thing.
pub const REDIRECTS_MAX: usize = 5;

/// How long servers are waited for.
#[derive(Debug, Clone)]
pub struct Patience {
    /// For a connection to be open, TLS included.
    pub connect: Duration,
    /// Without a byte.
    pub stall: Duration,
    /// For one plugin and all that belongs to it.
    pub whole: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { connect: Duration::from_secs(10), stall: Duration::from_secs(20), whole: Duration::from_secs(120) }
    }
}

/// Everything that requests for one plugin have in common.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub tls: &'a Tls,
    pub credentials: &'a Credentials,
    pub access: &'a Access,
    pub patience: &'a Patience,
}

/// One request; only one without a body follows redirects.
#[derive(Clone)]
pub struct Ask {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    pub proof: Proof,
}

/// What is sent to the origin that it is meant for, and to no other one.
#[derive(Clone)]
pub enum Proof {
    Nothing,
    /// That of [`Access`].
    Credential,
    /// What a registry's token service gave.
    Token {
        origin: crate::config::Origin,
        value: HeaderValue,
    },
}

/// The head of an answer, and a body that is still to be read.
pub struct Answer {
    /// After redirects.
    pub url: Url,
    pub status: StatusCode,
    pub headers: HeaderMap,
    body: Incoming,
    stall: Duration,
    _connection: Connection,
}

struct Connection(AbortHandle);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Ask {
    pub fn get(url: Url, proof: Proof) -> Ask {
        Ask { method: Method::GET, url, headers: HeaderMap::new(), body: Bytes::new(), proof }
    }
}

impl Client<'_> {
    /// Asks, and follows redirects of requests without a body.
    pub async fn send(&self, ask: &Ask) -> Result<Answer, FetchError> {
        let mut url = ask.url.clone();
        for _ in 0..=REDIRECTS_MAX {
            let answer = self.exchange(ask, url.clone()).await?;
            if !ask.body.is_empty() || !is_redirect(answer.status) {
                return Ok(answer);
            }
            url = redirected(&answer.url, &answer.headers)?;
        }
        Err(FetchError::Redirects { url: ask.url.clone(), redirects_max: REDIRECTS_MAX })
    }

    /// One request on a connection of its own.
    async fn exchange(&self, ask: &Ask, url: Url) -> Result<Answer, FetchError> {
        let request = self.request(ask, &url)?;
        let origin = || url.origin.to_uri_prefix();
        let terms = TlsTerms { ca_file: self.access.ca_file.as_deref(), ..TlsTerms::default() };
        let connector = Connector::new(url.origin.clone(), self.patience.connect, &terms, self.tls)
            .map_err(|error| FetchError::Setup { origin: origin(), why: error.to_string() })?;
        let wire = connector.connect().await.map_err(|error| match error {
            ConnectError::Unreachable(why) => FetchError::Unreachable { origin: origin(), why },
            ConnectError::Tls(why) => FetchError::Tls { origin: origin(), why },
        })?;
        let broken = |error: hyper::Error| FetchError::Broken { url: url.clone(), why: error_chain(&error) };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(2 * ANSWER_HEAD_BYTES_MAX)
            .max_header_size(ANSWER_HEAD_BYTES_MAX)
            .handshake(TokioIo::new(wire))
            .await
            .map_err(broken)?;
        // Its error is that of the request, which is told.
        let connection = Connection(tokio::spawn(async move { drop(connection.await) }).abort_handle());
        let stall = self.patience.stall;
        let answer = timeout(stall, sender.send_request(request)).await;
        let answer = answer.map_err(|_| FetchError::Stalled { url: url.clone(), stall })?.map_err(broken)?;
        let (head, body) = answer.into_parts();
        Ok(Answer { url, status: head.status, headers: head.headers, body, stall, _connection: connection })
    }

    fn request(&self, ask: &Ask, url: &Url) -> Result<Request<Full<Bytes>>, FetchError> {
        let wrong = || FetchError::WrongRedirect { url: url.clone() };
        let prefix = url.origin.to_uri_prefix();
        let authority = prefix.split_once("://").map_or(prefix.as_str(), |(_, authority)| authority);
        let mut request = Request::new(Full::new(ask.body.clone()));
        *request.method_mut() = ask.method.clone();
        *request.uri_mut() = url.target.parse().map_err(|_| wrong())?;
        let headers = request.headers_mut();
        headers.extend(ask.headers.clone());
        headers.insert(HOST, HeaderValue::from_str(authority).map_err(|_| wrong())?);
        headers.insert(USER_AGENT, HeaderValue::from_static(concat!("sluicegate/", env!("CARGO_PKG_VERSION"))));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        match (&ask.proof, &self.access.credential) {
            (Proof::Credential, Some(name)) => match self.credentials.inject(name, &url.origin, headers) {
                Ok(()) | Err(InjectError::OtherOrigin { .. }) => {}
                Err(InjectError::Unknown { .. }) => {
                    return Err(FetchError::NoCredential { name: name.clone() });
                }
            },
            (Proof::Token { origin, value }, _) if *origin == url.origin => {
                headers.insert(AUTHORIZATION, value.clone());
            }
            _ => {}
        }
        Ok(request)
    }
}

impl Answer {
    /// The whole body, as it was stored at the server.
    pub async fn bytes(mut self, what: &'static str, bytes_max: u64) -> Result<Bytes, FetchError> {
        let too_long = |url: Url| FetchError::TooLong { url, what, bytes_max };
        if self.headers.get(CONTENT_ENCODING).is_some_and(|coding| coding != "identity") {
            return Err(FetchError::Encoded { url: self.url });
        }
        if self.body.size_hint().lower() > bytes_max {
            return Err(too_long(self.url));
        }
        let mut whole = BytesMut::new();
        loop {
            let frame = timeout(self.stall, self.body.frame()).await;
            let Some(frame) = frame.map_err(|_| FetchError::Stalled { url: self.url.clone(), stall: self.stall })?
            else {
                return Ok(whole.freeze());
            };
            let frame =
                frame.map_err(|error| FetchError::Broken { url: self.url.clone(), why: error_chain(&error) })?;
            if let Ok(data) = frame.into_data() {
                if (whole.len() + data.len()) as u64 > bytes_max {
                    return Err(too_long(self.url));
                }
                whole.extend_from_slice(&data);
            }
        }
    }
}

fn is_redirect(status: StatusCode) -> bool {
    matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308)
}

/// Never from a private way to one that is not.
pub fn redirected(from: &Url, headers: &HeaderMap) -> Result<Url, FetchError> {
    let wrong = || FetchError::WrongRedirect { url: from.clone() };
    let location = headers.get(LOCATION).and_then(|value| value.to_str().ok()).ok_or_else(wrong)?;
    let prefix = from.origin.to_uri_prefix();
    let absolute = if location.contains("://") && !location.starts_with('/') {
        location.to_owned()
    } else if let Some(rest) = location.strip_prefix("//") {
        format!("{}//{rest}", prefix.split_inclusive(':').next().unwrap_or_default())
    } else if location.starts_with('/') {
        format!("{prefix}{location}")
    } else {
        let path = from.target.split('?').next().unwrap_or_default();
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{prefix}{folder}/{location}")
    };
    let to = Url::parse(&absolute).ok_or_else(wrong)?;
    // A server elsewhere must not make the gateway ask what listens on its own loopback address.
    if !to.is_private() || (from.origin.tls && !to.origin.tls) {
        return Err(FetchError::InsecureRedirect { from: from.clone(), to });
    }
    Ok(to)
}

/// An error and its causes in one line.
fn error_chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
