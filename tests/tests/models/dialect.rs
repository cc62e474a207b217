//! What a client of each dialect sends, and what it makes of an answer.

use serde_json::{Value, json};
use sluicegate_tests::Reply;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    OpenAi,
    Responses,
    Anthropic,
    Gemini,
}

pub const CLIENTS: [Client; 4] = [Client::OpenAi, Client::Responses, Client::Anthropic, Client::Gemini];

/// An answer, in no dialect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    pub text: String,
    /// Name and arguments' JSON text.
    pub tool: Option<(String, String)>,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// `stop`, `length` or `tools`.
    pub end: String,
}

fn schema() -> Value {
    json!({ "type": "object", "properties": { "name": { "type": "string" }, "people": { "type": "integer", "minimum": 1 } },
        "required": ["name", "people"], "additionalProperties": false })
}

impl Client {
    pub fn fields(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Client::Anthropic => &[("anthropic-version", "2023-06-01"), ("content-type", "application/json")],
            _ => &[("content-type", "application/json")],
        }
    }

    /// A system prompt and one question, perhaps with a tool.
    pub fn question(self, model: &str, stream: bool, text: &str, tool: bool) -> (String, Value) {
        let system = "You are brief.";
        let mut body = match self {
            Client::OpenAi => {
                json!({ "messages": [{ "role": "system", "content": system }, { "role": "user", "content": text }] })
            }
            Client::Responses => json!({ "instructions": system, "input": text }),
            Client::Anthropic => {
                json!({ "max_tokens": 4000, "system": system, "messages": [{ "role": "user", "content": text }] })
            }
            Client::Gemini => {
                json!({ "systemInstruction": { "parts": [{ "text": system }] }, "contents": [{ "role": "user", "parts": [{ "text": text }] }] })
            }
        };
        if tool {
            body["tools"] = self.tools();
        }
        self.addressed(model, stream, body)
    }

    fn tools(self) -> Value {
        let (name, description) = ("find_city", "Finds a city.");
        match self {
            Client::OpenAi => {
                json!([{ "type": "function", "function": { "name": name, "description": description, "parameters": schema() } }])
            }
            Client::Responses => {
                json!([{ "type": "function", "name": name, "description": description, "parameters": schema(), "strict": false }])
            }
            Client::Anthropic => json!([{ "name": name, "description": description, "input_schema": schema() }]),
            Client::Gemini => {
                json!([{ "functionDeclarations": [{ "name": name, "description": description, "parametersJsonSchema": schema() }] }])
            }
        }
    }

    /// A conversation that ends with a tool's result.
    pub fn with_result(self, model: &str) -> (String, Value) {
        let (asked, said) = ("Please find_city", "Bern has 134000 people");
        let arguments = json!({ "name": "Bern", "people": 1 });
        let mut body = match self {
            Client::OpenAi => json!({ "messages": [
                { "role": "user", "content": asked },
                { "role": "assistant", "content": null, "tool_calls": [{ "id": "call_1", "type": "function", "function": { "name": "find_city", "arguments": arguments.to_string() } }] },
                { "role": "tool", "tool_call_id": "call_1", "content": said },
            ] }),
            Client::Responses => json!({ "input": [
                { "role": "user", "content": asked },
                { "type": "function_call", "call_id": "call_1", "name": "find_city", "arguments": arguments.to_string() },
                { "type": "function_call_output", "call_id": "call_1", "output": said },
            ] }),
            Client::Anthropic => json!({ "max_tokens": 1000, "messages": [
                { "role": "user", "content": asked },
                { "role": "assistant", "content": [{ "type": "tool_use", "id": "call_1", "name": "find_city", "input": arguments }] },
                { "role": "user", "content": [{ "type": "tool_result", "tool_use_id": "call_1", "content": said }] },
            ] }),
            Client::Gemini => json!({ "contents": [
                { "role": "user", "parts": [{ "text": asked }] },
                { "role": "model", "parts": [{ "functionCall": { "name": "find_city", "args": arguments } }] },
                { "role": "user", "parts": [{ "functionResponse": { "name": "find_city", "response": { "result": said } } }] },
            ] }),
        };
        body["tools"] = self.tools();
        self.addressed(model, false, body)
    }

    fn addressed(self, model: &str, stream: bool, mut body: Value) -> (String, Value) {
        if self == Client::Gemini {
            let verb = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
            return (format!("/v1beta/models/{model}:{verb}"), body);
        }
        body["model"] = model.into();
        body["stream"] = stream.into();
        let path = match self {
            Client::OpenAi => {
                if stream {
                    body["stream_options"] = json!({ "include_usage": true });
                }
                "/v1/chat/completions"
            }
            Client::Responses => "/v1/responses",
            Client::Anthropic | Client::Gemini => "/v1/messages",
        };
        (path.to_owned(), body)
    }

    pub fn hear(self, reply: &Reply, stream: bool) -> Heard {
        assert!(reply.complete, "{}", reply.text());
        match (self, stream) {
            (Client::OpenAi, false) => openai(&reply.json()),
            (Client::OpenAi, true) => openai_stream(reply),
            (Client::Responses, false) => responses(&reply.json()),
            (Client::Responses, true) => {
                let events = events(reply);
                let (deltas, last) = (text_of(&events, "response.output_text.delta", "delta"), events.last().unwrap());
                assert_eq!(last["type"], "response.completed", "{}", reply.text());
                let heard = responses(&last["response"]);
                assert_eq!(deltas, heard.text, "the deltas and the whole agree");
                heard
            }
            (Client::Anthropic, false) => anthropic(&reply.json()),
            (Client::Anthropic, true) => anthropic_stream(reply),
            (Client::Gemini, false) => gemini(&[reply.json()]),
            (Client::Gemini, true) => gemini(&events(reply)),
        }
    }
}

/// The data of each event, but for OpenAI's last line.
fn events(reply: &Reply) -> Vec<Value> {
    let text = reply.text().replace("\r\n", "\n");
    let data = text.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap_or_else(|error| panic!("{error}: {data}"))).collect()
}

fn text_of(events: &[Value], kind: &str, member: &str) -> String {
    events.iter().filter(|event| event["type"] == kind).filter_map(|event| event[member].as_str()).collect()
}

fn end(word: &Value) -> String {
    match word.as_str().unwrap_or_default() {
        "stop" | "end_turn" | "STOP" | "completed" => "stop",
        "length" | "max_tokens" | "MAX_TOKENS" | "incomplete" => "length",
        "tool_calls" | "tool_use" => "tools",
        other => other,
    }
    .to_owned()
}

fn openai(answer: &Value) -> Heard {
    let choice = &answer["choices"][0];
    let call = &choice["message"]["tool_calls"][0]["function"];
    Heard {
        text: choice["message"]["content"].as_str().unwrap_or_default().to_owned(),
        tool: call["name"].as_str().map(|name| (name.to_owned(), compact(call["arguments"].as_str().unwrap()))),
        input_tokens: answer["usage"]["prompt_tokens"].as_u64().unwrap(),
        output_tokens: answer["usage"]["completion_tokens"].as_u64().unwrap(),
        end: end(&choice["finish_reason"]),
    }
}

fn openai_stream(reply: &Reply) -> Heard {
    assert!(reply.text().trim_end().ends_with("data: [DONE]"), "{}", reply.text());
    let (mut heard, mut tool) = (Heard::default(), (String::new(), String::new()));
    for chunk in events(reply) {
        let choice = &chunk["choices"][0];
        heard.text.push_str(choice["delta"]["content"].as_str().unwrap_or_default());
        let call = &choice["delta"]["tool_calls"][0]["function"];
        tool.0.push_str(call["name"].as_str().unwrap_or_default());
        tool.1.push_str(call["arguments"].as_str().unwrap_or_default());
        if choice["finish_reason"].is_string() {
            heard.end = end(&choice["finish_reason"]);
        }
        if chunk["usage"].is_object() {
            heard.input_tokens = chunk["usage"]["prompt_tokens"].as_u64().unwrap();
            heard.output_tokens = chunk["usage"]["completion_tokens"].as_u64().unwrap();
        }
    }
    heard.tool = (!tool.0.is_empty()).then(|| (tool.0, compact(&tool.1)));
    heard
}

fn responses(answer: &Value) -> Heard {
    let items = answer["output"].as_array().unwrap();
    let texts =
        items.iter().filter(|item| item["type"] == "message").flat_map(|item| item["content"].as_array().unwrap());
    let call = items.iter().find(|item| item["type"] == "function_call");
    Heard {
        text: texts.filter_map(|part| part["text"].as_str()).collect(),
        tool: call
            .map(|call| (call["name"].as_str().unwrap().to_owned(), compact(call["arguments"].as_str().unwrap()))),
        input_tokens: answer["usage"]["input_tokens"].as_u64().unwrap(),
        output_tokens: answer["usage"]["output_tokens"].as_u64().unwrap(),
        end: if call.is_some() { "tools".to_owned() } else { end(&answer["status"]) },
    }
}

fn anthropic(answer: &Value) -> Heard {
    let blocks = answer["content"].as_array().unwrap();
    let call = blocks.iter().find(|block| block["type"] == "tool_use");
    Heard {
        text: blocks.iter().filter_map(|block| block["text"].as_str()).collect(),
        tool: call.map(|call| (call["name"].as_str().unwrap().to_owned(), call["input"].to_string())),
        input_tokens: anthropic_input(&answer["usage"]),
        output_tokens: answer["usage"]["output_tokens"].as_u64().unwrap(),
        end: end(&answer["stop_reason"]),
    }
}

fn anthropic_input(usage: &Value) -> u64 {
    let names = ["input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"];
    names.iter().filter_map(|name| usage[name].as_u64()).sum()
}

fn anthropic_stream(reply: &Reply) -> Heard {
    let events = events(reply);
    assert_eq!(events.first().unwrap()["type"], "message_start", "{}", reply.text());
    assert_eq!(events.last().unwrap()["type"], "message_stop", "{}", reply.text());
    let (mut heard, mut arguments) = (Heard::default(), String::new());
    let mut name = None;
    for event in &events {
        match event["type"].as_str().unwrap() {
            "message_start" => heard.input_tokens = anthropic_input(&event["message"]["usage"]),
            "content_block_start" if event["content_block"]["type"] == "tool_use" => {
                name = event["content_block"]["name"].as_str()
            }
            "content_block_delta" => {
                heard.text.push_str(event["delta"]["text"].as_str().unwrap_or_default());
                arguments.push_str(event["delta"]["partial_json"].as_str().unwrap_or_default());
            }
            "message_delta" => {
                heard.end = end(&event["delta"]["stop_reason"]);
                heard.output_tokens = event["usage"]["output_tokens"].as_u64().unwrap();
                heard.input_tokens = heard.input_tokens.max(anthropic_input(&event["usage"]));
            }
            _ => {}
        }
    }
    heard.tool = name.map(|name| (name.to_owned(), compact(&arguments)));
    heard
}

fn gemini(answers: &[Value]) -> Heard {
    let mut heard = Heard::default();
    for answer in answers {
        let candidate = &answer["candidates"][0];
        for part in candidate["content"]["parts"].as_array().into_iter().flatten() {
            heard.text.push_str(part["text"].as_str().unwrap_or_default());
            if let Some(name) = part["functionCall"]["name"].as_str() {
                heard.tool = Some((name.to_owned(), part["functionCall"]["args"].to_string()));
            }
        }
        if candidate["finishReason"].is_string() {
            heard.end = end(&candidate["finishReason"]);
        }
        let usage = &answer["usageMetadata"];
        if let Some(input) = usage["promptTokenCount"].as_u64() {
            heard.input_tokens = input;
            let count = |name: &str| usage[name].as_u64().unwrap_or(0);
            heard.output_tokens = count("candidatesTokenCount") + count("thoughtsTokenCount");
        }
    }
    if heard.tool.is_some() && heard.end == "stop" {
        heard.end = "tools".to_owned();
    }
    heard
}

/// The same value in one form.
fn compact(json: &str) -> String {
    serde_json::from_str::<Value>(json).unwrap_or_else(|error| panic!("{error}: {json}")).to_string()
}
