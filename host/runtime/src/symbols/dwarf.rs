//! Reads line tables into a flat list of places.

use std::borrow::Cow;
use std::collections::{BinaryHeap, HashMap};

use gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use wasmparser::BinaryReader;

use self::units::{Place, Units};
use super::texts::Texts;
use super::{DWARF_BYTES_MAX, INLINED_MAX, Lines, RUST, SPOTS_MAX, Spot};
use crate::bounded::{CUSTOM, sections};

mod units;

/// Steps from a function to the one that has its name.
const ORIGINS_MAX: usize = 16;
/// Bytes of the table that says which attributes entries have: one that is read takes twenty times its bytes.
const ABBREVIATIONS_BYTES_MAX: usize = 1 << 20;

type Slice<'a> = EndianSlice<'a, LittleEndian>;

pub(super) fn has_lines(module: &[u8]) -> bool {
    sections(module).is_ok_and(|all| {
        all.iter().any(|(id, section)| *id == CUSTOM && custom(section).is_some_and(|(name, _)| name == ".debug_line"))
    })
}

/// `code_bytes`: the length of the code section, in which the tables name places.
pub(super) fn lines<'a>(customs: impl Iterator<Item = &'a [u8]>, code_bytes: usize) -> Option<Lines> {
    let tables: HashMap<&str, &[u8]> =
        customs.filter_map(custom).filter(|(name, _)| name.starts_with(".debug_")).collect();
    let bytes: usize = tables.values().map(|table| table.len()).sum();
    let abbreviations_bytes = tables.get(".debug_abbrev").map_or(0, |table| table.len());
    if bytes > DWARF_BYTES_MAX || abbreviations_bytes > ABBREVIATIONS_BYTES_MAX {
        tracing::info!(
            "a plugin has {bytes} bytes of line tables, {abbreviations_bytes} of them abbreviations; over \
             {DWARF_BYTES_MAX} and {ABBREVIATIONS_BYTES_MAX} they are not read"
        );
        return None;
    }
    let load = |id: SectionId| {
        let table = tables.get(id.name()).copied().unwrap_or_default();
        Ok::<_, gimli::Error>(Slice::new(table, LittleEndian))
    };
    let dwarf = Dwarf::load(load).ok()?;
    let mut units = Units::read(&dwarf, u32::try_from(code_bytes).ok()?);
    let mut lines = flat(&mut units);
    for file in &mut units.files.list {
        if let Cow::Owned(shorter) = short(file, &units.directories) {
            *file = shorter;
        }
    }
    lines.files = units.files.list;
    (!lines.spots.is_empty()).then_some(lines)
}

/// One way through the code: at each place, the innermost of the functions around it.
fn flat(units: &mut Units<'_>) -> Lines {
    let mut places = std::mem::take(&mut units.places);
    places.sort_unstable_by_key(|place| (place.start, place.end));
    units.ranges.sort_unstable_by_key(|range| range.start);
    let mut ranges = units.ranges.iter().peekable();
    // By depth.
    let mut around = BinaryHeap::new();
    let mut names = Names { texts: Texts::default(), known: vec![None; units.functions.len()] };
    let mut lines = Lines::default();
    let mut end = 0;
    for place in &places {
        if lines.spots.len() + INLINED_MAX > SPOTS_MAX {
            break;
        }
        if place.start > end {
            // Nothing is known of what is between.
            lines.push(end, &[]);
        }
        while let Some(range) = ranges.next_if(|range| range.start <= place.start) {
            around.push((range.depth, range.function, range.end));
        }
        while around.peek().is_some_and(|(_, _, end)| *end <= place.start) {
            around.pop();
        }
        let innermost = around.peek().map(|(_, function, _)| *function);
        lines.push(place.start, &spots(units, place, innermost, &mut names));
        end = place.end;
    }
    lines.push(end, &[]);
    lines.functions = names.texts.list;
    lines
}

/// The innermost first; each further one is where the one before was called.
fn spots(units: &Units<'_>, place: &Place, innermost: Option<u32>, names: &mut Names) -> Vec<Spot> {
    let mut spots = Vec::new();
    let (mut function, mut call) = (innermost, place.call);
    while spots.len() < INLINED_MAX {
        let name = names.number(units, function);
        spots.push(Spot { function: name, file: call.file, line: call.line, column: call.column });
        let known = function.and_then(|number| units.functions.get(number as usize));
        let Some((inlined, parent)) = known.and_then(|known| Some((known, known.parent?))) else { break };
        (function, call) = (Some(parent), inlined.call);
    }
    spots
}

/// Numbers of functions' names, each looked for once.
struct Names {
    texts: Texts,
    known: Vec<Option<u32>>,
}

impl Names {
    fn number(&mut self, units: &Units<'_>, function: Option<u32>) -> u32 {
        let Some(function) = function else { return u32::MAX };
        if let Some(Some(number)) = self.known.get(function as usize) {
            return *number;
        }
        let number = self.texts.number(&String::from_utf8_lossy(name(units, function)));
        if let Some(known) = self.known.get_mut(function as usize) {
            *known = Some(number);
        }
        number
    }
}

/// Its own, or that of what it is an instance of.
fn name<'a>(units: &Units<'a>, function: u32) -> &'a [u8] {
    let mut number = Some(function);
    for _ in 0..ORIGINS_MAX {
        let Some(function) = number.and_then(|number| units.functions.get(number as usize)) else { break };
        if !function.name.is_empty() {
            return function.name;
        }
        number = function.origin.and_then(|origin| units.numbers.get(&origin).copied());
    }
    &[]
}

/// Of a dependency its name and what is in it, of the plugin the path from where it was compiled. Rust's own is under [`RUST`].
fn short<'a>(file: &'a str, directories: &[String]) -> Cow<'a, str> {
    if let Some((_, rest)) = file.split_once("/registry/src/") {
        return Cow::Owned(rest.split_once('/').map_or(rest, |(_, rest)| rest).to_owned());
    }
    // As the compiler writes it down, and as it is where Rust's sources are installed.
    let own = file.strip_prefix("/rustc/").and_then(|rest| rest.split_once("/library/"));
    if let Some((_, rest)) = own.or_else(|| file.split_once("/rustlib/src/rust/library/")) {
        return Cow::Owned(format!("{RUST}{rest}"));
    }
    let within = directories.iter().filter_map(|directory| file.strip_prefix(directory.as_str())?.strip_prefix('/'));
    within.min_by_key(|rest| rest.len()).map_or(Cow::Borrowed(file), |rest| Cow::Owned(rest.to_owned()))
}

/// Name and content.
fn custom(section: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = BinaryReader::new(section, 0);
    let name = reader.read_string().ok()?;
    Some((name, section.get(reader.original_position()..)?))
}
