//! What is refused before it serves, each with the sentence that says what to do.

use std::process::Command;
use std::sync::mpsc;
use std::time::Duration;

use sluicegate_tests::guests;

use crate::support::{Checked, check, refusal, refusal_with};

const GRANTS: &str = "grants = [\"identity-writer\"]";

fn told_to(step: &str) -> String {
    refusal(guests::HOSTILE, &format!("{GRANTS}, config = {{ configure = \"{step}\" }}"))
}

#[test]
fn a_hostile_plugin_that_behaves_at_load_is_accepted() {
    let (accepted, printed, said) = check(guests::HOSTILE, "", GRANTS);
    assert!(accepted && said.is_empty(), "{said}");
    assert!(printed.contains("ok; 1 route,"), "{printed}");
}

#[test]
fn a_text_file_is_told_to_be_no_webassembly() {
    insta::assert_snapshot!(refusal(b"#!/bin/sh\n", ""));
}

#[test]
fn an_empty_file_is_told_to_be_no_webassembly() {
    insta::assert_snapshot!(refusal(b"", ""));
}

#[test]
fn a_core_module_is_told_to_become_a_component() {
    insta::assert_snapshot!(refusal(b"\0asm\x01\0\0\0", ""));
}

#[test]
fn a_component_without_our_exports_is_told_which_it_lacks() {
    insta::assert_snapshot!(refusal(b"\0asm\x0d\0\x01\0", ""));
}

#[test]
fn a_component_that_is_cut_off_is_told_to_be_invalid() {
    let (half, _) = guests::HOSTILE.split_at(guests::HOSTILE.len() / 2);
    let said = refusal(half, "");
    // Where it breaks off depends on the compiler that made the guest.
    let (start, rest) = said.split_once(" (at offset ").expect("an offset");
    let (_, end) = rest.split_once(')').expect("its end");
    insta::assert_snapshot!(format!("{start}{end}"));
}

#[test]
fn an_import_that_is_not_granted_names_the_grant_and_the_line_to_write() {
    insta::assert_snapshot!(refusal(guests::HOSTILE, ""));
}

#[test]
fn a_grant_beside_those_that_are_given_is_added_to_them() {
    insta::assert_snapshot!(refusal(guests::HOSTILE, "grants = [\"clock\"]"));
}

#[test]
fn a_pin_of_another_file_names_the_digest_that_was_found() {
    let said = refusal_with(guests::HOSTILE, &format!("sha256 = \"{}\"\n", "0".repeat(64)), GRANTS);
    // The digest changes with every build of the guest.
    let digest = said.split("its sha256 is ").nth(1).and_then(|rest| rest.get(..64)).expect("the digest");
    assert!(digest.bytes().all(|byte| byte.is_ascii_hexdigit()), "{digest}");
    let pinned = check(guests::HOSTILE, &format!("sha256 = \"{digest}\"\n"), GRANTS);
    assert!(pinned.0, "{}", pinned.2);
    insta::assert_snapshot!(said.replace(digest, "DIGEST"));
}

#[test]
fn a_setup_without_a_phase_is_refused() {
    insta::assert_snapshot!(refusal(guests::HOSTILE, &format!("{GRANTS}, config = {{ idle = true }}")));
}

#[test]
fn an_identity_that_nobody_provides_is_missed_before_a_request_is() {
    insta::assert_snapshot!(refusal(guests::HOSTILE, &format!("{GRANTS}, config = {{ requires_identity = true }}")));
}

#[test]
fn a_config_that_the_plugin_refuses_is_shown_with_its_place_in_the_file() {
    insta::assert_snapshot!(told_to("refuse"));
}

#[test]
fn a_name_that_the_plugin_does_not_know_is_shown_with_its_place_in_the_file() {
    insta::assert_snapshot!(refusal(guests::HOSTILE, &format!("{GRANTS}, config = {{ bodi = \"stream\" }}")));
}

#[test]
fn a_metric_whose_name_is_none_is_refused() {
    insta::assert_snapshot!(refusal(guests::HOSTILE, &format!("{GRANTS}, config = {{ metric = \"Über\" }}")));
}

/// Without the plugin's own lines in the log, which have a time.
fn without_lines(said: &str) -> String {
    said.split_inclusive('\n').filter(|line| !line.contains("plugin: ")).collect()
}

#[test]
fn a_trap_in_configure_is_refused() {
    insta::assert_snapshot!(without_lines(&told_to("trap")));
}

#[test]
fn an_endless_loop_in_configure_is_ended_and_refused() {
    insta::assert_snapshot!(told_to("loop"));
}

#[test]
fn endless_memory_in_configure_is_refused_as_such() {
    insta::assert_snapshot!(without_lines(&told_to("memory")));
}

#[test]
fn a_host_call_in_configure_is_refused_as_impure() {
    insta::assert_snapshot!(told_to("host-call"));
}

#[test]
fn a_flood_of_lines_in_configure_is_cut() {
    let (accepted, _, said) =
        check(guests::HOSTILE, "", &format!("{GRANTS}, config = {{ configure = \"log-flood\" }}"));
    assert!(accepted, "{said}");
    assert_eq!(said.matches("configure line").count(), 64, "{said}");
    assert!(said.contains("the rest are dropped"), "{said}");
}

#[test]
fn what_a_roomier_entry_has_left_on_disk_does_not_lift_the_limit_of_another() {
    // It has more than one page at its start.
    let grants = "grants = [\"counters\", \"identity\", \"random\", \"targets\"]";
    let checked = Checked::new(guests::KEEPER, "", grants);
    let (accepted, _, said) = checked.run();
    assert!(accepted, "{said}");
    let images = || std::fs::read_dir(checked.folder().join("data/code")).expect("the cache").count();
    let before = images();
    checked.write(guests::KEEPER, "", &format!("{grants}, limits = {{ memory_bytes_max = 65_536 }}"));
    let (accepted, _, said) = checked.run();
    assert!(
        !accepted && said.contains("MiB of memory at its start, and its entry allows 0.1 MiB: build it with less"),
        "{said}"
    );
    assert_eq!(images(), before);
}

#[test]
fn a_pipe_in_place_of_a_plugin_is_refused_and_not_waited_for() {
    let checked = Checked::new(guests::HOSTILE, "", GRANTS);
    let path = checked.folder().join("guest.wasm");
    std::fs::remove_file(&path).expect("the plugin");
    assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo is there").success());
    let (sender, said) = mpsc::channel();
    let checking = std::thread::spawn(move || sender.send(checked.run()));
    let (accepted, _, said) = said.recv_timeout(Duration::from_secs(30)).expect("an answer: it waits for the pipe");
    assert!(!accepted && said.contains("is no regular file: give the .wasm file that the build wrote"), "{said}");
    checking.join().expect("no panic there").expect("it was received");
}
