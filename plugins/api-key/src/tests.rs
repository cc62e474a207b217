//! What callers with and without keys meet.

use serde_json::{Value, json};
use sluicegate_plugin::testing::{self, Configured, Exchange};

use super::*;

fn policy(config: Value) -> Configured<ApiKey> {
    testing::configure(config).unwrap_or_else(|problems| panic!("{problems:?}"))
}

fn problems(config: Value) -> Vec<(String, String)> {
    let problems = testing::configure::<ApiKey>(config).err().unwrap_or_default();
    problems.into_iter().map(|problem| (problem.pointer, problem.message)).collect()
}

fn owner(scopes: &[&str]) -> Result<Owner, Failure> {
    Ok(Owner {
        key_id: "k1".to_owned(),
        consumer: "acme".to_owned(),
        scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
    })
}

fn bearer() -> Place {
    Place::Authorization("Bearer".to_owned())
}

fn refusal(decision: Decision) -> Rejection {
    match decision {
        Decision::Reject(rejection) => rejection,
        other => panic!("expected a refusal, found {other:?}"),
    }
}

fn challenge(rejection: &Rejection) -> String {
    let field = rejection.fields.iter().find(|field| field.name == "www-authenticate");
    field.map(|field| String::from_utf8_lossy(&field.value).into_owned()).unwrap_or_default()
}

#[test]
fn a_good_key_tells_the_plugins_behind_who_calls() {
    let mut exchange = Exchange::new("GET", "/").present(bearer(), owner(&["read", "write"]));
    assert_eq!(policy(json!({})).head(&mut exchange), Decision::Proceed);
    assert_eq!(exchange.identity_part("key"), Some("k1"));
    assert_eq!(exchange.identity_part("consumer"), Some("acme"));
    assert_eq!(exchange.identity_part("scopes"), Some("read write"));
}

#[test]
fn every_usual_place_is_looked_at() {
    let places = [
        bearer(),
        Place::Header("x-api-key".to_owned()),
        Place::Header("api-key".to_owned()),
        Place::Header("x-goog-api-key".to_owned()),
        Place::Query("key".to_owned()),
    ];
    for place in places {
        let mut exchange = Exchange::new("GET", "/").present(place.clone(), owner(&[]));
        assert_eq!(policy(json!({})).head(&mut exchange), Decision::Proceed, "{place:?}");
    }
}

#[test]
fn a_wrong_key_in_the_first_place_is_not_helped_by_a_good_one_behind() {
    let mut exchange = Exchange::new("GET", "/")
        .present(Place::Header("x-api-key".to_owned()), owner(&[]))
        .present(bearer(), Err(Failure::Unknown));
    assert_eq!(refusal(policy(json!({})).head(&mut exchange)).status, 401);
    assert_eq!(exchange.identity_part("key"), None);
}

#[test]
fn a_place_that_is_not_configured_is_not_looked_at() {
    let mut exchange = Exchange::new("GET", "/").present(bearer(), owner(&[]));
    let rejection = refusal(policy(json!({ "places": ["header:X-Key"] })).head(&mut exchange));
    assert_eq!(rejection.message, "No API key was sent. Send one in the header `x-key`.");
}

#[test]
fn a_caller_without_a_key_is_told_how_to_send_one() {
    let rejection = refusal(policy(json!({})).head(&mut Exchange::new("GET", "/")));
    assert_eq!((rejection.status, rejection.code.as_str()), (401, "invalid_api_key"));
    assert_eq!(rejection.message, "No API key was sent. Send one in the header `Authorization: Bearer YOUR_KEY`.");
    assert_eq!(challenge(&rejection), "Bearer realm=\"gateway\"");
}

#[test]
fn an_unknown_and_a_malformed_key_get_the_same_answer() {
    let answer =
        |failure| refusal(policy(json!({})).head(&mut Exchange::new("GET", "/").present(bearer(), Err(failure))));
    assert_eq!(answer(Failure::Unknown), answer(Failure::Malformed));
    assert_eq!(answer(Failure::Unknown).code, "invalid_api_key");
    assert_eq!(challenge(&answer(Failure::Unknown)), "Bearer realm=\"gateway\", error=\"invalid_token\"");
}

#[test]
fn the_holder_of_an_expired_or_revoked_key_learns_so() {
    let answer =
        |failure| refusal(policy(json!({})).head(&mut Exchange::new("GET", "/").present(bearer(), Err(failure))));
    assert!(answer(Failure::Expired).message.contains("expired"));
    assert!(answer(Failure::Revoked).message.contains("revoked"));
    assert_eq!(answer(Failure::Revoked).status, 401);
}

#[test]
fn a_key_without_every_scope_is_refused_by_name() {
    let policy = policy(json!({ "scopes": { "all": ["read", "write", "admin"] }, "realm": "shop" }));
    let rejection = refusal(policy.head(&mut Exchange::new("GET", "/").present(bearer(), owner(&["read"]))));
    assert_eq!((rejection.status, rejection.code.as_str()), (403, "insufficient_scope"));
    assert_eq!(rejection.message, "This API key lacks the scopes write, admin.");
    assert_eq!(
        challenge(&rejection),
        "Bearer realm=\"shop\", error=\"insufficient_scope\", scope=\"read write admin\""
    );
    let mut enough = Exchange::new("GET", "/").present(bearer(), owner(&["admin", "write", "read"]));
    assert_eq!(policy.head(&mut enough), Decision::Proceed);
}

#[test]
fn the_longest_list_of_scopes_fits_into_a_refusal() {
    let scopes: Vec<String> = (0..32).map(|number| format!("{number:0>64}")).collect();
    let policy = policy(json!({ "scopes": { "all": scopes } }));
    let rejection = refusal(policy.head(&mut Exchange::new("GET", "/").present(bearer(), owner(&[]))));
    assert_eq!(rejection.code, "insufficient_scope");
    assert_eq!(problems(json!({ "scopes": { "any": vec!["a"; 33] } }))[0].0, "/scopes");
    assert_eq!(problems(json!({ "scopes": { "any": ["a".repeat(65)] } }))[0].0, "/scopes/any/0");
}

#[test]
fn any_one_of_the_scopes_is_enough_where_any_is_asked() {
    let policy = policy(json!({ "scopes": { "any": ["read", "write"] } }));
    let mut enough = Exchange::new("GET", "/").present(bearer(), owner(&["write"]));
    assert_eq!(policy.head(&mut enough), Decision::Proceed);
    let mut exchange = Exchange::new("GET", "/").present(bearer(), owner(&["other"]));
    assert_eq!(refusal(policy.head(&mut exchange)).message, "This API key needs one of the scopes read, write.");
    assert_eq!(exchange.identity_part("key"), None);
}

#[test]
fn an_anonymous_caller_passes_only_where_allowed_and_a_wrong_key_never() {
    let policy = policy(json!({ "allow_anonymous": true }));
    let mut anonymous = Exchange::new("GET", "/");
    assert_eq!(policy.head(&mut anonymous), Decision::Proceed);
    assert_eq!(anonymous.identity_part("key"), None);
    let mut wrong = Exchange::new("GET", "/").present(bearer(), Err(Failure::Malformed));
    assert_eq!(refusal(policy.head(&mut wrong)).status, 401);
}

#[test]
fn an_identity_that_stands_already_ends_the_request() {
    let mut exchange = Exchange::new("GET", "/").identity("consumer", "other").present(bearer(), owner(&[]));
    let rejection = refusal(policy(json!({})).head(&mut exchange));
    assert_eq!((rejection.status, rejection.code.as_str()), (500, "identity_conflict"));
    assert_eq!(exchange.identity_part("consumer"), Some("other"));
}

#[test]
fn the_operators_own_sentence_stands_in_every_401() {
    let policy = policy(json!({ "message": "Keys: https://keys.example" }));
    assert_eq!(refusal(policy.head(&mut Exchange::new("GET", "/"))).message, "Keys: https://keys.example");
}

#[test]
fn it_promises_the_identity_and_runs_in_the_head_only() {
    let policy = policy(json!({}));
    assert_eq!(policy.setup().provides, ["identity"]);
    assert_eq!(policy.setup().phases, ["head"]);
}

#[test]
fn every_mistake_in_the_config_is_found_where_it_stands() {
    let found = problems(json!({
        "places": ["bearer", "cookies:x", "header:authorization"],
        "scopes": { "all": ["a b"] },
        "realm": "a\"b",
        "message": "two\nlines",
        "allow_anonymous": true
    }));
    let pointers: Vec<&str> = found.iter().map(|(pointer, _)| pointer.as_str()).collect();
    assert_eq!(pointers, ["/places/1", "/places/2", "/scopes", "/scopes/all/0", "/realm", "/message"]);
    assert_eq!(problems(json!({ "places": [] }))[0].0, "/places");
    assert_eq!(problems(json!({ "place": "bearer" }))[0].0, "/place");
    assert_eq!(problems(json!({ "scopes": { "all": [] } }))[0].1, "`scopes` must name 1 to 32 scopes.");
    assert_eq!(problems(json!({ "places": vec!["bearer"; 17] }))[0].0, "/places");
}

#[test]
fn the_schema_takes_what_is_configured_and_refuses_what_is_refused() {
    let schema = testing::config_schema::<ApiKey>();
    jsonschema::meta::validate(&schema).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let cases = [
        (true, json!({})),
        (true, json!({ "places": ["bearer", "authorization:Key", "header:X-Key", "query:k", "cookie:session"] })),
        (true, json!({ "scopes": { "all": ["models.read", "b"] }, "realm": "models", "message": "Ask us for a key." })),
        (true, json!({ "scopes": { "any": ["a"] } })),
        (true, json!({ "allow_anonymous": true })),
        (false, json!([])),
        (false, json!({ "place": ["bearer"] })),
        (false, json!({ "places": [] })),
        (false, json!({ "places": vec!["bearer"; 17] })),
        (false, json!({ "places": ["nowhere"] })),
        (false, json!({ "places": ["header:"] })),
        (false, json!({ "places": ["query:"] })),
        (false, json!({ "places": ["header:a b"] })),
        (false, json!({ "places": "bearer" })),
        (false, json!({ "scopes": ["a"] })),
        (false, json!({ "scopes": {} })),
        (false, json!({ "scopes": { "all": [] } })),
        (false, json!({ "scopes": { "all": ["a"], "any": ["b"] } })),
        (false, json!({ "scopes": { "none": ["a"] } })),
        (false, json!({ "scopes": { "all": ["a b"] } })),
        (false, json!({ "scopes": { "all": ["a".repeat(65)] } })),
        (false, json!({ "realm": "a\"b" })),
        (false, json!({ "realm": "ä" })),
        (false, json!({ "message": "" })),
        (false, json!({ "message": "a\nb" })),
        (false, json!({ "message": "a".repeat(513) })),
        (false, json!({ "allow_anonymous": "yes" })),
    ];
    for (taken, config) in cases {
        assert_eq!(testing::configure::<ApiKey>(config.clone()).is_ok(), taken, "{config}");
        assert_eq!(validator.is_valid(&config), taken, "the schema and {config}");
    }
}

#[test]
fn the_defaults_in_the_schema_are_those_that_are_used() {
    let schema = testing::config_schema::<ApiKey>();
    let shown = |name: &str| schema["properties"][name]["default"].clone();
    let shown =
        json!({ "places": shown("places"), "realm": shown("realm"), "allow_anonymous": shown("allow_anonymous") });
    let used: RawConfig = serde_json::from_value(json!({})).unwrap();
    let written: RawConfig = serde_json::from_value(shown).unwrap();
    assert_eq!(used, written);
}
