//! Canaries and self-tests of chain entries.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

use super::Context;
use super::chains::granted;
use crate::config::bundled::bundled;
use crate::config::diagnostic::Mistake;
use crate::config::model::{
    Canary, ChainEntry, Decision, Expect, Expected, PluginSource, RollbackPolicy, SelfTest, Sticky, TestReply,
    TestRequest,
};
use crate::config::place::Place;
use crate::config::raw::rollout::{RawCanary, RawDecision, RawExpect, RawSelfTest, RawSticky, RawTestRequest};
use crate::config::raw::spot::{Named, Span};
use crate::config::raw::text::{ExpectedText, FieldText, HeaderNameText};

/// The second version of `entry`, which has no canary yet. None, and reported, when its plugin is not declared.
pub fn canary(
    raw: RawCanary,
    entry: &ChainEntry,
    plugins: &BTreeMap<String, PluginSource>,
    context: &mut Context<'_>,
) -> Option<Canary> {
    let mut second = entry.clone();
    if let Some(plugin) = raw.plugin {
        let is_known = plugins.contains_key(&plugin.0);
        if !is_known && !context.declared.plugins.contains(&plugin.0) {
            context.unknown("plugin", &plugin, &context.declared.plugins, "[plugins.NAME]");
        }
        // What the bundled plugin of the entry needs is of no use to another.
        if plugin.0 != entry.plugin
            && let Some(bundled) = bundled(&plugin.0)
        {
            second.grants = bundled.grants.iter().map(|grant| (*grant).to_owned()).collect();
        }
        second.place = entry.place.with_entry(plugin.span.clone());
        second.plugin = plugin.value.0;
        is_known.then_some(())?;
    }
    if let Some(config) = raw.config {
        let (config, values) = config.into_parts();
        second.config = config;
        second.place = second.place.with_values(values);
    }
    if let Some(grants) = raw.grants {
        second.grants = granted(grants);
    }
    if let Some(tests) = raw.self_tests {
        second.self_tests = self_tests(tests, context);
    }
    Some(Canary {
        entry: Arc::new(second),
        weight: raw.weight,
        sticky: match raw.sticky {
            RawSticky::Request => Sticky::Request,
            RawSticky::Consumer => Sticky::Consumer,
        },
        rollback: RollbackPolicy {
            failures: raw.rollback.traps,
            rejections_percent: raw.rollback.rejections_percent,
            exchanges_min: raw.rollback.exchanges_min,
            window: Duration::from_millis(raw.rollback.window_ms),
        },
    })
}

pub fn self_tests(raw: Vec<RawSelfTest>, context: &mut Context<'_>) -> Vec<Arc<SelfTest>> {
    let mut names: BTreeMap<String, Span> = BTreeMap::new();
    let mut tests = Vec::new();
    for test in raw {
        if let Some(first) = names.get(&test.name.0) {
            context
                .report
                .add(Mistake::Relation, &test.name.span, "two self-tests of this entry have the same name")
                .also(first, "first here")
                .help("give one of them another name: a failure is reported by it");
        }
        names.entry(test.name.0.clone()).or_insert(test.name.span.clone());
        check(&test.expect, test.reply.is_some(), context);
        check_targets(&test, context);
        tests.push(Arc::new(self_test(test, context)));
    }
    tests
}

fn self_test(raw: RawSelfTest, context: &mut Context<'_>) -> SelfTest {
    let place = Place::new(&context.report.source, raw.name.span.clone(), BTreeMap::new());
    let identity = raw.identity.0.into_iter().map(|(part, value)| (part.value.0, value.0));
    SelfTest {
        name: raw.name.value.0,
        request: request(raw.request),
        identity: identity.collect(),
        reply: raw.reply.map(|reply| TestReply {
            status: StatusCode::from_u16(reply.status).unwrap_or(StatusCode::OK),
            headers: fields(reply.headers),
            body: reply.body.into(),
        }),
        expect: expect(raw.expect),
        place,
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

fn expect(raw: RawExpect) -> Expect {
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
    }
}

/// An expectation that nothing can meet or that nothing looks at is a slip of whoever wrote it.
fn check(expect: &RawExpect, has_reply: bool, context: &mut Context<'_>) {
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
    context.report.add(Mistake::Relation, &expect.decision.span, problem.0).help(problem.1);
}

/// Each target has one name, and a plan is made of targets.
fn check_targets(test: &RawSelfTest, context: &mut Context<'_>) {
    let targets = &test.request.targets;
    let plan = test.expect.plan.as_deref().unwrap_or_default();
    context.each_once("target", targets);
    context.each_once("target", plan);
    if test.expect.plan.is_some() && targets.is_empty() {
        let message = "a plan is expected, and the test's request has no `targets`";
        let found = context.report.add(Mistake::Relation, &test.expect.decision.span, message);
        found.help("name the upstreams that the plugin can choose from, such as `targets = [\"a\", \"b\"]`");
        return;
    }
    for name in plan.iter().filter(|name| !targets.iter().any(|target| target.0 == name.0)) {
        let found = context.report.add(Mistake::Relation, &name.span, "this is no target of the test");
        found.help("add it to `targets` of the test's request");
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

/// Reported where the canary stands: a shadow serves nobody, so there is nothing to share.
pub fn refuse_canary_of_shadow(canary: &Span, context: &mut Context<'_>) {
    context
        .report
        .add(Mistake::Relation, canary, "an entry with `mode = \"shadow\"` cannot have a canary")
        .help("take out the canary, or the mode; a shadow serves no request, so it has none to share");
}
