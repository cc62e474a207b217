//! A component as large as an interpreter: the marker with thousands of further functions, which nobody calls.

use super::config::State;

/// Bytes in front of the first section: the magic number, then version and layer.
const HEADER_BYTES: usize = 8;
/// In a component.
const CORE_MODULE: u8 = 1;
/// In a core module.
const TYPES: u8 = 1;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
/// Bytes of code in one function, as large as in an interpreter built from C.
const FUNCTION_BYTES: usize = 600;

type Section = (u8, Vec<u8>);

/// Of at least `bytes` bytes. `number`: two of different numbers have nothing compiled in common.
pub fn component(bytes: usize, number: u32) -> Vec<u8> {
    let marker = State { mark: number, ..State::default() }.plugin();
    let count = (bytes / FUNCTION_BYTES) as u32 + 1;
    let mut outer = sections(&marker);
    let modules = outer.iter_mut().filter(|(id, _)| *id == CORE_MODULE);
    // The largest is the plugin's; others lower its calls.
    let (_, module) = modules.max_by_key(|(_, bytes)| bytes.len()).expect("a component has a module");
    let mut inner = sections(module);
    // A type of their own: neither parameters nor results.
    let kind = extend(&mut inner, TYPES, 1, &[0x60, 0, 0]);
    let function = function();
    extend(&mut inner, FUNCTIONS, count, &unsigned(kind).repeat(count as usize));
    extend(&mut inner, CODE, count, &function.repeat(count as usize));
    *module = joined(&module[..HEADER_BYTES], &inner);
    joined(&marker[..HEADER_BYTES], &outer)
}

/// Arithmetic, loads and stores, and a loop around them.
fn function() -> Vec<u8> {
    // Four locals of type i32; loop without a result.
    let mut body = vec![1, 4, 0x7f, 0x03, 0x40];
    let mut step = 0_u8;
    while body.len() < FUNCTION_BYTES - 8 {
        let (one, other) = (step % 4, (step + 1) % 4);
        // local[one] = memory[local[one] & 63] * local[other] + 63 - step
        body.extend([
            0x20,
            one,
            0x41,
            63,
            0x71,
            0x28,
            2,
            step & 63,
            0x20,
            other,
            0x6c,
            0x41,
            63 - (step & 31),
            0x6a,
            0x21,
            one,
        ]);
        step = step.wrapping_add(1);
    }
    // Once more while local 0 is not 0; end of the loop and of the function.
    body.extend([0x20, 0, 0x0d, 0, 0x0b, 0x0b]);
    [unsigned(body.len() as u32), body].concat()
}

fn sections(bytes: &[u8]) -> Vec<Section> {
    let mut rest = &bytes[HEADER_BYTES..];
    let mut sections = Vec::new();
    while let Some((id, behind)) = rest.split_first() {
        let (length, behind) = read_unsigned(behind);
        let (section, behind) = behind.split_at(length as usize);
        sections.push((*id, section.to_vec()));
        rest = behind;
    }
    sections
}

fn joined(header: &[u8], sections: &[Section]) -> Vec<u8> {
    let mut bytes = header.to_vec();
    for (id, section) in sections {
        bytes.push(*id);
        bytes.extend(unsigned(section.len() as u32));
        bytes.extend_from_slice(section);
    }
    bytes
}

/// Adds items to a section; the number of the first of them in it.
fn extend(module: &mut [Section], id: u8, count: u32, items: &[u8]) -> u32 {
    let (_, section) = module.iter_mut().find(|(found, _)| *found == id).expect("a plugin has code");
    let (before, rest) = read_unsigned(section);
    *section = [&unsigned(before + count)[..], rest, items].concat();
    before
}

/// LEB128.
fn unsigned(value: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = value;
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

fn read_unsigned(bytes: &[u8]) -> (u32, &[u8]) {
    let length = bytes.iter().position(|byte| byte & 0x80 == 0).expect("a number ends") + 1;
    let value = bytes[..length].iter().rev().fold(0, |value, byte| value << 7 | u32::from(byte & 0x7f));
    (value, &bytes[length..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_every_length_come_back() {
        for value in [0, 1, 127, 128, 16_383, 16_384, u32::MAX] {
            assert_eq!(read_unsigned(&unsigned(value)), (value, &[][..]));
        }
    }

    #[test]
    fn it_is_as_large_as_was_asked_for_and_each_is_another() {
        let (one, other) = (component(100_000, 1), component(100_000, 2));
        assert!(one.len() >= 100_000 && one != other);
    }
}
