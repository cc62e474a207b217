//! Lets requests pass that have a certain header field, and puts its value into the access log.

use serde::Deserialize;
use sluicegate_plugin::{
    Decision, Plugin, Pointer, Problems, Rejection, Schema, Setup, fields, labels, request,
};

#[derive(Deserialize, Schema)]
#[serde(deny_unknown_fields, expecting = "a table")]
struct Config {
    /// The header field that every request must have.
    header: String,
    /// The label under which the access log shows its value.
    #[serde(default = "label")]
    label: String,
}

fn label() -> String {
    "team".to_owned()
}

struct Policy(Config);

impl Plugin for Policy {
    type Config = Config;

    fn configure(config: Config, _setup: &mut Setup) -> Result<Policy, Problems> {
        if !fields::is_name(&config.header) {
            let place = Pointer::root().key("header");
            return Err(Problems::new(
                &place,
                "`header` must be the name of a header field, such as `x-team`.",
            ));
        }
        Ok(Policy(config))
    }

    fn head(&self) -> Decision {
        match request::header_text(&self.0.header) {
            Some(value) if !value.is_empty() => {
                // A label has at most 256 bytes; a longer one is left out.
                labels::set(&self.0.label, &value);
                Decision::Proceed
            }
            _ => {
                let message = format!(
                    "Send the header field `{}` with your request.",
                    self.0.header
                );
                Rejection::new(400, "header_missing", message).into()
            }
        }
    }
}

sluicegate_plugin::export!(Policy: head);

#[cfg(test)]
mod tests {
    use serde_json::json;
    use sluicegate_plugin::testing::{self, Exchange};

    use super::*;

    #[test]
    fn a_request_with_the_field_passes_and_is_labelled() {
        let policy = testing::configure::<Policy>(json!({ "header": "x-team" }))
            .ok()
            .unwrap();
        let mut exchange = Exchange::new("GET", "/orders").header("X-Team", "blue");
        assert_eq!(policy.head(&mut exchange), Decision::Proceed);
        assert_eq!(exchange.label("team"), Some("blue"));
    }

    #[test]
    fn a_request_without_the_field_is_refused() {
        let policy = testing::configure::<Policy>(json!({ "header": "x-team" }))
            .ok()
            .unwrap();
        let decision = policy.head(&mut Exchange::new("GET", "/orders"));
        let Decision::Reject(rejection) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(
            (rejection.status, rejection.code.as_str()),
            (400, "header_missing")
        );
    }

    #[test]
    fn a_header_that_is_no_name_is_refused_with_its_place() {
        let problems = testing::configure::<Policy>(json!({ "header": "x team" }))
            .err()
            .unwrap();
        assert_eq!(problems[0].pointer, "/header");
    }
}
