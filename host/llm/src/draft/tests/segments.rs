//! Which texts are segments, and their numbers.

use super::*;

#[track_caller]
fn assert_segments(draft: &Draft, expected: &[(&str, &str, &str, &str)]) {
    let found: Vec<_> = texts(draft, "", "")
        .into_iter()
        .map(|(number, text)| {
            let (role, place) = (draft.role(number).unwrap(), draft.place(number).unwrap());
            (role, place, draft.tool(number).unwrap_or_default().to_owned(), text)
        })
        .collect();
    let expected: Vec<_> = expected
        .iter()
        .map(|(role, place, tool, text)| (*role, *place, (*tool).to_owned(), (*text).to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn every_text_of_a_call_is_a_segment_in_every_dialect() {
    let rest = [("user", "text", "", "And?"), ("", "tool-definition", "see", "Looks"), ("", "end-user-id", "", "u-1")];
    let with = |first: &str,
                arguments: &str,
                result: &str,
                rest: &[(&'static str, &'static str, &'static str, &'static str)]| {
        let leak = |text: &str| -> &'static str { String::leak(text.to_owned()) };
        let mut all = vec![
            ("system", "text", "", "Be kind"),
            ("user", "text", "", leak(first)),
            ("assistant", "text", "", "Wait"),
            ("assistant", "tool-arguments", "see", leak(arguments)),
            ("tool", "tool-result", "see", leak(result)),
        ];
        all.extend_from_slice(rest);
        all
    };
    assert_segments(&draft(Dialect::OpenAi, OPENAI), &with("Look é", "{\"a\":1}", "a cat", &rest));
    assert_segments(&draft(Dialect::OpenAiResponses, RESPONSES), &with("Look", "{}", "a cat", &rest));
    assert_segments(&draft(Dialect::Anthropic, ANTHROPIC), &with("Look", "{\"a\": 1}", "a cat", &rest));
    let gemini = with("Look", "{\"a\": 1}", "{\"animal\": \"cat\"}", &rest[..2]);
    assert_segments(&draft(Dialect::Gemini, GEMINI), &gemini);
}

#[test]
fn texts_to_embed_are_segments_that_nobody_says() {
    let source = r#"{"model":"m","input":["a",[1,2],"b"]}"#;
    let draft = draft_of(Dialect::OpenAi, Operation::Embeddings, source);
    assert_segments(&draft, &[("", "text", "", "a"), ("", "text", "", "b")]);
}

#[test]
fn reading_selects_by_role_and_place() {
    let draft = draft(Dialect::Anthropic, ANTHROPIC);
    let only = |role, place| texts(&draft, role, place).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
    assert_eq!(only("user", ""), ["Look", "And?"]);
    assert_eq!(only("", "text"), ["Be kind", "Look", "Wait", "And?"]);
    assert_eq!(only("tool", "tool-result"), ["a cat"]);
    assert_eq!(only("nobody", ""), [""; 0]);
    assert_eq!(only("", "thoughts"), [""; 0]);
    let all: usize = only("", "").iter().map(String::len).sum();
    assert_eq!(draft.text_bytes(), all as u64);
    assert_eq!((draft.role(99), draft.place(99), draft.tool(99)), (None, None, None));
}

#[test]
fn numbers_stay_through_all_edits_and_are_not_given_twice() {
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    let (kind, wait, and) = (number(&draft, "Be kind"), number(&draft, "Wait"), number(&draft, "And?"));
    draft.rewrite(wait, "Hold on, please").unwrap();
    draft.remove(kind).unwrap();
    let first = draft.insert("system", "Be brief", Some(number(&draft, "Look é"))).unwrap();
    let second = draft.insert("user", "Now", None).unwrap();
    draft.set_number("temperature", Some(0.5)).unwrap();
    draft.set_model("another, longer one").unwrap();
    let said = texts(&draft, "", "text").into_iter().map(|(number, _)| number).collect::<Vec<_>>();
    assert_eq!(said, [first, number(&draft, "Look é"), wait, and, second]);
    assert_eq!(texts(&draft, "", "text")[2].1, "Hold on, please");
    assert!(first > 7 && second > first);
    draft.remove(first).unwrap();
    let third = draft.insert("system", "Be brief", None).unwrap();
    assert!(third > second);
    assert_eq!(draft.rewrite(kind, "x"), Err(EditError::InvalidName));
    assert_eq!(draft.remove(first), Err(EditError::InvalidName));
    assert_eq!((draft.role(kind), draft.role(and)), (None, Some("user")));
}

#[test]
fn a_draft_that_is_not_edited_gives_back_the_call_itself() {
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    let call = draft.call().clone();
    draft.rewrite(0, "Be rude").unwrap();
    draft.rewrite(0, "Be kind").unwrap();
    draft.set_model("gpt").unwrap();
    draft.set_number("temperature", Some(1.0)).unwrap();
    draft.set_word("service-tier", None).unwrap();
    assert!(Arc::ptr_eq(&draft.finish().unwrap(), &call));
}

#[test]
fn a_clone_goes_its_own_way() {
    let mut draft = draft(Dialect::OpenAi, OPENAI);
    draft.rewrite(0, "Be brief").unwrap();
    let mut clone = draft.clone();
    clone.rewrite(0, "Be rude").unwrap();
    clone.remove(1).unwrap();
    assert_eq!(texts(&draft, "system", "")[0].1, "Be brief");
    assert_eq!(source(&mut draft), OPENAI.replace("Be kind", "Be brief"));
    assert!(source(&mut clone).contains("Be rude"));
}
