//! What a provider's failures mean for the client.

use http::StatusCode;
use sluicegate_llm::{NoCounterpart, ProviderError, ProviderErrorKind};

use crate::config::Feature;
use crate::error::{Code, Refusal};

/// `upstream`: the provider's name. What the client did wrong keeps the provider's status and words; what is wrong between gateway and
/// provider is the gateway's own matter, and its words stay in the log.
pub(super) fn of_provider(upstream: &str, error: &ProviderError) -> Refusal {
    let (code, message) = match error.kind {
        ProviderErrorKind::Invalid | ProviderErrorKind::TooLarge => {
            let message = format!("Provider `{upstream}` refused the call: {}", error.message);
            return Refusal {
                status: StatusCode::from_u16(error.status)
                    .ok()
                    .filter(StatusCode::is_client_error)
                    .unwrap_or(StatusCode::BAD_REQUEST),
                ..Refusal::new(Code::RefusedByProvider, message)
            };
        }
        ProviderErrorKind::RateLimited => {
            (Code::ProviderRateLimited, format!("Provider `{upstream}` takes no more calls for now."))
        }
        ProviderErrorKind::Authentication | ProviderErrorKind::Permission | ProviderErrorKind::Exhausted => (
            Code::ProviderCredential,
            format!("Provider `{upstream}` does not accept the gateway's credential for this call."),
        ),
        ProviderErrorKind::NotFound => {
            (Code::ProviderFailed, format!("Provider `{upstream}` does not have what the gateway asked it for."))
        }
        ProviderErrorKind::Overloaded => (Code::UpstreamBusy, format!("Provider `{upstream}` has no room for now.")),
        ProviderErrorKind::Timeout => (Code::UpstreamTimeout, format!("Provider `{upstream}` ran out of time.")),
        ProviderErrorKind::Server => (Code::ProviderFailed, format!("Provider `{upstream}` failed.")),
    };
    Refusal { retry_after: error.retry_after, ..Refusal::new(code, message) }
}

/// For a call that no target of its model can be sent.
pub(super) fn of_no_counterpart(upstream: &str, problem: &NoCounterpart) -> Refusal {
    Refusal::new(Code::NoCounterpart, format!("Provider `{upstream}` cannot be sent this call: {}", problem.message))
}

/// For a call that needs what this target does not have.
pub(super) fn of_feature(upstream: &str, feature: Feature) -> Refusal {
    let feature = feature.as_str();
    Refusal::new(
        Code::NoCounterpart,
        format!("Provider `{upstream}` cannot be sent this call: it does not serve `{feature}`."),
    )
}

/// A policy leaves this target out; why stands in the log.
pub(super) fn of_skipped(upstream: &str) -> Refusal {
    Refusal::new(Code::NoTarget, format!("A policy does not send this call to provider `{upstream}`."))
}

/// Its answer is none.
pub(super) fn broken(upstream: &str) -> Refusal {
    Refusal::new(Code::UpstreamBroken, format!("Provider `{upstream}` sent an answer that cannot be used."))
}
