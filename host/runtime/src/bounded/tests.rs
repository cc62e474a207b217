//! What is split does the same as before, whatever the lengths and however they overlap.

use wasmtime::{Engine, Instance, Memory, Module, Store, TypedFunc};

use super::*;

const PAGES: usize = 8;
const PAGE_BYTES: usize = 64 << 10;

/// A module with a memory of 8 pages and a passive segment, that exports each instruction as a function of its operands.
fn module() -> Vec<u8> {
    let mut out = b"\0asm\x01\0\0\0".to_vec();
    write_section(&mut out, TYPES, &[1, 0x60, 3, 0x7f, 0x7f, 0x7f, 0]);
    write_section(&mut out, FUNCTIONS, &[4, 0, 0, 0, 0]);
    write_section(&mut out, 5, &[1, 0, PAGES as u8]);
    let mut exports = vec![5];
    for (name, kind, index) in [("fill", 0, 0), ("copy", 0, 1), ("init", 0, 2), ("few", 0, 3), ("memory", 2, 0)] {
        exports.push(name.len() as u8);
        exports.extend_from_slice(name.as_bytes());
        exports.extend([kind, index]);
    }
    write_section(&mut out, 7, &exports);
    write_section(&mut out, 12, &[1]);
    let mut code = vec![4];
    for instruction in [&[0xfc, 11, 0][..], &[0xfc, 10, 0, 0], &[0xfc, 8, 0, 0]] {
        let body = [&[0, 0x20, 0, 0x20, 1, 0x20, 2][..], instruction, &[0x0b]].concat();
        code.push(body.len() as u8);
        code.extend(body);
    }
    // A copy of 16 bytes: a constant.
    let few = [0, 0x20, 0, 0x20, 1, 0x41, 16, 0xfc, 10, 0, 0, 0x0b];
    code.push(few.len() as u8);
    code.extend(few);
    write_section(&mut out, CODE, &code);
    let segment: Vec<u8> = (0..3 * PAGE_BYTES).map(|at| (at * 7 / 3) as u8).collect();
    let mut data = vec![1, 1];
    write_number(&mut data, segment.len() as u32);
    data.extend(segment);
    write_section(&mut out, 11, &data);
    out
}

struct Machine {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Machine {
    fn new(bytes: &[u8]) -> Machine {
        let engine = Engine::default();
        let module = Module::from_binary(&engine, bytes).expect("a valid module");
        let mut store = Store::new(&engine, ());
        let instance = Instance::new(&mut store, &module, &[]).expect("an instance");
        let memory = instance.get_memory(&mut store, "memory").expect("a memory");
        for (at, byte) in memory.data_mut(&mut store).iter_mut().enumerate() {
            *byte = (at * 31 / 7) as u8;
        }
        Machine { store, instance, memory }
    }

    /// The memory afterwards, or none if it trapped.
    fn run(mut self, name: &str, operands: (i32, i32, i32)) -> Option<Vec<u8>> {
        let function: TypedFunc<(i32, i32, i32), ()> =
            self.instance.get_typed_func(&mut self.store, name).expect("the function");
        function.call(&mut self.store, operands).ok()?;
        Some(self.memory.data(&self.store).to_vec())
    }
}

#[test]
fn every_instruction_does_the_same_in_pieces() {
    let (plain, split) = (module(), split_in_module(&module()).unwrap());
    assert_ne!(plain, split);
    let (page, end) = (PAGE_BYTES as i32, (PAGES * PAGE_BYTES) as i32);
    let lengths = [0, 1, page - 1, page, page + 1, 2 * page, 3 * page - 5, 5 * page + 3];
    for length in lengths {
        for (to, from) in
            [(0, 0), (1, 0), (0, 1), (page, 3), (3, page), (end - length, 0), (0, end - length), (end - length + 1, 0)]
        {
            for name in ["fill", "copy", "init", "few"] {
                let operands = (to, from, length);
                let (one, other) = (Machine::new(&plain).run(name, operands), Machine::new(&split).run(name, operands));
                assert!(one == other, "{name} {operands:?}: {} and {}", one.is_some(), other.is_some());
            }
        }
    }
    for operands in [(-1, 0, 5), (0, -1, 5), (0, 0, -1), (-1, -1, -1), (end, 0, 1), (0, end, 1)] {
        for name in ["fill", "copy", "init"] {
            let (one, other) = (Machine::new(&plain).run(name, operands), Machine::new(&split).run(name, operands));
            assert!(one == other, "{name} {operands:?}: {} and {}", one.is_some(), other.is_some());
        }
    }
}

#[test]
fn a_short_constant_length_stays_one_instruction_and_no_other_does() {
    let split = split_in_module(&module()).unwrap();
    let all = sections(&split).unwrap();
    let (_, code) = all.iter().find(|(id, _)| *id == CODE).unwrap();
    let reader = CodeSectionReader::new(BinaryReader::new(code, 0)).unwrap();
    assert_eq!(reader.count(), 7);
    let bodies: Vec<_> = reader.into_iter().map(|body| body.unwrap()).collect();
    let direct = |body: &wasmparser::FunctionBody<'_>| {
        let operators = body.get_operators_reader().unwrap().into_iter();
        let is_bulk = |operator: &Operator<'_>| {
            matches!(operator, Operator::MemoryFill { .. } | Operator::MemoryCopy { .. } | Operator::MemoryInit { .. })
        };
        operators.filter(|operator| is_bulk(operator.as_ref().unwrap())).count()
    };
    assert_eq!(bodies.iter().map(direct).collect::<Vec<_>>()[..4], [0, 0, 0, 1]);
}

#[test]
fn what_cannot_be_read_stays_as_it_is() {
    for bytes in
        [&b""[..], b"\0asm", b"\0asm\x0d\0\x01\0\x01\xff\xff\xff\xff\x0f", b"\0asm\x0d\0\x01\0\x01\x05\0asm\x01"]
    {
        assert_eq!(bounded(bytes), bytes);
    }
}
