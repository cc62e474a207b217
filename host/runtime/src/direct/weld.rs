//! Adds to a module what the component model would do around it, as code of its own: so a call goes through no second module, and
//! memory for what the host hands over is allocated by the guest itself, on the stack that it runs on.
//!
//! A host function whose result needs memory of the guest does not return it. It returns how many bytes the first block of it needs,
//! and a loop that is added here allocates that block and hands it to [`DELIVER`], which answers with the next. Each phase gets an
//! entry that calls its function, hands the result to [`TAKE`], and calls what frees it.

use std::convert::Infallible;

use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, ExportKind, ExportSection, Function, FunctionSection, ImportSection,
    Instruction, Module, SectionId, TypeSection, ValType,
};
use wasmparser::{
    BinaryReader, ExportSectionReader, ExternalKind, FuncType, FunctionSectionReader, ImportSectionReader, TypeRef,
    TypeSectionReader,
};

use super::mutable::{self, unreadable};
use super::unbundle::{Odd, Unbundled};
use crate::bounded::{FUNCTIONS, IMPORTS, TYPES, section, sections};
use crate::phase::Phase;

/// What the added code imports, and from where.
pub(super) const OWN: &str = "sluicegate:direct";
/// Takes the address of the block that was asked for; answers with the next one, as host functions do.
pub(super) const DELIVER: &str = "deliver";
/// Takes the address of a phase's result.
pub(super) const TAKE: &str = "take";
/// The name under which the memory is exported.
pub(super) const MEMORY: &str = "memory";
/// The memory once more, where it and the [`global`]s are all that a call can change.
pub(super) const ALL_STATE: &str = "all-state";

pub(super) const EXPORTS: u8 = 7;
const START: u8 = 8;
/// `DELIVER` and `TAKE`.
const IMPORTS_ADDED: u32 = 2;

/// The name of one of the globals that a call can change.
pub(super) fn global(number: usize) -> String {
    format!("global-{number}")
}

/// The module with its imports named as the contract names them, and with an export for each phase, named as the phase.
///
/// `allocates`: whether the result of a function of the contract needs memory of the guest.
pub(super) fn weld(parts: &Unbundled<'_>, allocates: impl Fn(&str, &str) -> Option<bool>) -> Odd<Vec<u8>> {
    let mut welder = Welder::new(parts, allocates)?;
    let mut module = Module::new();
    let welded = welder.parse_core_module(&mut module, wasmparser::Parser::new(0), parts.module);
    welded.map_err(|_| "its module cannot be read")?;
    Ok(module.finish())
}

/// One function of the contract that the module imports.
struct Import<'a> {
    interface: &'a str,
    name: &'a str,
    ty: u32,
    /// The function that stands in front of it, if its result needs memory.
    front: Option<u32>,
}

/// What one phase calls, by the numbers that the functions have after the change.
struct Entry {
    phase: Phase,
    function: u32,
    post_return: Option<u32>,
}

struct Welder<'a> {
    /// By number; none for what is no function's.
    types: Vec<Option<FuncType>>,
    imports: Vec<Import<'a>>,
    own_functions: u32,
    memory: Option<u32>,
    realloc: Option<u32>,
    entries: Vec<Entry>,
    /// Those that a call can change, if it can change nothing but them and the memory.
    globals: Option<Vec<u32>>,
    has_imports: bool,
}

impl<'a> Welder<'a> {
    fn new(parts: &Unbundled<'a>, allocates: impl Fn(&str, &str) -> Option<bool>) -> Odd<Welder<'a>> {
        let all = sections(parts.module).map_err(unreadable)?;
        let section = |wanted: u8| section(&all, wanted).map(|section| BinaryReader::new(section, 0));
        if section(START).is_some() {
            return Err("its module does something when it is made");
        }
        let (Some(types), Some(functions), Some(exports)) = (section(TYPES), section(FUNCTIONS), section(EXPORTS))
        else {
            return Err("its module has no functions");
        };
        let mut welder = Welder {
            types: Vec::new(),
            imports: Vec::new(),
            own_functions: FunctionSectionReader::new(functions).map_err(unreadable)?.count(),
            memory: None,
            realloc: None,
            entries: Vec::new(),
            globals: mutable::globals(&all)?,
            has_imports: false,
        };
        for group in TypeSectionReader::new(types).map_err(unreadable)? {
            for ty in group.map_err(unreadable)?.types() {
                let function = match &ty.composite_type.inner {
                    wasmparser::CompositeInnerType::Func(function) => Some(function.clone()),
                    _ => None,
                };
                welder.types.push(function);
            }
        }
        if let Some(imports) = section(IMPORTS) {
            let imports = ImportSectionReader::new(imports).map_err(unreadable)?.into_imports();
            for (import, (interface, name)) in imports.zip(&parts.imports) {
                let TypeRef::Func(ty) = import.map_err(unreadable)?.ty else { return Err("an import of another kind") };
                let needs = allocates(interface, name).ok_or("it imports what the contract does not have")?;
                welder.imports.push(Import { interface, name, ty, front: needs.then_some(0) });
            }
        }
        let fronts = welder.first_added() + 1..;
        for (front, import) in fronts.zip(welder.imports.iter_mut().filter(|import| import.front.is_some())) {
            import.front = Some(front);
        }
        let mut named = Vec::new();
        for export in ExportSectionReader::new(exports).map_err(unreadable)? {
            let export = export.map_err(unreadable)?;
            named.push((export.name, export.kind, export.index));
        }
        let find = |wanted: &str, kind: ExternalKind| {
            let found = named.iter().find(|(name, known, _)| *name == wanted && *known == kind);
            found.map(|(_, _, index)| *index).ok_or("an export that is not there")
        };
        let function = |name: &str| find(name, ExternalKind::Func).map(|function| welder.moved(function));
        let realloc = parts.realloc.map(function).transpose()?;
        let mut entries = Vec::new();
        for exported in &parts.phases {
            // No host call is possible while a result is freed, and `TAKE` is what says so: without a result nothing calls it.
            if exported.phase == Phase::Finish && exported.post_return.is_some() {
                return Err("it frees what `finish` does not return");
            }
            let post_return = exported.post_return.map(function).transpose()?;
            entries.push(Entry { phase: exported.phase, function: function(exported.function)?, post_return });
        }
        welder.memory = parts.memory.map(|name| find(name, ExternalKind::Memory)).transpose()?;
        (welder.realloc, welder.entries) = (realloc, entries);
        Ok(welder)
    }

    fn imported(&self) -> u32 {
        u32::try_from(self.imports.len()).unwrap_or(u32::MAX)
    }

    fn deliver(&self) -> u32 {
        self.imported()
    }

    fn take(&self) -> u32 {
        self.imported() + 1
    }

    /// The loop over blocks; behind it stand the functions in front of imports, and then the entries.
    fn first_added(&self) -> u32 {
        self.imported() + IMPORTS_ADDED + self.own_functions
    }

    /// The number of what had this one.
    fn moved(&self, function: u32) -> u32 {
        match self.imports.get(function as usize) {
            Some(import) => import.front.unwrap_or(function),
            None => function + IMPORTS_ADDED,
        }
    }

    /// The imports that something stands in front of, with their numbers.
    fn fronts(&self) -> impl Iterator<Item = (u32, &Import<'a>)> {
        (0..).zip(&self.imports).filter(|(_, import)| import.front.is_some())
    }

    fn params(&self, ty: u32) -> &[wasmparser::ValType] {
        self.types.get(ty as usize).and_then(Option::as_ref).map_or(&[], FuncType::params)
    }

    /// The number of an added type.
    fn added_type(&self, added: Added) -> u32 {
        u32::try_from(self.types.len()).unwrap_or(u32::MAX) + added as u32
    }

    fn write_imports(&mut self, imports: &mut ImportSection) {
        self.has_imports = true;
        let mut fronts = self.added_type(Added::Fronts)..;
        for import in &self.imports {
            let ty = import.front.and_then(|_| fronts.next()).unwrap_or(import.ty);
            imports.import(import.interface, import.name, EntityType::Function(ty));
        }
        imports.import(OWN, DELIVER, EntityType::Function(self.added_type(Added::Deliver)));
        imports.import(OWN, TAKE, EntityType::Function(self.added_type(Added::Take)));
    }

    /// Allocates as long as blocks are asked for. Without an allocator nothing can ask.
    fn blocks(&self) -> Function {
        let mut function = Function::new([]);
        if let Some(realloc) = self.realloc {
            function
                .instruction(&Instruction::Block(BlockType::Empty))
                .instruction(&Instruction::Loop(BlockType::Empty))
                .instruction(&Instruction::LocalGet(0))
                .instruction(&Instruction::I64Const(0))
                .instruction(&Instruction::I64LtS)
                .instruction(&Instruction::BrIf(1))
                .instruction(&Instruction::I32Const(0))
                .instruction(&Instruction::I32Const(0))
                .instruction(&Instruction::LocalGet(0))
                .instruction(&Instruction::I64Const(32))
                .instruction(&Instruction::I64ShrU)
                .instruction(&Instruction::I32WrapI64)
                .instruction(&Instruction::LocalGet(0))
                .instruction(&Instruction::I32WrapI64)
                .instruction(&Instruction::Call(realloc))
                .instruction(&Instruction::Call(self.deliver()))
                .instruction(&Instruction::LocalSet(0))
                .instruction(&Instruction::Br(0))
                .instruction(&Instruction::End)
                .instruction(&Instruction::End);
        }
        function.instruction(&Instruction::End);
        function
    }

    fn front(&self, number: u32, import: &Import<'_>) -> Function {
        let mut function = Function::new([]);
        for (param, _) in (0..).zip(self.params(import.ty)) {
            function.instruction(&Instruction::LocalGet(param));
        }
        function
            .instruction(&Instruction::Call(number))
            .instruction(&Instruction::Call(self.first_added()))
            .instruction(&Instruction::End);
        function
    }

    /// `head` and its like take nothing; a body's phase takes the length of its bytes and whether they are the last.
    fn entry(&self, entry: &Entry) -> Function {
        let (length, end, pointer) = (0, 1, 2);
        let mut function = Function::new(if takes_bytes(entry.phase) { vec![(1, ValType::I32)] } else { Vec::new() });
        let mut result = 0;
        if takes_bytes(entry.phase) {
            result = pointer;
            if let Some(realloc) = self.realloc {
                function
                    .instruction(&Instruction::I32Const(0))
                    .instruction(&Instruction::I32Const(0))
                    .instruction(&Instruction::I32Const(1))
                    .instruction(&Instruction::LocalGet(length))
                    .instruction(&Instruction::Call(realloc))
                    .instruction(&Instruction::LocalTee(pointer))
                    .instruction(&Instruction::Call(self.deliver()))
                    .instruction(&Instruction::Drop);
            }
            function
                .instruction(&Instruction::LocalGet(pointer))
                .instruction(&Instruction::LocalGet(length))
                .instruction(&Instruction::LocalGet(end));
        } else if entry.phase != Phase::Finish {
            function = Function::new([(1, ValType::I32)]);
        }
        function.instruction(&Instruction::Call(entry.function));
        if entry.phase != Phase::Finish {
            function.instruction(&Instruction::LocalTee(result)).instruction(&Instruction::Call(self.take()));
        }
        if let Some(post_return) = entry.post_return {
            if entry.phase != Phase::Finish {
                function.instruction(&Instruction::LocalGet(result));
            }
            function.instruction(&Instruction::Call(post_return));
        }
        function.instruction(&Instruction::End);
        function
    }
}

pub(super) fn takes_bytes(phase: Phase) -> bool {
    matches!(phase, Phase::Body | Phase::ReplyBody)
}

/// Types that are added, in their order. Behind the last stands one for each import that has something in front of it.
#[derive(Clone, Copy)]
enum Added {
    Deliver,
    /// Also of the loop over blocks, but for its parameter.
    Take,
    Blocks,
    Enter,
    EnterWithBytes,
    Fronts,
}

impl Reencode for Welder<'_> {
    type Error = Infallible;

    fn function_index(&mut self, function: u32) -> Result<u32, Error> {
        Ok(self.moved(function))
    }

    fn parse_type_section(&mut self, types: &mut TypeSection, section: TypeSectionReader<'_>) -> Result<(), Error> {
        utils::parse_type_section(self, types, section)?;
        types.ty().function([ValType::I32], [ValType::I64]);
        types.ty().function([ValType::I32], []);
        types.ty().function([ValType::I64], []);
        types.ty().function([], []);
        types.ty().function([ValType::I32, ValType::I32], []);
        let fronts: Vec<u32> = self.fronts().map(|(_, import)| import.ty).collect();
        for ty in fronts {
            let params = self.val_types(self.params(ty).to_vec())?;
            types.ty().function(params, [ValType::I64]);
        }
        Ok(())
    }

    fn parse_import_section(&mut self, imports: &mut ImportSection, _: ImportSectionReader<'_>) -> Result<(), Error> {
        self.write_imports(imports);
        Ok(())
    }

    /// A module may import nothing.
    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Result<(), Error> {
        if !self.has_imports && !matches!(before, Some(SectionId::Type | SectionId::Import)) {
            let mut imports = ImportSection::new();
            self.write_imports(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: FunctionSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_function_section(self, functions, section)?;
        functions.function(self.added_type(Added::Blocks));
        for (_, import) in self.fronts() {
            functions.function(import.ty);
        }
        for entry in &self.entries {
            let ty = if takes_bytes(entry.phase) { Added::EnterWithBytes } else { Added::Enter };
            functions.function(self.added_type(ty));
        }
        Ok(())
    }

    fn parse_export_section(&mut self, exports: &mut ExportSection, _: ExportSectionReader<'_>) -> Result<(), Error> {
        if let Some(memory) = self.memory {
            exports.export(MEMORY, ExportKind::Memory, memory);
            if let Some(globals) = &self.globals {
                exports.export(ALL_STATE, ExportKind::Memory, memory);
                for (number, index) in globals.iter().enumerate() {
                    exports.export(&global(number), ExportKind::Global, *index);
                }
            }
        }
        let fronts = u32::try_from(self.fronts().count()).unwrap_or(u32::MAX);
        for (number, entry) in (self.first_added() + 1 + fronts..).zip(&self.entries) {
            exports.export(entry.phase.as_str(), ExportKind::Func, number);
        }
        Ok(())
    }

    fn parse_code_section(
        &mut self,
        code: &mut CodeSection,
        section: wasmparser::CodeSectionReader<'_>,
    ) -> Result<(), Error> {
        utils::parse_code_section(self, code, section)?;
        code.function(&self.blocks());
        for (number, import) in self.fronts() {
            code.function(&self.front(number, import));
        }
        for entry in &self.entries {
            code.function(&self.entry(entry));
        }
        Ok(())
    }

    /// Names are of use where a guest fails; the rest is not read.
    fn parse_custom_section(
        &mut self,
        module: &mut Module,
        section: wasmparser::CustomSectionReader<'_>,
    ) -> Result<(), Error> {
        match section.name() {
            "name" => utils::parse_custom_section(self, module, section),
            _ => Ok(()),
        }
    }
}
