//! Decisions that break the contract.

use super::*;
use crate::failure::FailureKind;

fn rejection() -> wit::Rejection {
    wit::Rejection {
        status: 403,
        code: "not_for_you".to_owned(),
        message: "No.".to_owned(),
        retry_after_ms: None,
        fields: Vec::new(),
        problem_type: None,
        details: Vec::new(),
    }
}

fn field(name: &str, value: &[u8]) -> wit::Field {
    wit::Field { name: name.to_owned(), value: value.to_vec() }
}

fn refused(rejection: wit::Rejection) -> String {
    let failure = Verdict::from_decision(wit::Decision::Reject(rejection)).unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadReturn);
    failure.message.clone()
}

#[test]
fn a_rejection_has_an_error_status_and_an_answer_no_informational_one() {
    for status in [0, 99, 200, 399, 600, 999, u16::MAX] {
        assert!(refused(wit::Rejection { status, ..rejection() }).contains("400 to 599"), "{status}");
    }
    let answer = |status| wit::Decision::Respond(wit::Answer { status, fields: Vec::new(), body: Vec::new() });
    for status in [0, 100, 101, 199, 600] {
        assert!(Verdict::from_decision(answer(status)).unwrap_err().message.contains("200 to 599"), "{status}");
    }
    for status in [200, 599] {
        assert!(Verdict::from_decision(answer(status)).is_ok(), "{status}");
    }
}

#[test]
fn a_code_is_lower_case_words_and_ends_at_its_length() {
    for code in ["", "Upper", "with-dash", "with space", "caf\u{e9}", &"c".repeat(65)] {
        assert!(refused(wit::Rejection { code: code.to_owned(), ..rejection() }).contains("the code"), "{code}");
    }
    let longest = wit::Rejection { code: "c".repeat(64), ..rejection() };
    assert!(Verdict::from_decision(wit::Decision::Reject(longest)).is_ok());
}

#[test]
fn message_and_details_end_at_their_limits() {
    let long = wit::Rejection { message: "m".repeat(MESSAGE_BYTES_MAX + 1), ..rejection() };
    assert!(refused(long).contains("over 4096 bytes"));
    let detail = |json: &str| wit::Detail { name: "limit".to_owned(), json: json.to_owned() };
    let details = |json: &str, count| wit::Rejection { details: vec![detail(json); count], ..rejection() };
    assert!(refused(details("1", DETAILS_MAX + 1)).contains("over 32 details"));
    for json in ["", "{", "1 2", "nan", &format!("\"{}\"", "d".repeat(DETAIL_BYTES_MAX))] {
        assert!(refused(details(json, 1)).contains("no JSON value, or is too long"), "{json}");
    }
    assert!(Verdict::from_decision(wit::Decision::Reject(details("{\"left\": 0}", DETAILS_MAX))).is_ok());
}

#[test]
fn fields_of_an_answer_that_are_the_hosts_or_no_fields_are_refused_and_bytes_are_kept() {
    let with = |field| wit::Rejection { fields: vec![field], ..rejection() };
    for name in ["content-length", "Transfer-Encoding", "connection", "host", "x-sluicegate-code"] {
        assert!(refused(with(field(name, b"1"))).contains("belongs to the host"), "{name}");
    }
    for name in ["", "no name", "caf\u{e9}"] {
        assert!(refused(with(field(name, b"1"))).contains("no valid name"), "{name:?}");
    }
    for value in [&b"a\r\nb: c"[..], b"a\nb", b"a\0b"] {
        assert!(refused(with(field("x", value))).contains("no valid value"), "{value:?}");
    }
    let many = vec![field("x", b"1"); fields::FIELDS_MAX + 1];
    assert!(refused(wit::Rejection { fields: many, ..rejection() }).contains("one too many"));
    match Verdict::from_decision(wit::Decision::Reject(with(field("x-bytes", b"\xff\xfe")))).unwrap() {
        Verdict::Reject(kept) => assert_eq!(kept.fields["x-bytes"].as_bytes(), b"\xff\xfe"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_piece_ends_at_what_may_go_on() {
    let piece = |length| wit::Piece::Replace(vec![0; length]);
    assert_eq!(Verdict::from_piece(piece(10), 10).unwrap(), Verdict::Replace(Box::new(Bytes::from(vec![0; 10]))));
    let failure = Verdict::from_piece(piece(11), 10).unwrap_err();
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::BadReturn, "a piece of 11 bytes; at most 10 may go on")
    );
    assert_eq!(Verdict::from_piece(wit::Piece::Pass, 0).unwrap(), Verdict::Proceed);
}
