//! A look into a component before it is compiled: is it one of ours, and what does it want.

use std::collections::BTreeSet;

use wasmparser::{Encoding, Parser, Payload};

use crate::capability::{CORE_INTERFACES, GRANTS};
use crate::phase::{Phase, PhaseSet};
use crate::unstable;

pub(crate) const PACKAGE: &str = "sluicegate:plugin/";
/// The contract that this host speaks; a plugin may ask for an equal or lower patch version.
const CONTRACT: (u64, u64) = (0, 1);
/// Bytes of a component.
const COMPONENT_BYTES_MAX: usize = 64 << 20;
/// WASI packages that are there, each an empty world.
const WASI_PACKAGES: [&str; 6] =
    ["wasi:io/", "wasi:cli/", "wasi:clocks/", "wasi:filesystem/", "wasi:random/", "wasi:sockets/"];

/// Where the SDK puts the JSON schema of a plugin's config.
const SCHEMA_SECTION: &str = "sluicegate:config-schema";
/// Bytes of that section.
const SCHEMA_BYTES_MAX: usize = 256 << 10;

/// What a component exports and imports, and what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// The version of the contract that it was built against, such as `0.1.0`.
    pub contract: String,
    pub phases: PhaseSet,
    /// Interfaces of the contract that it imports, without those that every plugin has.
    pub grants: BTreeSet<String>,
    pub imports_wasi: bool,
    /// The names of all imports, as they stand in the component.
    pub imports: Vec<String>,
    /// The JSON schema of its config, if it has one; nobody has looked at what it says.
    pub config_schema: Option<String>,
}

impl Inspection {
    /// Errors are sentences that say what is wrong and how to mend it.
    pub fn of(bytes: &[u8]) -> Result<Inspection, String> {
        if bytes.len() > COMPONENT_BYTES_MAX {
            return Err(format!("it has {} bytes; at most {COMPONENT_BYTES_MAX} are loaded", bytes.len()));
        }
        let Found { imports, exports, config_schema } = Found::new(bytes)?;
        let mut phases = PhaseSet::default();
        let mut contract = None;
        for name in exports.iter().filter_map(|name| name.strip_prefix(PACKAGE)) {
            let interface = contract_interface(name)?;
            match Phase::from_name(interface) {
                Some(phase) => phases.insert(phase),
                None if interface == "policy" => contract = Some(version(name).to_owned()),
                None => return Err(unstable_or_unknown("exports", interface)),
            }
        }
        let Some(contract) = contract else {
            return Err("it is a component, but exports no `sluicegate:plugin/policy`, so it is no Sluicegate plugin: build it \
                        with the SDK, or export `policy` from the world in wit/v0.1"
                .into());
        };
        if phases.is_empty() {
            return Err("it exports no phase, so it would never run: export at least one of head, body, route, \
                        reply-head, reply-body, finish, or, for models, call, attempt, delta"
                .into());
        }
        let mut grants = BTreeSet::new();
        let mut imports_wasi = false;
        for import in &imports {
            if let Some(name) = import.strip_prefix(PACKAGE) {
                let interface = contract_interface(name)?;
                if GRANTS.contains(&interface) {
                    grants.insert(interface.to_owned());
                } else if !CORE_INTERFACES.contains(&interface) {
                    return Err(unstable_or_unknown("imports", interface));
                }
            } else if WASI_PACKAGES.iter().any(|package| import.starts_with(package)) {
                imports_wasi = true;
            } else {
                return Err(format!(
                    "it imports `{}`, which this gateway does not offer: a plugin may import `sluicegate:plugin` 0.1 and \
                     the WASI packages io, cli, clocks, filesystem, random and sockets (empty worlds)",
                    import.escape_debug()
                ));
            }
        }
        Ok(Inspection { contract, phases, grants, imports_wasi, imports, config_schema })
    }
}

/// What is looked for in a component.
#[derive(Default)]
struct Found {
    /// Names, of the outermost component.
    imports: Vec<String>,
    exports: Vec<String>,
    /// From the first section of that name, in whichever module it stands.
    config_schema: Option<String>,
}

impl Found {
    fn new(bytes: &[u8]) -> Result<Found, String> {
        let invalid =
            |error: wasmparser::BinaryReaderError| format!("it is no valid WebAssembly: {error}; build it again");
        if !bytes.starts_with(b"\0asm") {
            return Err(
                "it is no WebAssembly file: it does not begin with `\\0asm`; give the .wasm file that the build wrote"
                    .into(),
            );
        }
        let mut found = Found::default();
        let mut depth = 0_u32;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(
                        "it is a core WebAssembly module, not a component: link it with `wasm-component-ld`, as the SDK's \
                                README shows, or run `wasm-tools component new` on it"
                            .into(),
                    );
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        found.imports.push(import.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        found.exports.push(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section)
                    if section.name() == SCHEMA_SECTION && found.config_schema.is_none() =>
                {
                    found.config_schema = Some(schema_text(section.data())?);
                }
                _ => {}
            }
        }
        Ok(found)
    }
}

fn schema_text(bytes: &[u8]) -> Result<String, String> {
    if bytes.len() > SCHEMA_BYTES_MAX {
        return Err(format!(
            "the schema of its config (section `{SCHEMA_SECTION}`) has {} bytes; at most {SCHEMA_BYTES_MAX} are possible: \
             shorten its descriptions",
            bytes.len()
        ));
    }
    let text = std::str::from_utf8(bytes);
    text.map(str::to_owned)
        .map_err(|_| format!("the schema of its config (section `{SCHEMA_SECTION}`) is not UTF-8; build it again"))
}

/// `head` from `head@0.1.0`, if the version is one that this host speaks.
fn contract_interface(name: &str) -> Result<&str, String> {
    if version(name).contains(|letter: char| !letter.is_ascii_digit() && letter != '.') {
        return Err(format!(
            "it was built against `sluicegate:plugin/{}`, and a version of the contract has digits and dots only, such as \
             `0.1.0`: build it again with the SDK for {}.{}",
            name.escape_debug(),
            CONTRACT.0,
            CONTRACT.1
        ));
    }
    let interface = name.split_once('@').map_or(name, |(interface, _)| interface);
    let mut numbers = version(name).split('.').map(|part| part.parse::<u64>().ok());
    let (major, minor) = (numbers.next().flatten(), numbers.next().flatten());
    match (major, minor) {
        (Some(major), Some(minor)) if (major, minor) == CONTRACT => Ok(interface),
        (Some(major), Some(minor)) if (major, minor) > CONTRACT => Err(format!(
            "it was built against the contract {major}.{minor}, which is newer than this gateway's {}.{}: upgrade the gateway, \
             or build the plugin with an SDK for {}.{}",
            CONTRACT.0, CONTRACT.1, CONTRACT.0, CONTRACT.1
        )),
        _ => Err(format!(
            "it was built against `sluicegate:plugin/{}`, and this gateway speaks {}.{}: build it again with the SDK for that",
            name.escape_debug(),
            CONTRACT.0,
            CONTRACT.1
        )),
    }
}

/// `0.1.0` from `head@0.1.0`.
fn version(name: &str) -> &str {
    name.split_once('@').map_or("", |(_, version)| version)
}

fn unstable_or_unknown(does: &str, interface: &str) -> String {
    let shown = interface.escape_debug();
    unstable::refusal(&format!("it {does} `sluicegate:plugin/{shown}`"), interface).unwrap_or_else(|| {
        format!(
            "it {does} `sluicegate:plugin/{shown}`, which the contract 0.1 does not have: build it again with the SDK for 0.1"
        )
    })
}

#[cfg(test)]
mod tests;
