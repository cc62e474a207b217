//! Where the code of a module stands after it was changed: the instructions are as many as before, and longer or shorter.

use std::collections::BTreeMap;

use wasmparser::{BinaryReader, CodeSectionReader, FunctionBody, ImportSectionReader, TypeRef};

use crate::bounded::{CODE, IMPORTS, Result, sections};

/// From a module as it runs to the one that it was made from.
pub(super) struct Moves {
    /// Functions that it imports, which are numbered before its own.
    pub(super) imported: u32,
    /// By the number of an own function: from that offset in its body on, how much further on the same stood before.
    by_function: BTreeMap<u32, Vec<(usize, isize)>>,
}

impl Moves {
    /// Functions that were added behind those of `before` have no place there.
    pub(super) fn between(before: &[u8], after: &[u8]) -> Result<Moves> {
        let mut by_function = BTreeMap::new();
        for (number, (before, after)) in (0..).zip(bodies(before)?.iter().zip(&bodies(after)?)) {
            let moves = moves(before, after)?;
            if !moves.is_empty() {
                by_function.insert(number, moves);
            }
        }
        Ok(Moves { imported: imported(after)?, by_function })
    }

    /// The offset in the body of an own function before it was changed.
    pub(super) fn back(&self, function: u32, offset: usize) -> Option<usize> {
        let moves = self.by_function.get(&function).map_or(&[][..], |moves| moves);
        let behind = moves.partition_point(|(start, _)| *start <= offset);
        let moved = behind.checked_sub(1).and_then(|last| moves.get(last)).map_or(0, |(_, moved)| *moved);
        offset.checked_add_signed(moved)
    }
}

fn moves(before: &FunctionBody<'_>, after: &FunctionBody<'_>) -> Result<Vec<(usize, isize)>> {
    let mut moves = Vec::new();
    let mut last = 0;
    let (mut old, mut new) = (before.get_operators_reader()?, after.get_operators_reader()?);
    while !old.eof() && !new.eof() {
        let offset = new.original_position() - after.range().start;
        let moved = (old.original_position() - before.range().start).wrapping_sub(offset).cast_signed();
        if std::mem::replace(&mut last, moved) != moved {
            moves.push((offset, moved));
        }
        old.read()?;
        new.read()?;
    }
    Ok(moves)
}

fn bodies(module: &[u8]) -> Result<Vec<FunctionBody<'_>>> {
    let code = sections(module)?.into_iter().find(|(id, _)| *id == CODE);
    let Some((_, code)) = code else { return Ok(Vec::new()) };
    CodeSectionReader::new(BinaryReader::new(code, 0))?.into_iter().collect()
}

fn imported(module: &[u8]) -> Result<u32> {
    let mut imported = 0;
    for (_, section) in sections(module)?.into_iter().filter(|(id, _)| *id == IMPORTS) {
        for import in ImportSectionReader::new(BinaryReader::new(section, 0))?.into_imports() {
            imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
        }
    }
    Ok(imported)
}
