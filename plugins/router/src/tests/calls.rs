//! What rules and strategies see of a model's call.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluicegate_plugin::testing::ModelCall;

use super::*;

/// A rule that sends to `b` alone; all others go to `a`.
fn holds(conditions: Value, exchange: Exchange) -> bool {
    let mut rule = conditions;
    rule["targets"] = json!([{ "upstream": "b" }]);
    let policy = policy(json!({ "rules": [rule], "targets": [{ "upstream": "a" }] }));
    match routed(&policy, exchange.targets(["a", "b"])).as_slice() {
        [one] => one == "b",
        other => panic!("{other:?}"),
    }
}

fn chat() -> ModelCall {
    ModelCall::new("gpt-4o-mini")
}

fn call(call: ModelCall) -> Exchange {
    Exchange::model_call(call)
}

#[test]
fn a_model_is_named_or_begins_so() {
    for (names, expected) in [
        (json!(["gpt-4o-mini"]), true),
        (json!(["claude", "gpt-*"]), true),
        (json!(["*"]), true),
        (json!(["gpt-4o"]), false),
        (json!(["gpt-4o-mini-*"]), false),
        (json!(["4o*"]), false),
    ] {
        assert_eq!(holds(json!({ "models": names }), call(chat())), expected, "{names}");
    }
}

#[test]
fn a_call_needs_all_that_a_rule_says() {
    let both = || chat().needs("images").tool_definition("weather", "Says it.");
    assert!(holds(json!({ "needs": ["tools", "images"] }), call(both())));
    assert!(!holds(json!({ "needs": ["tools", "images"] }), call(chat().needs("images"))));
    for feature in ["tools", "images", "audio", "structured-output", "thinking", "stored-conversation"] {
        assert!(holds(json!({ "needs": [feature] }), call(chat().needs(feature))), "{feature}");
        assert!(!holds(json!({ "needs": [feature] }), call(chat())), "{feature}");
    }
}

#[test]
fn size_and_stream_decide() {
    let of = |bytes: usize| call(chat().text("user", &"x".repeat(bytes)));
    for (bytes, expected) in [(9, false), (10, true), (20, true), (21, false)] {
        assert_eq!(holds(json!({ "min_text_bytes": 10, "max_text_bytes": 20 }), of(bytes)), expected, "{bytes}");
    }
    assert!(holds(json!({ "min_text_bytes": 10 }), of(1_000)) && holds(json!({ "max_text_bytes": 0 }), of(0)));
    for wanted in [true, false] {
        assert_eq!(holds(json!({ "streamed": wanted }), call(chat().streamed())), wanted);
        assert_eq!(holds(json!({ "streamed": wanted }), call(chat())), !wanted);
    }
}

#[test]
fn what_is_said_of_calls_never_holds_without_one() {
    for conditions in [
        json!({ "models": ["*"] }),
        json!({ "needs": ["tools"] }),
        json!({ "streamed": false }),
        json!({ "max_text_bytes": 1_000 }),
        json!({ "min_text_bytes": 1 }),
    ] {
        assert!(!holds(conditions.clone(), Exchange::new("POST", "/v1/chat/completions")), "{conditions}");
    }
}

/// Three targets of two providers.
fn offered() -> Exchange {
    let targets = call(chat()).targets(["openai", "openai", "local"]);
    targets.fact("model", ["gpt-4o", "gpt-4o-mini", "llama"])
}

#[test]
fn a_target_is_a_provider_or_one_of_its_models() {
    let left = |targets: Value| {
        let mut exchange = offered();
        policy(json!({ "targets": targets })).route(&mut exchange);
        exchange
    };
    let mini = || json!([{ "upstream": "openai", "model": "gpt-4o-mini" }]);
    let large = policy(json!({ "targets": [{ "upstream": "openai", "model": "gpt-4o" }] }));
    assert_eq!(left(mini()).plan(), ["openai"]);
    assert!(routed(&large, left(mini())).is_empty(), "it is not the other one");
    assert_eq!(left(json!([{ "upstream": "local", "model": "llama" }, mini()[0]])).plan(), ["local", "openai"]);
    assert_eq!(left(json!([{ "upstream": "local", "model": "gpt-4o" }, mini()[0]])).plan(), ["openai"]);
    // Without a model all of the provider's, and behind one that names a model those that are left.
    assert_eq!(left(json!([{ "upstream": "openai" }])).plan(), ["openai", "openai"]);
    assert_eq!(left(json!([mini()[0], { "upstream": "openai" }])).plan(), ["openai", "openai"]);
}

#[test]
fn the_cheapest_depends_on_how_much_is_asked_and_how_much_may_be_answered() {
    let policy = policy(json!({ "strategy": "cheapest" }));
    // In nano-USD for a million tokens: `a` is cheap to read, `b` to write, and of the others not all is known.
    let plan = |call: ModelCall| {
        let exchange = Exchange::model_call(call).targets(["d", "c", "a", "b"]);
        let exchange = exchange.figure("price-input", [Some(1), None, Some(1_000_000_000), Some(4_000_000_000)]);
        routed(&policy, exchange.figure("price-output", [None, Some(1), Some(8_000_000_000), Some(4_000_000_000)]))
    };
    let asked = |bytes: usize| chat().text("user", &"x".repeat(bytes));
    // With 256 tokens of answer, `a` costs less from 342 tokens of text on.
    assert_eq!(plan(asked(4 * 341)), ["b", "a", "d", "c"]);
    assert_eq!(plan(asked(4 * 342)), ["a", "b", "d", "c"]);
    // With 400 bytes of text, up to 75 tokens of answer.
    assert_eq!(plan(asked(400).number_is("max-output-tokens", 74.0)), ["a", "b", "d", "c"]);
    assert_eq!(plan(asked(400).number_is("max-output-tokens", 76.0)), ["b", "a", "d", "c"]);
    assert_eq!(plan(asked(400).number_is("max-output-tokens", 1e300)), ["b", "a", "d", "c"]);
    // Nothing is written, so the price of that does not matter.
    assert_eq!(plan(asked(400).operation_is("embeddings")), ["d", "a", "b", "c"]);
}

fn sticky(by: &str) -> Configured<Router> {
    policy(json!({ "strategy": "sticky", "by": by }))
}

#[test]
fn a_conversation_stays_where_it_began() {
    let policy = sticky("conversation");
    assert!(policy.setup().requires.is_empty(), "without identities, too");
    let plan = |call: ModelCall| routed(&policy, Exchange::model_call(call).targets(["a", "b", "c"]));
    let begun = |number: usize| chat().text("system", "Be kind.").text("user", &format!("Question {number}?"));
    let mut firsts = BTreeSet::new();
    for number in 0..40 {
        let first = plan(begun(number));
        let second = begun(number).text("assistant", "An answer.").text("user", "And then?");
        assert_eq!(first, plan(second), "{number}");
        // A text of the system that is put in later, and what tools say, are not what it began with.
        let third = begun(number).text("assistant", "An answer.").text("system", "Be brief.").tool_result("t", "Seen.");
        assert_eq!(first, plan(third), "{number}");
        firsts.insert(first[0].clone());
    }
    assert_eq!(firsts.len(), 3, "conversations are told apart by what the user said first");
}

#[test]
fn conversations_are_told_apart_by_consumer_and_system() {
    let policy = sticky("conversation");
    let first = |consumer: &str, system: &str| {
        let call = chat().text("system", system).text("user", "Hello.");
        routed(&policy, Exchange::model_call(call).identity("consumer", consumer).targets(["a", "b", "c"])).remove(0)
    };
    let numbers = || (0..40).map(|number| number.to_string());
    let by_consumer: BTreeSet<String> = numbers().map(|number| first(&number, "Be kind.")).collect();
    let by_system: BTreeSet<String> = numbers().map(|number| first("one", &number)).collect();
    assert_eq!((by_consumer.len(), by_system.len()), (3, 3));
}

#[test]
fn a_call_with_more_text_than_can_be_read_goes_by_its_consumer() {
    let policy = sticky("conversation");
    let plan = |text: &str| {
        let call = call(chat().text("user", text)).identity("consumer", "one");
        routed(&policy, call.targets(["a", "b", "c", "d", "e"]))
    };
    assert_eq!(plan(&"x".repeat((4 << 20) + 1)), plan(&"y".repeat((4 << 20) + 1)));
    assert_ne!(plan(&"x".repeat(4 << 20)), plan(&"y".repeat(4 << 20)));
}

#[test]
fn an_application_s_own_user_stays_where_he_is() {
    let policy = sticky("model-user");
    let plan = |user: &str, text: &str| {
        routed(&policy, call(chat().text("user", text).end_user_id(user)).targets(["a", "b", "c"]))
    };
    let mut firsts = BTreeSet::new();
    for user in 0..40 {
        let user = user.to_string();
        assert_eq!(plan(&user, "One."), plan(&user, "Another."));
        firsts.insert(plan(&user, "One.").remove(0));
    }
    assert_eq!(firsts.len(), 3);
}

#[test]
fn targets_of_one_provider_are_told_apart_by_their_models() {
    let policy = sticky("header:x-user");
    let plan = |user: u32| routed(&policy, offered().header("x-user", user.to_string()));
    let plans: BTreeSet<Vec<String>> = (0..40).map(plan).collect();
    // Were they one to it, nothing would ever stand between them.
    assert!(plans.contains(&["openai", "local", "openai"].map(str::to_owned)[..]), "{plans:?}");
}

#[test]
fn a_call_without_what_keeps_it_goes_by_lot() {
    for by in ["conversation", "model-user"] {
        let policy = sticky(by);
        let mut firsts = BTreeSet::new();
        let mut exchange = call(chat()).targets(["a", "b", "c"]);
        for _ in 0..32 {
            policy.route(&mut exchange);
            firsts.insert(exchange.plan()[0].to_owned());
            exchange = exchange.targets(["a", "b", "c"]);
        }
        assert_eq!(firsts.len(), 3, "{by}");
    }
}

#[test]
fn a_label_of_an_earlier_policy_decides() {
    let rule = || json!({ "labels": { "topic": "code" }, "needs": ["tools"] });
    let tools = || call(chat().needs("tools"));
    assert!(holds(rule(), tools().labelled("topic", "code")));
    assert!(!holds(rule(), tools()) && !holds(rule(), call(chat()).labelled("topic", "code")));
}
