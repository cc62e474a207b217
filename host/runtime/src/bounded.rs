//! Splits instructions that touch much memory at once: `memory.fill`, `memory.copy` and `memory.init` become loops over pieces.
//!
//! The engine looks at the clock at the start of a function and at each turn of a loop, and not within an instruction. One that
//! fills a gibibyte would hold its thread for a second. Each such instruction becomes a call of a function that is added to its
//! module and does the same in pieces. An instruction whose length is a small constant stays as it is.
//!
//! One difference remains: what reaches out of bounds traps after the pieces before it were written. Nobody can look at them, as a
//! trap ends the instance.

use std::ops::Range;

use wasmparser::{
    BinaryReader, BinaryReaderError, CodeSectionReader, FunctionSectionReader, ImportSectionReader, Operator, TypeRef,
    TypeSectionReader,
};

/// Bytes that one instruction touches at most. Sixteen pages that are new cost a tenth of a tick.
const PIECE_BYTES: i32 = 64 << 10;
/// Components within components.
pub(crate) const DEPTH_MAX: usize = 16;

const HEADER_BYTES: usize = 8;
pub(crate) const COMPONENT_LAYER: &[u8] = b"\0asm\x0d\0\x01\0";
pub(crate) const MODULE_IN_COMPONENT: u8 = 1;
pub(crate) const COMPONENT_IN_COMPONENT: u8 = 4;
pub(crate) const CUSTOM: u8 = 0;
pub(crate) const TYPES: u8 = 1;
pub(crate) const IMPORTS: u8 = 2;
pub(crate) const FUNCTIONS: u8 = 3;
pub(crate) const CODE: u8 = 10;

pub(crate) type Result<T> = std::result::Result<T, BinaryReaderError>;

/// An instruction that is split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bulk {
    Fill { memory: u32 },
    Copy { to: u32, from: u32 },
    Init { data: u32, memory: u32 },
}

/// The component with every such instruction split. What cannot be read is returned as it is: the compiler will say why.
pub(crate) fn bounded(component: &[u8]) -> Vec<u8> {
    split_in_component(component, 0).unwrap_or_else(|_| component.to_vec())
}

fn split_in_component(bytes: &[u8], depth: usize) -> Result<Vec<u8>> {
    if depth > DEPTH_MAX || !bytes.starts_with(COMPONENT_LAYER) {
        return Ok(bytes.to_vec());
    }
    let mut out = COMPONENT_LAYER.to_vec();
    for (id, section) in sections(bytes)? {
        match id {
            MODULE_IN_COMPONENT => write_section(&mut out, id, &split_in_module(section)?),
            COMPONENT_IN_COMPONENT => write_section(&mut out, id, &split_in_component(section, depth + 1)?),
            _ => write_section(&mut out, id, section),
        }
    }
    Ok(out)
}

pub(crate) fn split_in_module(bytes: &[u8]) -> Result<Vec<u8>> {
    let all = sections(bytes)?;
    let section = |wanted: u8| all.iter().find(|(id, _)| *id == wanted).map(|(_, section)| *section);
    let (Some(types), Some(functions), Some(code)) = (section(TYPES), section(FUNCTIONS), section(CODE)) else {
        return Ok(bytes.to_vec());
    };
    let mut type_count = 0_u32;
    for group in TypeSectionReader::new(BinaryReader::new(types, 0))? {
        type_count += u32::try_from(group?.types().len()).unwrap_or(u32::MAX);
    }
    let mut imported = 0_u32;
    if let Some(imports) = section(IMPORTS) {
        for import in ImportSectionReader::new(BinaryReader::new(imports, 0))?.into_imports() {
            imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
        }
    }
    let own = FunctionSectionReader::new(BinaryReader::new(functions, 0))?.count();
    let mut kinds: Vec<Bulk> = Vec::new();
    let mut bodies = Vec::new();
    let bodies_before = CodeSectionReader::new(BinaryReader::new(code, 0))?;
    let body_count = bodies_before.count();
    for body in bodies_before {
        let body = body?;
        let places = bulk_places(&body)?;
        let mut rest = body.range();
        let mut changed = Vec::with_capacity(body.as_bytes().len());
        for (place, bulk) in places {
            let kind = kinds.iter().position(|known| *known == bulk).unwrap_or_else(|| {
                kinds.push(bulk);
                kinds.len() - 1
            });
            changed.extend_from_slice(code.get(rest.start..place.start).unwrap_or_default());
            changed.push(0x10);
            write_number(&mut changed, imported + own + u32::try_from(kind).unwrap_or(u32::MAX));
            rest.start = place.end;
        }
        changed.extend_from_slice(code.get(rest).unwrap_or_default());
        write_number(&mut bodies, u32::try_from(changed.len()).unwrap_or(u32::MAX));
        bodies.extend_from_slice(&changed);
    }
    if kinds.is_empty() {
        return Ok(bytes.to_vec());
    }
    let added = u32::try_from(kinds.len()).unwrap_or(u32::MAX);
    for kind in &kinds {
        let body = kind.body();
        write_number(&mut bodies, u32::try_from(body.len()).unwrap_or(u32::MAX));
        bodies.extend_from_slice(&body);
    }
    let mut out = bytes.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    for (id, section) in all {
        match id {
            // Three numbers in, nothing out.
            TYPES => write_section(&mut out, id, &with_items(section, 1, &[0x60, 3, 0x7f, 0x7f, 0x7f, 0])?),
            FUNCTIONS => {
                let mut kind = Vec::new();
                write_number(&mut kind, type_count);
                write_section(&mut out, id, &with_items(section, added, &kind.repeat(kinds.len()))?);
            }
            CODE => {
                let mut section = Vec::new();
                write_number(&mut section, body_count + added);
                section.extend_from_slice(&bodies);
                write_section(&mut out, id, &section);
            }
            // What names places in the code names others now.
            CUSTOM if is_about_code(section) => {}
            _ => write_section(&mut out, id, section),
        }
    }
    Ok(out)
}

/// Where the instructions stand that are split.
fn bulk_places(body: &wasmparser::FunctionBody<'_>) -> Result<Vec<(Range<usize>, Bulk)>> {
    let mut places = Vec::new();
    let mut operators = body.get_operators_reader()?;
    let mut length = None;
    while !operators.eof() {
        let (operator, start) = operators.read_with_offset()?;
        let bulk = match operator {
            Operator::MemoryFill { mem } => Some(Bulk::Fill { memory: mem }),
            Operator::MemoryCopy { dst_mem, src_mem } => Some(Bulk::Copy { to: dst_mem, from: src_mem }),
            Operator::MemoryInit { data_index, mem } => Some(Bulk::Init { data: data_index, memory: mem }),
            _ => None,
        };
        let is_short = length.is_some_and(|length| (0..=PIECE_BYTES).contains(&length));
        if let Some(bulk) = bulk.filter(|_| !is_short) {
            places.push((start..operators.original_position(), bulk));
        }
        // The length is what is pushed last.
        length = match operator {
            Operator::I32Const { value } => Some(value),
            _ => None,
        };
    }
    Ok(places)
}

/// Instructions, as the binary format numbers them.
const BLOCK: [u8; 2] = [0x02, 0x40];
const LOOP: [u8; 2] = [0x03, 0x40];
const END: u8 = 0x0b;
const LESS_OR_EQUAL: u8 = 0x4d;
const ADD: u8 = 0x6a;
const SUBTRACT: u8 = 0x6b;
const TO: u32 = 0;
const FROM: u32 = 1;
const LENGTH: u32 = 2;

impl Bulk {
    /// The code of a function with the instruction's three operands.
    fn body(self) -> Vec<u8> {
        let mut body = vec![0];
        let forward = match self {
            Bulk::Fill { .. } => vec![TO],
            Bulk::Copy { .. } | Bulk::Init { .. } => vec![TO, FROM],
        };
        if let Bulk::Copy { .. } = self {
            // Where they overlap, a copy towards higher addresses begins at its end.
            get(&mut body, TO);
            get(&mut body, FROM);
            body.extend([LESS_OR_EQUAL, 0x04, 0x40]);
            self.write_loop(&mut body, |body| {
                self.write_piece(body, |_| {}, true);
                forward.iter().for_each(|operand| change(body, *operand, ADD));
                change(body, LENGTH, SUBTRACT);
            });
            body.push(0x05);
            self.write_loop(&mut body, |body| {
                change(body, LENGTH, SUBTRACT);
                let past_the_rest = |body: &mut Vec<u8>| {
                    get(body, LENGTH);
                    body.push(ADD);
                };
                self.write_piece(body, past_the_rest, true);
            });
            body.push(END);
        } else {
            self.write_loop(&mut body, |body| {
                self.write_piece(body, |_| {}, true);
                forward.iter().for_each(|operand| change(body, *operand, ADD));
                change(body, LENGTH, SUBTRACT);
            });
        }
        self.write_piece(&mut body, |_| {}, false);
        body.push(END);
        body
    }

    /// As long as more than one piece is left.
    fn write_loop(self, body: &mut Vec<u8>, turn: impl FnOnce(&mut Vec<u8>)) {
        body.extend(BLOCK);
        body.extend(LOOP);
        get(body, LENGTH);
        constant(body, PIECE_BYTES);
        // Out of the block.
        body.extend([LESS_OR_EQUAL, 0x0d, 1]);
        turn(body);
        // To the next turn.
        body.extend([0x0c, 0, END, END]);
    }

    /// The instruction itself, for one whole piece or for what is left. `moved` changes the addresses.
    fn write_piece(self, body: &mut Vec<u8>, moved: impl Fn(&mut Vec<u8>), whole: bool) {
        get(body, TO);
        moved(body);
        get(body, FROM);
        if !matches!(self, Bulk::Fill { .. }) {
            moved(body);
        }
        match whole {
            true => constant(body, PIECE_BYTES),
            false => get(body, LENGTH),
        }
        body.push(0xfc);
        let immediates = match self {
            Bulk::Init { data, memory } => [8, data, memory].to_vec(),
            Bulk::Copy { to, from } => [10, to, from].to_vec(),
            Bulk::Fill { memory } => [11, memory].to_vec(),
        };
        immediates.into_iter().for_each(|immediate| write_number(body, immediate));
    }
}

fn get(body: &mut Vec<u8>, local: u32) {
    body.push(0x20);
    write_number(body, local);
}

/// Adds a piece's length to a local, or subtracts it.
fn change(body: &mut Vec<u8>, local: u32, how: u8) {
    get(body, local);
    constant(body, PIECE_BYTES);
    body.extend([how, 0x21]);
    write_number(body, local);
}

/// Signed LEB128 of a number that is not negative.
fn constant(body: &mut Vec<u8>, value: i32) {
    body.push(0x41);
    let mut rest = value;
    while rest >= 0x40 {
        body.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    body.push(rest as u8);
}

pub(crate) fn sections(bytes: &[u8]) -> Result<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(bytes, 0);
    reader.read_bytes(HEADER_BYTES)?;
    let mut sections = Vec::new();
    while !reader.eof() {
        let id = reader.read_u8()?;
        let length = reader.read_var_u32()?;
        sections.push((id, reader.read_bytes(length as usize)?));
    }
    Ok(sections)
}

/// The contents of the first section of a kind.
pub(crate) fn section<'a>(sections: &[(u8, &'a [u8])], wanted: u8) -> Option<&'a [u8]> {
    sections.iter().find(|(id, _)| *id == wanted).map(|(_, section)| *section)
}

fn is_about_code(section: &[u8]) -> bool {
    BinaryReader::new(section, 0).read_string().is_ok_and(|name| name.starts_with("metadata.code."))
}

/// A section with more items at its end.
fn with_items(section: &[u8], count: u32, items: &[u8]) -> Result<Vec<u8>> {
    let mut reader = BinaryReader::new(section, 0);
    let before = reader.read_var_u32()?;
    let mut out = Vec::new();
    write_number(&mut out, before.saturating_add(count));
    out.extend_from_slice(section.get(reader.original_position()..).unwrap_or_default());
    out.extend_from_slice(items);
    Ok(out)
}

pub(crate) fn write_section(out: &mut Vec<u8>, id: u8, section: &[u8]) {
    out.push(id);
    write_number(out, u32::try_from(section.len()).unwrap_or(u32::MAX));
    out.extend_from_slice(section);
}

/// Unsigned LEB128.
fn write_number(out: &mut Vec<u8>, value: u32) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests;
