//! A component's sections, one by one: what they are, and without what the gateway has no use for.

use anyhow::Context;
use wasmparser::{BinaryReader, CustomSectionReader};

/// Components within components.
const DEPTH_MAX: usize = 16;

const HEADER_BYTES: usize = 8;
const COMPONENT_LAYER: &[u8] = b"\0asm\x0d\0\x01\0";
pub(super) const CUSTOM: u8 = 0;
const MODULE_IN_COMPONENT: u8 = 1;
const COMPONENT_IN_COMPONENT: u8 = 4;

/// What a component is made of, the innermost parts only.
pub(super) enum Part<'a> {
    /// A whole core module.
    Module(&'a [u8]),
    /// A section of a component: its id and content.
    Section(u8, &'a [u8]),
}

/// Calls `see` for each part, those of components within the component as well.
pub(super) fn walk<'a>(component: &'a [u8], see: &mut dyn FnMut(Part<'a>) -> anyhow::Result<()>) -> anyhow::Result<()> {
    walk_to(component, 0, see)
}

fn walk_to<'a>(
    bytes: &'a [u8],
    depth: usize,
    see: &mut dyn FnMut(Part<'a>) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for (id, content) in sections(bytes)? {
        match id {
            MODULE_IN_COMPONENT => see(Part::Module(content))?,
            COMPONENT_IN_COMPONENT if depth < DEPTH_MAX => walk_to(content, depth + 1, see)?,
            _ => see(Part::Section(id, content))?,
        }
    }
    Ok(())
}

/// Of a component or a module: ids and contents.
pub(super) fn sections(bytes: &[u8]) -> anyhow::Result<Vec<(u8, &[u8])>> {
    let mut reader = BinaryReader::new(bytes.get(HEADER_BYTES..).context("the component is cut off")?, 0);
    let mut sections = Vec::new();
    while !reader.eof() {
        let (id, length) = (reader.read_u8()?, reader.read_var_u32()?);
        sections.push((id, reader.read_bytes(length as usize)?));
    }
    Ok(sections)
}

/// A custom section's name and what it holds.
pub(super) fn custom(content: &[u8]) -> anyhow::Result<(&str, &[u8])> {
    let section = CustomSectionReader::new(BinaryReader::new(content, 0))?;
    Ok((section.name(), section.data()))
}

/// Without custom sections, but for those that the gateway reads.
pub(super) fn stripped(component: &[u8]) -> anyhow::Result<Vec<u8>> {
    stripped_to(component, 0)
}

fn stripped_to(bytes: &[u8], depth: usize) -> anyhow::Result<Vec<u8>> {
    let mut out = bytes.get(..HEADER_BYTES).context("the component is cut off")?.to_vec();
    let is_component = bytes.starts_with(COMPONENT_LAYER);
    for (id, content) in sections(bytes)? {
        match id {
            CUSTOM if !custom(content)?.0.starts_with("sluicegate:") => {}
            MODULE_IN_COMPONENT | COMPONENT_IN_COMPONENT if is_component && depth < DEPTH_MAX => {
                write_section(&mut out, id, &stripped_to(content, depth + 1)?);
            }
            _ => write_section(&mut out, id, content),
        }
    }
    Ok(out)
}

fn write_section(out: &mut Vec<u8>, id: u8, content: &[u8]) {
    out.push(id);
    // LEB128; a section that was read has less than 4 GiB.
    let mut rest = content.len();
    while rest > 0x7f {
        out.push((rest & 0x7f) as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
    out.extend_from_slice(content);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bundled::bundled;

    fn custom_section(name: &str, bytes: &[u8]) -> Vec<u8> {
        [&[name.len() as u8], name.as_bytes(), bytes].concat()
    }

    /// A module in a component in a component, with a name and a schema.
    fn nested() -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        write_section(&mut module, CUSTOM, &custom_section("name", &[7; 300]));
        write_section(&mut module, CUSTOM, &custom_section("sluicegate:config-schema", b"{}"));
        let mut inner = COMPONENT_LAYER.to_vec();
        write_section(&mut inner, MODULE_IN_COMPONENT, &module);
        let mut outer = COMPONENT_LAYER.to_vec();
        write_section(&mut outer, COMPONENT_IN_COMPONENT, &inner);
        write_section(&mut outer, CUSTOM, &custom_section("producers", b"x"));
        outer
    }

    #[test]
    fn names_go_and_what_the_gateway_reads_stays() {
        let stripped = stripped(&nested()).unwrap();
        let mut found = Vec::new();
        walk(&stripped, &mut |part| {
            if let Part::Module(module) = part {
                for (_, content) in sections(module)? {
                    found.push(custom(content)?.0.to_owned());
                }
            }
            Ok(())
        })
        .unwrap();
        assert_eq!(found, ["sluicegate:config-schema"]);
        assert!(nested().len() - stripped.len() > 300);
    }

    #[test]
    fn what_has_nothing_to_strip_stays_as_it_is() {
        let component = stripped(bundled("headers").unwrap()).unwrap();
        assert_eq!(stripped(&component).unwrap(), component);
        assert!(sluicegate_runtime::Inspection::of(&component).is_ok());
    }

    #[test]
    fn what_is_cut_off_is_refused() {
        let whole = nested();
        for end in [3, 9, whole.len() - 1] {
            assert!(stripped(&whole[..end]).is_err(), "{end}");
        }
    }
}
