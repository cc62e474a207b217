//! What one target of a model is sent: the call in its dialect, the head as plugins left it, and the gateway's own credential.

use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use sluicegate_llm::dialect::bedrock::sign::{Signable, sign};
use sluicegate_llm::{Call, Dialect, Family, Outgoing};

use super::ModelSide;
use crate::chain::request_body::RequestBody;
use crate::chain::run::Run;
use crate::chain::stop::Stop;
use crate::chain::targets::Target;
use crate::error::{Code, Refusal};

/// Fields that speak to one vendor alone, by how their names begin: they go where the client's and the provider's dialect are its own.
const VENDORS_FIELDS: [(&str, Family); 4] = [
    ("anthropic-", Family::Anthropic),
    ("openai-", Family::OpenAi),
    ("x-goog-", Family::Gemini),
    ("x-stainless-", Family::OpenAi),
];

/// Beginnings of fields that choose an account or a deployment, which is the gateway's to choose, or that speak of the way to it and of
/// bytes that are not sent.
const NEVER_SENT: [&str; 14] = [
    "openai-organization",
    "openai-project",
    "x-goog-user-project",
    "x-amz",
    "ocp-apim-",
    "azureml-",
    "x-ms-",
    "forwarded",
    "x-forwarded-",
    "via",
    "origin",
    "referer",
    "content-",
    "x-real-ip",
];

const CONTENT_TYPE_SENT: &str = "application/json";

impl Run {
    /// The client's fields that go to this target, as plugins left them.
    pub(super) fn upstream_head(&self, call: &Call, side: &ModelSide) -> HeaderMap {
        let mut headers = {
            let mut state = self.exchange.lock();
            state.request.sent = true;
            state.request.headers.clone()
        };
        let speaks = side.config.provider.wire_for(call.dialect).dialect();
        let foreign: Vec<HeaderName> =
            headers.keys().filter(|name| is_anothers(name, call.dialect, speaks)).cloned().collect();
        for name in &foreign {
            headers.remove(name);
        }
        headers
    }

    /// `key`: the number of the provider's credential.
    pub(super) fn model_request(
        &self,
        call: &Call,
        headers: &HeaderMap,
        outgoing: &Outgoing,
        target: &Target,
        side: &ModelSide,
        key: Option<usize>,
    ) -> Result<Request<RequestBody>, Stop> {
        let mut headers = headers.clone();
        let speaks = side.config.provider.wire_for(call.dialect).dialect();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE_SENT));
        let accept = match (call.streamed, speaks) {
            (true, Dialect::Bedrock) => "application/vnd.amazon.eventstream",
            (true, _) => "text/event-stream",
            (false, _) => "application/json",
        };
        headers.insert(ACCEPT, HeaderValue::from_static(accept));
        // The answer is read here.
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
        for (name, value) in &outgoing.fields {
            if let Ok(value) = HeaderValue::from_str(value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        let target_text = match &outgoing.query {
            Some(query) => format!("{}?{query}", outgoing.path),
            None => outgoing.path.clone(),
        };
        let invalid = |error| {
            let message = format!("The provider's address for this model is not valid: {error}.");
            Stop::refuse(Refusal::new(Code::Internal, message))
        };
        let uri = Uri::try_from(target_text).map_err(invalid)?;
        let mut request = Request::new(RequestBody::Whole(outgoing.body.clone().into()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        if let Some(name) = key.and_then(|key| side.keys.name(key)) {
            self.put_credential(name, outgoing, target, side, &mut request)?;
        }
        Ok(request)
    }

    /// The last thing that is done to it: nothing touches a signed field afterwards.
    fn put_credential(
        &self,
        name: &str,
        outgoing: &Outgoing,
        target: &Target,
        side: &ModelSide,
        request: &mut Request<RequestBody>,
    ) -> Result<(), Stop> {
        let (provider, upstream) = (&side.config.provider, target.upstream.config());
        let put = match &provider.signing {
            None => {
                self.ground.credentials.inject_key(name, &upstream.origin, provider.key_field(), request.headers_mut())
            }
            Some(signing) => {
                let path = format!("{}{}", upstream.base_path, outgoing.path);
                let prefix = upstream.origin.to_uri_prefix();
                let time = basic_time(self.ground.services.clock.now_unix_ms());
                let signable = Signable {
                    method: "POST",
                    host: prefix.split_once("://").map_or("", |(_, authority)| authority),
                    path: &path,
                    query: outgoing.query.as_deref().unwrap_or_default(),
                    body: &outgoing.body,
                    content_type: Some(CONTENT_TYPE_SENT),
                    access_key_id: &signing.access_key_id,
                    session_token: None,
                    region: &signing.region,
                    service: "bedrock",
                    time: &time,
                };
                let signed = self.ground.credentials.sign(name, &upstream.origin, |secret| sign(&signable, secret));
                signed.map(|fields| {
                    for (name, value) in fields {
                        if let Ok(mut value) = HeaderValue::from_str(&value) {
                            value.set_sensitive(true);
                            request.headers_mut().insert(HeaderName::from_static(name), value);
                        }
                    }
                })
            }
        };
        put.map_err(|error| {
            let (id, upstream) = (&self.exchange.facts.id, &upstream.name);
            tracing::error!(request_id = id, "no credential for provider `{upstream}`: {error}");
            Stop::refuse(Refusal::new(Code::Internal, "The gateway has no credential for this provider."))
        })
    }
}

/// Whether a field of the client's is none of this provider's business.
fn is_anothers(name: &HeaderName, client: Dialect, provider: Dialect) -> bool {
    let begins = |start: &str| name.as_str().starts_with(start);
    let owner = VENDORS_FIELDS.iter().find(|(start, _)| begins(start)).map(|(_, owner)| *owner);
    let is_own = client == provider && owner == Some(provider.family());
    NEVER_SENT.iter().any(|start| begins(start)) || (owner.is_some() && !is_own)
}

/// `20261126T130000Z`, as signatures of Amazon's have it.
fn basic_time(unix_ms: u64) -> String {
    let timestamp = i64::try_from(unix_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    timestamp.unwrap_or_default().strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_of_one_vendor_goes_to_that_vendor_alone_and_none_that_chooses_an_account() {
        let cases = [
            ("anthropic-beta", Dialect::Anthropic, Dialect::Anthropic, false),
            ("anthropic-beta", Dialect::Anthropic, Dialect::OpenAi, true),
            ("anthropic-beta", Dialect::OpenAi, Dialect::OpenAi, true),
            ("openai-beta", Dialect::OpenAi, Dialect::OpenAi, false),
            ("openai-organization", Dialect::OpenAi, Dialect::OpenAi, true),
            ("x-goog-user-project", Dialect::Gemini, Dialect::Gemini, true),
            ("x-forwarded-for", Dialect::OpenAi, Dialect::OpenAi, true),
            ("content-digest", Dialect::OpenAi, Dialect::OpenAi, true),
            ("x-tenant", Dialect::OpenAi, Dialect::Anthropic, false),
            ("traceparent", Dialect::OpenAi, Dialect::Gemini, false),
        ];
        for (name, client, provider, expected) in cases {
            assert_eq!(is_anothers(&HeaderName::from_static(name), client, provider), expected, "{name}");
        }
    }
}
