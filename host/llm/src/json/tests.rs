//! The parser against serde_json, and splices against what they should leave alone.

use bytes::Bytes;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::{Document, Kind, Splice, Value};

fn parse(text: &str) -> Result<Document, super::JsonError> {
    Document::parse(Bytes::copy_from_slice(text.as_bytes()))
}

fn plain(value: &Value) -> serde_json::Value {
    match &value.kind {
        Kind::Null => serde_json::Value::Null,
        Kind::Bool(value) => (*value).into(),
        Kind::Number(text) => serde_json::from_str(text).unwrap(),
        Kind::String(text) => text.as_str().into(),
        Kind::Vector(numbers) => numbers.as_slice().into(),
        Kind::Array(values) => values.iter().map(plain).collect(),
        Kind::Object(members) => members.iter().map(|(name, value)| (name.clone(), plain(value))).collect(),
    }
}

#[test]
fn every_value_is_what_serde_json_reads_and_knows_its_place() {
    let text = r#" {"a":[1,-0.5e+3,0,true,null],"ü\u00e9\ud83d\ude00":"\"\\\/\b\f\n\r\t", "o" : { } } "#;
    let document = parse(text).unwrap();
    assert_eq!(plain(&document.root), serde_json::from_str::<serde_json::Value>(text).unwrap());
    let array = document.root.get("a").unwrap();
    assert_eq!(document.raw(array), "[1,-0.5e+3,0,true,null]");
    assert_eq!(document.raw(&array.as_array().unwrap()[1]), "-0.5e+3");
}

#[test]
fn what_is_no_json_is_refused_with_its_place() {
    let cases = [
        ("", "the text ends where a value is expected at byte 0"),
        (r#"{"a":1,"a":2}"#, "the member `a` stands twice in one object at byte 7"),
        (r#""\ud800""#, "half of a surrogate pair stands alone at byte 1"),
        (r#""\udc00x""#, "half of a surrogate pair stands alone at byte 1"),
        ("[1,]", "this is no JSON value at byte 3"),
        ("01", "something stands behind the value at byte 1"),
        ("\"\n\"", "a control character must be escaped in a string at byte 1"),
        ("{\"a\" 1}", "`:` is expected at byte 5"),
        ("1.", "a digit is expected at byte 2"),
        ("nul", "this is no JSON value at byte 0"),
    ];
    for (text, problem) in cases {
        assert_eq!(parse(text).unwrap_err().to_string(), problem, "{text}");
    }
    assert_eq!(
        Document::parse(Bytes::from_static(b"\"\xff\"")).unwrap_err().to_string(),
        "the text is not UTF-8 at byte 1"
    );
}

#[test]
fn nesting_has_a_limit() {
    assert!(parse(&format!("{}{}", "[".repeat(128), "]".repeat(128))).is_ok());
    assert!(parse(&"[".repeat(129)).unwrap_err().problem.contains("deeper than 128"));
}

#[test]
fn the_number_of_values_has_a_limit() {
    assert!(parse(&format!("[{}0]", "0,".repeat(499_998))).is_ok());
    assert!(parse(&format!("[{}0]", "0,".repeat(499_999))).unwrap_err().problem.contains("more than 500000 values"));
}

#[test]
fn a_member_that_stands_twice_among_many_is_found() {
    let members: Vec<String> = (0..100).map(|number| format!("\"m{number}\":0")).collect();
    assert!(parse(&format!("{{{}}}", members.join(","))).is_ok());
    assert!(parse(&format!("{{{},\"m3\":1}}", members.join(","))).is_err());
}

/// Random bytes from JSON's own alphabet: whatever one of both takes, the other takes too, but for what this one is stricter in.
#[test]
fn no_text_is_read_otherwise_than_serde_json_reads_it() {
    let mut random = StdRng::seed_from_u64(7);
    let alphabet =
        ["{", "}", "[", "]", ":", ",", "\"", "a", "\\", "u00e9", "1", "0", "-", ".", "e", "true", "null", " "];
    let mut taken = 0;
    for _ in 0..200_000 {
        let length = random.random_range(1..10);
        let text: String = (0..length).map(|_| alphabet[random.random_range(0..alphabet.len())]).collect();
        match (parse(&text), serde_json::from_str::<serde_json::Value>(&text)) {
            (Ok(ours), Ok(theirs)) => {
                assert_eq!(plain(&ours.root), theirs, "{text}");
                taken += 1;
            }
            (Err(_), Err(_)) => {}
            // Twice the same member.
            (Err(error), Ok(_)) => assert!(error.problem.contains("twice"), "{text}: {error}"),
            // Out of the range of numbers.
            (Ok(_), Err(error)) => assert!(error.to_string().contains("number out of range"), "{text}: {error}"),
        }
    }
    assert!(taken > 1_000, "{taken}");
}

#[test]
fn a_splice_leaves_every_other_byte_alone() {
    let text = r#"{ "model" : "a", "n":1.50, "o":{} }"#;
    let document = parse(text).unwrap();
    let mut splice = Splice::new(document.source());
    splice.replace_string(document.root.get("model").unwrap().span.clone(), "b\"c");
    splice.insert(&document.root, "stream_options", r#"{"include_usage":true}"#);
    splice.insert(document.root.get("o").unwrap(), "x", "1");
    let spliced = String::from_utf8(splice.apply()).unwrap();
    assert_eq!(spliced, r#"{"stream_options":{"include_usage":true}, "model" : "b\"c", "n":1.50, "o":{"x":1} }"#);
}

#[test]
fn vectors_do_not_count_among_the_values() {
    let vectors = vec![vec!["-0.0123456789"; 1_536].join(","); 2_048];
    let text = format!("{{\"data\":[[{}]]}}", vectors.join("],["));
    assert!(Document::parse(Bytes::from(text.clone())).is_err());
    let document = Document::parse_vectors(Bytes::from(text)).unwrap();
    let data = document.root.get("data").unwrap().as_array().unwrap();
    assert_eq!(data.len(), 2_048);
    assert!(data.iter().all(|vector| vector.as_vector() == Some(&[-0.012_345_679; 1_536][..])));
}

#[test]
fn what_is_no_vector_is_read_as_ever() {
    for text in ["[1,\"a\",[2.5e1 , 3.5 ],[],[1,[2.0]],{\"a\":[true]}]", "[[-1.5 ]]", " [ ] "] {
        let source = Bytes::from(text);
        let (read, expected) = (Document::parse_vectors(source.clone()).unwrap(), Document::parse(source).unwrap());
        assert_eq!((plain(&read.root), read.root.span), (plain(&expected.root), expected.root.span), "{text}");
    }
    for text in ["[1,]", "[01]", "[1", "[1 2]", "[-]", "{\"a\":[1],\"a\":[1]}"] {
        assert_eq!(
            Document::parse_vectors(Bytes::from(text)).unwrap_err(),
            Document::parse(Bytes::from(text)).unwrap_err()
        );
    }
    assert_eq!(Document::parse_vectors(Bytes::from("[1e400]")).unwrap().root.as_vector(), None);
}
