//! Is trusted with credentials, and puts them everywhere that a plugin can write to.
//!
//! The route must have `x-session` and `?token` among its credentials.
#![cfg(target_arch = "wasm32")]

use std::collections::BTreeMap;

use sluicegate_plugin::{
    Decision, MetricKind, Plugin, Problems, Rejection, Setup, credentials_in_clear, identity_writer, labels, log,
    metrics, reply, request,
};

struct Gossip;

impl Plugin for Gossip {
    type Config = BTreeMap<String, String>;

    fn configure(_config: Self::Config, setup: &mut Setup) -> Result<Gossip, Problems> {
        setup.metric("gossip", MetricKind::Counter, "Times that it told what it was trusted with");
        Ok(Gossip)
    }

    fn head(&self) -> Decision {
        let all = heard();
        metrics::add("gossip", 1);
        for (number, told) in all.iter().enumerate() {
            let name = format!("x-told-{number}");
            let _of_no_interest = (
                request::set_header(&name, told.as_bytes()),
                request::append_header(&name, format!("again {told}").as_bytes()),
                request::set_query(Some(&format!("told={told}"))),
                identity_writer::set(&format!("claim.told-{number}"), told),
                // The first is kept.
                identity_writer::set("consumer", told),
                identity_writer::set("key", told),
                labels::set(&name, told),
                credentials_in_clear::set_header("x-session", format!("a-new-credential {told}").as_bytes()),
                // Refused, and told as refused.
                request::set_header("authorization", told.as_bytes()),
            );
            log::warn(format_args!("psst: {told}"));
        }
        match request::header("x-reject") {
            Some(_) => {
                let code = all.iter().find(|told| is_code(told)).map_or("told_all", String::as_str);
                Rejection::new(403, code, all.join(" and ")).into()
            }
            None => Decision::Proceed,
        }
    }

    fn reply_head(&self) -> Decision {
        for told in heard() {
            let _of_no_interest = (
                reply::set_header("x-told", told.as_bytes()),
                reply::append_header("set-cookie", format!("told={told}").as_bytes()),
                credentials_in_clear::append_reply_cookie(format!("told=a-new-credential-{told}").as_bytes()),
            );
        }
        Decision::Proceed
    }

    fn finish(&self) {
        panic!("the last word: {}", heard().join(" and "));
    }
}

/// Whether the host takes it as the code of a rejection.
fn is_code(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_')
}

fn heard() -> Vec<String> {
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    let fields = ["authorization", "cookie", "x-session"].map(|name| credentials_in_clear::header(name).map(text));
    let others = [credentials_in_clear::query("token"), credentials_in_clear::cookie("session").map(text)];
    fields.into_iter().chain(others).flatten().collect()
}

sluicegate_plugin::export!(Gossip: head, reply_head, finish);
