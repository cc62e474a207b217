//! Walks the units of line tables: nothing recurses, what is kept is counted, and reading stops when its time is over.
//!
//! A file of a few bytes can name the same table again and again. So no unit is kept once it is read, and each loop looks at the
//! clock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use gimli::{AttributeValue, ColumnType, Dwarf, Section, Unit, UnitHeader};

use super::super::texts::Texts;
use super::super::{PLACES_MAX, TEXT_BYTES_MAX};
use super::Slice;

/// For all units together.
const READING_TIME_MAX: Duration = Duration::from_secs(2);
const UNITS_MAX: usize = 4096;
/// Bytes of the list of files of one unit: read, it takes up to a hundred times as many.
const FILES_BYTES_MAX: u32 = 512 << 10;
const DIRECTORIES_MAX: usize = 64;
/// Functions, inlined ones among them, and parts of the code that they are in.
const FUNCTIONS_MAX: usize = 256 << 10;
const RANGES_MAX: usize = 512 << 10;

/// What is read of all units.
#[derive(Default)]
pub(super) struct Units<'a> {
    pub(super) places: Vec<Place>,
    pub(super) functions: Vec<Function<'a>>,
    /// Those that others can be instances of, by where they are in the table.
    pub(super) numbers: HashMap<usize, u32>,
    pub(super) ranges: Vec<Range>,
    pub(super) files: Texts,
    /// Where the compiler ran: a path from there is what its author wrote.
    pub(super) directories: Vec<String>,
}

/// Instructions that come from one place in a file.
pub(super) struct Place {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) call: Call,
}

/// A place in a file; for an inlined function, where it is called.
#[derive(Clone, Copy)]
pub(super) struct Call {
    pub(super) file: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

pub(super) struct Function<'a> {
    /// Empty where its origin has it.
    pub(super) name: &'a [u8],
    pub(super) origin: Option<usize>,
    /// That it is inlined in.
    pub(super) parent: Option<u32>,
    pub(super) call: Call,
}

/// Code of a function.
pub(super) struct Range {
    pub(super) start: u32,
    pub(super) end: u32,
    /// How many functions it is inlined in.
    pub(super) depth: u32,
    pub(super) function: u32,
}

impl<'a> Units<'a> {
    pub(super) fn read(dwarf: &Dwarf<Slice<'a>>, code_bytes: u32) -> Units<'a> {
        Units::read_until(dwarf, code_bytes, Instant::now() + READING_TIME_MAX)
    }

    fn read_until(dwarf: &Dwarf<Slice<'a>>, code_bytes: u32, until: Instant) -> Units<'a> {
        let mut walk = Walk { dwarf, code_bytes, until, units: Units::default() };
        let mut headers = dwarf.units();
        let mut count = 0;
        while let Ok(Some(header)) = headers.next() {
            count += 1;
            if count > UNITS_MAX || walk.is_over() {
                break;
            }
            // What cannot be read is left out.
            let _ = walk.unit(header);
        }
        if count > UNITS_MAX || walk.is_over() {
            tracing::info!(
                "a plugin's line tables have more than {UNITS_MAX} units or take more than {READING_TIME_MAX:?} to read; \
                 what comes behind is left out"
            );
        }
        walk.units
    }
}

struct Walk<'d, 'a> {
    dwarf: &'d Dwarf<Slice<'a>>,
    code_bytes: u32,
    until: Instant,
    units: Units<'a>,
}

/// Of one unit: its files by their numbers there.
type Files = HashMap<u64, u32>;

impl<'a> Walk<'_, 'a> {
    fn unit(&mut self, header: UnitHeader<Slice<'a>>) -> gimli::Result<()> {
        let abbreviations = Arc::new(header.abbreviations(&self.dwarf.debug_abbrev)?);
        let mut entries = header.entries_raw(&abbreviations, None)?;
        let Some(root) = entries.read_abbreviation()? else { return Ok(()) };
        for spec in root.attributes() {
            let attribute = entries.read_attribute(*spec)?;
            if let (gimli::DW_AT_stmt_list, AttributeValue::DebugLineRef(offset)) =
                (attribute.name(), attribute.value())
                && !self.has_few_files(offset.0)
            {
                return Ok(());
            }
        }
        let unit = Unit::new_with_abbreviations(self.dwarf, header, abbreviations)?;
        let directory = unit.comp_dir.map(|directory| text(directory.slice())).unwrap_or_default();
        let directories = &mut self.units.directories;
        if !directory.is_empty() && directories.len() < DIRECTORIES_MAX && !directories.contains(&directory) {
            directories.push(directory);
        }
        let mut files = Files::new();
        let rows = self.rows(&unit, &mut files);
        self.functions(&unit, &mut files).and(rows)
    }

    /// Looked at before the library reads it whole.
    fn has_few_files(&self, offset: usize) -> bool {
        let header = || {
            let table = self.dwarf.debug_line.reader().slice().get(offset..)?;
            let number = |at: usize| Some(u32::from_le_bytes(table.get(at..at + 4)?.try_into().ok()?));
            // Larger ones introduce tables with offsets of 64 bits.
            let has_short_offsets = number(0)? < 0xffff_fff0;
            let version = u16::from_le_bytes(table.get(4..6)?.try_into().ok()?);
            has_short_offsets.then_some(number(if version >= 5 { 8 } else { 6 })?)
        };
        header().is_some_and(|bytes| bytes <= FILES_BYTES_MAX)
    }

    fn rows(&mut self, unit: &Unit<Slice<'a>>, files: &mut Files) -> gimli::Result<()> {
        let Some(program) = unit.line_program.clone() else { return Ok(()) };
        let mut rows = program.rows();
        let mut sequence = None;
        let mut open: Option<(u64, Call)> = None;
        while let Some((_, row)) = rows.next_row()? {
            if self.units.places.len() >= PLACES_MAX || self.is_over() {
                break;
            }
            let address = row.address();
            if let (Some((start, call)), Some(first)) = (open.take(), sequence) {
                self.place(first, start, address, call);
            }
            if row.end_sequence() {
                sequence = None;
                continue;
            }
            sequence = sequence.or(Some(address));
            let column = match row.column() {
                ColumnType::LeftEdge => 0,
                ColumnType::Column(column) => small(column.get()),
            };
            let line = row.line().map_or(0, |line| small(line.get()));
            open = Some((address, Call { file: self.file(unit, row.file_index(), files), line, column }));
        }
        Ok(())
    }

    /// `first`: where its sequence begins. One at the start of the code section is what the linker left of code that it took out.
    fn place(&mut self, first: u64, start: u64, end: u64, call: Call) {
        if let Some((start, end)) = self.within_code(start, end)
            && first != 0
        {
            self.units.places.push(Place { start, end, call });
        }
    }

    fn within_code(&self, start: u64, end: u64) -> Option<(u32, u32)> {
        let code = u64::from(self.code_bytes);
        (start != 0 && start < end && start < code).then_some((small(start), small(end.min(code))))
    }

    /// The depth of entries is the author's choice: what is open is a list.
    fn functions(&mut self, unit: &Unit<Slice<'a>>, files: &mut Files) -> gimli::Result<()> {
        let mut entries = unit.entries_raw(None)?;
        // Functions around the next entry: how deep they are among the entries, and their numbers.
        let mut open: Vec<(isize, u32)> = Vec::new();
        while !entries.is_empty() && self.units.functions.len() < FUNCTIONS_MAX && !self.is_over() {
            let (level, at) = (entries.next_depth(), entries.next_offset());
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            while open.last().is_some_and(|(other, _)| *other >= level) {
                open.pop();
            }
            let is_inlined = abbreviation.tag() == gimli::DW_TAG_inlined_subroutine;
            if !is_inlined && abbreviation.tag() != gimli::DW_TAG_subprogram {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let mut entry = Entry::default();
            for spec in abbreviation.attributes() {
                let attribute = entries.read_attribute(*spec)?;
                entry.add(attribute.name(), attribute.value());
            }
            let number = small(self.units.functions.len() as u64);
            let parent = open.last().filter(|_| is_inlined).map(|(_, parent)| *parent);
            let depth = if parent.is_some() { small(open.len() as u64) } else { 0 };
            let begin = unit.header.offset().0;
            if !is_inlined {
                self.units.numbers.insert(begin + at.0, number);
            }
            let function = self.function(unit, &entry, parent, files);
            self.units.functions.push(function);
            self.ranges(unit, &entry, depth, number)?;
            open.push((level, number));
        }
        Ok(())
    }

    fn function(
        &mut self,
        unit: &Unit<Slice<'a>>,
        entry: &Entry<'a>,
        parent: Option<u32>,
        files: &mut Files,
    ) -> Function<'a> {
        let name = entry.linkage_name.or(entry.name).and_then(|name| self.dwarf.attr_string(unit, name).ok());
        let origin = match entry.origin {
            Some(AttributeValue::UnitRef(offset)) => unit.header.offset().0.checked_add(offset.0),
            Some(AttributeValue::DebugInfoRef(offset)) => Some(offset.0),
            _ => None,
        };
        let file = match entry.call_file {
            // Means none, before the fifth version.
            Some(0) if unit.encoding().version < 5 => u32::MAX,
            Some(file) => self.file(unit, file, files),
            None => u32::MAX,
        };
        let call = Call { file, line: entry.call_line, column: entry.call_column };
        Function { name: name.map(|name| cut(name.slice())).unwrap_or_default(), origin, parent, call }
    }

    fn ranges(&mut self, unit: &Unit<Slice<'a>>, entry: &Entry<'a>, depth: u32, function: u32) -> gimli::Result<()> {
        if let Some(ranges) = entry.ranges {
            let Some(mut ranges) = self.dwarf.attr_ranges(unit, ranges)? else { return Ok(()) };
            while let Some(range) = ranges.next()? {
                if self.units.ranges.len() >= RANGES_MAX || self.is_over() {
                    break;
                }
                self.range(range.begin, range.end, depth, function);
            }
            return Ok(());
        }
        let Some(start) = entry.low else { return Ok(()) };
        let Some(start) = self.dwarf.attr_address(unit, start)? else { return Ok(()) };
        let end = match entry.high {
            Some(AttributeValue::Udata(bytes)) => start.saturating_add(bytes),
            Some(end) => self.dwarf.attr_address(unit, end)?.unwrap_or(start),
            None => start,
        };
        self.range(start, end, depth, function);
        Ok(())
    }

    fn range(&mut self, start: u64, end: u64, depth: u32, function: u32) {
        if let Some((start, end)) = self.within_code(start, end)
            && self.units.ranges.len() < RANGES_MAX
        {
            self.units.ranges.push(Range { start, end, depth, function });
        }
    }

    /// Only what a place is in is written out.
    fn file(&mut self, unit: &Unit<Slice<'a>>, index: u64, files: &mut Files) -> u32 {
        if let Some(number) = files.get(&index) {
            return *number;
        }
        let Some(header) = unit.line_program.as_ref().map(|program| program.header()) else { return u32::MAX };
        let Some(file) = header.file(index) else { return u32::MAX };
        let part = |value| self.dwarf.attr_string(unit, value).map(|part| text(part.slice())).unwrap_or_default();
        let mut path = unit.comp_dir.map(|directory| text(directory.slice())).unwrap_or_default();
        // Number 0 is where the compiler ran.
        if file.directory_index() != 0
            && let Some(directory) = file.directory(header)
        {
            path = joined(path, part(directory));
        }
        let number = self.units.files.number(&joined(path, part(file.path_name())));
        files.insert(index, number);
        number
    }

    fn is_over(&self) -> bool {
        Instant::now() >= self.until
    }
}

/// Attributes of a function; texts are looked for when all are read.
#[derive(Default)]
struct Entry<'a> {
    name: Option<AttributeValue<Slice<'a>>>,
    linkage_name: Option<AttributeValue<Slice<'a>>>,
    origin: Option<AttributeValue<Slice<'a>>>,
    low: Option<AttributeValue<Slice<'a>>>,
    high: Option<AttributeValue<Slice<'a>>>,
    ranges: Option<AttributeValue<Slice<'a>>>,
    call_file: Option<u64>,
    call_line: u32,
    call_column: u32,
}

impl<'a> Entry<'a> {
    fn add(&mut self, name: gimli::DwAt, value: AttributeValue<Slice<'a>>) {
        match name {
            gimli::DW_AT_name => self.name = Some(value),
            gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => self.linkage_name = Some(value),
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => self.origin = Some(value),
            gimli::DW_AT_low_pc => self.low = Some(value),
            gimli::DW_AT_high_pc => self.high = Some(value),
            gimli::DW_AT_ranges => self.ranges = Some(value),
            gimli::DW_AT_call_file => {
                self.call_file = match value {
                    AttributeValue::FileIndex(index) => Some(index),
                    other => other.udata_value(),
                }
            }
            gimli::DW_AT_call_line => self.call_line = value.udata_value().map_or(0, small),
            gimli::DW_AT_call_column => self.call_column = value.udata_value().map_or(0, small),
            _ => {}
        }
    }
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn cut(text: &[u8]) -> &[u8] {
    text.get(..TEXT_BYTES_MAX).unwrap_or(text)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(cut(bytes)).into_owned()
}

fn joined(path: String, part: String) -> String {
    // Also as Windows writes it.
    let is_root = part.starts_with(['/', '\\']) || matches!(part.get(1..3), Some(":/" | ":\\"));
    if path.is_empty() || is_root { part } else { format!("{}/{part}", path.trim_end_matches('/')) }
}

#[cfg(test)]
mod tests;
