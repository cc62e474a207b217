//! The Azure OpenAI dialect: OpenAI's requests and answers below the path of a deployment, with errors of Azure's own.

use http::StatusCode;
use http::header::HeaderName;

use super::{Call, Reply, openai, presented};
use crate::json::object;
use crate::refusal::Refusal;

pub mod filter;

const REQUEST_ID: &str = "apim-request-id";
const DEPLOYMENTS: &str = "/openai/deployments/";
const RESPONSES: &str = "/openai/responses";

/// The newer API without deployments in its paths, where the version may be left out.
const VERSION_1: &str = "/openai/v1";

/// In `/openai/deployments/{deployment}/…`.
pub fn deployment(path: &str) -> Option<String> {
    let (name, _) = path.strip_prefix(DEPLOYMENTS)?.split_once('/')?;
    Some(presented::decoded(name))
}

pub fn answer(call: &Call) -> Result<Reply, Refusal> {
    if call.path.strip_prefix(VERSION_1).is_some_and(|rest| rest.starts_with('/')) {
        return openai::answer_below(VERSION_1, call).map(with_request_id);
    }
    if call.query_value("api-version").is_none_or(|version| !is_version(&version)) {
        return Err(call.unknown_path());
    }
    if call.path.starts_with(RESPONSES) {
        return openai::answer_below("/openai", call).map(with_request_id);
    }
    let rest = call.path.strip_prefix(DEPLOYMENTS).and_then(|rest| rest.split_once('/'));
    let (_, operation) = rest.ok_or_else(|| call.unknown_path())?;
    let name = deployment(call.path).unwrap_or_default();
    let answer = match operation {
        "chat/completions" => {
            call.require("POST")?;
            openai::completions(call, Some(&name))
        }
        "embeddings" => {
            call.require("POST")?;
            openai::embeddings(call, Some(&name))
        }
        _ => return Err(call.unknown_path()),
    };
    let reply = answer.unwrap_or_else(|error| match error.code {
        Some("model_not_found") => azure_error(
            StatusCode::NOT_FOUND,
            "DeploymentNotFound",
            "The API deployment for this resource does not exist. If you created the deployment within the last 5 minutes, please wait \
             a moment and try again.",
        ),
        _ => error.into_reply(),
    });
    Ok(with_request_id(reply))
}

/// `2024-10-21`, `2025-04-01-preview`, `preview` or `latest`.
fn is_version(version: &str) -> bool {
    let date = version.strip_suffix("-preview").unwrap_or(version);
    let digits = |part: &str, count| part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit());
    let parts: Vec<&str> = date.split('-').collect();
    matches!(version, "preview" | "latest" | "v1")
        || matches!(parts[..], [year, month, day] if digits(year, 4) && digits(month, 2) && digits(day, 2))
}

pub fn refuse(refusal: &Refusal) -> Reply {
    let reply = match refusal {
        Refusal::MissingKey | Refusal::WrongKey | Refusal::WrongSignature { .. } => azure_error(
            StatusCode::UNAUTHORIZED,
            "401",
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an active \
             subscription and use a correct regional API endpoint for your resource.",
        ),
        Refusal::UnknownPath { .. } | Refusal::WrongMethod { .. } => {
            azure_error(StatusCode::NOT_FOUND, "404", "Resource not found")
        }
        Refusal::Failure { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => azure_error(
            *status,
            "429",
            "Requests to this deployment have exceeded its call rate limit. Please retry later.",
        ),
        other => openai::ApiError::from(other).into_reply(),
    };
    with_request_id(openai::with_remedy(reply, refusal))
}

fn azure_error(status: StatusCode, code: &str, message: &str) -> Reply {
    Reply::json(status, &object! { "error": object! { "code": code, "message": message } })
}

/// Azure's gateway has an id of its own beside OpenAI's.
fn with_request_id(mut reply: Reply) -> Reply {
    if let Some(id) = reply.headers.get(openai::REQUEST_ID).cloned() {
        reply.headers.insert(HeaderName::from_static(REQUEST_ID), id);
    }
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_date_or_one_of_a_few_words() {
        for version in ["2024-10-21", "2025-04-01-preview", "preview", "latest", "v1"] {
            assert!(is_version(version), "{version}");
        }
        for version in ["", "2024", "2024-1-2", "2024-10-21-beta", "x-10-21"] {
            assert!(!is_version(version), "{version}");
        }
    }
}
