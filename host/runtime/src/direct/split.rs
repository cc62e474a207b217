//! Parts what `configure` has changed from the code that it left as it was, so that all configs of a plugin share one compiled code.
//!
//! A frozen module differs from the one that it was made of in the contents of its memory and the numbers in its globals. Taken out,
//! they are some pages: a config costs those, and no compilation.

use std::ops::Range;

use serde::{Deserialize, Serialize};
use wasmparser::{
    BinaryReader, ConstExpr, DataKind, DataSectionReader, ExportSectionReader, GlobalSectionReader,
    MemorySectionReader, Operator,
};
use wasmtime::{Instance, Memory, Module, ModuleExport, Store, Val, format_err};

use super::mutable::{self, CODE, GLOBALS, MEMORIES, unreadable};
use super::unbundle::Odd;
use super::weld::{self, EXPORTS};
use super::wipe::{self, GLOBALS_MAX};
use crate::bounded::{section, sections, write_section};
use crate::instance::PluginState;

const DATA: u8 = 11;
const DATA_COUNT: u8 = 12;
const HEADER_BYTES: usize = 8;
const WASM_PAGE_BYTES: usize = 64 << 10;
/// What is compared and kept as a whole; the system's pages are of this size on most machines.
const PIECE_BYTES: usize = 4 << 10;
/// Bytes of memory beyond which contents are left to the engine, which maps them and copies nothing.
const MEMORY_BYTES_MAX: usize = 2 << 20;
/// Bytes that are written into each new instance, at most.
const PIECES_BYTES_MAX: usize = 256 << 10;

/// A frozen module in its two parts.
pub(crate) struct Split {
    /// Equal for all configs of a plugin that need as much memory at their start.
    pub(crate) code: Vec<u8>,
    pub(crate) contents: Contents,
}

/// What instances of one config start with, where they differ from what their code alone would give them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Contents {
    /// Of the globals that can change, in their order.
    globals: Vec<Number>,
    /// Address and bytes.
    pieces: Vec<(u32, Vec<u8>)>,
}

/// Of floats the bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Number {
    I32(i32),
    I64(i64),
    F32(u32),
    F64(u64),
}

/// `frozen`: welded; `original`: the module before `configure`. Errors say why they stay together.
pub(crate) fn split(frozen: &[u8], original: &[u8]) -> Odd<Split> {
    let (now, before) = (sections(frozen).map_err(unreadable)?, sections(original).map_err(unreadable)?);
    let changeable = mutable::globals(&now)?.ok_or("more than its memory and globals can change")?;
    if changeable.len() > GLOBALS_MAX || !is_filled(&now)? {
        return Err("its memory and globals are not exported");
    }
    let length = memory_bytes(&now)?;
    let pieces = pieces(&memory(&before, length)?, &memory(&now, length)?);
    if pieces.iter().map(|(_, bytes)| bytes.len()).sum::<usize>() > PIECES_BYTES_MAX {
        return Err("`configure` has changed much of its memory");
    }
    let mut numbers = Vec::new();
    let mut code = frozen.get(..HEADER_BYTES).unwrap_or_default().to_vec();
    let copy_of_original = |code: &mut Vec<u8>, id: u8| {
        if let Some(section) = section(&before, id) {
            write_section(code, id, section);
        }
    };
    for (id, section) in &now {
        match *id {
            GLOBALS => {
                let (section, found) = without_numbers(section, &changeable)?;
                write_section(&mut code, GLOBALS, &section);
                numbers = found;
            }
            DATA | DATA_COUNT => {}
            CODE => {
                copy_of_original(&mut code, DATA_COUNT);
                write_section(&mut code, CODE, section);
                copy_of_original(&mut code, DATA);
            }
            id => write_section(&mut code, id, section),
        }
    }
    Ok(Split { code, contents: Contents { globals: numbers, pieces } })
}

/// The section with a zero in each of the globals that can change, and what was in them.
fn without_numbers(section: &[u8], changeable: &[u32]) -> Odd<(Vec<u8>, Vec<Number>)> {
    let globals = GlobalSectionReader::new(BinaryReader::new(section, 0)).map_err(unreadable)?;
    let mut out = section.get(..globals.original_position()).unwrap_or_default().to_vec();
    let mut numbers = Vec::new();
    for (index, global) in (0..).zip(globals.into_iter_with_offsets()) {
        let (start, global) = global.map_err(unreadable)?;
        let Range { start: value, end } = global.init_expr.get_binary_reader().range();
        if !changeable.contains(&index) {
            out.extend_from_slice(section.get(start..end).unwrap_or_default());
            continue;
        }
        out.extend_from_slice(section.get(start..value).unwrap_or_default());
        let (number, zero): (Number, &[u8]) = match constant(&global.init_expr)? {
            Some(Operator::I32Const { value }) => (Number::I32(value), &[0x41, 0]),
            Some(Operator::I64Const { value }) => (Number::I64(value), &[0x42, 0]),
            Some(Operator::F32Const { value }) => (Number::F32(value.bits()), &[0x43, 0, 0, 0, 0]),
            Some(Operator::F64Const { value }) => (Number::F64(value.bits()), &[0x44, 0, 0, 0, 0, 0, 0, 0, 0]),
            _ => return Err("a global does not begin with a number"),
        };
        numbers.push(number);
        out.extend_from_slice(zero);
        out.push(0x0b);
    }
    Ok((out, numbers))
}

fn pieces(before: &[u8], now: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let pairs = (0..).step_by(PIECE_BYTES).zip(before.chunks(PIECE_BYTES).zip(now.chunks(PIECE_BYTES)));
    pairs.filter(|(_, (before, now))| before != now).map(|(at, (_, now))| (at, now.to_vec())).collect()
}

/// Bytes of memory that a new instance has.
fn memory_bytes(sections: &[(u8, &[u8])]) -> Odd<usize> {
    let Some(memories) = section(sections, MEMORIES) else { return Err("it has no memory of its own") };
    let mut memories = MemorySectionReader::new(BinaryReader::new(memories, 0)).map_err(unreadable)?.into_iter();
    let memory = memories.next().ok_or("it has no memory of its own")?.map_err(unreadable)?;
    let pages = usize::try_from(memory.initial).unwrap_or(usize::MAX);
    match pages.checked_mul(WASM_PAGE_BYTES) {
        Some(bytes) if bytes <= MEMORY_BYTES_MAX && memory.page_size_log2.is_none() => Ok(bytes),
        _ => Err("it has much memory"),
    }
}

/// What the data segments write into a memory of so many bytes.
fn memory(sections: &[(u8, &[u8])], length: usize) -> Odd<Vec<u8>> {
    let mut memory = vec![0; length];
    let Some(segments) = section(sections, DATA) else { return Ok(memory) };
    for segment in DataSectionReader::new(BinaryReader::new(segments, 0)).map_err(unreadable)? {
        let segment = segment.map_err(unreadable)?;
        // What was written at the start is nothing any more, and keeps its number.
        if matches!(segment.kind, DataKind::Passive) && segment.data.is_empty() {
            continue;
        }
        let DataKind::Active { memory_index: 0, offset_expr } = segment.kind else {
            return Err("it has data that is not in its memory from the start");
        };
        let Some(Operator::I32Const { value }) = constant(&offset_expr)? else {
            return Err("it has data at an address that is reckoned");
        };
        let at = value.cast_unsigned() as usize;
        let place = memory.get_mut(at..at.saturating_add(segment.data.len())).ok_or("it has data out of its memory")?;
        place.copy_from_slice(segment.data);
    }
    Ok(memory)
}

/// Whether the code exports the memory, and with it all globals that can change.
fn is_filled(sections: &[(u8, &[u8])]) -> Odd<bool> {
    let Some(exports) = section(sections, EXPORTS) else { return Ok(false) };
    for export in ExportSectionReader::new(BinaryReader::new(exports, 0)).map_err(unreadable)? {
        if export.map_err(unreadable)?.name == weld::ALL_STATE {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The one operator of an expression that reckons nothing. None of another one.
fn constant<'a>(expression: &ConstExpr<'a>) -> Odd<Option<Operator<'a>>> {
    let mut operators = expression.get_operators_reader();
    let operator = operators.read().map_err(unreadable)?;
    let ends = matches!(operators.read(), Ok(Operator::End)) && operators.eof();
    Ok(ends.then_some(operator))
}

impl Contents {
    /// The globals as the code exports them. An error where it is other code.
    pub(super) fn exports(&self, module: &Module) -> wasmtime::Result<Vec<ModuleExport>> {
        let exports: Vec<ModuleExport> = wipe::globals(module).collect();
        if exports.len() == self.globals.len() { Ok(exports) } else { Err(other_code()) }
    }

    /// Writes them into a new instance.
    pub(super) fn fill(
        &self,
        store: &mut Store<PluginState>,
        instance: Instance,
        memory: Memory,
        globals: &[ModuleExport],
    ) -> wasmtime::Result<()> {
        let all = memory.data_mut(&mut *store);
        for (at, piece) in &self.pieces {
            let at = *at as usize;
            all.get_mut(at..at + piece.len()).ok_or_else(other_code)?.copy_from_slice(piece);
        }
        for (export, number) in globals.iter().zip(&self.globals) {
            let value = match *number {
                Number::I32(number) => Val::I32(number),
                Number::I64(number) => Val::I64(number),
                Number::F32(bits) => Val::F32(bits),
                Number::F64(bits) => Val::F64(bits),
            };
            wipe::global(store, instance, export).ok_or_else(other_code)?.set(&mut *store, value)?;
        }
        Ok(())
    }
}

fn other_code() -> wasmtime::Error {
    format_err!("what `configure` has left belongs to other code")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_that_reckons_is_no_constant() {
        let constant = |bytes: &[u8]| constant(&ConstExpr::new(BinaryReader::new(bytes, 0))).unwrap().is_some();
        assert!(constant(&[0x41, 1, 0x0b]));
        // 1 + 1.
        assert!(!constant(&[0x41, 1, 0x41, 1, 0x6a, 0x0b]));
    }
}
