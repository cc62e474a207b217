//! Globals and a table for the guest, which no language would give it: the code of the functions that stand for them.

use sluicegate_tests::surgery::{Added, GLOBALS_ADDED, number, with_code_instead};

const GLOBALS: [&str; 2] = ["keeper-global", "keeper-set-global"];
const TABLES: [&str; 5] =
    ["keeper-table-size", "keeper-grow-table", "keeper-is-null", "keeper-set-null", "keeper-set-function"];

pub fn with_globals(component: &[u8]) -> Vec<u8> {
    with_code_instead(component, &GLOBALS, code)
}

pub fn with_globals_and_tables(component: &[u8]) -> Vec<u8> {
    with_code_instead(component, &[&GLOBALS[..], &TABLES].concat(), code)
}

fn code(export: &str, added: Added) -> Vec<u8> {
    let (table, function) = (number(added.table), number(added.function));
    match export {
        // global.get, return; i64.const 0 for a number that none has
        "keeper-global" => {
            let of = |global: u32| [&[0x23][..], &number(global), &[0x0f]].concat();
            [for_each_global(added, of), vec![0x42, 0]].concat()
        }
        // local.get 1, global.set
        "keeper-set-global" => for_each_global(added, |global| [&[0x20, 1, 0x24][..], &number(global)].concat()),
        // table.size
        "keeper-table-size" => [&[0xfc, 16][..], &table].concat(),
        // ref.null func, local.get 0, table.grow
        "keeper-grow-table" => [&[0xd0, 0x70, 0x20, 0, 0xfc, 15][..], &table].concat(),
        // local.get 0, table.get, ref.is_null
        "keeper-is-null" => [&[0x20, 0, 0x25][..], &table, &[0xd1]].concat(),
        // local.get 0, ref.null func, table.set
        "keeper-set-null" => [&[0x20, 0, 0xd0, 0x70, 0x26][..], &table].concat(),
        // local.get 0, ref.func, table.set
        "keeper-set-function" => [&[0x20, 0, 0xd2][..], &function, &[0x26], &table].concat(),
        _ => unreachable!("{export} is not asked for"),
    }
}

/// The code for the one whose number is the first parameter.
fn for_each_global(added: Added, code: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    // local.get 0, i32.const, i32.eq, if, …, end
    let case = |index: u32| {
        [&[0x20, 0, 0x41, index as u8, 0x46, 0x04, 0x40][..], &code(added.global + index), &[0x0b]].concat()
    };
    (0..GLOBALS_ADDED).flat_map(case).collect()
}
