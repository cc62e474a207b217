//! Which source lines the code of a plugin comes from, if it was built with line tables (DWARF).
//!
//! The tables are read once, by the loader, and become one flat list: a trap then costs a search in it and no more. Whoever wrote the
//! plugin wrote its tables, too, so nothing of them is looked at on a thread that serves requests, and reading them has an end whatever
//! they say.
//!
//! Line tables name places in the module as it was built. What is compiled is another one, since `bounded` splits instructions and
//! `direct` adds imports; the snapshot that freezes it leaves code as it is. So a place is found by function and offset, and the
//! offset is mapped back.

mod dwarf;
mod moves;
mod texts;

use wasmparser::{BinaryReader, CodeSectionReader, Name, NameSectionReader};
use wasmtime::Module;

use self::moves::Moves;
use crate::bounded::{
    self, CODE, COMPONENT_IN_COMPONENT, COMPONENT_LAYER, CUSTOM, DEPTH_MAX, MODULE_IN_COMPONENT, Result, sections,
};
use crate::direct;

/// Bytes of all line tables and what belongs to them; longer ones are not read.
const DWARF_BYTES_MAX: usize = 32 << 20;
/// Frames of one place: a function, and those that it is inlined in.
pub(crate) const INLINED_MAX: usize = 8;
/// Places that are looked at, and frames of all of them together; those behind stay without lines.
const PLACES_MAX: usize = 1 << 20;
const SPOTS_MAX: usize = 512 << 10;
/// Names of functions, names of files, and bytes of one.
const TEXTS_MAX: usize = 64 << 10;
const TEXT_BYTES_MAX: usize = 512;

/// What the files of Rust's own library begin with.
pub(crate) const RUST: &str = "/rustc/library/";

/// Of one core module.
pub(crate) struct Symbols {
    /// As its name section has it; the modules that the component linker adds have other names.
    module: Option<String>,
    /// Where each of its own functions begins in the code section.
    starts: Vec<usize>,
    /// As it runs in its component.
    moves: Moves,
    /// As it runs where it is called directly.
    direct: Option<Moves>,
    lines: Lines,
}

/// Places in the code section in their order, and the frames of each.
#[derive(Default)]
struct Lines {
    /// From here on: where its frames begin, and how many it has.
    rows: Vec<(u32, u32, u8)>,
    spots: Vec<Spot>,
    functions: Vec<String>,
    files: Vec<String>,
}

/// One frame; its function and its file by number.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Spot {
    function: u32,
    file: u32,
    line: u32,
    column: u32,
}

/// A place in a source file, as its author's compiler wrote it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line<'a> {
    /// Perhaps mangled; empty where it is not known.
    pub(crate) function: &'a str,
    /// Empty where it is not known.
    pub(crate) file: &'a str,
    pub(crate) line: u32,
    pub(crate) column: u32,
}

impl Symbols {
    /// None where the component has no line tables, or none that can be read: it runs as well without.
    pub(crate) fn of(component: &[u8]) -> Option<Symbols> {
        // A reader of tables that panics on them must not end the loading.
        let read = std::panic::catch_unwind(|| {
            let mut modules = Vec::new();
            modules_within(component, 0, &mut modules).ok()?;
            let with_lines = modules.into_iter().find(|module| dwarf::has_lines(module))?;
            let symbols = Symbols::of_module(with_lines).ok()??;
            let direct = direct::module_of(&bounded::bounded(component)).ok();
            let direct = direct.and_then(|module| Moves::between(with_lines, &module).ok());
            Some(Symbols { direct, ..symbols })
        });
        read.ok().flatten()
    }

    fn of_module(module: &[u8]) -> Result<Option<Symbols>> {
        let all = sections(module)?;
        let section = |wanted: u8| all.iter().find(|(id, _)| *id == wanted).map(|(_, section)| *section);
        let Some(code) = section(CODE) else { return Ok(None) };
        let mut starts = Vec::new();
        for body in CodeSectionReader::new(BinaryReader::new(code, 0))? {
            starts.push(body?.range().start);
        }
        let customs = || all.iter().filter(|(id, _)| *id == CUSTOM).map(|(_, section)| *section);
        let Some(lines) = dwarf::lines(customs(), code.len()) else { return Ok(None) };
        let module_name = customs().find_map(module_name);
        let moves = Moves::between(module, &bounded::split_in_module(module)?)?;
        Ok(Some(Symbols { module: module_name, starts, moves, direct: None, lines }))
    }

    /// Whether it speaks of this module of the component.
    pub(crate) fn fits(&self, module: &Module) -> bool {
        module.name() == self.module.as_deref()
    }

    /// The innermost first. `function` counts imports; `offset` is that in the function as it runs.
    pub(crate) fn lines(&self, module: &Module, function: u32, offset: usize) -> Vec<Line<'_>> {
        let moves = self.moves_of(module.imports().len());
        self.place(moves, function, offset).map(|place| self.lines.at(place)).unwrap_or_default()
    }

    /// Which of both ways a module runs its imports tell: `direct` adds some.
    fn moves_of(&self, imports: usize) -> &Moves {
        let direct = self.direct.as_ref().filter(|moves| moves.imported as usize == imports);
        direct.unwrap_or(&self.moves)
    }

    /// In the code section as it was built.
    fn place(&self, moves: &Moves, function: u32, offset: usize) -> Option<u32> {
        let own = function.checked_sub(moves.imported)?;
        let start = self.starts.get(own as usize)?;
        u32::try_from(start + moves.back(own, offset)?).ok()
    }
}

impl Lines {
    /// In the order of places; a place whose frames are those before it needs no row.
    fn push(&mut self, place: u32, spots: &[Spot]) {
        let last = self
            .rows
            .last()
            .and_then(|(_, first, count)| self.spots.get(*first as usize..*first as usize + usize::from(*count)));
        if last == Some(spots) {
            return;
        }
        let first = u32::try_from(self.spots.len()).unwrap_or(u32::MAX);
        self.spots.extend_from_slice(spots);
        self.rows.push((place, first, u8::try_from(spots.len()).unwrap_or(u8::MAX)));
    }

    fn at(&self, place: u32) -> Vec<Line<'_>> {
        let behind = self.rows.partition_point(|(start, ..)| *start <= place);
        let Some((_, first, count)) = behind.checked_sub(1).and_then(|last| self.rows.get(last)) else {
            return Vec::new();
        };
        let spots = self.spots.get(*first as usize..*first as usize + usize::from(*count)).unwrap_or_default();
        let line = |spot: &Spot| Line {
            function: text(&self.functions, spot.function),
            file: text(&self.files, spot.file),
            line: spot.line,
            column: spot.column,
        };
        spots.iter().map(line).collect()
    }
}

fn text(texts: &[String], number: u32) -> &str {
    texts.get(number as usize).map_or("", String::as_str)
}

fn modules_within<'a>(bytes: &'a [u8], depth: usize, modules: &mut Vec<&'a [u8]>) -> Result<()> {
    if depth > DEPTH_MAX || !bytes.starts_with(COMPONENT_LAYER) {
        return Ok(());
    }
    for (id, section) in sections(bytes)? {
        match id {
            MODULE_IN_COMPONENT => modules.push(section),
            COMPONENT_IN_COMPONENT => modules_within(section, depth + 1, modules)?,
            _ => {}
        }
    }
    Ok(())
}

fn module_name(custom: &[u8]) -> Option<String> {
    let mut reader = BinaryReader::new(custom, 0);
    if reader.read_string().ok()? != "name" {
        return None;
    }
    let rest = custom.get(reader.original_position()..)?;
    NameSectionReader::new(BinaryReader::new(rest, 0)).find_map(|name| match name.ok()? {
        // It is compared at each trap.
        Name::Module { name, .. } if name.len() <= TEXT_BYTES_MAX => Some(name.to_owned()),
        _ => None,
    })
}

#[cfg(test)]
mod tests;
