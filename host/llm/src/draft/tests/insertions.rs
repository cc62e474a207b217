//! New texts in a conversation.

use super::*;

/// Inserts `text` and checks that it is read where it should be: behind the segments that say `order` in front of it.
#[track_caller]
fn assert_inserted(
    dialect: Dialect,
    before: &str,
    (old, new): (&str, &str),
    (role, place): (&str, Option<&str>),
    order: &[&str],
) {
    assert_edited(dialect, before, (old, new), |draft| {
        let place = place.map(|text| number(draft, text));
        let inserted = draft.insert(role, "N\"", place).unwrap();
        assert_eq!((draft.role(inserted), draft.place(inserted)), (Some(role), Some("text")));
        let read = texts(draft, "", "text").into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(read, order);
    });
}

#[test]
fn openai_gets_a_message() {
    let case = |change: (&str, &str), asked: (&str, Option<&str>), order: [&str; 5]| {
        assert_inserted(Dialect::OpenAi, OPENAI, change, asked, &order)
    };
    let kind = r#"{"role":"system","content":"Be kind"}"#;
    let new = |role| format!(r#"{{"role":"{role}","content":"N\""}}"#);
    let (first, last) =
        (format!("{},{kind}", new("system")), format!(r#"{{"role":"user","content":"And?"}},{}"#, new("user")));
    case((kind, &first), ("system", Some("Be kind")), ["N\"", "Be kind", "Look é", "Wait", "And?"]);
    case((r#"{"role":"user","content":"And?"}"#, &last), ("user", None), ["Be kind", "Look é", "Wait", "And?", "N\""]);
    let wait = r#"{"role":"assistant","content":"Wait""#;
    let before = format!("{},{wait}", new("assistant"));
    case((wait, &before), ("assistant", Some("Wait")), ["Be kind", "Look é", "N\"", "Wait", "And?"]);
    case((wait, &before), ("assistant", Some("{\"a\":1}")), ["Be kind", "Look é", "N\"", "Wait", "And?"]);
    // A vendor does not take both words.
    let developer = OPENAI.replace("\"system\"", "\"developer\"");
    let second = r#"{"role":"developer","content":"N\""},{"role":"user","content":[{"#;
    let order = ["Be kind", "N\"", "Look é", "Wait", "And?"];
    assert_inserted(
        Dialect::OpenAi,
        &developer,
        (r#"{"role":"user","content":[{"#, second),
        ("system", Some("Look é")),
        &order,
    );
}

#[test]
fn responses_get_an_item() {
    let new = |role| format!(r#"{{"type":"message","role":"{role}","content":"N\""}}"#);
    let last = r#"{"role":"user","content":"And?"}"#;
    let case = |change: (&str, &str), asked: (&str, Option<&str>), order: [&str; 5]| {
        assert_inserted(Dialect::OpenAiResponses, RESPONSES, change, asked, &order)
    };
    case((last, &format!("{last},{}", new("user"))), ("user", None), ["Be kind", "Look", "Wait", "And?", "N\""]);
    case(
        (last, &format!("{},{last}", new("system"))),
        ("system", Some("And?")),
        ["Be kind", "Look", "Wait", "N\"", "And?"],
    );
    // What was thought stays with what it led to.
    let reasoning = r#"{"type":"reasoning""#;
    let before = format!("{},{reasoning}", new("assistant"));
    let order = ["Be kind", "Look", "N\"", "Wait", "And?"];
    case((reasoning, &before), ("assistant", Some("Wait")), order);
    case((reasoning, &before), ("assistant", Some("{}")), order);
    let mut instructed = draft(Dialect::OpenAiResponses, RESPONSES);
    assert_refused(&mut instructed, EditError::Forbidden, |draft| draft.insert("system", "x", Some(0)).map(drop));
}

#[test]
fn a_text_as_input_becomes_an_array() {
    let source = r#"{"model":"m","input": "Hi\u0021" ,"instructions":"Be kind"}"#;
    let new = |role| format!(r#"{{"type":"message","role":"{role}","content":"N\""}}"#);
    let old = r#"{"type":"message","role":"user","content":"Hi\u0021"}"#;
    let case = |new: String, asked, order: [&str; 3]| {
        assert_inserted(Dialect::OpenAiResponses, source, (r#""Hi\u0021""#, &new), asked, &order);
    };
    case(format!("[{old},{}]", new("assistant")), ("assistant", None), ["Be kind", "Hi!", "N\""]);
    case(format!("[{},{old}]", new("system")), ("system", Some("Hi!")), ["Be kind", "N\"", "Hi!"]);
    let stored = r#"{"model":"m","previous_response_id":"r"}"#;
    let input = format!(r#"{{"input":[{}],"model""#, new("user"));
    assert_inserted(Dialect::OpenAiResponses, stored, (r#"{"model""#, &input), ("user", None), &["N\""]);
}

#[test]
fn anthropic_gets_a_block_of_the_system_or_a_message() {
    let case = |change: (&str, &str), asked: (&str, Option<&str>), order: [&str; 5]| {
        assert_inserted(Dialect::Anthropic, ANTHROPIC, change, asked, &order)
    };
    let block = |text: &str| format!(r#"{{"type":"text","text":"{text}"}}"#);
    let kind = (r#""Be kind""#, block("Be kind"), block(r#"N\""#));
    let (in_front, behind) = (format!("[{},{}]", kind.2, kind.1), format!("[{},{}]", kind.1, kind.2));
    case((kind.0, &in_front), ("system", Some("Be kind")), ["N\"", "Be kind", "Look", "Wait", "And?"]);
    case((kind.0, &behind), ("system", None), ["Be kind", "N\"", "Look", "Wait", "And?"]);
    case((kind.0, &behind), ("system", Some("Look")), ["Be kind", "N\"", "Look", "Wait", "And?"]);
    let wait = r#"{"role":"assistant","content":[{"type":"thinking""#;
    let before = format!(r#"{{"role":"user","content":"N\""}},{wait}"#);
    case((wait, &before), ("user", Some("Wait")), ["Be kind", "Look", "N\"", "Wait", "And?"]);
    let last = r#"{"type":"text","text":"And?"}]}"#;
    let end = format!(r#"{last},{{"role":"assistant","content":"N\""}}"#);
    case((last, &end), ("assistant", None), ["Be kind", "Look", "Wait", "And?", "N\""]);

    let blocks = ANTHROPIC.replace(r#""Be kind""#, r#"[{"type":"text","text":"Be kind"} ]"#);
    let appended = format!("{},{} ]", kind.1, kind.2);
    let order = ["Be kind", "N\"", "Look", "Wait", "And?"];
    assert_inserted(Dialect::Anthropic, &blocks, (&format!("{} ]", kind.1), &appended), ("system", None), &order);
    let none = ANTHROPIC.replace(r#""system":"Be kind","#, "");
    let made = r#"{"system":"N\"","model":"claude""#;
    assert_inserted(Dialect::Anthropic, &none, (r#"{"model":"claude""#, made), ("system", None), &order[1..]);
    let null = ANTHROPIC.replace(r#""Be kind""#, "null");
    assert_inserted(Dialect::Anthropic, &null, ("null", r#""N\"""#), ("system", None), &order[1..]);
}

#[test]
fn gemini_gets_a_part_of_the_system_or_a_content() {
    let case = |change: (&str, &str), asked: (&str, Option<&str>), order: [&str; 5]| {
        assert_inserted(Dialect::Gemini, GEMINI, change, asked, &order)
    };
    let (kind, new) = (r#"{"text":"Be kind"}"#, r#"{"text":"N\""}"#);
    case((kind, &format!("{kind},{new}")), ("system", None), ["Be kind", "N\"", "Look", "Wait", "And?"]);
    case((kind, &format!("{new},{kind}")), ("system", Some("Be kind")), ["N\"", "Be kind", "Look", "Wait", "And?"]);
    let last = r#"{"role":"user","parts":[{"text":"And?"}]}"#;
    let model = r#"{"role":"model","parts":[{"text":"N\""}]}"#;
    case((last, &format!("{model},{last}")), ("assistant", Some("And?")), ["Be kind", "Look", "Wait", "N\"", "And?"]);
    case((last, &format!("{last},{model}")), ("assistant", None), ["Be kind", "Look", "Wait", "And?", "N\""]);
    let bare = r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#;
    let made = r#"{"systemInstruction":{"parts":[{"text":"N\""}]},"contents""#;
    assert_inserted(Dialect::Gemini, bare, (r#"{"contents""#, made), ("system", None), &["N\"", "Hi"]);
}

#[test]
fn counting_takes_what_the_vendor_counts() {
    let bare = r#"{"contents":[{"parts":[{"text":"Hi"}]}]}"#;
    let mut counted = draft_of(Dialect::Gemini, Operation::CountTokens, bare);
    assert_refused(&mut counted, EditError::Forbidden, |draft| draft.insert("system", "x", None).map(drop));
    counted.insert("user", "x", None).unwrap();
    let whole = format!(r#"{{"generateContentRequest":{GEMINI}}}"#);
    let mut counted = draft_of(Dialect::Gemini, Operation::CountTokens, &whole);
    counted.insert("system", "x", None).unwrap();
    counted.insert("user", "y", Some(1)).unwrap();
    let read = texts(&counted, "", "text").into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(read, ["Be kind", "x", "y", "Look", "Wait", "And?"]);
    let mut counted =
        draft_of(Dialect::Anthropic, Operation::CountTokens, &ANTHROPIC.replace(r#""max_tokens":9,"#, ""));
    counted.insert("system", "x", None).unwrap();
    let mut embedded = draft_of(Dialect::OpenAi, Operation::Embeddings, r#"{"model":"m","input":"a"}"#);
    assert_refused(&mut embedded, EditError::Forbidden, |draft| draft.insert("user", "x", None).map(drop));
}

#[test]
fn nothing_comes_between_a_call_and_its_result() {
    for (dialect, source) in [
        (Dialect::OpenAi, OPENAI),
        (Dialect::OpenAiResponses, RESPONSES),
        (Dialect::Anthropic, ANTHROPIC),
        (Dialect::Gemini, GEMINI),
    ] {
        let mut draft = draft(dialect, source);
        assert_refused(&mut draft, EditError::Forbidden, |draft| draft.insert("user", "x", Some(4)).map(drop));
    }
    let both =
        OPENAI.replace(r#"{"role":"tool""#, r#"{"role":"tool","tool_call_id":"c0","content":"none"},{"role":"tool""#);
    let mut draft = draft(Dialect::OpenAi, &both);
    let result = number(&draft, "a cat");
    assert_refused(&mut draft, EditError::Forbidden, |draft| draft.insert("user", "x", Some(result)).map(drop));
}

#[test]
fn what_cannot_be_inserted_is_refused() {
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    for role in ["tool", "", "developer"] {
        assert_refused(&mut draft, EditError::InvalidName, |draft| draft.insert(role, "x", None).map(drop));
    }
    assert_refused(&mut draft, EditError::InvalidName, |draft| draft.insert("user", "x", Some(99)).map(drop));
    assert_refused(&mut draft, EditError::InvalidValue, |draft| draft.insert("user", "", None).map(drop));
    let described = number(&draft, "Looks");
    assert_refused(&mut draft, EditError::Forbidden, |draft| draft.insert("user", "x", Some(described)).map(drop));
    let mut claude = super::draft(Dialect::Anthropic, ANTHROPIC);
    assert_refused(&mut claude, EditError::Forbidden, |draft| draft.insert("user", "x", Some(0)).map(drop));
}

#[test]
fn a_draft_takes_so_many_edits() {
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    for _ in 0..super::super::EDITS_MAX {
        draft.insert("user", "x", None).unwrap();
    }
    assert_refused(&mut draft, EditError::TooMany, |draft| draft.insert("user", "x", None).map(drop));
    assert_refused(&mut draft, EditError::TooMany, |draft| draft.remove(0));
    assert_refused(&mut draft, EditError::TooMany, |draft| draft.set_number("seed", Some(1.0)));
    draft.rewrite(0, "still").unwrap();
    assert_eq!(texts(&draft, "system", "")[0].1, "still");
}
