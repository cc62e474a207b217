//! What the gateway says when it does not pass a request on: whose fault it is, which status, and what to do.

use std::borrow::Cow;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use sluicegate_framing::path::PathProblem;

/// Whose fault it was. Log, metrics and codes use the same four words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fault {
    Client,
    Policy,
    Upstream,
    Gateway,
}

impl Fault {
    pub fn as_str(self) -> &'static str {
        match self {
            Fault::Client => "client",
            Fault::Policy => "policy",
            Fault::Upstream => "upstream",
            Fault::Gateway => "gateway",
        }
    }
}

/// A refusal as data, before it is rendered in the client's dialect.
#[derive(Debug, Clone)]
pub struct Refusal {
    pub status: StatusCode,
    pub fault: Fault,
    /// Stable; the gateway's own begin with the fault's name, a plugin's are its own.
    pub code: Cow<'static, str>,
    /// One sentence for a person.
    pub message: String,
    pub retry_after: Option<Duration>,
    /// Further fields of the answer.
    pub fields: HeaderMap,
    /// RFC 9457 `type`; `about:blank` when none.
    pub problem_type: Option<String>,
    /// Further members of a problem document: name and JSON text.
    pub details: Vec<(String, String)>,
}

/// Declares the closed vocabulary of the gateway's own refusals.
macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $name:ident, $fault:ident, $status:literal, $code:literal;)+) => {
        /// The gateway's own refusals.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Code { $($(#[doc = $doc])+ $name,)+ }

        impl Code {
            pub const ALL: &[Code] = &[$(Code::$name,)+];

            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)+ }
            }

            pub fn fault(self) -> Fault {
                match self { $(Code::$name => Fault::$fault,)+ }
            }

            pub fn status(self) -> StatusCode {
                let number: u16 = match self { $(Code::$name => $status,)+ };
                StatusCode::from_u16(number).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }
        }
    };
}

codes! {
    /// The request cannot be understood.
    BadRequest, Client, 400, "client_bad_request";
    /// Host missing, doubled or not matching the authority.
    BadHost, Client, 400, "client_bad_host";
    /// The body is no model call in the client's dialect.
    BadModelCall, Client, 400, "client_bad_model_call";
    /// No target of the model can be sent what the call asks for.
    NoCounterpart, Client, 400, "client_no_counterpart";
    /// A provider of models found the call itself wrong.
    RefusedByProvider, Client, 400, "client_refused_by_provider";
    /// The route serves no model of this name.
    NoModel, Client, 404, "client_no_model";
    /// A route of models, and an endpoint that it does not serve.
    EndpointNotSupported, Client, 404, "endpoint_not_supported";
    /// The listener does not serve this address.
    AddressDenied, Client, 403, "client_address_denied";
    /// No route matches.
    NoRoute, Client, 404, "client_no_route";
    /// A route matches but for the method.
    MethodNotAllowed, Client, 405, "client_method_not_allowed";
    /// The head did not arrive in time.
    HeadTimeout, Client, 408, "client_head_timeout";
    /// The body did not arrive in time.
    RequestTimeout, Client, 408, "client_request_timeout";
    /// The body arrives, and too slowly.
    RequestSlow, Client, 408, "client_request_slow";
    /// The body is longer than a limit.
    BodyTooLarge, Client, 413, "client_body_too_large";
    /// A policy must read the body, and its coding is unknown or broken.
    BadCoding, Client, 415, "client_unsupported_coding";
    /// The target is longer than any server takes.
    TargetTooLong, Client, 414, "client_target_too_long";
    /// The head is longer than a limit.
    HeadTooLarge, Client, 431, "client_head_too_large";
    /// Over HTTP/2 the client wants to speak another protocol that the route does not allow (RFC 9220, 3).
    ProtocolNotAllowed, Client, 501, "client_protocol_not_allowed";
    /// A plugin failed, and its entry denies on error.
    PluginFailed, Policy, 500, "policy_failed";
    /// A plugin's breaker is open, and its entry denies on error.
    PluginSuspended, Policy, 503, "policy_suspended";
    /// No plugin instance became free in time.
    NoInstance, Policy, 503, "policy_overloaded";
    /// A policy must buffer the answer, and it is a stream or too long.
    CannotBuffer, Policy, 502, "policy_cannot_buffer";
    /// A policy reads bodies, and the client wants to speak another protocol on the connection.
    CannotReadUpgrade, Policy, 403, "policy_cannot_read_upgrade";
    /// A plugin left no target to try.
    NoTarget, Policy, 503, "policy_no_target";
    /// No connection to the upstream.
    UpstreamUnreachable, Upstream, 502, "upstream_unreachable";
    /// The upstream's certificate was not accepted.
    UpstreamTls, Upstream, 502, "upstream_tls_failed";
    /// The answer cannot be understood, or was cut before its head ended.
    UpstreamBroken, Upstream, 502, "upstream_broken";
    /// Asked for another protocol in the place of a client of HTTP/2, it has answered well and without switching.
    NotUpgraded, Upstream, 502, "upstream_not_upgraded";
    /// The answer's coding is unknown or broken, and a policy must read it.
    UpstreamCoding, Upstream, 502, "upstream_unsupported_coding";
    /// The upstream did not answer in time.
    UpstreamTimeout, Upstream, 504, "upstream_timeout";
    /// A provider of models takes no more calls for now.
    ProviderRateLimited, Upstream, 429, "upstream_rate_limited";
    /// A provider of models does not accept the gateway's credential.
    ProviderCredential, Upstream, 502, "upstream_credential_refused";
    /// A provider of models reported a fault of its own.
    ProviderFailed, Upstream, 502, "upstream_failed";
    /// All of the upstream's connections are in use, or it does not serve this now.
    UpstreamBusy, Upstream, 503, "upstream_busy";
    /// The exchange took longer than its route allows.
    ExchangeTimeout, Gateway, 504, "gateway_timeout";
    /// Nothing passed on an upgraded connection for too long.
    UpgradeIdle, Gateway, 504, "gateway_upgrade_idle";
    /// As many connections are upgraded as may be.
    UpgradesFull, Gateway, 503, "gateway_upgrades_full";
    /// The gateway is about to end.
    Draining, Gateway, 503, "gateway_draining";
    /// The configuration that the request began under was ended.
    GenerationEnded, Gateway, 503, "gateway_generation_ended";
    /// A fault of the gateway itself.
    Internal, Gateway, 500, "gateway_internal";
}

impl Refusal {
    pub fn new(code: Code, message: impl Into<String>) -> Refusal {
        Refusal {
            status: code.status(),
            fault: code.fault(),
            code: Cow::Borrowed(code.as_str()),
            message: message.into(),
            retry_after: None,
            fields: HeaderMap::new(),
            problem_type: None,
            details: Vec::new(),
        }
    }

    pub fn retry_after(mut self, after: Duration) -> Refusal {
        self.retry_after = Some(after);
        self
    }
}

impl From<PathProblem> for Refusal {
    fn from(problem: PathProblem) -> Refusal {
        Refusal::new(Code::BadRequest, problem.to_string())
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}: {}", self.status.as_u16(), self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_path_is_the_clients_fault_and_the_answer_says_how_to_mend_it() {
        insta::assert_snapshot!(
            Refusal::from(PathProblem::EncodedTwice),
            @"400 client_bad_request: The path is encoded twice (`%25` before two hexadecimal digits); encode it once."
        );
    }
}
