//! How large a component is, and what takes the room.

use std::collections::BTreeMap;
use std::fmt;

use wasmparser::{BinaryReader, CodeSectionReader, ImportSectionReader, Name, NameSectionReader, TypeRef};

use super::super::inspect::grouped;
use super::sections::{self, CUSTOM, Part};

/// Crates that are named; the rest are counted together.
const CRATES_SHOWN_MAX: usize = 6;
/// What the compiler brings along.
const STANDARD: [&str; 13] = [
    "__rustc",
    "addr2line",
    "alloc",
    "compiler_builtins",
    "core",
    "dlmalloc",
    "gimli",
    "hashbrown",
    "memchr",
    "miniz_oxide",
    "panic_abort",
    "rustc_demangle",
    "std",
];

const IMPORTS: u8 = 2;
const CODE: u8 = 10;
const DATA: u8 = 11;

/// Bytes of a component by what they are.
#[derive(Debug, Default)]
pub(super) struct Size {
    total: usize,
    code: usize,
    /// Bytes of functions by crate.
    crates: BTreeMap<String, usize>,
    data: usize,
    /// Custom sections by name.
    custom: BTreeMap<String, usize>,
}

impl Size {
    /// Of a component, with the names that it had when it was linked. `own`: the crate that exports are counted to.
    pub(super) fn of(linked: &[u8], finished: &[u8], own: &str) -> anyhow::Result<Size> {
        let mut size = Size { total: finished.len(), ..Size::default() };
        sections::walk(linked, &mut |part| match part {
            Part::Module(module) => size.add_functions(module, own),
            Part::Section(..) => Ok(()),
        })?;
        sections::walk(finished, &mut |part| {
            let sections = match part {
                Part::Module(module) => sections::sections(module)?,
                Part::Section(CUSTOM, content) => vec![(CUSTOM, content)],
                Part::Section(..) => Vec::new(),
            };
            for (id, content) in sections {
                match id {
                    CODE => size.code += content.len(),
                    DATA => size.data += content.len(),
                    CUSTOM => *size.custom.entry(sections::custom(content)?.0.to_owned()).or_default() += content.len(),
                    _ => {}
                }
            }
            Ok(())
        })?;
        Ok(size)
    }

    fn add_functions(&mut self, module: &[u8], own: &str) -> anyhow::Result<()> {
        let mut names: BTreeMap<u32, &str> = BTreeMap::new();
        let (mut imported, mut bodies) = (0_u32, Vec::new());
        for (id, content) in sections::sections(module)? {
            match id {
                IMPORTS => {
                    for import in ImportSectionReader::new(BinaryReader::new(content, 0))?.into_imports() {
                        imported += u32::from(matches!(import?.ty, TypeRef::Func(_) | TypeRef::FuncExact(_)));
                    }
                }
                CODE => {
                    for body in CodeSectionReader::new(BinaryReader::new(content, 0))? {
                        bodies.push(body?.as_bytes().len());
                    }
                }
                CUSTOM if sections::custom(content)?.0 == "name" => {
                    names.extend(function_names(sections::custom(content)?.1))
                }
                _ => {}
            }
        }
        for (index, bytes) in (imported..).zip(bodies) {
            let name = names.get(&index).map_or_else(|| "component glue".to_owned(), |name| crate_of(name, own));
            *self.crates.entry(name).or_default() += bytes;
        }
        Ok(())
    }
}

/// A name section that cannot be read names nothing.
fn function_names(section: &[u8]) -> BTreeMap<u32, &str> {
    let mut names = BTreeMap::new();
    for part in NameSectionReader::new(BinaryReader::new(section, 0)).flatten() {
        if let Name::Function(functions) = part {
            names.extend(functions.into_iter().flatten().map(|naming| (naming.index, naming.name)));
        }
    }
    names
}

/// The crate that a function comes from; for a method, the one of its type.
fn crate_of(symbol: &str, own: &str) -> String {
    // What the contract calls, `sluicegate:plugin/head@0.1.0#on-head`: mostly the policy itself, by now.
    if symbol.contains('#') && symbol.contains('/') {
        return own.to_owned();
    }
    let name = format!("{:#}", rustc_demangle::demangle(symbol));
    let mut path = name.trim_start_matches(|letter: char| !letter.is_alphanumeric() && letter != '_');
    for word in ["mut ", "const ", "dyn ", "impl "] {
        path = path.strip_prefix(word).unwrap_or(path);
    }
    let end = path.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(path.len());
    let (first, rest) = path.split_at(end);
    match first {
        first if STANDARD.contains(&first) => "std".to_owned(),
        // Functions of the C library, allocation, and what the linker adds.
        _ if !rest.starts_with("::") => "std".to_owned(),
        first => first.to_owned(),
    }
}

impl fmt::Display for Size {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let custom: usize = self.custom.values().sum();
        let rest = self.total.saturating_sub(self.code + self.data + custom);
        write!(formatter, "{} bytes: code {}", grouped(self.total), grouped(self.code))?;
        list(formatter, &self.crates)?;
        write!(formatter, ", data {}", grouped(self.data))?;
        if custom > 0 {
            write!(formatter, ", custom sections {}", grouped(custom))?;
            list(formatter, &self.custom)?;
        }
        write!(formatter, ", types and names of the contract {}", grouped(rest))
    }
}

/// The largest first.
fn list(formatter: &mut fmt::Formatter<'_>, items: &BTreeMap<String, usize>) -> fmt::Result {
    let mut items: Vec<(&str, usize)> = items.iter().map(|(name, bytes)| (name.as_str(), *bytes)).collect();
    items.sort_by_key(|(_, bytes)| std::cmp::Reverse(*bytes));
    let rest: usize = items.iter().skip(CRATES_SHOWN_MAX).map(|(_, bytes)| bytes).sum();
    let mut words: Vec<String> =
        items.iter().take(CRATES_SHOWN_MAX).map(|(name, bytes)| format!("{name} {}", grouped(*bytes))).collect();
    if rest > 0 {
        words.push(format!("others {}", grouped(rest)));
    }
    if words.is_empty() { Ok(()) } else { write!(formatter, " ({})", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_is_counted_to_its_crate() {
        for (symbol, name) in [
            ("_ZN10serde_json2de10from_slice17h0123456789abcdefE", "serde_json"),
            ("_RNvNtCs1234_7mycrate3foo3bar", "mycrate"),
            ("<&mut serde_json::de::Deserializer<R> as serde_core::de::Deserializer>::deserialize_map", "serde_json"),
            ("<alloc::vec::Vec<T> as core::fmt::Debug>::fmt", "std"),
            ("<dyn my_policy::Rule as core::fmt::Debug>::fmt", "my_policy"),
            ("memcpy", "std"),
            ("sluicegate:plugin/head@0.1.0#on-head", "own"),
        ] {
            assert_eq!(crate_of(symbol, "own"), name, "{symbol}");
        }
    }

    #[test]
    fn a_size_is_one_sentence_with_the_largest_first() {
        let crates = [("std", 700), ("a", 2000), ("b", 5), ("c", 4), ("d", 3), ("e", 2), ("f", 1)];
        let size = Size {
            total: 12_345,
            code: 2_715,
            crates: crates.map(|(name, bytes)| (name.to_owned(), bytes)).into(),
            data: 1_234_567,
            custom: [("sluicegate:config-schema".to_owned(), 30)].into(),
        };
        assert_eq!(
            size.to_string(),
            "12,345 bytes: code 2,715 (a 2,000, std 700, b 5, c 4, d 3, e 2, others 1), data 1,234,567, custom sections 30 \
             (sluicegate:config-schema 30), types and names of the contract 0"
        );
    }
}
