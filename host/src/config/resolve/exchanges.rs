//! Exchanges that plugins are driven through: those of self-tests, and those of a file of their own.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use crate::config::diagnostic::{Mistake, Report};
use crate::config::model::{Decision, Expect, ExpectCall, Expected, TestExchange, TestReply, TestRequest};
use crate::config::place::Place;
use crate::config::raw::rollout::{RawDecision, RawExpect, RawTestReply, RawTestRequest};
use crate::config::raw::spot::{Named, Spot};
use crate::config::raw::text::{
    ExpectedText, FieldText, HeaderNameText, IdentityPartText, IdentityText, Name, TestName,
};

pub fn exchange(
    name: Spot<TestName>,
    request: RawTestRequest,
    identity: Named<IdentityText, IdentityPartText>,
    reply: Option<RawTestReply>,
    report: &mut Report,
) -> TestExchange {
    each_once("target", &request.targets, report);
    let place = Place::new(&report.source, name.span.clone(), BTreeMap::new());
    TestExchange {
        name: name.value.0,
        request: self::request(request),
        identity: identity.0.into_iter().map(|(part, value)| (part.value.0, value.0)).collect(),
        reply: reply.map(|reply| TestReply {
            status: StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK),
            headers: fields(reply.headers),
            body: reply.body.into(),
            text: reply.text,
        }),
        place,
    }
}

pub fn expect(raw: RawExpect, request: &RawTestRequest, has_reply: bool, report: &mut Report) -> Expect {
    check(&raw, has_reply, report);
    check_plan(&raw, request, report);
    Expect {
        decision: match raw.decision.value {
            RawDecision::Proceed => Decision::Proceed,
            RawDecision::Reject => Decision::Reject,
            RawDecision::Respond => Decision::Respond,
        },
        status: raw.status,
        code: raw.code.map(|code| code.0),
        request_headers: expected_fields(raw.request_headers),
        request_body: raw.request_body.map(Bytes::from),
        plan: raw.plan.map(|names| names.into_iter().map(|name| name.value.0).collect()),
        reply_status: raw.reply_status,
        reply_headers: expected_fields(raw.reply_headers),
        reply_body: raw.reply_body.map(Bytes::from),
        labels: raw.labels.0.into_iter().map(|(name, value)| (name.value.0, expected(&value))).collect(),
        call: ExpectCall {
            model: raw.call.model,
            texts: raw.call.texts,
            target: raw.call.target,
            text: raw.call.text,
            end: raw.call.end,
        },
    }
}

fn request(raw: RawTestRequest) -> TestRequest {
    let (path, query) = match raw.path.split_once('?') {
        Some((path, query)) => (path.to_owned(), Some(query.to_owned())),
        None => (raw.path.0.clone(), None),
    };
    TestRequest {
        method: Method::from_bytes(raw.method.as_bytes()).unwrap_or(Method::GET),
        path,
        query,
        headers: fields(raw.headers),
        body: raw.body.into(),
        targets: raw.targets.into_iter().map(|name| name.value.0).collect(),
    }
}

/// An expectation that nothing can meet or that nothing looks at is a slip of whoever wrote it.
fn check(expect: &RawExpect, has_reply: bool, report: &mut Report) {
    let proceeds = expect.decision.value == RawDecision::Proceed;
    let responds = expect.decision.value == RawDecision::Respond;
    let rejects = expect.decision.value == RawDecision::Reject;
    let of_reply = expect.reply_status.is_some() || !expect.reply_headers.0.is_empty() || expect.reply_body.is_some();
    let problem = if expect.status.is_some() && proceeds {
        ("who proceeds has no `status`", "take it out, or write `reply_status` for the upstream's answer")
    } else if expect.code.is_some() && !rejects {
        ("only a rejection has a `code`", "take it out, or let `decision` be `reject`")
    } else if of_reply && rejects {
        ("the gateway renders a rejection's answer, so nothing of it can be expected here", "write `status` and `code`")
    } else if of_reply && proceeds && !has_reply {
        ("the answer is looked at, and the test has none", "give the upstream's answer in `reply`")
    } else if responds && expect.status.is_some() && expect.reply_status.is_some() {
        ("`status` and `reply_status` are the same here", "take one of them out")
    } else {
        return;
    };
    report.add(Mistake::Relation, &expect.decision.span, problem.0).help(problem.1);
}

/// A plan is made of the request's targets.
fn check_plan(expect: &RawExpect, request: &RawTestRequest, report: &mut Report) {
    let plan = expect.plan.as_deref().unwrap_or_default();
    each_once("target", plan, report);
    if expect.plan.is_some() && request.targets.is_empty() {
        let message = "a plan is expected, and the test's request has no `targets`";
        let found = report.add(Mistake::Relation, &expect.decision.span, message);
        found.help("name the upstreams that the plugin can choose from, such as `targets = [\"a\", \"b\"]`");
        return;
    }
    for name in plan.iter().filter(|name| !request.targets.iter().any(|target| target.0 == name.0)) {
        let found = report.add(Mistake::Relation, &name.span, "this is no target of the test");
        found.help("add it to `targets` of the test's request");
    }
}

/// Refuses a name that stands in a list twice. `what` is one word.
pub fn each_once(what: &str, names: &[Spot<Name>], report: &mut Report) {
    for (place, name) in names.iter().enumerate() {
        if let Some(first) = names.iter().take(place).find(|first| first.0 == name.0) {
            let message = format!("this {what} stands here twice");
            let found = report.add(Mistake::Relation, &name.span, message);
            found.also(&first.span, "first here").help("remove one of them");
        }
    }
}

/// All of them: the schema has seen their form.
fn fields(raw: Named<FieldText, HeaderNameText>) -> HeaderMap {
    let parsed = raw
        .0
        .iter()
        .filter_map(|(name, value)| Some((name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?)));
    let mut headers = HeaderMap::new();
    for (name, value) in parsed {
        headers.append(name, value);
    }
    headers
}

fn expected_fields(raw: Named<ExpectedText, HeaderNameText>) -> Vec<(HeaderName, Expected)> {
    raw.0.iter().filter_map(|(name, value)| Some((name.parse().ok()?, expected(value)))).collect()
}

fn expected(text: &ExpectedText) -> Expected {
    match &**text {
        "" => Expected::Absent,
        "*" => Expected::Any,
        value => Expected::Value(value.to_owned()),
    }
}
