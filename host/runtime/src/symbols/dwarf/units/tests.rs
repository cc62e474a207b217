use gimli::{LittleEndian, SectionId};

use super::*;
use crate::bounded::{CODE, COMPONENT_LAYER, CUSTOM, MODULE_IN_COMPONENT};
use crate::engine::{EngineOptions, Runtime};
use crate::symbols::dwarf::lines;
use crate::symbols::{DWARF_BYTES_MAX, INLINED_MAX, Lines, SPOTS_MAX};

const CODE_BYTES: usize = 1 << 20;

/// What the entries in these tests look like, by number.
const ABBREVIATIONS: &[u8] = &[
    // 1: a unit with a line table, and entries in it.
    1, 0x11, 1, 0x1b, 0x08, 0x10, 0x17, 0, 0, //
    // 2: a function with a name and code.
    2, 0x2e, 1, 0x03, 0x08, 0x11, 0x01, 0x12, 0x06, 0, 0, //
    // 3: one inlined there, with code, that has its name from another, and is called in a line of a file.
    3, 0x1d, 1, 0x31, 0x13, 0x11, 0x01, 0x12, 0x06, 0x58, 0x0b, 0x59, 0x0b, 0, 0, //
    // 4: the same without anything.
    4, 0x1d, 1, 0, 0, //
    // 5: a function without code.
    5, 0x2e, 0, 0x03, 0x08, 0, 0, //
    // 6: a function in many ranges.
    6, 0x2e, 0, 0x55, 0x17, 0, 0, 0,
];

fn section(name: &str, content: &[u8]) -> Vec<u8> {
    [&[name.len() as u8][..], name.as_bytes(), content].concat()
}

fn table(version: &[u8], content: &[u8]) -> Vec<u8> {
    [&((version.len() + content.len()) as u32).to_le_bytes()[..], version, content].concat()
}

/// With a line in each of `rows` bytes of code, from place 10 on.
fn line_table(files: &[u8], rows: usize) -> Vec<u8> {
    let opcodes = [1, 1, 1, 0xfb, 14, 13, 0, 1, 1, 1, 1, 0, 0, 0, 1, 0, 0, 1];
    let header = [&opcodes[..], &[0], files, &[0]].concat();
    let program = [&[0, 5, 2, 10, 0, 0, 0][..], &vec![33; rows], &[0, 1, 1]].concat();
    table(&[4, 0], &[&(header.len() as u32).to_le_bytes()[..], &header, &program].concat())
}

fn unit(directory: &str, entries: &[u8]) -> Vec<u8> {
    let root = [&[1][..], directory.as_bytes(), &[0, 0, 0, 0, 0]].concat();
    table(&[4, 0, 0, 0, 0, 0, 4], &[&root[..], entries, &[0]].concat())
}

fn function(name: &str, start: u32, bytes: u32) -> Vec<u8> {
    [&[2][..], name.as_bytes(), &[0], &start.to_le_bytes(), &bytes.to_le_bytes()].concat()
}

fn inlined(origin: u32, start: u32, bytes: u32, line: u8) -> Vec<u8> {
    [&[3][..], &origin.to_le_bytes(), &start.to_le_bytes(), &bytes.to_le_bytes(), &[1, line]].concat()
}

fn tables(info: &[u8], line: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [(".debug_abbrev", ABBREVIATIONS.to_vec()), (".debug_info", info.to_vec()), (".debug_line", line.to_vec())]
}

fn read(tables: &[(&'static str, Vec<u8>)]) -> Option<Lines> {
    let sections: Vec<_> = tables.iter().map(|(name, content)| section(name, content)).collect();
    lines(sections.iter().map(Vec::as_slice), CODE_BYTES)
}

fn units<'a>(tables: &'a [(&'static str, Vec<u8>)], time: Duration) -> Units<'a> {
    let find = |id: SectionId| tables.iter().find(|(name, _)| *name == id.name());
    let load = |id| Ok::<_, gimli::Error>(Slice::new(find(id).map_or(&[], |(_, table)| table), LittleEndian));
    Units::read_until(&Dwarf::load(load).unwrap(), CODE_BYTES as u32, Instant::now() + time)
}

/// One function in which another is inlined, and in that a third.
fn three_functions() -> [(&'static str, Vec<u8>); 3] {
    // Behind the head of the unit, which has 11 bytes, and its entry.
    let inner = 11 + 1 + 5 + 4;
    let middle = inner + 7;
    let entries = [
        &b"\x05inner\0\x05middle\0"[..],
        &function("outer", 10, 20),
        &inlined(middle, 12, 8, 70),
        &inlined(inner, 14, 2, 80),
        &[0, 0, 0],
    ];
    tables(&unit("/own", &entries.concat()), &line_table(b"src/a.rs\0\0\0\0", 30))
}

fn shown(lines: &Lines, place: u32) -> Vec<String> {
    let shown = |line: &crate::symbols::Line<'_>| format!("{} {}:{}", line.function, line.file, line.line);
    lines.at(place).iter().map(shown).collect()
}

#[test]
fn a_place_has_its_function_and_those_that_this_is_inlined_in() {
    let lines = read(&three_functions()).unwrap();
    assert_eq!(shown(&lines, 10), Vec::<String>::new());
    assert_eq!(shown(&lines, 11), ["outer src/a.rs:2"]);
    assert_eq!(shown(&lines, 13), ["middle src/a.rs:4", "outer src/a.rs:70"]);
    assert_eq!(shown(&lines, 15), ["inner src/a.rs:6", "middle src/a.rs:80", "outer src/a.rs:70"]);
    assert_eq!(shown(&lines, 17), ["middle src/a.rs:8", "outer src/a.rs:70"]);
    assert_eq!(shown(&lines, 29), ["outer src/a.rs:20"]);
    assert_eq!(shown(&lines, 30), [" src/a.rs:21"]);
}

#[test]
fn entries_nested_deeper_than_any_stack_are_read() {
    for levels in [100, 200_000] {
        for (entry, frames) in [(inlined(0, 1, 1000, 7), INLINED_MAX), (vec![4], 1)] {
            let entries = [function("f", 1, 1000), entry.repeat(levels), vec![0; levels + 1]].concat();
            let tables = tables(&unit("/", &entries), &line_table(b"a.rs\0\0\0\0", 30));
            let small = std::thread::Builder::new().stack_size(256 << 10);
            let lines = small.spawn(move || read(&tables).unwrap()).unwrap().join().unwrap();
            assert_eq!(lines.at(15).len(), frames, "{levels} levels");
        }
    }
}

#[test]
fn units_that_share_one_line_table_take_no_more_room_and_time() {
    let all: Vec<u8> = (0..60_000).flat_map(|number| unit(&format!("/{number}"), &[])).collect();
    let start = Instant::now();
    let few_rows = tables(&all, &line_table(b"a.rs\0\0\0\0", 3));
    let found = units(&few_rows, Duration::from_secs(600));
    // The last row of each begins nothing, and the first has no length.
    assert_eq!((found.places.len() % UNITS_MAX, found.directories.len()), (0, DIRECTORIES_MAX));
    assert!(found.places.len() < 4 * UNITS_MAX);
    let many_rows = tables(&all, &line_table(b"a.rs\0\0\0\0", 1000));
    assert_eq!(units(&many_rows, Duration::from_secs(600)).places.len(), PLACES_MAX);
    assert!(read(&many_rows).is_some());
    assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
}

#[test]
fn a_list_of_ranges_that_many_functions_share_is_read_no_longer_than_there_is_time() {
    let functions = b"\x06\0\0\0\0".repeat(100_000);
    let info = [unit("/", &functions), unit("/", &[])].concat();
    let list = |start: u32| {
        let range = [start.to_le_bytes(), (start + 8).to_le_bytes()].concat();
        let mut tables = tables(&info, &line_table(b"a.rs\0\0\0\0", 30)).to_vec();
        tables.push((".debug_ranges", [range.repeat(1 << 20), vec![0; 8]].concat()));
        tables
    };
    // Such that nothing of it is kept.
    let (outside, within) = (list(CODE_BYTES as u32), list(1));
    let start = Instant::now();
    let found = units(&outside, Duration::from_millis(500));
    assert!(start.elapsed() < Duration::from_secs(10), "{:?}", start.elapsed());
    // What was read by then is there.
    assert_eq!((found.places.len(), found.ranges.len()), (29, 0));
    assert_eq!(units(&within, Duration::from_secs(600)).ranges.len(), RANGES_MAX);
    assert!(units(&within, Duration::ZERO).places.is_empty());
}

#[test]
fn functions_and_frames_are_as_many_as_there_is_room_for() {
    let entries = [function("f", 1, 1 << 19), b"\x04".repeat(FUNCTIONS_MAX)].concat();
    let many = tables(&unit("/", &entries), &line_table(b"a.rs\0\0\0\0", 30));
    assert_eq!(units(&many, Duration::from_secs(600)).functions.len(), FUNCTIONS_MAX);

    let entries = [function("f", 1, 1 << 19), inlined(0, 1, 1 << 19, 7).repeat(20), vec![0; 21]].concat();
    let rows = SPOTS_MAX / INLINED_MAX + 1000;
    let lines = read(&tables(&unit("/", &entries), &line_table(b"a.rs\0\0\0\0", rows))).unwrap();
    assert_eq!(lines.spots.len(), SPOTS_MAX);
    assert_eq!((lines.at(100).len(), lines.at(rows as u32).len()), (INLINED_MAX, 0));
}

#[test]
fn tables_and_lists_of_files_that_are_too_long_are_not_read() {
    let [abbreviations, info, line] = three_functions();
    let with = |bytes: usize| [abbreviations.clone(), info.clone(), line.clone(), (".debug_str", vec![0; bytes])];
    let rest = abbreviations.1.len() + info.1.len() + line.1.len();
    assert!(read(&with(DWARF_BYTES_MAX - rest)).is_some());
    assert!(read(&with(DWARF_BYTES_MAX - rest + 1)).is_none());
    for (files, is_read) in [(70_000, true), (80_000, false)] {
        let line = line_table(&b"a.r\0\0\0\0".repeat(files), 30);
        assert_eq!(read(&tables(&unit("/", &[]), &line)).is_some(), is_read, "{files} files");
    }
}

#[test]
fn whatever_one_byte_says_reading_comes_to_its_end() {
    let good = three_functions();
    for table in 0..good.len() {
        for at in 0..good[table].1.len() {
            for value in [0, 1, 0x0f, 0x16, 0x1d, 0x2e, 0x55, 0x7f, 0x80, 0xff] {
                let mut bad = good.clone();
                bad[table].1[at] = value;
                read(&bad);
            }
        }
    }
}

#[test]
fn entries_of_one_component_share_what_was_read() {
    let long = |id: u8, content: &[u8]| {
        let length = [content.len() as u8 | 0x80, (content.len() >> 7) as u8];
        [&[id][..], &length, content].concat()
    };
    let code = [&[1, 102, 0][..], &[1; 100], &[0x0b]].concat();
    let customs: Vec<u8> =
        three_functions().iter().flat_map(|(name, content)| long(CUSTOM, &section(name, content))).collect();
    let module = [&b"\0asm\x01\0\0\0"[..], &long(CODE, &code), &customs].concat();
    let component = [COMPONENT_LAYER, &long(MODULE_IN_COMPONENT, &module)].concat();

    let runtime = Runtime::new(EngineOptions { instances_max: 1, ..EngineOptions::default() }).unwrap();
    let read = |digest| runtime.shared.symbols(digest, &component).unwrap();
    let first = read("a");
    assert_eq!(first.lines.at(11)[0].function, "outer");
    assert!(Arc::ptr_eq(&first, &read("a")) && !Arc::ptr_eq(&first, &read("b")));
    // Two that load at once end with one, and nothing is kept alive by it.
    let second = Arc::new(crate::symbols::Symbols::of(&component).unwrap());
    assert!(Arc::ptr_eq(&first, &runtime.shared.symbols.share("a".to_owned(), second)));
    drop(first);
    assert!(runtime.shared.symbols.get(&"a".to_owned()).is_none());
}
