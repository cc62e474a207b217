//! Texts taken out.

use super::*;

#[track_caller]
fn assert_removed(dialect: Dialect, before: &str, change: (&str, &str), text: &str) {
    assert_edited(dialect, before, change, |draft| {
        let others: Vec<_> = texts(draft, "", "").into_iter().filter(|(_, other)| other != text).collect();
        draft.remove(number(draft, text)).unwrap();
        assert_eq!(texts(draft, "", ""), others);
    });
}

#[test]
fn a_message_with_nothing_else_goes_whole() {
    let kind = r#"{"role":"system","content":"Be kind"},
  "#;
    assert_removed(Dialect::OpenAi, OPENAI, (kind, ""), "Be kind");
    assert_removed(Dialect::OpenAi, OPENAI, (",\n  {\"role\":\"user\",\"content\":\"And?\"}", ""), "And?");
    let look = "{\"role\":\"user\",\"content\":[{\"type\":\"text\",\"text\":\"Look\",\"cache_control\":{\"type\":\"ephemeral\"}}]},\n  ";
    assert_removed(Dialect::Anthropic, ANTHROPIC, (look, ""), "Look");
    assert_removed(Dialect::Gemini, GEMINI, ("{\"role\":\"user\",\"parts\":[{\"text\":\"Look\"}]},\n  ", ""), "Look");
    let item = "{\"role\":\"user\",\"content\":[{\"type\":\"input_text\",\"text\":\"Look\"}]},\n  ";
    assert_removed(Dialect::OpenAiResponses, RESPONSES, (item, ""), "Look");
}

#[test]
fn a_message_with_something_else_loses_only_the_text() {
    assert_removed(Dialect::OpenAi, OPENAI, (r#"{"type":"text","text":"Look \u00e9"},"#, ""), "Look é");
    assert_removed(Dialect::OpenAi, OPENAI, (r#""Wait""#, "null"), "Wait");
    let parts = OPENAI.replace(r#""Wait""#, r#"[{"type":"text","text":"Wait"}]"#);
    assert_removed(Dialect::OpenAi, &parts, (r#"[{"type":"text","text":"Wait"}]"#, "null"), "Wait");
    assert_removed(Dialect::Anthropic, ANTHROPIC, (r#"{"type":"text","text":"Wait"},"#, ""), "Wait");
    assert_removed(Dialect::Anthropic, ANTHROPIC, (r#",{"type":"text","text":"And?"}"#, ""), "And?");
    let refused =
        r#"{"model":"m","messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b","refusal":"c"}]}"#;
    assert_removed(Dialect::OpenAi, refused, (r#","refusal":"c""#, ""), "c");
    assert_removed(Dialect::OpenAi, refused, (r#""b""#, "null"), "b");
}

#[test]
fn what_a_provider_signed_beside_a_text_stays() {
    assert_removed(Dialect::Gemini, GEMINI, (r#""Wait""#, r#""""#), "Wait");
}

#[test]
fn thoughts_do_not_stay_alone() {
    let source = r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"},{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"b"}]},{"role":"user","content":"c"}]}"#;
    let whole = r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t","signature":"s"},{"type":"text","text":"b"}]},"#;
    assert_removed(Dialect::Anthropic, source, (whole, ""), "b");
    let source = r#"{"model":"m","input":[{"role":"user","content":"a"}, {"type":"reasoning","summary":[]}, {"role":"assistant","content":"b"}, {"role":"user","content":"c"}]}"#;
    let whole = r#"{"type":"reasoning","summary":[]}, {"role":"assistant","content":"b"}, "#;
    assert_removed(Dialect::OpenAiResponses, source, (whole, ""), "b");
    let source = r#"{"contents":[{"parts":[{"text":"a"}]},{"role":"model","parts":[{"text":"t","thought":true},{"text":"b"}]}]}"#;
    let whole = r#",{"role":"model","parts":[{"text":"t","thought":true},{"text":"b"}]}"#;
    assert_removed(Dialect::Gemini, source, (whole, ""), "b");
    // Here the call needs what was thought in front of it.
    let said = r#"{"type":"message","role":"assistant","content":[{"type":"output_text","text":"Wait"}]},
  "#;
    assert_removed(Dialect::OpenAiResponses, RESPONSES, (said, ""), "Wait");
}

#[test]
fn a_system_without_text_goes() {
    assert_removed(Dialect::Anthropic, ANTHROPIC, (r#","system":"Be kind""#, ""), "Be kind");
    let two =
        ANTHROPIC.replace(r#""Be kind""#, r#"[{"type":"text","text":"Be kind"}, {"type":"text","text":"Be brief"}]"#);
    assert_removed(Dialect::Anthropic, &two, (r#", {"type":"text","text":"Be brief"}"#, ""), "Be brief");
    let one = ANTHROPIC.replace(r#""Be kind""#, r#"[{"type":"text","text":"Be kind"}]"#);
    assert_removed(Dialect::Anthropic, &one, (r#","system":[{"type":"text","text":"Be kind"}]"#, ""), "Be kind");
    assert_removed(Dialect::Gemini, GEMINI, (r#""system_instruction":{"parts":[{"text":"Be kind"}]},"#, ""), "Be kind");
    assert_removed(Dialect::OpenAiResponses, RESPONSES, (r#","instructions":"Be kind""#, ""), "Be kind");
}

#[test]
fn a_description_and_the_end_user_go_as_members() {
    let descriptions = [
        (Dialect::OpenAi, OPENAI),
        (Dialect::OpenAiResponses, RESPONSES),
        (Dialect::Anthropic, ANTHROPIC),
        (Dialect::Gemini, GEMINI),
    ];
    for (dialect, source) in descriptions {
        assert_removed(dialect, source, (r#","description":"Looks""#, ""), "Looks");
    }
    assert_removed(Dialect::OpenAi, OPENAI, (",\n  \"user\":\"u-1\"", ""), "u-1");
    assert_removed(Dialect::OpenAiResponses, RESPONSES, (r#","user":"u-1""#, ""), "u-1");
    assert_removed(Dialect::Anthropic, ANTHROPIC, (r#"{"user_id":"u-1"}"#, "{}"), "u-1");
}

#[test]
fn the_first_of_several_members_goes_with_its_comma() {
    let source = r#"{ "user" : "u" , "model":"m","messages":[{"role":"user","content":"a"}]}"#;
    assert_removed(Dialect::OpenAi, source, (r#" "user" : "u" ,"#, ""), "u");
}

#[test]
fn a_text_to_embed_goes_unless_it_is_the_only_one() {
    let mut draft = draft_of(Dialect::OpenAi, Operation::Embeddings, r#"{"model":"m","input":["a", [1], "b"]}"#);
    draft.remove(0).unwrap();
    assert_eq!(source(&mut draft), r#"{"model":"m","input":[[1], "b"]}"#);
    let batch = r#"{"requests":[{"content":{"parts":[{"text":"a"}]}},{"content":{"parts":[{"text":"b"}]}}]}"#;
    let mut draft = draft_of(Dialect::Gemini, Operation::Embeddings, batch);
    draft.remove(1).unwrap();
    assert_eq!(source(&mut draft), r#"{"requests":[{"content":{"parts":[{"text":"a"}]}}]}"#);
    assert_refused(&mut draft, EditError::Forbidden, |draft| draft.remove(0));
    for only in [r#"{"model":"m","input":"a"}"#, r#"{"model":"m","input":["a"]}"#] {
        let mut draft = draft_of(Dialect::OpenAi, Operation::Embeddings, only);
        assert_refused(&mut draft, EditError::Forbidden, |draft| draft.remove(0));
    }
    let parts = r#"{"content":{"parts":[{"text":"a"},{"text":"b"}]}}"#;
    let mut draft = draft_of(Dialect::Gemini, Operation::Embeddings, parts);
    draft.remove(1).unwrap();
    assert_eq!(source(&mut draft), r#"{"content":{"parts":[{"text":"a"}]}}"#);
    assert_refused(&mut draft, EditError::Forbidden, |draft| draft.remove(0));
}

#[test]
fn what_a_call_needs_stays() {
    let all = [
        (Dialect::OpenAi, OPENAI, r#"{"model":"m","messages":[{"role":"user","content":"a"}]}"#),
        (Dialect::OpenAiResponses, RESPONSES, r#"{"model":"m","input":"a"}"#),
        (Dialect::Anthropic, ANTHROPIC, r#"{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"a"}]}"#),
        (Dialect::Gemini, GEMINI, r#"{"contents":[{"parts":[{"text":"a"}]}]}"#),
    ];
    for (dialect, source, only) in all {
        let mut whole = draft(dialect, source);
        for number in [3, 4] {
            assert_refused(&mut whole, EditError::Forbidden, |draft| draft.remove(number));
        }
        assert_refused(&mut whole, EditError::InvalidName, |draft| draft.remove(99));
        assert_refused(&mut draft(dialect, only), EditError::Forbidden, |draft| draft.remove(0));
    }
}

#[test]
fn a_part_of_what_is_embedded_goes_alone() {
    let source =
        r#"{"requests":[{"content":{"parts":[{"text":"a"},{"text":"b"}]}},{"content":{"parts":[{"text":"c"}]}}]}"#;
    let removed = |text| {
        let mut draft = draft_of(Dialect::Gemini, Operation::Embeddings, source);
        draft.remove(number(&draft, text)).unwrap();
        super::source(&mut draft)
    };
    assert_eq!(removed("a"), source.replace(r#"{"text":"a"},"#, ""));
    assert_eq!(removed("c"), source.replace(r#",{"content":{"parts":[{"text":"c"}]}}"#, ""));
}

#[test]
fn a_mark_of_thoughts_takes_no_text_of_the_users_along() {
    let source = r#"{"contents":[{"parts":[{"text":"a"},{"text":"b","thought":true}]},{"parts":[{"text":"c"}]}]}"#;
    assert_removed(Dialect::Gemini, source, (r#"{"text":"a"},"#, ""), "a");
}
