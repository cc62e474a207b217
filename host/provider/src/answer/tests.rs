use serde_json::json;

use super::*;
use crate::model::tools::Tool;
use crate::question::{Asked, Turn};

fn ask(model: Model, text: &str) -> Question {
    Question::new(model, vec![Turn::text(Role::User, text)])
}

fn echo(text: &str, output_tokens_max: Option<u64>, stop: &[&str]) -> (String, Finish, u64) {
    let stop = stop.iter().map(ToString::to_string).collect();
    let answer = Question { output_tokens_max, stop, ..ask(Model::Echo, text) }.answer();
    let choice = answer.choices.into_iter().next().unwrap();
    (choice.text, choice.finish, answer.usage.output)
}

fn tool(name: &str) -> Tool {
    Tool { name: name.into(), description: String::new(), parameters: json!({ "type": "object" }), marked: false }
}

#[test]
fn a_limit_of_exactly_the_answers_tokens_is_a_stop_and_one_less_a_cut() {
    assert_eq!(echo("one two three", Some(4), &[]), ("one two three".into(), Finish::Stop, 4));
    assert_eq!(echo("one two three", Some(3), &[]), ("one two thre".into(), Finish::Length, 3));
}

#[test]
fn the_earliest_stop_string_ends_the_answer_and_is_not_part_of_it() {
    let stopped = |stop: &str| Finish::StopString(stop.into());
    assert_eq!(echo("one two three", None, &["three", " two"]), ("one".into(), stopped(" two"), 1));
    assert_eq!(echo("one two three", Some(1), &["three"]), ("one".into(), Finish::Length, 1));
    assert_eq!(echo("one", None, &[""]), ("one".into(), Finish::Stop, 1));
}

#[test]
fn reasoning_comes_first_counts_as_output_and_is_cut_first() {
    let answer = ask(Model::Think, "one two").answer();
    let [choice] = &answer.choices[..] else { panic!("{answer:?}") };
    assert_eq!(choice.reasoning.split(' ').count(), 16);
    assert_eq!(answer.usage.reasoning, tokens::count(&choice.reasoning));
    assert_eq!(answer.usage.output, answer.usage.reasoning + 2);
    let cut = Question { output_tokens_max: Some(5), ..ask(Model::Think, "one two") }.answer();
    assert_eq!((cut.usage.reasoning, cut.usage.output, &cut.choices[0].finish), (5, 5, &Finish::Length));
    let off = Question { reasoning: Reasoning::Off, ..ask(Model::Think, "one two") }.answer();
    assert_eq!(off.usage.reasoning, 0);
    assert_eq!(ask(Model::Echo, "one two").answer().usage.reasoning, 0);
}

#[test]
fn any_model_thinks_for_as_many_tokens_as_are_asked_for() {
    for tokens in [1, 7, 500] {
        let asked = Asked { reasoning_tokens: Some(tokens), ..Asked::default() };
        assert_eq!(Question { asked, ..ask(Model::Echo, "x") }.answer().usage.reasoning, tokens);
    }
    let asked = Asked { reasoning_tokens: Some(u64::MAX), ..Asked::default() };
    assert_eq!(Question { asked, ..ask(Model::Echo, "x") }.answer().usage.reasoning, REASONING_TOKENS_MAX);
}

#[test]
fn calls_take_the_place_of_an_echo_and_follow_a_story() {
    for (model, words) in [(Model::Echo, 0), (Model::Story, 3)] {
        let question = Question { tools: vec![tool("look"), tool("add")], ..ask(model, "look and add in 3 words") };
        let answer = question.answer();
        let [choice] = &answer.choices[..] else { panic!("{answer:?}") };
        assert_eq!((choice.calls.len(), &choice.finish), (2, &Finish::Calls));
        assert_eq!(choice.text.split_whitespace().count(), words);
        // `look`, `add` and twice `{`, `}`.
        assert_eq!(answer.usage.output, 6 + tokens::count(&choice.text));
        let cut = Question { output_tokens_max: Some(answer.usage.output - 1), ..question }.answer();
        assert_eq!((cut.choices[0].calls.len(), &cut.choices[0].finish), (1, &Finish::Length));
    }
}

#[test]
fn the_results_of_tools_are_told_and_no_tool_is_called_again() {
    let mut question = Question { tools: vec![tool("look")], ..ask(Model::Echo, "look") };
    let call = question.answer().choices[0].calls[0].clone();
    question.turns.push(Turn::new(Role::Assistant, vec![(&call).into()]));
    let result = crate::question::Part::Result { id: "1".into(), text: "seen".into(), attachments: 0 };
    question.turns.push(Turn::new(Role::Tool, vec![result]));
    let answer = question.answer();
    assert_eq!((answer.choices[0].text.as_str(), &answer.choices[0].finish), ("seen", &Finish::Stop));
}

#[test]
fn several_choices_differ_where_the_model_draws_and_pay_the_input_once() {
    let one = ask(Model::Story, "5 words").answer();
    let answer = Question { choices: 3, ..ask(Model::Story, "5 words") }.answer();
    assert_eq!((answer.choices.len(), answer.usage.input), (3, one.usage.input));
    assert_eq!(answer.choices[0], one.choices[0]);
    assert_ne!(answer.choices[0].text, answer.choices[1].text);
    assert_eq!(answer.usage.output, answer.choices.iter().map(Choice::tokens).sum::<u64>());
}

#[test]
fn a_form_is_kept_to_and_a_refusal_keeps_to_none() {
    let schema = json!({ "type": "object", "properties": { "n": { "type": "integer" } } });
    let form = Form::Schema(schema);
    let text = Question { form: form.clone(), ..ask(Model::Echo, "x") }.answer().choices[0].text.clone();
    assert!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["n"].is_i64());
    let text = Question { form: Form::Json, ..ask(Model::Echo, "x") }.answer().choices[0].text.clone();
    assert_eq!(text, r#"{"answer":"x"}"#);
    let refused = Question { form, ..ask(Model::Refuse, "x") }.answer();
    assert_eq!((refused.choices[0].text.as_str(), refused.choices[0].refused), (REFUSAL, true));
}
