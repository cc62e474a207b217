//! What a call can change of a module: its memory and its globals in nearly every one, and then that is told by exports.

use wasmparser::{
    BinaryReader, BinaryReaderError, CodeSectionReader, GlobalSectionReader, MemorySectionReader, Operator,
};

use super::unbundle::Odd;
use crate::bounded::section;

pub(super) const MEMORIES: u8 = 5;
pub(super) const GLOBALS: u8 = 6;
pub(super) const CODE: u8 = 10;

/// The numbers of the globals that code can change, if nothing can be changed but them and one memory, or none at all.
///
/// None where code can change more: tables, segments, a second memory, or references in globals.
pub(super) fn globals(sections: &[(u8, &[u8])]) -> Odd<Option<Vec<u32>>> {
    let section = |wanted: u8| section(sections, wanted).map(|section| BinaryReader::new(section, 0));
    if let Some(memories) = section(MEMORIES)
        && MemorySectionReader::new(memories).map_err(unreadable)?.count() > 1
    {
        return Ok(None);
    }
    if let Some(code) = section(CODE) {
        for body in CodeSectionReader::new(code).map_err(unreadable)? {
            for operator in body.and_then(|body| body.get_operators_reader()).map_err(unreadable)? {
                if changes_more(&operator.map_err(unreadable)?) {
                    return Ok(None);
                }
            }
        }
    }
    let mut changeable = Vec::new();
    if let Some(globals) = section(GLOBALS) {
        for (number, global) in (0..).zip(GlobalSectionReader::new(globals).map_err(unreadable)?) {
            let ty = global.map_err(unreadable)?.ty;
            match (ty.mutable, ty.content_type.is_reference_type()) {
                (true, true) => return Ok(None),
                (true, false) => changeable.push(number),
                (false, _) => {}
            }
        }
    }
    Ok(Some(changeable))
}

/// Of a module that the engine would refuse as well.
pub(super) fn unreadable(_: BinaryReaderError) -> &'static str {
    "its module cannot be read"
}

fn changes_more(operator: &Operator<'_>) -> bool {
    matches!(
        operator,
        Operator::TableSet { .. }
            | Operator::TableGrow { .. }
            | Operator::TableFill { .. }
            | Operator::TableCopy { .. }
            | Operator::TableInit { .. }
            | Operator::ElemDrop { .. }
            | Operator::DataDrop { .. }
    )
}
