use super::*;
use crate::bounded::bounded;

/// A module whose one function copies twice and then does something that is easy to find again, in a component.
fn component(marker: &[u8]) -> Vec<u8> {
    let copy = [0x20, 0, 0x20, 0, 0x20, 0, 0xfc, 10, 0, 0];
    let body = [&[0][..], &copy, &[0x41, 5, 0x1a], &copy, marker, &[0x1a, 0x0b]].concat();
    let function = [&[1, body.len() as u8][..], &body].concat();
    let mut module = b"\0asm\x01\0\0\0".to_vec();
    for (id, section) in [
        (1, &[1, 0x60, 1, 0x7f, 0][..]),
        // One import: its function is number 0.
        (2, &[1, 1, b'a', 1, b'b', 0, 0]),
        (3, &[1, 0]),
        (5, &[1, 0, 1]),
        (CODE, &function),
        (CUSTOM, b"\x0b.debug_line"),
    ] {
        module.extend([id, section.len() as u8]);
        module.extend_from_slice(section);
    }
    let mut component = COMPONENT_LAYER.to_vec();
    component.extend([MODULE_IN_COMPONENT, module.len() as u8]);
    component.extend(module);
    component
}

/// The code section of the one module in it.
fn code(component: &[u8]) -> Vec<u8> {
    let mut modules = Vec::new();
    modules_within(component, 0, &mut modules).unwrap();
    let all = sections(modules[0]).unwrap();
    all.iter().find(|(id, _)| *id == CODE).unwrap().1.to_vec()
}

fn find(code: &[u8], marker: &[u8]) -> usize {
    code.windows(marker.len()).position(|window| window == marker).unwrap()
}

#[test]
fn a_place_behind_split_instructions_is_found_where_it_was_built() {
    // i32.const 1234567
    let marker = [0x41, 0x87, 0xad, 0xcb, 0x00];
    let built = component(&marker);
    let (before, after) = (code(&built), code(&bounded(&built)));
    assert_ne!(before, after);
    let mut modules = Vec::new();
    modules_within(&built, 0, &mut modules).unwrap();
    let moves = Moves::between(modules[0], &bounded::split_in_module(modules[0]).unwrap()).unwrap();
    let symbols = Symbols { module: None, starts: vec![2], moves, direct: None, lines: Lines::default() };
    let place = |function, offset| symbols.place(symbols.moves_of(1), function, offset);
    // Each function begins behind its length, which has one byte before and after.
    let runs_at = find(&after, &marker) - 2;
    assert_eq!(place(1, runs_at), Some(find(&before, &marker) as u32));
    // The call that stands for the first copy is that copy, and what stands before it has not moved.
    assert_eq!(place(1, 7), Some(find(&before, &[0xfc, 10]) as u32));
    assert_eq!(place(1, 3), Some(5));
    // What the split adds has no place, and neither has an import.
    assert_eq!((place(2, 0), place(0, 0)), (None, None));
}

#[test]
fn what_is_between_two_ranges_has_no_line() {
    let mut lines = Lines::default();
    let spot = |line| Spot { function: 0, file: 0, line, column: 1 };
    lines.push(10, &[spot(1), spot(2)]);
    lines.push(15, &[spot(1), spot(2)]);
    lines.push(20, &[]);
    lines.push(30, &[spot(3)]);
    (lines.functions, lines.files) = (vec!["f".to_owned()], vec!["a.rs".to_owned()]);
    let at = |place| lines.at(place).iter().map(|line| line.line).collect::<Vec<_>>();
    assert_eq!(
        [at(9), at(10), at(19), at(20), at(29), at(1000)],
        [vec![], vec![1, 2], vec![1, 2], vec![], vec![], vec![3]]
    );
    assert_eq!(lines.at(10)[0], Line { function: "f", file: "a.rs", line: 1, column: 1 });
}

#[test]
fn tables_that_are_none_are_no_reason_not_to_load() {
    assert!(Symbols::of(&component(&[0x41, 1])).is_none());
    for length in 0..200 {
        let noise: Vec<u8> = (0..length).map(|byte: u32| (byte * 7919 % 251) as u8).collect();
        let mut tables = b"\x0b.debug_line".to_vec();
        tables.extend(noise);
        assert!(dwarf::lines([tables.as_slice(), b"\x0b.debug_info\x05\0\0\0\x04"].into_iter(), 1000).is_none());
    }
}
