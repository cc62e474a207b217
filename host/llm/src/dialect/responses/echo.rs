//! What a response repeats of its request, as the client wrote it.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::call::Call;

type Raw = Option<Box<RawValue>>;

#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Echo {
    instructions: Raw,
    max_output_tokens: Raw,
    max_tool_calls: Raw,
    metadata: Raw,
    parallel_tool_calls: Raw,
    previous_response_id: Raw,
    prompt_cache_key: Raw,
    reasoning: Raw,
    safety_identifier: Raw,
    store: Raw,
    temperature: Raw,
    text: Raw,
    tool_choice: Raw,
    tools: Raw,
    top_p: Raw,
    truncation: Raw,
    user: Raw,
}

impl Echo {
    pub fn of(call: &Call) -> Echo {
        let mut echo: Echo = serde_json::from_slice(&call.source).unwrap_or_default();
        // Clients demand some of the members; where the request has none, the vendor's default stands.
        for (member, default) in [
            (&mut echo.metadata, "{}"),
            (&mut echo.parallel_tool_calls, "true"),
            (&mut echo.reasoning, r#"{"effort":null,"summary":null}"#),
            (&mut echo.store, "true"),
            (&mut echo.temperature, "1.0"),
            (&mut echo.text, r#"{"format":{"type":"text"}}"#),
            (&mut echo.tool_choice, r#""auto""#),
            (&mut echo.tools, "[]"),
            (&mut echo.top_p, "1.0"),
            (&mut echo.truncation, r#""disabled""#),
        ] {
            if member.is_none() {
                *member = raw(default);
            }
        }
        echo
    }

    /// Names of the client's custom tools, whose calls have a form of their own.
    pub fn custom_tools(&self) -> Vec<String> {
        #[derive(Deserialize)]
        struct Tool {
            r#type: Option<String>,
            name: Option<String>,
        }
        let tools = self.tools.as_ref().and_then(|tools| serde_json::from_str::<Vec<Tool>>(tools.get()).ok());
        let custom = tools.unwrap_or_default().into_iter().filter(|tool| tool.r#type.as_deref() == Some("custom"));
        custom.filter_map(|tool| tool.name).collect()
    }

    /// Says of an answer of a provider of another dialect that nobody keeps it.
    pub fn not_kept(&mut self) {
        self.store = raw("false");
    }
}

fn raw(json: &str) -> Raw {
    RawValue::from_string(json.to_owned()).ok()
}
