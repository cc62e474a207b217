//! Why a plugin could not be fetched: which URL, what the server said, and what to do.

use std::time::Duration;

use http::StatusCode;
use thiserror::Error;

use crate::config::Url;

/// No sentence holds a credential, a query, or what a server wrote in its own words.
#[derive(Debug, Error)]
pub enum FetchError {
    #[error("{origin} cannot be reached: {why}")]
    Unreachable { origin: String, why: String },
    #[error("there is no secure connection to {origin}: {why}")]
    Tls { origin: String, why: String },
    #[error("{origin} cannot be connected to: {why}")]
    Setup { origin: String, why: String },
    #[error("{url} broke off its answer, or sent one that is no HTTP: {why}; look at the server and try again")]
    Broken { url: Url, why: String },
    #[error("{url} sent nothing for {stall:?}; look at the server and try again")]
    Stalled { url: Url, stall: Duration },
    #[error("it did not come within {whole:?}; look at the server and the network, and try again")]
    Late { whole: Duration },
    #[error("{url} sends over {bytes_max} bytes, which is the limit for {what}; check that this is the right place")]
    TooLong { url: Url, what: &'static str, bytes_max: u64 },
    #[error("{url} sends it encoded, and that was not asked for; have the server send the file as it is")]
    Encoded { url: Url },
    #[error("{url} answered {status}{code}: {remedy}", code = said(code))]
    Refused { url: Url, status: StatusCode, code: Option<String>, remedy: String },
    #[error(
        "{from} redirects to {to}, where it is, over plain HTTP; only a loopback address may be asked like that: have the server redirect to https"
    )]
    InsecureRedirect { from: Url, to: Url },
    #[error(
        "{url} redirects to a place that is no http or https URL; correct the server, or name the file's own place"
    )]
    WrongRedirect { url: Url },
    #[error("{url} redirects over {redirects_max} times, perhaps in a circle; name the file's own place")]
    Redirects { url: Url, redirects_max: usize },
    #[error("the secret of its credential `{name}` could not be read here; see that it is there")]
    NoCredential { name: String },
    #[error("{place} is not the one that was pinned: its sha256 is {found}; if you trust it, pin that")]
    Pin { place: String, found: String },
    #[error("{url} is not what its digest says: {found} came; the registry is damaged, or someone is in between")]
    Digest { url: Url, found: String },
    #[error("{url} is no plugin: {why}; push it with `sluicegate plugin push`")]
    NoPlugin { url: Url, why: String },
    #[error("{url} is no signature: {why}")]
    NoSignature { url: Url, why: String },
    #[error("the registry at {origin} asks for a token in a way that is not understood: {why}")]
    Token { origin: String, why: String },
    #[error(
        "{url} said yes, and not where to go on; it is no OCI registry, or one that does not follow the distribution specification"
    )]
    NoLocation { url: Url },
}

fn said(code: &Option<String>) -> String {
    code.as_ref().map(|code| format!(" ({code})")).unwrap_or_default()
}
