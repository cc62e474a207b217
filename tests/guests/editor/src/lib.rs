//! Takes part in a model's call as the acts of its config say, one behind another.
#![cfg(target_arch = "wasm32")]

use sluicegate_plugin::{
    AttemptDecision, CallDecision, DeltaDecision, InstanceNeed, Plugin, Problems, Rejection, Schema, Setup, attempts,
    credentials, edits::EditError, labels, model_answer, model_call, notes, targets, upstream_request, usage,
};

/// `see`, `rewrite`, `insert`, `answer`, `call-tool`, `model=NAME`, `tokens=NUMBER`; `skip=PROVIDER`, `mark`, `choose=CREDENTIAL`;
/// `upper`, `hold`, `stop-at=WORD`, `reject-at=WORD`, `record`.
#[derive(serde::Deserialize, Schema)]
#[serde(deny_unknown_fields)]
struct Config {
    acts: Vec<String>,
}

struct Editor(Vec<String>);

impl Plugin for Editor {
    type Config = Config;

    fn configure(config: Config, setup: &mut Setup) -> Result<Editor, Problems> {
        setup.instance(InstanceNeed::Call);
        Ok(Editor(config.acts))
    }

    fn call(&self) -> CallDecision {
        for act in &self.0 {
            let (word, value) = act.split_once('=').unwrap_or((act, ""));
            match word {
                "see" => see(),
                "rewrite" => {
                    let hidden = |text: &str| text.contains("secret").then(|| text.replace("secret", "[hidden]"));
                    let done = model_call::rewrite_each("", "", |segment| hidden(segment.text()));
                    say("rewritten", &format!("{done:?}"));
                }
                "insert" => drop(model_call::insert("system", "Speak up.", None)),
                "tokens" => say("tokens", told(model_call::set_number("max-output-tokens", value.parse().ok()))),
                "model" => say("model", told(model_call::set_model(value))),
                "answer" => return model_answer::say("No model was asked."),
                "call-tool" => {
                    model_answer::write_tool_call(0, "find_city", "{\"name\":\"Bern\",\"people\":2}");
                    return CallDecision::Answer;
                }
                _ => {}
            }
        }
        CallDecision::Proceed
    }

    fn attempt(&self) -> AttemptDecision {
        let number = attempts::count() - 1;
        let provider = attempts::fact(number, "provider").unwrap_or_default();
        for act in &self.0 {
            let (word, value) = act.split_once('=').unwrap_or((act, ""));
            match word {
                "skip" if value == provider => return AttemptDecision::skip("told to"),
                "mark" => {
                    drop(model_call::rewrite_each("user", "text", |segment| {
                        Some(segment.text().replace("PROVIDER", &provider))
                    }));
                    drop(upstream_request::set_header("x-provider", provider.as_bytes()));
                    let late = model_call::set_model("elsewhere");
                    let owned = upstream_request::set_header("authorization", b"mine");
                    say("attempt", &format!("{} {}", told(late), told(owned)));
                }
                "choose" => {
                    let known = credentials::names().join(",");
                    say("chosen", &format!("{known} {} {}", credentials::choose(value), credentials::choose("none")));
                }
                _ => {}
            }
        }
        AttemptDecision::Proceed
    }

    fn delta_text(&self, _choice: u32, text: String) -> DeltaDecision {
        for act in &self.0 {
            match act.split_once('=').unwrap_or((act, "")) {
                ("record", _) => remember(&text),
                ("upper", _) => return DeltaDecision::replace(text.to_uppercase()),
                ("hold", _) => {
                    remember(&text);
                    return DeltaDecision::hold();
                }
                ("stop-at", word) if text.contains(word) => return DeltaDecision::stop("content-filter"),
                ("reject-at", word) if text.contains(word) => {
                    return Rejection::new(400, "said_too_much", "The answer says what it must not say.").into();
                }
                _ => {}
            }
        }
        DeltaDecision::Pass
    }

    fn delta_tool_arguments(&self, _choice: u32, _tool: u32, text: String) -> DeltaDecision {
        if self.does("record") {
            remember(&text);
        }
        DeltaDecision::Pass
    }

    fn delta_usage(&self) {
        if self.does("record") {
            let figure = |name| usage::figure(name).unwrap_or_default();
            say("usage", &format!("{} {}", figure("input-tokens"), figure("output-tokens")));
        }
    }

    fn delta_end(&self, choice: u32, reason: &str) -> DeltaDecision {
        if self.does("record") {
            let said = String::from_utf8(notes::load()).unwrap_or_default();
            say("end", &format!("{choice} {reason}"));
            say("said", &said.chars().take(60).collect::<String>());
        }
        match self.does("hold") {
            true => DeltaDecision::replace(format!("<{}>", String::from_utf8(notes::load()).unwrap_or_default())),
            false => DeltaDecision::Pass,
        }
    }

    fn finish(&self) {
        if self.does("record") {
            let fact = |number, name| attempts::fact(number, name).unwrap_or_default();
            let fate = |number| format!("{} {}", fact(number, "provider"), fact(number, "ended"));
            let all: Vec<String> = (0..attempts::count()).map(fate).collect();
            say("attempts", &all.join(", "));
            say("cost", &format!("{:?} {}", usage::figure("cost-nano-usd"), usage::pricing()));
            say("late", told(model_call::rewrite(0, "late")));
            say("candidates", &targets::facts("provider").join(","));
        }
    }
}

impl Editor {
    fn does(&self, act: &str) -> bool {
        self.0.iter().any(|known| known == act)
    }
}

fn say(name: &str, value: &str) {
    labels::set(name, value);
}

fn told<T>(edited: Result<T, EditError>) -> &'static str {
    match edited {
        Ok(_) => "ok",
        Err(EditError::TooLate) => "too-late",
        Err(EditError::Forbidden) => "forbidden",
        Err(_) => "another",
    }
}

fn see() {
    let told = |segment: model_call::Segment<'_>| {
        let tool = segment.tool().map(|tool| format!("({tool})")).unwrap_or_default();
        format!("{}/{}{tool}:{}", segment.role(), segment.place(), segment.text())
    };
    let all: Vec<String> = model_call::segments("", "").iter().map(told).collect();
    say("seen", &all.join("|"));
    let has = ["tools", "images", "structured-output"].map(model_call::has);
    let facts = (model_call::operation(), model_call::streamed(), model_call::model(), has);
    say("facts", &format!("{facts:?} {}", model_call::text_bytes()));
}

fn remember(text: &str) {
    let mut said = notes::load();
    said.extend_from_slice(text.as_bytes());
    notes::store(&said);
}

sluicegate_plugin::export!(Editor: call, attempt, delta, finish);
