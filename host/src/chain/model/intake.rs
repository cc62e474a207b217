//! From the client's bytes to a call of a model that this route serves.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use hyper::body::Incoming;
use sluicegate_llm::{Asked, Call, Endpoint, dialect, list};
use sluicegate_runtime::Answer;
use sluicegate_runtime::model::ModelCall;

use super::call_phase::Ready;
use super::{Chosen, ModelExchange, ModelPlans};
use crate::chain::request_body::RequestBody;
use crate::chain::run::Run;
use crate::chain::stop::{Stop, StopReply};
use crate::config::Feature;
use crate::error::{Code, Refusal};
use crate::telemetry::outcome::Outcome;

/// Names of models that a refusal lists.
const NAMES_SHOWN_MAX: usize = 20;

impl Run {
    /// Reads the call, lets plugins edit it, and finds which model it is for. What is no call is answered here.
    pub(super) async fn take_call(
        self: &Arc<Run>,
        model: &ModelExchange,
        plans: &ModelPlans,
        body: Incoming,
    ) -> Result<Ready, Stop> {
        let asked = match model.endpoint() {
            Endpoint::Call(asked) => asked,
            Endpoint::List(dialect) => {
                let names: Vec<&str> = plans.names().collect();
                return Err(answered(list::list(*dialect, &names)));
            }
            Endpoint::Describe(dialect, name) => {
                return Err(match plans.find(name) {
                    Some(_) => answered(list::describe(*dialect, name)),
                    None => no_model(name, plans),
                });
            }
            Endpoint::OtherMethod(_, method) => return Err(other_method(method)),
            Endpoint::NotSupported(_) => return Err(not_supported()),
        };
        let body = self.gathered_body(body).await?;
        let call = Arc::new(read(asked, body)?);
        refuse_what_is_not_the_clients(&call)?;
        let mut ready = self.call_phase(asked, call).await?;
        let name = &ready.call.model;
        let Some((name, targets)) = plans.find(name) else { return Err(no_model(name, plans)) };
        if targets.iter().any(|target| target.model.as_ref().is_some_and(|side| side.config.features.is_some())) {
            ready.needs = Feature::ALL.into_iter().filter(|feature| ready.draft.has(feature.as_str())).collect();
        }
        self.exchange.choose_candidates(targets.clone());
        let chosen = Chosen { model: name.to_owned(), targets: targets.clone() };
        // A body is read once.
        drop(model.chosen.set(chosen));
        Ok(ready)
    }

    /// The whole body, as plugins left it.
    async fn gathered_body(self: &Arc<Run>, body: Incoming) -> Result<Bytes, Stop> {
        let whole = RequestBody::prepare(self, body).await?.whole(&self.ground.limits).await?;
        let coding = self.exchange.lock().request.headers.get(header::CONTENT_ENCODING).cloned();
        match coding.filter(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity")) {
            None => Ok(whole),
            Some(_) => {
                let message = "A model call must be sent without a `content-encoding`.";
                Err(Stop::refuse(Refusal::new(Code::BadCoding, message)))
            }
        }
    }
}

fn read(asked: &Asked, body: Bytes) -> Result<Call, Stop> {
    dialect::read_call(asked, body).map_err(|error| {
        let mut refusal = Refusal::new(Code::BadModelCall, error.message);
        if !error.param.is_empty() {
            let param = serde_json::Value::from(error.param).to_string();
            refusal.details.push(("param".to_owned(), param));
        }
        Stop::refuse(refusal)
    })
}

/// Members of vendors' dialects that choose an address, an account, another model, or what others behind the same credential keep.
const NOT_THE_CLIENTS: [&str; 11] = [
    // OpenRouter.
    "/models",
    "/route",
    "/provider",
    "/preset",
    "/plugins",
    // Azure.
    "/data_sources",
    // Anthropic.
    "/mcp_servers",
    "/container",
    // Gemini.
    "/cachedContent",
    "/cached_content",
    // OpenAI.
    "/prompt",
];

/// Members of tools that a vendor runs itself, of the same kind.
const NOT_THE_CLIENTS_IN_TOOLS: [&str; 7] =
    ["server_url", "connector_id", "authorization", "headers", "vector_store_ids", "container", "environment"];

fn is_not_the_clients(pointer: &str) -> bool {
    let tool = pointer.strip_prefix("/tools/").and_then(|rest| rest.split_once('/'));
    NOT_THE_CLIENTS.contains(&pointer) || tool.is_some_and(|(_, member)| NOT_THE_CLIENTS_IN_TOOLS.contains(&member))
}

fn refuse_what_is_not_the_clients(call: &Call) -> Result<(), Stop> {
    let Some(member) = call.foreign.iter().find(|member| is_not_the_clients(member)) else {
        return Ok(());
    };
    let message = format!(
        "`{}` is not passed on: it chooses what a client may not choose behind a gateway.",
        member.trim_start_matches('/')
    );
    Err(Stop::refuse(Refusal::new(Code::BadModelCall, message)))
}

fn answered(json: Vec<u8>) -> Stop {
    let fields = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let answer = Answer { status: StatusCode::OK, fields, body: json.into() };
    Stop { reply: StopReply::Answer(Box::new(answer)), by: None, outcome: Outcome::Complete }
}

fn no_model(name: &str, plans: &ModelPlans) -> Stop {
    let known: Vec<String> = plans.names().take(NAMES_SHOWN_MAX).map(|name| format!("`{name}`")).collect();
    let more = if plans.names().nth(NAMES_SHOWN_MAX).is_some() { ", and further ones" } else { "" };
    let name: String = name.chars().take(128).collect();
    let message = match name.is_empty() {
        true => format!("The request names no model; this route has {}{more}.", known.join(", ")),
        false => format!("There is no model `{name}` on this route; it has {}{more}.", known.join(", ")),
    };
    Stop::refuse(Refusal::new(Code::NoModel, message))
}

fn other_method(method: &'static str) -> Stop {
    let mut refusal = Refusal::new(Code::MethodNotAllowed, format!("This endpoint is asked with {method}."));
    refusal.fields.insert(header::ALLOW, HeaderValue::from_static(method));
    Stop::refuse(refusal)
}

fn not_supported() -> Stop {
    let message = "This gateway does not serve this endpoint: chat completions, responses, embeddings, messages, \
                   count_tokens, generateContent and lists of models are served on this route.";
    Stop::refuse(Refusal::new(Code::EndpointNotSupported, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(members: &str) -> bool {
        let asked = Asked {
            dialect: sluicegate_llm::Dialect::OpenAiResponses,
            operation: sluicegate_llm::Operation::Chat,
            model: None,
            streamed: None,
            as_array: false,
        };
        let call =
            dialect::read_call(&asked, Bytes::from(format!(r#"{{"model":"m","input":"Hi",{members}}}"#))).unwrap();
        refuse_what_is_not_the_clients(&call).is_err()
    }

    #[test]
    fn no_tool_reaches_beyond_the_call() {
        for tool in [
            r#"{"type":"mcp","server_label":"s","server_url":"https://a.example"}"#,
            r#"{"type":"mcp","server_label":"s","connector_id":"c"}"#,
            r#"{"type":"file_search","vector_store_ids":["vs"]}"#,
            r#"{"type":"code_interpreter","container":"cntr"}"#,
        ] {
            assert!(refused(&format!(r#""tools":[{tool}]"#)), "{tool}");
            assert!(refused(&format!(r#""tools":[{{"type":"web_search"}},{tool}]"#)), "{tool}");
        }
        assert!(!refused(r#""tools":[{"type":"web_search"},{"type":"code_interpreter","container":{"type":"auto"}}]"#));
        assert!(refused(r#""prompt":{"id":"p"}"#));
    }
}
