//! Files that are no plugins of ours, and the sentences that they get.

use super::*;

#[test]
fn a_text_file_is_told_to_be_no_webassembly() {
    let error = Inspection::of(b"hello").unwrap_err();
    assert!(error.contains("no WebAssembly file"), "{error}");
}

#[test]
fn a_core_module_is_told_to_become_a_component() {
    let error = Inspection::of(b"\0asm\x01\0\0\0").unwrap_err();
    assert!(error.contains("core WebAssembly module"), "{error}");
}

#[test]
fn a_cut_component_is_told_to_be_invalid() {
    let error = Inspection::of(b"\0asm\x0d\0\x01\0\x07\x7f").unwrap_err();
    assert!(error.contains("no valid WebAssembly"), "{error}");
}

#[test]
fn an_empty_component_lacks_the_policy() {
    let error = Inspection::of(b"\0asm\x0d\0\x01\0").unwrap_err();
    assert!(error.contains("exports no `sluicegate:plugin/policy`"), "{error}");
}

#[test]
fn a_newer_contract_says_upgrade_and_an_older_one_says_build_again() {
    assert!(contract_interface("head@0.2.0").unwrap_err().contains("upgrade the gateway"));
    assert!(contract_interface("head@1.0.0").unwrap_err().contains("upgrade the gateway"));
    assert!(contract_interface("head@0.0.9").unwrap_err().contains("build it again"));
    assert!(contract_interface("head").unwrap_err().contains("build it again"));
    assert_eq!(contract_interface("head@0.1.7"), Ok("head"));
}

#[test]
fn a_version_that_could_move_a_cursor_is_refused_and_not_repeated_raw() {
    for name in ["policy@0.1.\u{1b}[2J", "policy@0.1.0-\u{9b}", "policy@0.1.0+x", "policy@\u{1b}"] {
        let error = contract_interface(name).unwrap_err();
        assert!(error.contains("digits and dots only") && !error.contains(char::is_control), "{error:?}");
    }
    let (import, hostile) = ("sluicegate:plugin/keys@", "sluicegate\u{1b}plugin/keys@");
    let component = component("keys", Some("head"));
    let at = component.windows(import.len()).position(|bytes| bytes == import.as_bytes()).expect("its import");
    let hostile = [&component[..at], hostile.as_bytes(), &component[at + import.len()..]].concat();
    for error in [Inspection::of(&hostile).unwrap_err(), unstable_or_unknown("imports", "x\u{1b}")] {
        assert!(error.contains("imports `") && !error.contains(char::is_control), "{error:?}");
    }
}

/// A component that imports an interface of the contract and, if wanted, exports it again under another name.
fn component(import: &str, export: Option<&str>) -> Vec<u8> {
    fn extern_name(name: &str) -> Vec<u8> {
        let full = format!("sluicegate:plugin/{name}@0.1.0");
        let length = u8::try_from(full.len()).expect("short");
        [&[0, length], full.as_bytes()].concat()
    }
    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("short");
        assert!(length < 128);
        [&[id, length], content].concat()
    }
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    // One type: an instance without exports.
    bytes.extend(section(7, &[1, 0x42, 0]));
    bytes.extend(section(10, &[&[1], &extern_name(import)[..], &[5, 0]].concat()));
    if let Some(export) = export {
        for name in ["policy", export] {
            bytes.extend(section(11, &[&[1], &extern_name(name)[..], &[5, 0, 0]].concat()));
        }
    }
    bytes
}

#[test]
fn an_unstable_import_is_told_to_belong_to_its_feature() {
    let error = Inspection::of(&component("budgets", Some("head"))).unwrap_err();
    let expected =
        "imports `sluicegate:plugin/budgets`: this interface belongs to the contract's unstable feature `planned`";
    assert!(error.contains(expected), "{error}");
}

#[test]
fn a_stable_phase_and_a_grant_are_found() {
    for (grant, name, phase) in
        [("counters", "head", Phase::Head), ("targets", "route", Phase::Route), ("credentials", "delta", Phase::Delta)]
    {
        let inspection = Inspection::of(&component(grant, Some(name))).expect("one of ours");
        assert_eq!(inspection.phases.iter().collect::<Vec<_>>(), [phase]);
        assert_eq!(inspection.grants.into_iter().collect::<Vec<_>>(), [grant]);
    }
    let inspection = Inspection::of(&component("counters", Some("head"))).expect("one of ours");
    assert_eq!(inspection.imports, ["sluicegate:plugin/counters@0.1.0"]);
    assert_eq!((inspection.contract.as_str(), inspection.config_schema), ("0.1.0", None));
}

/// A custom section, in a core module if `nested`.
fn with_schema(content: &[u8], nested: bool) -> Vec<u8> {
    fn number(mut value: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 128 {
            bytes.push((value % 128) as u8 | 128);
            value /= 128;
        }
        bytes.push(value as u8);
        bytes
    }
    let name = [&[SCHEMA_SECTION.len() as u8], SCHEMA_SECTION.as_bytes()].concat();
    let section = [&[0], &number(name.len() + content.len())[..], &name, content].concat();
    let module = [b"\0asm\x01\0\0\0", &section[..]].concat();
    let added = match nested {
        true => [&[1], &number(module.len())[..], &module].concat(),
        false => section,
    };
    [component("types", Some("head")), added].concat()
}

#[test]
fn the_schema_of_a_config_is_found_wherever_it_stands() {
    for nested in [true, false] {
        let inspection = Inspection::of(&with_schema(b"{\"type\":\"object\"}", nested)).expect("one of ours");
        assert_eq!(inspection.config_schema.as_deref(), Some("{\"type\":\"object\"}"));
    }
}

#[test]
fn a_schema_that_is_too_long_or_no_text_is_refused() {
    let most = Inspection::of(&with_schema(&vec![b' '; SCHEMA_BYTES_MAX], true)).expect("one of ours");
    assert_eq!(most.config_schema.map(|schema| schema.len()), Some(SCHEMA_BYTES_MAX));
    let error = Inspection::of(&with_schema(&vec![b' '; SCHEMA_BYTES_MAX + 1], true)).unwrap_err();
    assert!(error.contains("has 262145 bytes; at most 262144 are possible"), "{error}");
    let error = Inspection::of(&with_schema(b"\xff", true)).unwrap_err();
    assert!(error.contains("is not UTF-8"), "{error}");
}
