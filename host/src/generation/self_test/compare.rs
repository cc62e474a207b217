//! Holds what came of an exchange against what was expected.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};

use super::model::ModelOutcome;
use super::{Drive, Show};
use crate::config::{Expect, ExpectCall, Expected, TestExchange, TestRequest};

/// The first expectation that does not hold, and what came instead.
pub fn compare(expect: &Expect, drive: &Drive, exchange: &TestExchange, show: &Show) -> Result<(), String> {
    let outcome = &drive.outcome;
    if let Some(failure) = &outcome.failure {
        return Err(show.text(failure));
    }
    let came = |status: Option<u16>, code: Option<&str>| {
        let status = status.map(|status| format!(" with status {status}")).unwrap_or_default();
        let code = code.map(|code| format!(" and code `{}`", show.value(code.as_bytes()))).unwrap_or_default();
        format!("{status}{code}")
    };
    let differs = expect.decision != outcome.decision()
        || expect.status.is_some_and(|status| outcome.status() != Some(status))
        || expect.code.as_deref().is_some_and(|code| outcome.code() != Some(code));
    if differs {
        return Err(format!(
            "expected `{}`{}, and it decided `{}`{}",
            expect.decision.as_str(),
            came(expect.status, expect.code.as_deref()),
            outcome.decision().as_str(),
            came(outcome.status(), outcome.code())
        ));
    }
    let state = drive.exchange.lock();
    let compare = Compare { show };
    compare.fields("header of the request", &expect.request_headers, &state.request.headers)?;
    let request_body = outcome.request_body.as_ref().unwrap_or(&exchange.request.body);
    compare.body("the request's body", expect.request_body.as_ref(), request_body)?;
    plan_holds(expect, exchange, state.plan.order())?;
    compare.call(&expect.call, outcome.model.as_ref(), &exchange.request)?;
    let reply = state.reply.as_ref();
    let given = exchange.reply.as_ref();
    let status = reply.map(|reply| reply.status).or(given.map(|reply| reply.status)).map(|status| status.as_u16());
    if let Some(expected) = expect.reply_status.filter(|expected| Some(*expected) != status) {
        let came = status.map_or("none".to_owned(), |status| status.to_string());
        return Err(format!("expected {expected} as the answer's status, and it is {came}"));
    }
    let none = HeaderMap::new();
    let headers = reply.map(|reply| &reply.headers).or(given.map(|reply| &reply.headers));
    compare.fields("header of the answer", &expect.reply_headers, headers.unwrap_or(&none))?;
    let own_body = outcome.answer.as_ref().map(|answer| &answer.body);
    let reply_body = outcome.reply_body.as_ref().or(own_body).or(given.map(|reply| &reply.body));
    compare.body("the answer's body", expect.reply_body.as_ref(), reply_body.unwrap_or(&Bytes::new()))?;
    for (name, expected) in &expect.labels {
        compare.one("label", name, expected, state.labels.get(name).map(String::as_bytes))?;
    }
    Ok(())
}

fn plan_holds(expect: &Expect, exchange: &TestExchange, order: &[u32]) -> Result<(), String> {
    let Some(expected) = &expect.plan else { return Ok(()) };
    let plan = exchange.request.names(order);
    match plan == *expected {
        true => Ok(()),
        false => Err(format!("expected the plan to be {expected:?}, and it is {plan:?}")),
    }
}

struct Compare<'a> {
    show: &'a Show,
}

impl Compare<'_> {
    fn call(&self, expect: &ExpectCall, model: Option<&ModelOutcome>, request: &TestRequest) -> Result<(), String> {
        let text = |text: &str| self.show.value(text.as_bytes());
        let target = model.and_then(|model| model.target).map(|target| request.names(&[target]).concat());
        for (what, expected, came) in [
            ("the model", &expect.model, model.map(|model| model.model.clone())),
            ("the target", &expect.target, model.map(|_| target.unwrap_or_default())),
            ("the answer's text", &expect.text, model.and_then(|model| model.text.clone())),
            ("the answer's end", &expect.end, model.and_then(|model| model.end.clone())),
        ] {
            if let Some(expected) = expected.as_ref().filter(|expected| came.as_ref() != Some(expected)) {
                let came = came.map_or("it is not there".to_owned(), |came| format!("it is `{}`", text(&came)));
                return Err(format!("expected {what} to be `{}`, and {came}", text(expected)));
            }
        }
        let Some(expected) = &expect.texts else { return Ok(()) };
        let came = model.map_or(&[][..], |model| &model.texts);
        if let Some(place) = (0..expected.len().max(came.len())).find(|place| expected.get(*place) != came.get(*place))
        {
            let shown =
                |found: Option<&String>| found.map_or("not there".to_owned(), |found| format!("`{}`", text(found)));
            let (expected, came) = (shown(expected.get(place)), shown(came.get(place)));
            return Err(format!("expected text {} of the call to be {expected}, and it is {came}", place + 1));
        }
        Ok(())
    }

    fn fields(&self, what: &str, expected: &[(HeaderName, Expected)], headers: &HeaderMap) -> Result<(), String> {
        for (name, expected) in expected {
            // Any of several fields of a name will do.
            let fits = |value: &HeaderValue| self.one(what, name.as_str(), expected, Some(value.as_bytes())).is_ok();
            if !headers.get_all(name).iter().any(fits) {
                self.one(what, name.as_str(), expected, headers.get(name).map(HeaderValue::as_bytes))?;
            }
        }
        Ok(())
    }

    fn one(&self, what: &str, name: &str, expected: &Expected, value: Option<&[u8]>) -> Result<(), String> {
        let came = || value.map_or("is not there".to_owned(), |value| format!("is `{}`", self.show.value(value)));
        match (expected, value) {
            (Expected::Absent, None) | (Expected::Any, Some(_)) => Ok(()),
            (Expected::Value(text), Some(value)) if text.as_bytes() == value => Ok(()),
            (Expected::Absent, _) => Err(format!("expected no {what} `{name}`, and it {}", came())),
            (Expected::Any, _) => Err(format!("expected a {what} `{name}`, and it {}", came())),
            (Expected::Value(text), _) => {
                let text = self.show.value(text.as_bytes());
                Err(format!("expected the {what} `{name}` to be `{text}`, and it {}", came()))
            }
        }
    }

    fn body(&self, what: &str, expected: Option<&Bytes>, body: &Bytes) -> Result<(), String> {
        match expected.filter(|expected| *expected != body) {
            Some(expected) => {
                let (expected, body) = (self.show.value(expected), self.show.value(body));
                Err(format!("expected {what} to be `{expected}`, and it is `{body}`"))
            }
            None => Ok(()),
        }
    }
}
