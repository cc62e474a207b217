//! What is written satisfies the vendor's own Python package, which `cargo xtask parts` installs.

use serde_json::{Value, json};

use super::answers::{self, answer, response};
use super::outgoing;
use super::streams::{custom_call, said};
use super::{read, sum, write_events};
use crate::answer::{EndReason, Event, Piece};
use crate::dialect::responses::write_answer;
use crate::dialect::testing::python_says;

const SCRIPT: &str = "
import json, sys
from pydantic import TypeAdapter
from openai.types.responses import Response, ResponseStreamEvent
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
events = TypeAdapter(ResponseStreamEvent)
requests = TypeAdapter(ResponseCreateParamsNonStreaming)
for line in sys.stdin:
    document = json.loads(line)
    if document.get('object') == 'response':
        Response.model_validate(document, strict=True)
    elif 'input' in document:
        requests.validate_python(document)
    else:
        events.validate_python(document, strict=True)
    print('valid')
";

#[test]
fn requests_responses_and_events_are_valid_for_the_vendors_package() {
    let call = read(json!({
        "instructions": "i", "max_output_tokens": 99, "metadata": { "a": "b" }, "reasoning": { "effort": "low", "summary": "auto" },
        "tools": [{ "type": "function", "name": "f", "parameters": { "type": "object" }, "strict": false }],
        "tool_choice": { "type": "function", "name": "f" }, "text": { "format": { "type": "json_object" } }, "user": "u",
        "temperature": 0.5, "parallel_tool_calls": false, "store": true, "truncation": "disabled", "safety_identifier": "s",
    }))
    .unwrap();
    let plain = read(json!({})).unwrap();
    let own = answers::events(&response());
    let error = Event::Error(crate::dialect::responses::error::server("m"));
    let mut documents: Vec<Value> = vec![super::body(&outgoing::asked())];
    let custom = read(json!({ "tools": [{ "type": "custom", "name": "run" }] })).unwrap();
    let ran = super::read_pieces(&[&super::streams::stream(&custom_call())]).0;
    for (call, events) in [(&call, said()), (&plain, said()), (&call, own), (&custom, ran), (&plain, vec![error])] {
        documents.extend(write_events(call, &events).into_iter().map(|(_, data)| data));
        documents.push(serde_json::from_slice(&write_answer(call, &sum(&events))).unwrap());
    }
    let cut = answer(vec![Piece::Text("x".to_owned())], EndReason::Length);
    documents.push(serde_json::from_slice(&write_answer(&call, &cut)).unwrap());
    let (said, complaint) = python_says(SCRIPT, &documents);
    let valid = said.lines().count();
    assert_eq!(valid, documents.len(), "{complaint}\n{:?}", documents.get(valid));
}
