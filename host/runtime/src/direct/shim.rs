//! Recognises the two modules with which `wit-component` lends a module's memory to the functions that it imports: one that calls
//! through a table, and one that fills the table.

use wasmparser::{
    BinaryReader, CodeSectionReader, ConstExpr, ElementItems, ElementKind, ElementSectionReader, ExportSectionReader,
    ExternalKind, FunctionSectionReader, ImportSectionReader, Operator, TypeRef, TypeSectionReader,
};

use crate::bounded::{CODE, CUSTOM, FUNCTIONS, IMPORTS, Result, TYPES, sections};

const TABLES: u8 = 4;
const EXPORTS: u8 = 7;
const ELEMENTS: u8 = 9;
/// The snapshot writes one for each module.
const DATA: u8 = 11;
const NO_ITEM: [u8; 1] = [0];

/// Which function each export of the shim calls.
pub(super) struct Shim {
    /// The shim's export, and the function that the other module puts into that slot, by the name of its import.
    functions: Vec<(String, String)>,
    /// The table's name where it is exported, and where it is filled.
    pub(super) table: String,
    pub(super) table_filled: String,
}

impl Shim {
    /// None for modules of another kind.
    pub(super) fn of(shim: &[u8], filling: &[u8]) -> Result<Option<Shim>> {
        let (Some((exports, table)), Some((slots, table_filled))) = (exports(shim)?, slots(filling)?) else {
            return Ok(None);
        };
        let functions = exports.into_iter().map(|(name, slot)| Some((name, slots.get(slot)?.clone())));
        let Some(functions) = functions.collect() else { return Ok(None) };
        Ok(Some(Shim { functions, table, table_filled }))
    }

    pub(super) fn behind(&self, export: &str) -> Option<&str> {
        self.functions.iter().find(|(name, _)| name == export).map(|(_, function)| function.as_str())
    }
}

/// What stands in slots, and the table's name.
type WithTable<T> = (Vec<T>, String);

/// Which slot of its one table each export calls with its own parameters, and the table's name.
fn exports(module: &[u8]) -> Result<Option<WithTable<(String, usize)>>> {
    let mut params = Vec::new();
    let mut types = Vec::new();
    let mut functions = Vec::new();
    let mut table = None;
    let mut slots = Vec::new();
    for (id, section) in sections(module)? {
        let reader = BinaryReader::new(section, 0);
        match id {
            TYPES => {
                for ty in TypeSectionReader::new(reader)?.into_iter_err_on_gc_types() {
                    params.push(ty?.params().len());
                }
            }
            FUNCTIONS => types = FunctionSectionReader::new(reader)?.into_iter().collect::<Result<_>>()?,
            EXPORTS => {
                for export in ExportSectionReader::new(reader)? {
                    let export = export?;
                    match export.kind {
                        ExternalKind::Func => functions.push((export.name.to_owned(), export.index as usize)),
                        ExternalKind::Table => table = Some(export.name.to_owned()),
                        _ => return Ok(None),
                    }
                }
            }
            CODE => {
                for (ty, body) in types.iter().zip(CodeSectionReader::new(reader)?) {
                    let count = params.get(*ty as usize).copied().unwrap_or_default();
                    slots.push(slot(&body?, *ty, count)?);
                }
            }
            TABLES | CUSTOM => {}
            DATA if section == NO_ITEM => {}
            _ => return Ok(None),
        }
    }
    let calls = functions.into_iter().map(|(name, function)| Some((name, (*slots.get(function)?)?)));
    Ok(calls.collect::<Option<Vec<_>>>().zip(table))
}

/// The slot that a function calls if it does nothing else.
fn slot(body: &wasmparser::FunctionBody<'_>, ty: u32, params: usize) -> Result<Option<usize>> {
    let mut operators = body.get_operators_reader()?;
    for param in 0..params {
        match operators.read()? {
            Operator::LocalGet { local_index } if local_index as usize == param => {}
            _ => return Ok(None),
        }
    }
    let Operator::I32Const { value } = operators.read()? else { return Ok(None) };
    match (operators.read()?, operators.read()?) {
        (Operator::CallIndirect { type_index, table_index: 0 }, Operator::End) if type_index == ty => {
            Ok(usize::try_from(value).ok())
        }
        _ => Ok(None),
    }
}

/// The imports that a module puts into the slots of the table that it imports, by their names, and the table's name.
fn slots(module: &[u8]) -> Result<Option<WithTable<String>>> {
    let mut functions = Vec::new();
    let mut table = None;
    let mut slots = None;
    for (id, section) in sections(module)? {
        let reader = BinaryReader::new(section, 0);
        match id {
            IMPORTS => {
                for import in ImportSectionReader::new(reader)?.into_imports() {
                    let import = import?;
                    match import.ty {
                        TypeRef::Func(_) => functions.push(import.name.to_owned()),
                        TypeRef::Table(_) if table.is_none() => table = Some(import.name.to_owned()),
                        _ => return Ok(None),
                    }
                }
            }
            ELEMENTS => {
                let mut all = ElementSectionReader::new(reader)?.into_iter();
                let (Some(only), None) = (all.next().transpose()?, all.next()) else { return Ok(None) };
                let ElementKind::Active { table_index: None | Some(0), offset_expr } = only.kind else {
                    return Ok(None);
                };
                let ElementItems::Functions(items) = only.items else { return Ok(None) };
                if !is_zero(&offset_expr)? {
                    return Ok(None);
                }
                let items = items.into_iter().collect::<Result<Vec<u32>>>()?;
                slots = items.into_iter().map(|item| functions.get(item as usize).cloned()).collect::<Option<Vec<_>>>();
            }
            TYPES | CUSTOM => {}
            DATA if section == NO_ITEM => {}
            _ => return Ok(None),
        }
    }
    Ok(slots.zip(table))
}

fn is_zero(offset: &ConstExpr<'_>) -> Result<bool> {
    let mut operators = offset.get_operators_reader();
    Ok(matches!(operators.read()?, Operator::I32Const { value: 0 }) && matches!(operators.read()?, Operator::End))
}
