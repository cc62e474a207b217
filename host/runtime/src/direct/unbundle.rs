//! Takes the one core module out of a component, if the component does nothing besides: the shape that `wit-component` gives to a
//! module which imports functions of the contract and exports those of its phases.
//!
//! Whatever is not understood here is no such component, and keeps the way of components.

use wasmparser::{
    BinaryReader, CanonicalFunction, CanonicalOption, ComponentAlias, ComponentAliasSectionReader,
    ComponentCanonicalSectionReader, ComponentExportSectionReader, ComponentExternalKind, ComponentImportSectionReader,
    ComponentInstance, ComponentInstanceSectionReader, ComponentOuterAliasKind, ComponentTypeRef, ExternalKind,
    ImportSectionReader, Instance, InstanceSectionReader, TypeRef,
};

use super::shim::Shim;
use crate::bounded::{COMPONENT_IN_COMPONENT, COMPONENT_LAYER, CUSTOM, IMPORTS, MODULE_IN_COMPONENT, sections};
use crate::inspect::PACKAGE;
use crate::phase::Phase;

const CORE_INSTANCES: u8 = 2;
const CORE_TYPES: u8 = 3;
const INSTANCES: u8 = 5;
const ALIASES: u8 = 6;
const COMPONENT_TYPES: u8 = 7;
const CANONICAL: u8 = 8;
const COMPONENT_IMPORTS: u8 = 10;
const COMPONENT_EXPORTS: u8 = 11;

/// Why a component is none of that shape.
pub(super) type Odd<T> = Result<T, &'static str>;

/// The module, and what stands around it.
pub(crate) struct Unbundled<'a> {
    pub(super) module: &'a [u8],
    /// What each of its imports is, in their order: interface and function of the contract.
    pub(super) imports: Vec<(&'a str, &'a str)>,
    /// Names of its exports.
    pub(super) memory: Option<&'a str>,
    pub(super) realloc: Option<&'a str>,
    pub(super) phases: Vec<Exported<'a>>,
}

/// A phase, and the names of the exports that stand for it.
#[derive(Clone, Copy)]
pub(super) struct Exported<'a> {
    pub(super) phase: Phase,
    pub(super) function: &'a str,
    pub(super) post_return: Option<&'a str>,
}

/// The index spaces of the outermost component, as far as they matter.
#[derive(Default)]
struct Outline<'a> {
    modules: Vec<&'a [u8]>,
    components: Vec<&'a [u8]>,
    core_instances: Vec<Instance<'a>>,
    core_functions: Vec<CoreFunction<'a>>,
    core_memories: Vec<Alias<'a>>,
    core_tables: Vec<Alias<'a>>,
    instances: Vec<Origin<'a>>,
    functions: Vec<Function<'a>>,
    /// Instances by name.
    exports: Vec<(&'a str, u32)>,
}

/// An export of an instance.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Alias<'a> {
    instance: u32,
    name: &'a str,
}

enum CoreFunction<'a> {
    Alias(Alias<'a>),
    Lowered { function: u32, options: Box<[CanonicalOption]> },
}

#[derive(Clone)]
enum Function<'a> {
    Alias(Alias<'a>),
    Lifted { core: u32, options: Box<[CanonicalOption]> },
}

#[derive(Clone)]
enum Origin<'a> {
    Imported(&'a str),
    Made(ComponentInstance<'a>),
}

impl<'a> Unbundled<'a> {
    /// `component`: one that the engine has found valid.
    pub(crate) fn of(component: &'a [u8]) -> Odd<Unbundled<'a>> {
        let outline = Outline::of(component)?;
        let mut phases = Vec::new();
        let mut found: Option<u32> = None;
        let mut around = Around::default();
        for (name, instance) in &outline.exports {
            let interface = interface(name).ok_or("it exports what is not of the contract")?;
            let Some(phase) = Phase::from_name(interface) else { continue };
            if matches!(phase, Phase::Call | Phase::Attempt | Phase::Delta) {
                return Err("it has phases of models, whose decisions are of other types");
            }
            let function = outline.exported(*instance, &format!("on-{interface}"))?;
            let Some(Function::Lifted { core, options }) = outline.functions.get(function as usize) else {
                return Err("it exports a function that is not its module's");
            };
            let lifted = outline.core_alias(*core)?;
            if *found.get_or_insert(lifted.instance) != lifted.instance {
                return Err("its phases are in several modules");
            }
            let post_return = around.add(&outline, options, lifted.instance)?;
            phases.push(Exported { phase, function: lifted.name, post_return });
        }
        let own = found.ok_or("it exports no phase")?;
        let Some(Instance::Instantiate { module_index, .. }) = outline.core_instances.get(own as usize) else {
            return Err("its phases are in no module");
        };
        let module = *outline.modules.get(*module_index as usize).ok_or("a module that is not there")?;
        let imports = outline.imports(own, module, &mut around)?;
        Ok(Unbundled { module, imports, memory: around.memory, realloc: around.realloc, phases })
    }
}

/// The parts of the module that its functions are lifted and lowered with.
#[derive(Default)]
struct Around<'a> {
    memory: Option<&'a str>,
    realloc: Option<&'a str>,
}

impl<'a> Around<'a> {
    /// Takes the options of one function: all must mean the same parts of the instance `own`. The post-return is the function's own.
    fn add(&mut self, outline: &Outline<'a>, options: &[CanonicalOption], own: u32) -> Odd<Option<&'a str>> {
        let part =
            |alias: Alias<'a>| if alias.instance == own { Ok(alias.name) } else { Err("parts of other modules") };
        let mut post_return = None;
        for option in options {
            match option {
                CanonicalOption::UTF8 => {}
                CanonicalOption::Memory(memory) => {
                    let name = part(*outline.core_memories.get(*memory as usize).ok_or("a memory that is not there")?)?;
                    if *self.memory.get_or_insert(name) != name {
                        return Err("it has several memories");
                    }
                }
                CanonicalOption::Realloc(function) => {
                    let name = part(outline.core_alias(*function)?)?;
                    if *self.realloc.get_or_insert(name) != name {
                        return Err("it has several allocators");
                    }
                }
                CanonicalOption::PostReturn(function) => post_return = Some(part(outline.core_alias(*function)?)?),
                _ => return Err("a function with options that are not usual"),
            }
        }
        Ok(post_return)
    }
}

impl<'a> Outline<'a> {
    fn of(component: &'a [u8]) -> Odd<Outline<'a>> {
        if !component.starts_with(COMPONENT_LAYER) {
            return Err("it is no component");
        }
        let mut outline = Outline::default();
        for (id, section) in sections(component).map_err(unreadable)? {
            let reader = BinaryReader::new(section, 0);
            match id {
                MODULE_IN_COMPONENT => outline.modules.push(section),
                COMPONENT_IN_COMPONENT => outline.components.push(section),
                CORE_INSTANCES => {
                    for instance in InstanceSectionReader::new(reader).map_err(unreadable)? {
                        outline.core_instances.push(instance.map_err(unreadable)?);
                    }
                }
                INSTANCES => {
                    for instance in ComponentInstanceSectionReader::new(reader).map_err(unreadable)? {
                        outline.instances.push(Origin::Made(instance.map_err(unreadable)?));
                    }
                }
                ALIASES => {
                    for alias in ComponentAliasSectionReader::new(reader).map_err(unreadable)? {
                        outline.add_alias(alias.map_err(unreadable)?)?;
                    }
                }
                CANONICAL => {
                    for function in ComponentCanonicalSectionReader::new(reader).map_err(unreadable)? {
                        outline.add_canonical(function.map_err(unreadable)?)?;
                    }
                }
                COMPONENT_IMPORTS => {
                    for import in ComponentImportSectionReader::new(reader).map_err(unreadable)? {
                        let import = import.map_err(unreadable)?;
                        match import.ty {
                            ComponentTypeRef::Instance(_) => outline.instances.push(Origin::Imported(import.name.name)),
                            ComponentTypeRef::Type(_) => {}
                            _ => return Err("an import that is no interface"),
                        }
                    }
                }
                COMPONENT_EXPORTS => {
                    for export in ComponentExportSectionReader::new(reader).map_err(unreadable)? {
                        let export = export.map_err(unreadable)?;
                        outline.add_export(export.name.name, export.kind, export.index)?;
                    }
                }
                CUSTOM | CORE_TYPES | COMPONENT_TYPES => {}
                _ => return Err("a section that is not usual"),
            }
        }
        Ok(outline)
    }

    fn add_alias(&mut self, alias: ComponentAlias<'a>) -> Odd<()> {
        match alias {
            ComponentAlias::InstanceExport { kind, instance_index: instance, name } => match kind {
                ComponentExternalKind::Func => self.functions.push(Function::Alias(Alias { instance, name })),
                ComponentExternalKind::Type => {}
                _ => return Err("an alias that is not usual"),
            },
            ComponentAlias::CoreInstanceExport { kind, instance_index: instance, name } => match kind {
                ExternalKind::Func => self.core_functions.push(CoreFunction::Alias(Alias { instance, name })),
                ExternalKind::Memory => self.core_memories.push(Alias { instance, name }),
                ExternalKind::Table => self.core_tables.push(Alias { instance, name }),
                _ => return Err("an alias that is not usual"),
            },
            ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => {}
            ComponentAlias::Outer { .. } => return Err("an alias that is not usual"),
        }
        Ok(())
    }

    fn add_canonical(&mut self, function: CanonicalFunction) -> Odd<()> {
        match function {
            CanonicalFunction::Lift { core_func_index: core, options, .. } => {
                self.functions.push(Function::Lifted { core, options });
            }
            CanonicalFunction::Lower { func_index: function, options } => {
                self.core_functions.push(CoreFunction::Lowered { function, options });
            }
            _ => return Err("a function of the component model's own"),
        }
        Ok(())
    }

    /// What is exported has a further index from then on.
    fn add_export(&mut self, name: &'a str, kind: ComponentExternalKind, index: u32) -> Odd<()> {
        match kind {
            ComponentExternalKind::Instance => {
                let instance = self.instances.get(index as usize).ok_or("an instance that is not there")?.clone();
                self.instances.push(instance);
                self.exports.push((name, index));
            }
            ComponentExternalKind::Type => {}
            _ => return Err("an export that is no interface"),
        }
        Ok(())
    }

    fn core_alias(&self, function: u32) -> Odd<Alias<'a>> {
        match self.core_functions.get(function as usize) {
            Some(CoreFunction::Alias(alias)) => Ok(*alias),
            _ => Err("a function that is no module's"),
        }
    }

    /// The function that an instance exports under a name.
    fn exported(&self, instance: u32, name: &str) -> Odd<u32> {
        let missing = "an export that is not there";
        match self.instances.get(instance as usize) {
            Some(Origin::Made(ComponentInstance::FromExports(exports))) => {
                let of_name = |export: &&wasmparser::ComponentExport<'_>| {
                    export.name.name == name && export.kind == ComponentExternalKind::Func
                };
                exports.iter().find(of_name).map(|export| export.index).ok_or(missing)
            }
            Some(Origin::Made(ComponentInstance::Instantiate { component_index, args })) => {
                let inner = self.components.get(*component_index as usize).ok_or(missing)?;
                let import = passed_on(inner, name)?;
                let of_name = |arg: &&wasmparser::ComponentInstantiationArg<'_>| {
                    arg.name == import && arg.kind == ComponentExternalKind::Func
                };
                args.iter().find(of_name).map(|arg| arg.index).ok_or(missing)
            }
            _ => Err("an export of what is imported"),
        }
    }

    /// What stands behind each import of the module.
    fn imports(&self, own: u32, module: &'a [u8], around: &mut Around<'a>) -> Odd<Vec<(&'a str, &'a str)>> {
        let Some(Instance::Instantiate { args, .. }) = self.core_instances.get(own as usize) else {
            return Err("its phases are in no module");
        };
        let mut shim = None;
        let mut found = Vec::new();
        for (id, section) in sections(module).map_err(unreadable)? {
            if id != IMPORTS {
                continue;
            }
            let reader = ImportSectionReader::new(BinaryReader::new(section, 0)).map_err(unreadable)?;
            for import in reader.into_imports() {
                let import = import.map_err(unreadable)?;
                let TypeRef::Func(_) = import.ty else { return Err("its module imports what is no function") };
                let arg = args.iter().find(|arg| arg.name == import.module).ok_or("an import that nobody gives")?;
                let function = match self.inline_function(arg.index, import.name)? {
                    CoreFunction::Alias(alias) => {
                        let shim = match &mut shim {
                            Some(shim) => shim,
                            none => none.insert(self.shim(alias.instance)?),
                        };
                        if shim.instance != alias.instance {
                            return Err("its modules import from one another");
                        }
                        let name = shim.shim.behind(alias.name).ok_or("an import that nobody gives")?;
                        self.inline_function(shim.filled_from, name)?
                    }
                    lowered => lowered,
                };
                found.push(self.lowered(function, own, around)?);
            }
        }
        let made = self.core_instances.iter().filter(|made| matches!(made, Instance::Instantiate { .. })).count();
        let known = if shim.is_some() { 3 } else { 1 };
        // What nobody asks for may still do something where it is made.
        if made != known { Err("it has several modules") } else { Ok(found) }
    }

    /// A function in a list that the component itself has put together.
    fn inline_function(&self, instance: u32, name: &str) -> Odd<&CoreFunction<'a>> {
        let Some(Instance::FromExports(exports)) = self.core_instances.get(instance as usize) else {
            return Err("its modules import from one another");
        };
        let export = exports.iter().find(|export| export.name == name && export.kind == ExternalKind::Func);
        let function = export.and_then(|export| self.core_functions.get(export.index as usize));
        function.ok_or("an import that nobody gives")
    }

    fn lowered(&self, function: &CoreFunction<'a>, own: u32, around: &mut Around<'a>) -> Odd<(&'a str, &'a str)> {
        let CoreFunction::Lowered { function, options } = function else {
            return Err("its modules import from one another");
        };
        if around.add(self, options, own)?.is_some() {
            return Err("a function with options that are not usual");
        }
        let Some(Function::Alias(Alias { instance, name })) = self.functions.get(*function as usize) else {
            return Err("it imports from itself");
        };
        match self.instances.get(*instance as usize) {
            Some(Origin::Imported(imported)) => {
                Ok((interface(imported).ok_or("it imports what is not of the contract")?, *name))
            }
            _ => Err("it imports from itself"),
        }
    }

    /// The modules that stand between the imports and the module, which needs to be there before its memory can be lent.
    fn shim(&self, instance: u32) -> Odd<Shimmed> {
        let missing = "a shim that is not usual";
        let Some(Instance::Instantiate { module_index: shim, args }) = self.core_instances.get(instance as usize)
        else {
            return Err(missing);
        };
        if !args.is_empty() {
            return Err(missing);
        }
        let filler = self.core_instances.iter().filter_map(|made| match made {
            Instance::Instantiate { module_index, args } => match &args[..] {
                [only] if only.name.is_empty() && module_index != shim => Some((*module_index, only.index)),
                _ => None,
            },
            Instance::FromExports(_) => None,
        });
        let [(filling, filled_from)] = filler.collect::<Vec<_>>()[..] else { return Err(missing) };
        let module = |index: u32| self.modules.get(index as usize).copied().ok_or(missing);
        let shim = Shim::of(module(*shim)?, module(filling)?).map_err(unreadable)?.ok_or(missing)?;
        let Some(Instance::FromExports(exports)) = self.core_instances.get(filled_from as usize) else {
            return Err(missing);
        };
        let table =
            exports.iter().find(|export| export.name == shim.table_filled && export.kind == ExternalKind::Table);
        let table = table.and_then(|export| self.core_tables.get(export.index as usize)).ok_or(missing)?;
        if table.instance != instance || table.name != shim.table {
            return Err(missing);
        }
        Ok(Shimmed { instance, shim, filled_from })
    }
}

/// A shim, its instance, and the list of functions that its table is filled from.
struct Shimmed {
    instance: u32,
    shim: Shim,
    filled_from: u32,
}

/// Under which name a component imports the function that it exports as `name`; one that does nothing but that.
fn passed_on<'a>(component: &'a [u8], name: &str) -> Odd<&'a str> {
    let mut functions = Vec::new();
    let mut exported = None;
    for (id, section) in sections(component).map_err(unreadable)? {
        let reader = BinaryReader::new(section, 0);
        match id {
            COMPONENT_IMPORTS => {
                for import in ComponentImportSectionReader::new(reader).map_err(unreadable)? {
                    let import = import.map_err(unreadable)?;
                    match import.ty {
                        ComponentTypeRef::Func(_) => functions.push(import.name.name),
                        ComponentTypeRef::Type(_) => {}
                        _ => return Err("an import that is not usual"),
                    }
                }
            }
            COMPONENT_EXPORTS => {
                for export in ComponentExportSectionReader::new(reader).map_err(unreadable)? {
                    let export = export.map_err(unreadable)?;
                    if export.kind == ComponentExternalKind::Func {
                        let function = *functions.get(export.index as usize).ok_or("a function that is not there")?;
                        if export.name.name == name {
                            exported = Some(function);
                        }
                        functions.push(function);
                    }
                }
            }
            COMPONENT_TYPES | CUSTOM => {}
            _ => return Err("an interface that does more than pass on"),
        }
    }
    exported.ok_or("an export that is not there")
}

/// `head` from `sluicegate:plugin/head@0.1.0`.
fn interface(name: &str) -> Option<&str> {
    let name = name.strip_prefix(PACKAGE)?;
    Some(name.split_once('@').map_or(name, |(interface, _)| interface))
}

fn unreadable(_: wasmparser::BinaryReaderError) -> &'static str {
    "it cannot be read"
}
