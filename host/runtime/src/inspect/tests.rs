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
