//! Globals and tables, which safe code cannot write: code is put in front of a guest's `on-head` that fails where an earlier call
//! has left its mark.

use sluicegate_tests::surgery::{Added, number, with_code_before};
use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Origin, check, refusal};

const ON_HEAD: &str = "sluicegate:plugin/head@0.1.0#on-head";

/// Traps if the global is no longer 0, and changes it.
fn marks_a_global(added: Added) -> Vec<u8> {
    let global = number(added.global);
    [
        // global.get, if, unreachable, end
        &[0x23][..],
        &global,
        &[0x04, 0x40, 0x00, 0x0b],
        // i32.const 42, global.set
        &[0x41, 42, 0x24],
        &global,
    ]
    .concat()
}

/// Traps if element 7 of the table is no longer null, and changes it.
fn marks_a_table(added: Added) -> Vec<u8> {
    let (table, function) = (number(added.table), number(added.function));
    [
        // i32.const 7, table.get, ref.is_null, i32.eqz, if, unreachable, end
        &[0x41, 7, 0x25][..],
        &table,
        &[0xd1, 0x45, 0x04, 0x40, 0x00, 0x0b],
        // i32.const 7, ref.func, table.set
        &[0x41, 7, 0xd2],
        &function,
        &[0x26],
        &table,
    ]
    .concat()
}

/// Fills the whole table again and again.
fn fills_a_table(added: Added) -> Vec<u8> {
    let (table, function) = (number(added.table), number(added.function));
    // loop, i32.const 0, ref.func, i32.const 1000, table.fill, br 0, end
    [&[0x03, 0x40, 0x41, 0, 0xd2][..], &function, &[0x41, 0xe8, 0x07, 0xfc, 17], &table, &[0x0c, 0, 0x0b]].concat()
}

fn gateway(origin: &Origin, wasm: &[u8], isolation: &str) -> Gateway {
    let mut config = format!(
        "[limits]\ninstances_max = 1\n[plugins.marks]\nfile = \"marks.wasm\"\n[upstreams.origin]\nurl = \"{}\"\n",
        origin.url()
    );
    for name in ["one", "two"] {
        config += &format!(
            "[[routes]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"origin\"\nchain = [{{ plugin = \"marks\", name = \
             \"{name}\", isolation = \"{isolation}\", breaker = {{ traps = 10_000 }}, limits = {{ cpu_max_ms = 20, wall_max_ms = \
             60_000 }} }}]\n"
        );
    }
    Gateway::start(&config, &[("marks.wasm", wasm)])
}

async fn statuses(gateway: &Gateway, names: &[&str]) -> Vec<u16> {
    let mut statuses = Vec::new();
    for name in names {
        statuses.push(Ask::get(&format!("/{name}")).send(gateway.address()).await.status);
    }
    statuses
}

#[tokio::test]
async fn no_global_keeps_anything_for_a_fresh_instance_or_another_entry() {
    let origin = Origin::start().await;
    let wasm = with_code_before(guests::LIAR, ON_HEAD, marks_a_global);
    let fresh = gateway(&origin, &wasm, "request");
    assert_eq!(statuses(&fresh, &["one", "one", "two", "one"]).await, [200; 4]);
    let warm = gateway(&origin, &wasm, "pooled");
    // The second call meets the mark of the first, and traps; the third one has a new instance, as has another entry.
    assert_eq!(statuses(&warm, &["one", "one", "one", "two", "one"]).await, [200, 500, 200, 200, 200]);
}

#[tokio::test]
async fn no_table_keeps_anything_for_another_entry_and_code_that_changes_tables_runs_pooled_alone() {
    let origin = Origin::start().await;
    let wasm = with_code_before(guests::LIAR, ON_HEAD, marks_a_table);
    let said = refusal(&wasm, "isolation = \"request\"");
    assert!(said.contains("it cannot be frozen after `configure`") && said.contains("pooled"), "{said}");
    assert!(check(&wasm, "", "isolation = \"pooled\"").0);
    let warm = gateway(&origin, &wasm, "pooled");
    assert_eq!(statuses(&warm, &["one", "one", "one", "two", "one"]).await, [200, 500, 200, 200, 200]);
}

#[tokio::test]
async fn a_loop_of_table_fill_over_the_whole_table_ends_at_the_cpu_limit() {
    let origin = Origin::start().await;
    let wasm = with_code_before(guests::LIAR, ON_HEAD, fills_a_table);
    let gateway = gateway(&origin, &wasm, "pooled");
    assert_eq!(statuses(&gateway, &["one", "two"]).await, [500, 500]);
    gateway.wait_for_stderr("one call used over 20 ms of CPU, its limit");
}
