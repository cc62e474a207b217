//! Texts that take the place of others.

use super::*;

const QUOTED: &str = "say \"hi\"\n\u{1F600}";
const WRITTEN: &str = "say \\\"hi\\\"\\n\u{1F600}";

#[test]
fn a_rewritten_text_changes_nothing_around_it() {
    for (dialect, source) in [
        (Dialect::OpenAi, OPENAI),
        (Dialect::OpenAiResponses, RESPONSES),
        (Dialect::Anthropic, ANTHROPIC),
        (Dialect::Gemini, GEMINI),
    ] {
        for text in ["Be kind", "Wait", "And?", "Looks"] {
            assert_edited(dialect, source, (&format!("\"{text}\""), &format!("\"{WRITTEN}\"")), |draft| {
                draft.rewrite(number(draft, text), QUOTED).unwrap();
                assert!(texts(draft, "", "").iter().any(|(_, text)| text == QUOTED));
            });
        }
    }
    assert_edited(Dialect::OpenAi, OPENAI, (r"Look \u00e9", "x"), |draft| draft.rewrite(1, "x").unwrap());
    assert_edited(Dialect::Anthropic, ANTHROPIC, ("u-1", "x"), |draft| draft.rewrite(7, "x").unwrap());
}

#[test]
fn all_texts_are_rewritten_at_once() {
    let mut draft = draft(Dialect::Anthropic, ANTHROPIC);
    for (number, _) in texts(&draft, "", "") {
        let text = if draft.place(number) == Some("tool-arguments") {
            format!("{{\"n\":{number}}}")
        } else {
            number.to_string()
        };
        draft.rewrite(number, &text).unwrap();
    }
    let before = texts(&draft, "", "");
    draft.finish().unwrap();
    assert_eq!(texts(&draft, "", ""), before);
    assert_eq!(draft.text_bytes(), 7 + "{\"n\":3}".len() as u64);
}

#[test]
fn arguments_stay_an_object() {
    for (dialect, source) in [
        (Dialect::OpenAi, OPENAI),
        (Dialect::OpenAiResponses, RESPONSES),
        (Dialect::Anthropic, ANTHROPIC),
        (Dialect::Gemini, GEMINI),
    ] {
        let mut draft = draft(dialect, source);
        let deep = format!("{{\"a\":{}{}}}", "[".repeat(124), "]".repeat(124));
        for wrong in ["", "x", "[1]", "\"{}\"", "{} {}", "{},{}", "{}]", "{\"a\":1,\"a\":2}", &deep] {
            assert_refused(&mut draft, EditError::InvalidValue, |draft| draft.rewrite(3, wrong));
        }
        draft.rewrite(3, "{\"b\" : [2]}").unwrap();
        draft.finish().unwrap();
        assert_eq!(texts(&draft, "", "tool-arguments")[0].1, "{\"b\" : [2]}");
    }
    assert_edited(Dialect::Anthropic, ANTHROPIC, (r#"{"a": 1}"#, r#"{"b" : 2}"#), |draft| {
        draft.rewrite(3, " {\"b\" : 2}\n").unwrap();
    });
    let changed = r#""{\"b\" : 2}""#;
    assert_edited(Dialect::OpenAi, OPENAI, (r#""{\"a\":1}""#, changed), |draft| {
        draft.rewrite(3, "{\"b\" : 2}").unwrap();
    });
}

#[test]
fn what_a_provider_has_signed_is_not_rewritten() {
    let signed = GEMINI.replace(r#"{"functionCall""#, r#"{"thoughtSignature":"t","functionCall""#);
    let mut draft = draft(Dialect::Gemini, &signed);
    assert_refused(&mut draft, EditError::Forbidden, |draft| draft.rewrite(3, "{}"));
    // The sign beside a text is of the thought that led to it.
    draft.rewrite(2, "Hold").unwrap();
    assert_eq!(source(&mut draft), signed.replace("Wait", "Hold"));
}

#[test]
fn arguments_that_stand_nowhere_are_not_rewritten() {
    let mut draft = draft(Dialect::Gemini, &GEMINI.replace(r#","args":{"a": 1}"#, ""));
    assert_eq!(texts(&draft, "", "tool-arguments")[0].1, "{}");
    assert_refused(&mut draft, EditError::Forbidden, |draft| draft.rewrite(3, "{\"a\":1}"));
}

#[test]
fn a_result_that_is_an_object_stays_one() {
    let result = r#"{"animal": "cat"}"#;
    for (text, written) in [
        (r#"{"animal":"dog"}"#, r#"{"animal":"dog"}"#),
        ("a dog", r#"{"output":"a dog"}"#),
        (r#"{"output":1}"#, r#"{"output":"{\"output\":1}"}"#),
        (" {}", r#"{"output":" {}"}"#),
        ("7", r#"{"output":"7"}"#),
    ] {
        assert_edited(Dialect::Gemini, GEMINI, (result, written), |draft| {
            draft.rewrite(4, text).unwrap();
            draft.finish().unwrap();
            assert_eq!(texts(draft, "tool", ""), [(4, text.to_owned())]);
        });
    }
    let wrapped = GEMINI.replace(result, r#"{"result": [1]}"#);
    for (text, written) in [("[2]", "[2]"), ("two", "\"two\""), ("null", "\"null\""), ("\"a\"", r#""\"a\"""#)] {
        assert_edited(Dialect::Gemini, &wrapped, ("[1]", written), |draft| {
            draft.rewrite(4, text).unwrap();
            draft.finish().unwrap();
            assert_eq!(texts(draft, "tool", ""), [(4, text.to_owned())]);
        });
    }
}

#[test]
fn each_name_of_an_end_user_is_a_segment() {
    let chat = OPENAI.replace(r#""user":"u-1", "#, r#""user":"u-1","safety_identifier":"u-2", "#);
    let responses = RESPONSES.replace(r#""user":"u-1""#, r#""user":"u-1","safety_identifier":"u-2""#);
    let embeddings = r#"{"model":"m","input":"a","user":"u-1","safety_identifier":"u-2"}"#.to_owned();
    for (dialect, operation, both) in [
        (Dialect::OpenAi, Operation::Chat, chat),
        (Dialect::OpenAiResponses, Operation::Chat, responses),
        (Dialect::OpenAi, Operation::Embeddings, embeddings),
    ] {
        let draft = draft_of(dialect, operation, &both);
        let [(first, one), (second, other)] = &texts(&draft, "", "end-user-id")[..] else { panic!("not two names") };
        assert_eq!((one.as_str(), other.as_str()), ("u-1", "u-2"));
        let mut hidden = draft.clone();
        hidden.rewrite(*second, "x").unwrap();
        assert_eq!(source(&mut hidden), both.replace("u-2", "x"));
        let mut removed = draft.clone();
        removed.remove(*first).unwrap();
        assert_eq!(texts(&removed, "", "end-user-id"), [(*second, "u-2".to_owned())]);
        removed.remove(*second).unwrap();
        assert_eq!(texts(&removed, "", "end-user-id"), []);
        assert!(!source(&mut removed).contains("u-"));
    }
}

#[test]
fn an_empty_text_may_be_no_text_any_more() {
    let mut draft = draft(
        Dialect::OpenAi,
        r#"{"model":"m","messages":[{"role":"assistant","content":"a"},{"role":"user","content":"b"}]}"#,
    );
    draft.rewrite(0, "").unwrap();
    draft.rewrite(1, "").unwrap();
    draft.finish().unwrap();
    // What the assistant says in no word it does not say; a user's text may be empty.
    assert_eq!(texts(&draft, "", ""), [(1, String::new())]);
    assert_eq!(draft.rewrite(0, "x"), Err(EditError::InvalidName));
}

#[test]
fn texts_cannot_make_a_call_much_larger() {
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    let room = OPENAI.len() + super::super::GROWTH_BYTES_MAX;
    let half = "x".repeat(room / 2);
    draft.rewrite(0, &half).unwrap();
    draft.rewrite(1, &half).unwrap();
    assert_eq!(draft.rewrite(2, &half), Err(EditError::TooMany));
    draft.rewrite(0, "short").unwrap();
    draft.rewrite(2, &half).unwrap();
    assert_eq!(draft.insert("user", &half, None), Err(EditError::TooMany));
    assert!(draft.finish().unwrap().source.len() <= OPENAI.len() + room);
}

#[test]
fn arguments_cannot_have_more_values_than_a_call() {
    let mut draft = draft(Dialect::Anthropic, ANTHROPIC);
    let many = format!("{{\"a\":[{}0]}}", "0,".repeat(crate::json::VALUES_MAX - 20));
    draft.rewrite(3, &many).unwrap();
    assert_eq!(draft.finish().map(drop), Err(EditError::TooMany));
    assert_eq!(draft.insert("user", "x", None), Err(EditError::TooMany));
    draft.rewrite(3, "{}").unwrap();
    draft.insert("user", "x", None).unwrap();
}

#[test]
fn either_name_of_the_end_user_is_a_segment() {
    let one = RESPONSES.replace(r#""user":"u-1""#, r#""safety_identifier":"u-1""#);
    assert_edited(Dialect::OpenAiResponses, &one, ("u-1", "x"), |draft| {
        let user = number(draft, "u-1");
        assert_eq!(draft.place(user), Some("end-user-id"));
        draft.rewrite(user, "x").unwrap();
    });
}
