//! What is written satisfies the vendor's own Python package, which `cargo xtask parts` installs.

use serde_json::{Value, json};

use super::super::write_answer;
use super::{outgoing, piece, read, sum, write_bytes, write_events, written};
use crate::answer::{EndReason, Event, Piece};
use crate::dialect::testing::python_says;
use crate::error::{ProviderError, ProviderErrorKind};

/// Checks each document, lets the package's own client add streams up, and prints what came out.
const SCRIPT: &str = r#"
import json, sys
import anthropic
import httpx2 as httpx
from pydantic import TypeAdapter
from anthropic.types import ErrorResponse, Message, MessageTokensCount, RawMessageStreamEvent
from anthropic.types.message_create_params import MessageCreateParamsStreaming, MessageCreateParamsNonStreaming
events = TypeAdapter(RawMessageStreamEvent)
requests = TypeAdapter(MessageCreateParamsStreaming | MessageCreateParamsNonStreaming)

def final(stream):
    answer = httpx.Response(200, headers={'content-type': 'text/event-stream'}, content=stream.encode())
    transport = httpx.MockTransport(lambda request: answer)
    client = anthropic.Anthropic(api_key='k', http_client=anthropic.DefaultHttpxClient(transport=transport), max_retries=0)
    try:
        with client.messages.stream(model='m', max_tokens=1, messages=[{'role': 'user', 'content': 'a'}]) as answers:
            message = answers.get_final_message().to_dict(exclude_none=True)
    except anthropic.APIError as error:
        return {'failed': error.message}
    # The package's own addition.
    message.pop('parsed_output', None)
    for block in message['content']:
        block.pop('parsed_output', None)
    return message

for line in sys.stdin:
    document = json.loads(line)
    kind = document.get('type')
    said = {}
    if kind == 'message':
        said = Message.model_validate(document, strict=True).to_dict(exclude_none=True)
    elif kind == 'error':
        ErrorResponse.model_validate(document, strict=True)
    elif kind is not None:
        events.validate_python(document, strict=True)
    elif 'stream_text' in document:
        said = final(document['stream_text'])
    elif 'input_tokens' in document:
        MessageTokensCount.model_validate(document, strict=True)
    else:
        requests.validate_python(document)
    print(json.dumps(said))
"#;

#[test]
fn requests_answers_and_streams_are_valid_for_the_vendors_package() {
    let call = read(json!({ "stop_sequences": ["END"], "stream": true })).unwrap();
    let error = ProviderError {
        kind: ProviderErrorKind::Server,
        status: 500,
        message: "m".into(),
        code: None,
        param: None,
        retry_after: None,
    };
    let refused =
        vec![piece(Piece::Refusal("No.".into())), Event::End { choice: 0, reason: EndReason::Refusal }, Event::Done];
    let stopped = vec![Event::End { choice: 0, reason: EndReason::StopSequence }, Event::Done];
    let failed = vec![piece(Piece::Text("a".into())), Event::Error(error)];
    let mut documents: Vec<Value> =
        vec![super::body(&outgoing::asked()), super::body(&super::chat()), json!({ "input_tokens": 1 })];
    let mut pairs = Vec::new();
    for events in [written::all(), refused, stopped, failed] {
        documents.push(serde_json::from_slice(&write_answer(&call, &sum(&events))).unwrap());
        let whole = documents.len() - 1;
        documents.extend(write_events(&call, &events).into_iter().map(|(_, data)| data));
        let stream = String::from_utf8(write_bytes(&call, &events)).unwrap();
        documents.push(json!({ "stream_text": stream }));
        pairs.push((whole, documents.len() - 1));
    }
    let (_, failed) = pairs.pop().unwrap();
    let (said, complaint) = python_says(SCRIPT, &documents);
    let answers: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(answers.len(), documents.len(), "{complaint}\n{:?}", documents.get(answers.len()));
    for (whole, streamed) in pairs {
        assert_eq!(answers[whole], answers[streamed]);
    }
    assert!(answers[failed]["failed"].as_str().is_some_and(|message| !message.is_empty()), "{}", answers[failed]);
}
