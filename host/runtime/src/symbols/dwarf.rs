//! Reads line tables into a flat list of places.

use std::borrow::Cow;
use std::collections::HashMap;

use addr2line::Context;
use addr2line::gimli::{Dwarf, EndianSlice, LittleEndian, SectionId};
use wasmparser::BinaryReader;

use super::{DWARF_BYTES_MAX, INLINED_MAX, Lines, PLACES_MAX, RUST, SPOTS_MAX, Spot, TEXT_BYTES_MAX, TEXTS_MAX};
use crate::bounded::{CUSTOM, sections};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// Texts by number: a file or a function has many places.
#[derive(Default)]
struct Texts {
    numbers: HashMap<String, u32>,
    list: Vec<String>,
}

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
    if bytes > DWARF_BYTES_MAX {
        tracing::info!("a plugin has {bytes} bytes of line tables; over {DWARF_BYTES_MAX} they are not read");
        return None;
    }
    let load = |id: SectionId| {
        let table = tables.get(id.name()).copied().unwrap_or_default();
        Ok::<_, addr2line::gimli::Error>(Slice::new(table, LittleEndian))
    };
    let dwarf = Dwarf::load(load).ok()?;
    let directories = directories(&dwarf);
    let context = Context::from_dwarf(dwarf).ok()?;
    let ranges = context.find_location_range(0, code_bytes as u64).ok()?;
    let mut places: Vec<(u32, u32)> =
        ranges.take(PLACES_MAX).filter_map(|(start, length, _)| place(start, length)).collect();
    places.sort_unstable();
    let (mut lines, mut texts) = (Lines::default(), Texts::default());
    let mut end = 0;
    for (start, behind) in places {
        if lines.spots.len() + INLINED_MAX > SPOTS_MAX {
            break;
        }
        if start > end {
            // Nothing is known of what is between.
            lines.push(end, &[]);
        }
        lines.push(start, &spots(&context, u64::from(start), &directories, &mut texts));
        end = behind;
    }
    lines.push(end, &[]);
    lines.texts = texts.list;
    (!lines.spots.is_empty()).then_some(lines)
}

/// Where it begins, and the first place behind it.
fn place(start: u64, length: u64) -> Option<(u32, u32)> {
    Some((start.try_into().ok()?, start.checked_add(length)?.try_into().ok()?))
}

fn spots(context: &Context<Slice<'_>>, place: u64, directories: &[String], texts: &mut Texts) -> Vec<Spot> {
    let mut spots = Vec::new();
    let Ok(mut frames) = context.find_frames(place).skip_all_loads() else { return spots };
    while let Ok(Some(frame)) = frames.next() {
        let function =
            frame.function.as_ref().and_then(|function| function.raw_name().ok()).unwrap_or(Cow::Borrowed(""));
        let location = frame.location;
        let file = location.as_ref().and_then(|location| location.file).unwrap_or_default();
        spots.push(Spot {
            function: texts.number(&function),
            file: texts.number(&short(file, directories)),
            line: location.as_ref().and_then(|location| location.line).unwrap_or(0),
            column: location.as_ref().and_then(|location| location.column).unwrap_or(0),
        });
        if spots.len() >= INLINED_MAX {
            break;
        }
    }
    spots
}

/// Where the compiler ran: a path from there is what its author wrote.
fn directories(dwarf: &Dwarf<Slice<'_>>) -> Vec<String> {
    let mut found = Vec::new();
    let mut units = dwarf.units();
    while let Ok(Some(header)) = units.next() {
        let Ok(unit) = dwarf.unit(header) else { continue };
        let directory = unit.comp_dir.map(|directory| directory.to_string_lossy().into_owned()).unwrap_or_default();
        if !directory.is_empty() && !found.contains(&directory) {
            found.push(directory);
        }
    }
    found
}

/// Of a dependency its name and what is in it, of the plugin the path from where it was compiled. Rust's own is under [`RUST`].
fn short<'a>(file: &'a str, directories: &[String]) -> Cow<'a, str> {
    if let Some((_, rest)) = file.split_once("/registry/src/") {
        return Cow::Borrowed(rest.split_once('/').map_or(rest, |(_, rest)| rest));
    }
    // As the compiler writes it down, and as it is where Rust's sources are installed.
    let own = file.strip_prefix("/rustc/").and_then(|rest| rest.split_once("/library/"));
    if let Some((_, rest)) = own.or_else(|| file.split_once("/rustlib/src/rust/library/")) {
        return Cow::Owned(format!("{RUST}{rest}"));
    }
    let within = directories.iter().filter_map(|directory| file.strip_prefix(directory.as_str())?.strip_prefix('/'));
    Cow::Borrowed(within.min_by_key(|rest| rest.len()).unwrap_or(file))
}

/// Name and content.
fn custom(section: &[u8]) -> Option<(&str, &[u8])> {
    let mut reader = BinaryReader::new(section, 0);
    let name = reader.read_string().ok()?;
    Some((name, section.get(reader.original_position()..)?))
}

impl Texts {
    /// One that there is no room for has a number that no text has.
    fn number(&mut self, text: &str) -> u32 {
        let text = &text[..text.floor_char_boundary(TEXT_BYTES_MAX.min(text.len()))];
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        if self.list.len() >= TEXTS_MAX {
            return u32::MAX;
        }
        let number = u32::try_from(self.list.len()).unwrap_or(u32::MAX);
        self.list.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }
}
