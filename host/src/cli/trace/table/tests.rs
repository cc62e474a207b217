use serde_json::json;

use super::*;

fn exchange() -> Value {
    let failed = json!({"step": "call", "at_us": 2_150, "took_us": 9, "phase": "finish", "entry": "key", "version": "stable",
        "calls": 1, "decision": "fail", "failure": "trap", "message": "wasm trap; at demo::f (a.rs:1:2), g (a.rs:3:4)",
        "then": "deny", "did": [{"call": "log.write", "name": "error", "value": "psst"}]});
    json!({
        "request_id": "id-1", "generation": 2, "client_address": "127.0.0.1", "method": "POST", "authority": "localhost",
        "path": "/v1/\u{1b}[2Jchat", "route": "chat", "consumer": "acme", "key_id": null, "status": 429, "outcome": "rejected",
        "code": "rate_limited", "decided_by": "limit", "request_bytes": 12, "reply_bytes": 90, "duration_us": 2_512,
        "steps_left_out": 3,
        "steps": [
            {"step": "route", "at_us": 20, "route": "chat", "why": "path `/v1/*`"},
            {"step": "call", "at_us": 31, "took_us": 410, "waited_us": 12, "host_calls": 3, "phase": "head", "entry": "key",
             "version": "canary", "calls": 1, "decision": "proceed",
             "did": [{"call": "keys.identify", "name": "authorization Bearer", "value": "k1"},
                     {"call": "request.set-header", "name": "cookie", "value": "[hidden]", "refused": "forbidden"}]},
            {"step": "call", "at_us": 500, "took_us": 100, "phase": "head", "entry": "limit", "version": "stable", "calls": 1,
             "decision": "reject", "status": 429, "code": "rate_limited", "message": "Too many.", "did": [], "did_left_out": 2},
            {"step": "call", "at_us": 700, "took_us": 900, "phase": "reply-body", "entry": "audit", "version": "shadow",
             "calls": 40, "until_us": 2_000, "bytes_in": 400, "bytes_out": 440, "decision": "replace", "did": []},
            {"step": "call", "at_us": 2_100, "took_us": 1, "phase": "finish", "entry": "audit", "version": "stable", "calls": 1,
             "decision": "fail", "failure": "suspended", "message": "the breaker is open", "then": "nothing", "did": []},
            failed,
            {"step": "something-new", "at_us": 2_200},
            {"step": "end", "at_us": 2_512, "outcome": "rejected"},
        ],
    })
}

#[test]
fn a_person_reads_a_row_a_step_in_columns() {
    let text = Table { paint: Paint::always(false) }.exchange(&exchange());
    assert_eq!(
        text,
        "\
POST localhost/v1/\\u{1b}[2Jchat → 429 rate_limited, rejected, 2.512 ms
  request id-1, from 127.0.0.1, generation 2, route chat, consumer acme, decided by limit, 12 bytes in, 90 out
       at ms    took ms
       0.020             route       chat            path `/v1/*`
       0.031      0.410  head        key (canary)    proceed  (waited 0.012 ms)
                                       key in authorization Bearer: k1
                                       request: set cookie: [hidden] (forbidden)
       0.500      0.100              limit           reject 429 rate_limited: Too many.
                                       and 2 more that are left out
       0.700      0.900  reply-body  audit (shadow)  replace  (40 pieces until 2.000 ms, 400 → 440 bytes)
       2.100      0.001  finish      audit           not called, the request is not touched: the breaker is open
       2.150      0.009              key             fail trap, the request is refused: wasm trap
                                       at demo::f (a.rs:1:2), g (a.rs:3:4)
                                       log error: psst
       2.512             end                         rejected
  3 further steps are left out

"
    );
}

#[test]
fn colours_are_around_what_stands_without_them() {
    let (plain, coloured) = (
        Table { paint: Paint::always(false) }.exchange(&exchange()),
        Table { paint: Paint::always(true) }.exchange(&exchange()),
    );
    assert!(coloured.contains("\x1b[31mreject 429") && !plain.contains('\x1b'));
    let mut without = coloured;
    for code in [0, 1, 2, 31, 32, 33, 36] {
        without = without.replace(&format!("\x1b[{code}m"), "");
    }
    // What is coloured may end in blanks.
    let lines = |text: &str| text.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&without), lines(&plain));
}
