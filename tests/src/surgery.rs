//! Changes components byte by byte: sections taken apart and put together, more functions, other code, damage.

/// One section of a module or a component: its id and what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    pub id: u8,
    pub bytes: Vec<u8>,
}

/// Bytes in front of the first section: the magic number, then version and layer.
const HEADER_BYTES: usize = 8;
const CORE_MODULE: u8 = 1;
/// Ids of a core module's sections, and the order in which they stand.
const ORDER: [u8; 14] = [0, 1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const TABLES: u8 = 4;
const GLOBALS: u8 = 6;
const EXPORTS: u8 = 7;
const CODE: u8 = 10;

/// # Panics
/// If it is no sequence of sections.
pub fn sections(bytes: &[u8]) -> Vec<Section> {
    let mut rest = bytes.get(HEADER_BYTES..).expect("a header");
    let mut sections = Vec::new();
    while let Some((id, behind)) = rest.split_first() {
        let (length, behind) = read_number(behind);
        let (bytes, behind) = behind.split_at(length as usize);
        sections.push(Section { id: *id, bytes: bytes.to_vec() });
        rest = behind;
    }
    sections
}

/// `like`: whose header it gets.
pub fn joined(like: &[u8], sections: &[Section]) -> Vec<u8> {
    let mut bytes = like[..HEADER_BYTES].to_vec();
    for section in sections {
        bytes.push(section.id);
        bytes.extend(number(section.bytes.len() as u32));
        bytes.extend_from_slice(&section.bytes);
    }
    bytes
}

/// The component with more functions that nobody calls, each with this body.
pub fn with_functions(component: &[u8], count: u32, body: &[u8]) -> Vec<u8> {
    changed(component, |module| {
        // A type of its own: neither parameters nor results.
        let kind = add(module, TYPES, 1, &[0x60, 0, 0]);
        let function = [number(body.len() as u32 + 1), vec![0], body.to_vec()].concat();
        add(module, FUNCTIONS, count, &number(kind).repeat(count as usize));
        add(module, CODE, count, &function.repeat(count as usize));
    })
}

/// What code that is put into a guest may use.
#[derive(Debug, Clone, Copy)]
pub struct Added {
    /// The first of [`GLOBALS_ADDED`] globals of type i64, 0 at the start.
    pub global: u32,
    /// A table of 1,000 null references to functions.
    pub table: u32,
    /// A function that may be referred to, since it is exported.
    pub function: u32,
}

pub const GLOBALS_ADDED: u32 = 4;

/// The component in which `code` runs before an exported function without parameters that gives one i32.
///
/// # Panics
/// If there is no such export.
pub fn with_code_before(component: &[u8], export: &str, code: impl Fn(Added) -> Vec<u8>) -> Vec<u8> {
    changed(component, |module| {
        let function = exported(module, export);
        let kind = add(module, TYPES, 1, &[0x60, 0, 1, 0x7f]);
        // Imported functions are numbered first.
        let new = add(module, FUNCTIONS, 1, &number(kind)) + imported_functions(module);
        let code = code(added(module, new));
        add(module, CODE, 1, &body(&[&code[..], &[0x10], &number(function)].concat()));
        let (at, length) = place_of_export(module, export);
        section(module, EXPORTS).bytes.splice(at..at + length, number(new));
    })
}

/// The component in which exported functions have other code, without local variables.
///
/// # Panics
/// If there is no such export.
pub fn with_code_instead(component: &[u8], exports: &[&str], code: impl Fn(&str, Added) -> Vec<u8>) -> Vec<u8> {
    changed(component, |module| {
        let functions: Vec<u32> = exports.iter().map(|export| exported(module, export)).collect();
        let added = added(module, functions[0]);
        let imported = imported_functions(module);
        let (count, mut rest) = read_number(&section(module, CODE).bytes);
        let mut bodies = Vec::new();
        for _ in 0..count {
            let (length, behind) = read_number(rest);
            let head = rest.len() - behind.len();
            bodies.push(rest[..head + length as usize].to_vec());
            rest = &behind[length as usize..];
        }
        for (export, function) in exports.iter().zip(functions) {
            bodies[(function - imported) as usize] = body(&code(export, added));
        }
        section(module, CODE).bytes = [number(count), bodies.concat()].concat();
    })
}

fn added(module: &mut Vec<Section>, function: u32) -> Added {
    let global = add(module, GLOBALS, GLOBALS_ADDED, &[0x7e, 1, 0x42, 0, 0x0b].repeat(GLOBALS_ADDED as usize));
    let table = add(module, TABLES, 1, &[&[0x70, 0][..], &number(1000)].concat());
    Added { global, table, function }
}

/// A function without local variables, as it stands in a section.
fn body(code: &[u8]) -> Vec<u8> {
    [&number(code.len() as u32 + 2)[..], &[0], code, &[0x0b]].concat()
}

fn exported(module: &mut Vec<Section>, export: &str) -> u32 {
    let (at, _) = place_of_export(module, export);
    read_number(&section(module, EXPORTS).bytes[at..]).0
}

/// Where the number of an exported function stands in its section, and how many bytes it has.
fn place_of_export(module: &mut Vec<Section>, export: &str) -> (usize, usize) {
    let bytes = &section(module, EXPORTS).bytes;
    let name = [number(export.len() as u32), export.as_bytes().to_vec(), vec![0]].concat();
    let at = bytes.windows(name.len()).position(|window| window == name).expect("the export") + name.len();
    let (_, behind) = read_number(&bytes[at..]);
    (at, bytes.len() - at - behind.len())
}

/// With one more core module, which nobody instantiates.
pub fn with_module(component: &[u8], module: &[u8]) -> Vec<u8> {
    let mut sections = sections(component);
    sections.push(Section { id: CORE_MODULE, bytes: module.to_vec() });
    joined(component, &sections)
}

/// With this custom section, in the place of one of its name, in the module that has the plugin's phases: where the SDK puts them.
pub fn with_custom_section(component: &[u8], name: &str, content: &[u8]) -> Vec<u8> {
    changed(&without_custom_section(component, name), |module| {
        let bytes = [number(name.len() as u32), name.as_bytes().to_vec(), content.to_vec()].concat();
        module.push(Section { id: 0, bytes });
    })
}

/// Without the custom sections of this name in the module that has the plugin's phases.
pub fn without_custom_section(component: &[u8], name: &str) -> Vec<u8> {
    let named = [number(name.len() as u32), name.as_bytes().to_vec()].concat();
    changed(component, |module| module.retain(|section| section.id != 0 || !section.bytes.starts_with(&named)))
}

/// Changes the largest core module, which is the one that has the plugin's phases.
fn changed(component: &[u8], change: impl FnOnce(&mut Vec<Section>)) -> Vec<u8> {
    let mut outer = sections(component);
    let is_module = |section: &&mut Section| section.id == CORE_MODULE;
    let module = outer.iter_mut().filter(is_module).max_by_key(|section| section.bytes.len()).expect("a core module");
    let mut inner = sections(&module.bytes);
    change(&mut inner);
    module.bytes = joined(&module.bytes.clone(), &inner);
    joined(component, &outer)
}

/// The section of a core module with this id; made where it is missing.
fn section(module: &mut Vec<Section>, id: u8) -> &mut Section {
    let place = |id: u8| ORDER.iter().position(|known| *known == id).unwrap_or(0);
    let at = module.iter().position(|section| section.id == id).unwrap_or_else(|| {
        let at = module.iter().position(|section| place(section.id) > place(id)).unwrap_or(module.len());
        module.insert(at, Section { id, bytes: vec![0] });
        at
    });
    &mut module[at]
}

/// Adds `count` items to a section, and gives the number that the first of them has in it.
fn add(module: &mut Vec<Section>, id: u8, count: u32, items: &[u8]) -> u32 {
    let section = section(module, id);
    let (before, rest) = read_number(&section.bytes);
    section.bytes = [number(before + count), rest.to_vec(), items.to_vec()].concat();
    before
}

/// How many functions a module imports. Only such modules are known here as import nothing else.
fn imported_functions(module: &mut Vec<Section>) -> u32 {
    let imports = section(module, 2);
    read_number(&imports.bytes).0
}

/// Unsigned LEB128.
pub fn number(value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        bytes.push(if rest == 0 { low } else { low | 0x80 });
        if rest == 0 {
            return bytes;
        }
    }
}

fn read_number(bytes: &[u8]) -> (u32, &[u8]) {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate() {
        value |= u32::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return (value, &bytes[index + 1..]);
        }
    }
    panic!("a number without an end")
}

/// Chance from a seed, the same on every machine: splitmix64.
#[derive(Debug, Clone)]
pub struct Chance(pub u64);

impl Chance {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    pub fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.next() as u8).collect()
    }
}

/// One kind of damage: bytes changed, cut or doubled, sections exchanged or left out, lengths that are wrong.
pub fn damaged(component: &[u8], chance: &mut Chance) -> Vec<u8> {
    let mut bytes = component.to_vec();
    match chance.below(8) {
        0 => bytes.truncate(chance.below(component.len())),
        1 => {
            for _ in 0..=chance.below(8) {
                let at = chance.below(bytes.len());
                bytes[at] = chance.next() as u8;
            }
        }
        2 => {
            let at = chance.below(bytes.len());
            bytes[at] ^= 1 << chance.below(8);
        }
        3 => {
            let (from, length) = (chance.below(bytes.len()), 1 + chance.below(64));
            bytes.drain(from..(from + length).min(component.len()));
        }
        4 => {
            let (at, count) = (chance.below(bytes.len()), 1 + chance.below(64));
            let inserted = chance.bytes(count);
            bytes.splice(at..at, inserted);
        }
        5 => {
            let mut all = sections(component);
            let (one, other) = (chance.below(all.len()), chance.below(all.len()));
            all.swap(one, other);
            bytes = joined(component, &all);
        }
        6 => {
            let mut all = sections(component);
            let (at, to) = (chance.below(all.len()), chance.below(all.len()));
            let section = all[at].clone();
            if chance.below(2) == 0 {
                all.insert(to, section);
            } else {
                all.remove(at);
            }
            bytes = joined(component, &all);
        }
        _ => {
            // The length of a section, or the count in front of its items, is another.
            let mut all = sections(component);
            let at = chance.below(all.len());
            let wrong = number(chance.next() as u32 >> chance.below(32));
            let end = wrong.len().min(all[at].bytes.len());
            all[at].bytes.splice(..end, wrong);
            bytes = joined(component, &all);
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guests;

    #[test]
    fn what_is_taken_apart_and_put_together_is_as_before() {
        for guest in [guests::HOSTILE, guests::LIAR, guests::BRUTE] {
            let outer = sections(guest);
            assert_eq!(sections(&joined(guest, &outer)), outer);
        }
    }

    #[test]
    fn numbers_of_every_length_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            assert_eq!(read_number(&number(value)), (value, &[][..]));
        }
    }
}
