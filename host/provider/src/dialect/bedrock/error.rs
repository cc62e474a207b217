//! AWS's errors: a kind in a field and a message in the body.

use http::StatusCode;

use crate::dialect::{Reply, anthropic};
use crate::json::{Json, Problem, ProblemKind, object};
use crate::refusal::Refusal;

const KIND: &str = "x-amzn-errortype";

#[derive(Debug)]
pub struct ApiError {
    status: StatusCode,
    kind: &'static str,
    message: String,
}

impl ApiError {
    pub fn validation(message: &str) -> ApiError {
        ApiError { status: StatusCode::BAD_REQUEST, kind: "ValidationException", message: message.to_owned() }
    }

    pub fn serialization(message: &str) -> ApiError {
        ApiError { kind: "SerializationException", ..ApiError::validation(message) }
    }

    /// For a required member that is missing.
    pub fn null(path: &str) -> ApiError {
        constraint(path, "null", "Member must not be null")
    }

    pub fn unknown_model() -> ApiError {
        ApiError::validation("The provided model identifier is invalid.")
    }

    pub fn into_reply(self) -> Reply {
        Reply::json(self.status, &self.body()).with_value(KIND, self.kind)
    }

    pub fn body(&self) -> Json {
        object! { "message": self.message }
    }

    /// The member of a stream's union that stands for it.
    pub fn stream_kind(&self) -> &'static str {
        match self.kind {
            "ThrottlingException" => "throttlingException",
            "ServiceUnavailableException" => "serviceUnavailableException",
            "ModelStreamErrorException" => "modelStreamErrorException",
            "ValidationException" => "validationException",
            _ => "internalServerException",
        }
    }
}

fn constraint(path: &str, value: &str, rule: &str) -> ApiError {
    let shown = if value == "null" { "Value null".to_owned() } else { format!("Value '{value}'") };
    ApiError::validation(&format!(
        "1 validation error detected: {shown} at '{path}' failed to satisfy constraint: {rule}"
    ))
}

impl From<Problem> for ApiError {
    fn from(problem: Problem) -> ApiError {
        let path = problem.dotted_path();
        match problem.kind {
            ProblemKind::Missing => ApiError::null(&path),
            ProblemKind::Type { expected, .. } => {
                let expected = match expected {
                    "an object" => "STRUCTURE",
                    "an array" => "LIST",
                    "a string" => "STRING_VALUE",
                    "a boolean" => "BOOLEAN_VALUE",
                    _ => "NUMBER_VALUE",
                };
                ApiError::serialization(&format!("Unexpected value at '{path}': expected {expected}."))
            }
            ProblemKind::Below { least, got, .. } => {
                constraint(&path, &got, &format!("Member must have value greater than or equal to {least}"))
            }
            ProblemKind::Above { most, got, .. } => {
                constraint(&path, &got, &format!("Member must have value less than or equal to {most}"))
            }
            ProblemKind::Choice { got, supported } => {
                constraint(&path, &got, &format!("Member must satisfy enum value set: [{}]", supported.join(", ")))
            }
            ProblemKind::Empty { .. } => constraint(&path, "[]", "Member must have length greater than or equal to 1"),
            ProblemKind::TooLong { most, .. } => {
                constraint(&path, "[...]", &format!("Member must have length less than or equal to {most}"))
            }
            ProblemKind::Pattern { got, pattern } => {
                constraint(&path, &got, &format!("Member must satisfy regular expression pattern: {pattern}"))
            }
            ProblemKind::Unknown => ApiError::validation(&format!(
                "The model returned the following errors: {path}: Extra inputs are not permitted"
            )),
            ProblemKind::Other { message, .. } => ApiError::validation(&message),
        }
    }
}

/// What the model itself refuses comes through with its own words.
impl From<anthropic::ApiError> for ApiError {
    fn from(error: anthropic::ApiError) -> ApiError {
        match error.status {
            StatusCode::NOT_FOUND => ApiError::unknown_model(),
            _ => ApiError::validation(&error.message),
        }
    }
}

impl From<&Refusal> for ApiError {
    fn from(refusal: &Refusal) -> ApiError {
        let forbidden =
            |kind, message: &str| ApiError { status: StatusCode::FORBIDDEN, kind, message: message.to_owned() };
        match refusal {
            Refusal::MissingKey => forbidden("MissingAuthenticationTokenException", "Missing Authentication Token"),
            Refusal::WrongKey => {
                forbidden("UnrecognizedClientException", "The security token included in the request is invalid.")
            }
            Refusal::WrongSignature { message } => forbidden("InvalidSignatureException", message),
            Refusal::UnknownPath { .. } | Refusal::WrongMethod { .. } => ApiError {
                status: refusal.status(),
                kind: "UnknownOperationException",
                message: "The requested operation is not recognized by the service.".to_owned(),
            },
            Refusal::BodyTooLong { bytes_max } => ApiError {
                status: StatusCode::PAYLOAD_TOO_LARGE,
                ..ApiError::validation(&format!("The request body has more than {bytes_max} bytes."))
            },
            Refusal::BodyTooSlow => ApiError {
                status: refusal.status(),
                ..ApiError::validation("The body of the request did not arrive in time.")
            },
            Refusal::BodyBroken => ApiError::validation("The body of the request could not be read to its end."),
            Refusal::WrongBehaviour { message } => ApiError::validation(message),
            Refusal::Failure { status, .. } => failure(*status),
        }
    }
}

pub fn failure(status: StatusCode) -> ApiError {
    let (kind, message) = match status.as_u16() {
        403 => ("AccessDeniedException", "You don't have access to the model with the specified model ID."),
        404 => ("ResourceNotFoundException", "The specified resource ARN was not found."),
        408 => ("ModelTimeoutException", "The request took too long to process."),
        424 => ("ModelErrorException", "The request failed due to an error while processing the model."),
        429 => ("ThrottlingException", "Too many requests, please wait before trying again."),
        503 => ("ServiceUnavailableException", "Bedrock is unable to process your request."),
        500..=599 => (
            "InternalServerException",
            "The system encountered an unexpected error during processing. Try your request again.",
        ),
        _ => ("ValidationException", "The server answered with this status, as asked for."),
    };
    ApiError { status, kind, message: message.to_owned() }
}
