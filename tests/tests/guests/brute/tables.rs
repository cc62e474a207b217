//! Tables, for which Rust has no words: code is put in front of a guest's `on-head`.

use sluicegate_tests::surgery::{Added, number, with_code_before};
use sluicegate_tests::{Gateway, guests};

use crate::support::{Ask, Origin};

const ON_HEAD: &str = "sluicegate:plugin/head@0.1.0#on-head";

/// Fills the whole table again and again.
fn fills_a_table(added: Added) -> Vec<u8> {
    let (table, function) = (number(added.table), number(added.function));
    // loop, i32.const 0, ref.func, i32.const 1000, table.fill, br 0, end
    [&[0x03, 0x40, 0x41, 0, 0xd2][..], &function, &[0x41, 0xe8, 0x07, 0xfc, 17], &table, &[0x0c, 0, 0x0b]].concat()
}

#[tokio::test]
async fn a_loop_of_table_fill_over_the_whole_table_ends_at_the_cpu_limit() {
    let origin = Origin::start().await;
    let config = format!(
        "[plugins.fills]\nfile = \"fills.wasm\"\n[upstreams.origin]\nurl = \"{}\"\n[[routes]]\nname = \"all\"\nupstream = \
         \"origin\"\nchain = [{{ plugin = \"fills\", isolation = \"pooled\", limits = {{ cpu_max_ms = 20, wall_max_ms = 60_000 }} \
         }}]\n",
        origin.url()
    );
    let wasm = with_code_before(guests::LIAR, ON_HEAD, fills_a_table);
    let gateway = Gateway::start(&config, &[("fills.wasm", &wasm)]);
    for _ in 0..2 {
        assert_eq!(Ask::get("/").send(gateway.address()).await.status, 500);
    }
    gateway.wait_for_stderr("one call used over 20 ms of CPU, its limit");
}
