//! What each kind matches, and what looks like it.

use serde_json::json;

use super::{as_json, plain, policy, read};

/// Each text, and what stands in its place.
fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(plain(text), *expected, "{text}");
        let (around, expected) = (format!("<{text}>"), format!("<{expected}>"));
        assert_eq!(plain(&around), expected);
    }
}

#[test]
fn email_addresses() {
    let long = "a".repeat(64);
    check(&[
        ("ann@example.com", "[email]"),
        ("mail ann.lee+tag_1%x-y@mail.example.co.uk, or", "mail [email], or"),
        ("Write to bob@example.com.", "Write to [email]."),
        ("ann@example.com-x", "[email]-x"),
        ("ann@example", "ann@example"),
        ("ann@.de @example.com ann@", "ann@.de @example.com ann@"),
        ("user@host.x", "user@host.x"),
        (&format!("{long}@example.com"), "[email]"),
        (&format!("{long}a@example.com"), &format!("{long}a@example.com")),
        ("a@b.de,c@d.fr", "[email],[email]"),
    ]);
}

#[test]
fn card_numbers() {
    check(&[
        ("4111111111111111", "[card]"),
        ("4111 1111 1111 1111", "[card]"),
        ("3782-822463-10005 thanks", "[card] thanks"),
        ("5555 5555 5555 4444 123", "[card] 123"),
        ("4111111111111112", "4111111111111112"),
        ("a4111111111111111 4111111111111111b", "a4111111111111111 4111111111111111b"),
        ("0.4111111111111111 4111111111111111.5", "0.4111111111111111 4111111111111111.5"),
        ("4111111111111111.", "[card]."),
        ("4111  1111 1111 1111", "4111  1111 1111 1111"),
        ("41111111111111110000", "41111111111111110000"),
        ("1700000000006", "1700000000006"),
    ]);
}

#[test]
fn account_numbers() {
    check(&[
        ("DE89370400440532013000", "[iban]"),
        ("DE89 3704 0044 0532 0130 00", "[iban]"),
        ("GB82 WEST 1234 5698 7654 32.", "[iban]."),
        ("NO9386011117947", "[iban]"),
        ("MT84MALT011000012345MTLCAST001S", "[iban]"),
        ("DE89 3704 0044 0532 0130 00 OK", "[iban] OK"),
        ("DE88370400440532013000", "DE88370400440532013000"),
        ("XDE89370400440532013000", "XDE89370400440532013000"),
        ("DE89370400440532013000a", "DE89370400440532013000a"),
    ]);
}

#[test]
fn phone_numbers() {
    check(&[
        ("+4930123456", "[phone]"),
        ("call +1 415-555-2671 now", "call [phone] now"),
        ("+49 170 1234567 2024", "[phone] 2024"),
        ("+1234567", "+1234567"),
        ("+0123456789", "+0123456789"),
        ("+1234567890123456", "+1234567890123456"),
        ("1+4930123456", "1+4930123456"),
    ]);
}

#[test]
fn addresses_of_machines() {
    check(&[
        ("192.0.2.1", "[ip]"),
        ("http://192.0.2.255:8080/a", "http://[ip]:8080/a"),
        ("from 2001:db8::1.", "from [ip]."),
        ("[2001:0db8:0000:0000:0000:0000:0000:0001]", "[[ip]]"),
        ("::1 ::ffff:192.0.2.1", "[ip] [ip]"),
        ("fe80::1%eth0 2001:db8::/32", "[ip]%eth0 [ip]/32"),
        ("256.1.1.1 1.2.3 1.2.3.4.5 01.2.3.4", "256.1.1.1 1.2.3 1.2.3.4.5 01.2.3.4"),
        ("v1.2.3.4", "v1.2.3.4"),
        ("12:34:56 std::fmt a :: b 00:11:22:33:44:55", "12:34:56 std::fmt a :: b 00:11:22:33:44:55"),
    ]);
}

#[test]
fn keys_with_a_prefix() {
    let (twenty, long) = ("A1b2C3d4E5f6G7h8I9j0", "A1b2C3d4E5f6G7h8I9j0A1b2C3d4E5f6G7h8");
    for key in [
        format!("sk-{twenty}"),
        format!("sk-proj-{twenty}_x-y"),
        format!("ghp_{long}"),
        format!("github_pat_{long}"),
        format!("AIza{long}"),
        "AKIAIOSFODNN7EXAMPLE".to_owned(),
        "xoxb-123456789012-abcdef".to_owned(),
        format!("sg_A1b2C3d4E5f6_{long}"),
    ] {
        check(&[(&key, "[secret]"), (&format!("Bearer {key} ok"), "Bearer [secret] ok")]);
        let inner = format!("x{key}");
        check(&[(&inner, &inner)]);
    }
    check(&[("sk-short risk-averse task-0123456789012345678901", "sk-short risk-averse task-0123456789012345678901")]);
    check(&[("AKIAIOSFODNN7EXAMPLEX AKIA", "AKIAIOSFODNN7EXAMPLEX AKIA")]);
}

#[test]
fn private_keys_go_to_their_last_line_or_to_what_no_key_has() {
    let key = "-----BEGIN RSA PRIVATE KEY-----\nMIIB+/==\nAAAA-----END RSA PRIVATE KEY-----";
    check(&[(key, "[secret]"), (&format!("a {key}\nb"), "a [secret]\nb")]);
    check(&[("-----BEGIN PRIVATE KEY-----\nMIIB", "[secret]")]);
    check(&[("-----BEGIN CERTIFICATE-----\nMIIB", "-----BEGIN CERTIFICATE-----\nMIIB")]);
    let text = serde_json::to_string(&json!({ "key": key, "open": "-----BEGIN PRIVATE KEY-----\nAA\"x" })).unwrap();
    assert_eq!(as_json(&text), r#"{"key":"[secret]","open":"[secret]\"x"}"#);
    // What is longer than any key is no longer taken for one.
    let endless = format!("-----BEGIN PRIVATE KEY-----{}", "A".repeat(20_000));
    assert_eq!(plain(&endless), format!("[secret]{}", "A".repeat(20_000 - (16 << 10))));
}

#[test]
fn words_in_any_case_and_within_others() {
    let policy = policy(json!({ "words": ["Falcon", "falcon heavy", "grün"], "masks": { "word": "***" } }));
    let text = "FALCON falconry Falcon Heavy, falcon h, GRün grÜn";
    assert_eq!(read(&policy, "text/plain", text), "*** ***ry ***, *** h, *** grÜn");
}

#[test]
fn a_text_of_json_loses_no_escape() {
    let text = r#"{"a":"x\nann@example.com\tbob@example.com","b":"\u00e4cat@example.com\\dan@example.com\"4111111111111111\""}"#;
    let expected = r#"{"a":"x\n[email]\t[email]","b":"\u00e4[email]\\[email]\"[card]\""}"#;
    assert_eq!(as_json(text), expected);
    assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok());
}

#[test]
fn a_number_of_json_becomes_another_number() {
    let number = "4111111111111111";
    for (text, expected) in [
        (format!("{{\"pan\":{number}}}"), "{\"pan\":0}"),
        (format!("[{number}, -{number},\n  {number}\n]"), "[0, -0,\n  0\n]"),
        (
            format!("{{\"pan\":\"{number}\",\"note\":\"my card {number}, and\\n{number} too\"}}"),
            "{\"pan\":\"[card]\",\"note\":\"my card [card], and\\n[card] too\"}",
        ),
        (number.to_owned(), "0"),
        (format!("\"{number} it is\""), "\"[card] it is\""),
    ] {
        assert_eq!(as_json(&text), expected);
        assert!(serde_json::from_str::<serde_json::Value>(expected).is_ok(), "{expected}");
    }
    assert_eq!(plain(&format!("{number},1")), "[card],1");
}
