//! Streams that never end, whole and in small pieces: what a reader and a relay keep of them has a bound.
//!
//! The whole process is counted, so this file has one test.

use bytes::Bytes;
use peak_alloc::PeakAlloc;
use sluicegate_llm::{Call, Dialect, Operation, Relay};

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// Of what a provider sends in each case: more than any reader or writer keeps.
const SENT_BYTES: usize = 64 << 20;

/// What a relay may take: 16 MiB of an answer whose last event repeats it, which double when they grow, or the values of one event.
const KEPT_BYTES_MAX: usize = 56 << 20;

const PIECE_BYTES: usize = 64 << 10;

/// What opens a stream, what is sent again and again, and for whom.
struct Endless {
    name: &'static str,
    provider: Dialect,
    begins: String,
    goes_on: String,
    clients: Vec<Dialect>,
}

fn endless() -> Vec<Endless> {
    use Dialect::{Anthropic, Bedrock, Gemini, OpenAi, OpenAiResponses};
    let x = "x".repeat(16 << 10);
    let event = |json: String| format!("data: {json}\n\n");
    let chunk = |delta: String| event(format!(r#"{{"id":"c","model":"m","choices":[{{"index":0,"delta":{delta}}}]}}"#));
    let block = |kind: &str| {
        event(format!(r#"{{"type":"content_block_start","index":0,"content_block":{{"type":"{kind}","name":"f"}}}}"#))
    };
    let grows = |kind: &str, member: &str| {
        let delta = format!(r#"{{"type":"{kind}","{member}":"{x}"}}"#);
        event(format!(r#"{{"type":"content_block_delta","index":0,"delta":{delta}}}"#))
    };
    let item = r#"{"type":"response.output_item.added","output_index":NUMBER,"item":{"type":"message"}}"#;
    let nameless = format!(r#"{{"tool_calls":[{{"index":NUMBER,"function":{{"arguments":"{x}"}}}}]}}"#);
    let calls = r#"{"functionCall":{"name":"f"}},"#.repeat(100);
    let at_once = format!(r#"{{"candidates":[{{"content":{{"parts":[{}]}}}}]}}"#, calls.trim_end_matches(','));
    let case = |name, provider, begins: String, goes_on, clients: &[Dialect]| Endless {
        name,
        provider,
        begins,
        goes_on,
        clients: clients.to_vec(),
    };
    let thinks = block("thinking");
    let mut cases = vec![
        case("text", OpenAi, String::new(), chunk(format!(r#"{{"content":"{x}"}}"#)), &[OpenAiResponses, Gemini]),
        case("a thought", Anthropic, thinks.clone(), grows("thinking_delta", "thinking"), &[OpenAiResponses]),
        case("a signature", Anthropic, thinks, grows("signature_delta", "signature"), &[OpenAi]),
        case(
            "arguments",
            Anthropic,
            block("tool_use"),
            grows("input_json_delta", "partial_json"),
            &[OpenAiResponses, Gemini],
        ),
        case("calls without a name", OpenAi, String::new(), chunk(nameless), &[Gemini]),
        case("calls", Gemini, String::new(), event(at_once), &[Gemini]),
        case("items", OpenAiResponses, String::new(), event(item.to_owned()), &[OpenAi]),
        case("values in one event", OpenAi, "data: [".to_owned(), "0,".repeat(8 << 10), &[OpenAi, Gemini]),
    ];
    for provider in [OpenAi, OpenAiResponses, Anthropic, Gemini, Bedrock] {
        let own = [provider, if provider == OpenAi { Gemini } else { OpenAi }];
        let clients = if provider == Bedrock { &own[1..] } else { &own };
        cases.push(case("a line", provider, "data: ".to_owned(), x.clone(), clients));
        cases.push(case("an event", provider, String::new(), format!("data: {x}\n"), clients));
        cases.push(case("a JSON text", provider, "{\"a\":\"".to_owned(), x.clone(), clients));
        cases.push(case("a page", provider, "<html>".to_owned(), x.clone(), clients));
    }
    cases.push(case("comments", OpenAi, String::new(), format!(": {x}\n\n"), &[OpenAi]));
    cases.push(case("a frame", Bedrock, "\0\0\0\x10".to_owned(), x.clone(), &[OpenAi]));
    cases
}

fn client(dialect: Dialect) -> Call {
    let mut call = Call::new(dialect, Operation::Chat, Bytes::from_static(b"{}"));
    call.model = "m".to_owned();
    call.streamed = true;
    call
}

#[test]
fn what_is_kept_of_a_stream_without_an_end_has_a_bound() {
    for Endless { name, provider, begins, goes_on, clients } in endless() {
        for dialect in clients {
            let call = client(dialect);
            MEMORY.reset_peak_usage();
            let before = MEMORY.current_usage();
            let mut relay = Relay::new(&call, provider);
            let (mut out, mut sent, mut number) = (Vec::new(), 0, 0);
            let mut piece = begins.clone();
            while sent < SENT_BYTES {
                while piece.len() < PIECE_BYTES {
                    number += 1;
                    piece.push_str(&goes_on.replace("NUMBER", &number.to_string()));
                }
                sent += piece.len();
                if relay.push(piece.as_bytes(), &mut out).is_err() {
                    break;
                }
                // The client has read it.
                out.clear();
                piece.clear();
            }
            let kept = MEMORY.peak_usage() - before;
            assert!(
                kept < KEPT_BYTES_MAX,
                "{name} without an end of {provider:?} for {dialect:?}: {kept} bytes after {sent}"
            );
        }
    }
}
