//! What a module that does not keep to the canonical ABI can try, and that each of it is a failure of its kind, as it is for a
//! component.

mod wiping;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::HeaderValue;
use wasm_encoder::{
    CodeSection, ConstExpr, DataCountSection, DataSection, EntityType, ExportKind, ExportSection, Function,
    FunctionSection, GlobalSection, GlobalType, ImportSection, Instruction, MemArg, MemorySection, MemoryType,
    TypeSection, ValType,
};
use wasmtime::{Config, Engine};

use super::unbundle::Exported;
use super::*;
use crate::exchange::{Exchange, tests::exchange};
use crate::failure::FailureKind;
use crate::guest;
use crate::instance::{Instance as PluginInstance, InstanceContext};
use crate::limits::PluginLimits;
use crate::ticker::Ticker;
use crate::version::Version;

use Instruction::{Call as CallFunction, End, I32Const, I32Load, Unreachable};

const I32: ValType = ValType::I32;
/// Bytes of a page, which is all of the memory.
const MEMORY_BYTES: i32 = 64 << 10;
/// Where host functions write their results, where phases put theirs, and what `realloc` returns if it is honest.
const RESULT: i32 = 1024;
const RETURNED: i32 = 2048;
const ALLOCATED: i32 = 4096;
/// The number in the one global of a new instance.
const GLOBAL: i32 = 7;
/// Where the texts stand.
const NAME: i32 = 16;
const NO_TEXT: i32 = 32;

/// A module with one import, `realloc`, the phases `head` and `body`, and what frees their results.
struct Guest<'a> {
    import: (&'static str, &'static str, Vec<ValType>),
    realloc: Vec<Instruction<'a>>,
    head: Vec<Instruction<'a>>,
    freeing: Vec<Instruction<'a>>,
    data: Data,
    /// What was in memory before `configure`: data and global are parted from the code then.
    before: Option<Data>,
}

type Data = Vec<(i32, Vec<u8>)>;

const IMPORT: u32 = 0;
const REALLOC: u32 = 1;

impl Guest<'_> {
    /// Asks for the field `x-name` and proceeds.
    fn honest() -> Guest<'static> {
        Guest {
            import: ("request", "header", vec![I32; 3]),
            realloc: vec![I32Const(ALLOCATED)],
            head: [call(&[NAME, 6, RESULT]), vec![I32Const(RETURNED)]].concat(),
            freeing: vec![],
            data: vec![(NAME, b"x-name".to_vec()), (NO_TEXT, vec![0xff, 0xfe])],
            before: None,
        }
    }

    /// Returns what stands in memory at an address.
    fn returning(pointer: i32, data: Vec<(i32, Vec<u8>)>) -> Guest<'static> {
        Guest { head: vec![I32Const(pointer)], data, ..Guest::honest() }
    }

    fn module(&self) -> Vec<u8> {
        self.module_with(&self.data, GLOBAL)
    }

    fn module_with(&self, data_segments: &Data, number_in_global: i32) -> Vec<u8> {
        let (interface, name, params) = &self.import;
        let mut types = TypeSection::new();
        types.ty().function(params.clone(), []);
        types.ty().function([I32; 4], [I32]);
        types.ty().function([], [I32]);
        types.ty().function([I32], []);
        types.ty().function([I32; 3], [I32]);
        let mut imports = ImportSection::new();
        imports.import(interface, name, EntityType::Function(0));
        let mut functions = FunctionSection::new();
        functions.function(1).function(2).function(3).function(4);
        let mut memories = MemorySection::new();
        memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
        let mut globals = GlobalSection::new();
        let number = GlobalType { val_type: I32, mutable: true, shared: false };
        globals.global(number, &ConstExpr::i32_const(number_in_global));
        let mut exports = ExportSection::new();
        exports.export("memory", ExportKind::Memory, 0);
        for (name, function) in [("cabi_realloc", REALLOC), ("on-head", 2), ("free", 3), ("on-body", 4)] {
            exports.export(name, ExportKind::Func, function);
        }
        let mut code = CodeSection::new();
        for body in [&self.realloc, &self.head, &self.freeing, &vec![I32Const(RETURNED)]] {
            let mut function = Function::new([]);
            for instruction in body.iter().chain([&End]) {
                function.instruction(instruction);
            }
            code.function(&function);
        }
        let mut data = DataSection::new();
        for (address, bytes) in data_segments {
            data.active(0, &ConstExpr::i32_const(*address), bytes.iter().copied());
        }
        let mut module = wasm_encoder::Module::new();
        module.section(&types).section(&imports).section(&functions).section(&memories).section(&globals);
        module.section(&exports);
        // Without it, no code may name a segment.
        let count = DataCountSection { count: data.len() };
        module.section(&count).section(&code).section(&data);
        module.finish()
    }

    fn welded(&self) -> Vec<u8> {
        let module = self.module();
        let exported = |phase, function| Exported { phase, function, post_return: Some("free") };
        let parts = Unbundled {
            module: &module,
            imports: vec![(self.import.0, self.import.1)],
            memory: Some("memory"),
            realloc: Some("cabi_realloc"),
            phases: vec![exported(Phase::Head, "on-head"), exported(Phase::Body, "on-body")],
        };
        weld::weld(&parts, table::allocates).unwrap()
    }

    fn split(&self) -> Option<Split> {
        let before = self.before.as_ref()?;
        Some(split(&self.welded(), &self.module_with(before, 0)).unwrap())
    }

    /// Welded, and linked with all that can be granted.
    fn prepared(&self) -> guest::Prepared {
        let (welded, contents) = match self.split() {
            Some(Split { code, contents }) => (code, Some(Arc::new(contents))),
            None => (self.welded(), None),
        };
        let mut config = Config::new();
        config.epoch_interruption(true).concurrency_support(false);
        let engine = Engine::new(&config).unwrap();
        let module = Module::from_binary(&engine, &welded).unwrap();
        guest::Prepared::Direct(Arc::new(Prepared::new(&engine, &module, contents, &grants()).unwrap()))
    }

    async fn instance(&self) -> PluginInstance {
        instance_of(&self.prepared()).await
    }

    /// Calls a phase of a new instance.
    async fn call(&self, exchange: &Arc<Exchange>, call: &Call) -> Result<Verdict, Failure> {
        self.instance().await.call(Instant::now(), exchange.clone(), 0, 1 << 20, call).await
    }

    async fn failure(&self) -> Failure {
        self.call(&known(), &Call::Head).await.unwrap_err()
    }
}

fn grants() -> BTreeSet<String> {
    crate::capability::GRANTS.into_iter().map(str::to_owned).collect()
}

async fn instance_of(prepared: &guest::Prepared) -> PluginInstance {
    let context = InstanceContext {
        version: Version::Stable,
        entry: "entry".into(),
        grants: Arc::new(grants()),
        limits: Arc::new(PluginLimits { memory_bytes_max: 1 << 20, ..PluginLimits::default() }),
        ticker: Arc::new(Ticker::start(prepared.engine().weak()).unwrap()),
        symbols: None,
    };
    PluginInstance::new(prepared, &context, None).await.unwrap()
}

fn call(params: &[i32]) -> Vec<Instruction<'static>> {
    params.iter().map(|param| I32Const(*param)).chain([CallFunction(IMPORT)]).collect()
}

/// With a field for the guest to find.
fn known() -> Arc<Exchange> {
    let exchange = exchange();
    exchange.lock().request.headers.insert("x-name", HeaderValue::from_static("value"));
    Arc::new(exchange)
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
}

async fn fails(guest: Guest<'_>, kind: FailureKind, says: &str) {
    let failure = guest.failure().await;
    assert!(failure.kind == kind && failure.message.contains(says), "{failure}, not {kind:?} with {says}");
}

#[tokio::test]
async fn an_honest_guest_finds_what_it_asked_for_where_it_made_room_for_it() {
    // A stop if the case, the address, the length or the first letter is another.
    let load = |address| [I32Const(address), I32Load(MemArg { offset: 0, align: 2, memory_index: 0 })];
    let check = |address, value| {
        let stop = [Instruction::If(wasm_encoder::BlockType::Empty), Unreachable, End];
        [&load(address)[..], &[I32Const(value), Instruction::I32Ne], &stop].concat()
    };
    let word = i32::from_le_bytes(*b"valu");
    let found =
        [(RESULT, 1), (RESULT + 4, ALLOCATED), (RESULT + 8, 5), (ALLOCATED, word)].map(|(at, is)| check(at, is));
    let head = [call(&[NAME, 6, RESULT]), found.concat(), vec![I32Const(RETURNED)]].concat();
    let guest = Guest { head, ..Guest::honest() };
    assert_eq!(guest.call(&known(), &Call::Head).await, Ok(Verdict::Proceed));
    let body = Call::Body { bytes: Bytes::from_static(b"bytes"), end: true };
    assert_eq!(Guest::honest().call(&known(), &body).await, Ok(Verdict::Proceed));
}

#[tokio::test]
async fn a_parameter_outside_of_memory_is_a_failed_host_call() {
    for (pointer, length) in [(-16, 8), (MEMORY_BYTES - 2, 6), (0, MEMORY_BYTES + 1), (-1, -1), (MEMORY_BYTES + 1, 0)] {
        let guest = Guest { head: [call(&[pointer, length, RESULT]), vec![I32Const(0)]].concat(), ..Guest::honest() };
        fails(guest, FailureKind::HostCalls, "not within the memory").await;
    }
}

#[tokio::test]
async fn a_text_that_is_no_utf_8_is_a_failed_host_call() {
    let guest = Guest { head: [call(&[NO_TEXT, 2, RESULT]), vec![I32Const(0)]].concat(), ..Guest::honest() };
    fails(guest, FailureKind::HostCalls, "not UTF-8").await;
}

#[tokio::test]
async fn a_result_that_has_no_place_is_a_failed_host_call() {
    for (pointer, says) in [(RESULT + 1, "no multiple of 4"), (MEMORY_BYTES - 4, "not within"), (-4, "not within")] {
        let guest = Guest { head: [call(&[NAME, 6, pointer]), vec![I32Const(0)]].concat(), ..Guest::honest() };
        fails(guest, FailureKind::HostCalls, says).await;
    }
}

#[tokio::test]
async fn a_block_that_is_allocated_outside_of_memory_is_a_failed_host_call() {
    for allocated in [-1, MEMORY_BYTES, MEMORY_BYTES - 4] {
        let guest = Guest { realloc: vec![I32Const(allocated)], ..Guest::honest() };
        fails(guest, FailureKind::HostCalls, "not within the memory").await;
    }
    let import = ("request", "headers", vec![I32]);
    let head = [call(&[RESULT]), vec![I32Const(0)]].concat();
    let guest = Guest { import, head, realloc: vec![I32Const(ALLOCATED + 2)], ..Guest::honest() };
    fails(guest, FailureKind::HostCalls, "no multiple of 4").await;
}

#[tokio::test]
async fn an_allocator_that_stops_or_calls_the_host_is_a_trap() {
    fails(Guest { realloc: vec![Unreachable], ..Guest::honest() }, FailureKind::Trap, "unreachable").await;
    let realloc = [call(&[NAME, 6, RESULT]), vec![I32Const(ALLOCATED)]].concat();
    fails(Guest { realloc, ..Guest::honest() }, FailureKind::Trap, "cannot leave component instance").await;
}

#[tokio::test]
async fn what_frees_a_result_cannot_call_the_host() {
    let guest = Guest { freeing: call(&[NAME, 6, RESULT]), ..Guest::honest() };
    fails(guest, FailureKind::Trap, "cannot leave component instance").await;
}

#[test]
fn a_guest_that_frees_what_finish_does_not_return_stays_a_component() {
    let module = Guest::honest().module();
    let parts = |post_return| Unbundled {
        module: &module,
        imports: vec![("request", "header")],
        memory: Some("memory"),
        realloc: Some("cabi_realloc"),
        phases: vec![Exported { phase: Phase::Finish, function: "free", post_return }],
    };
    assert!(weld::weld(&parts(None), table::allocates).is_ok());
    let why = weld::weld(&parts(Some("free")), table::allocates).unwrap_err();
    assert_eq!(why, "it frees what `finish` does not return");
}

#[tokio::test]
async fn a_case_that_is_none_is_a_failed_host_call() {
    let calls = [
        ("log", "write", vec![I32; 3], vec![5, NAME, 6]),
        ("request", "set-query", vec![I32; 4], vec![2, NAME, 6, RESULT]),
        ("keys", "identify", vec![I32; 4], vec![4, NAME, 6, RESULT]),
    ];
    for (interface, name, types, params) in calls {
        let head = [call(&params), vec![I32Const(0)]].concat();
        let guest = Guest { import: (interface, name, types), head, ..Guest::honest() };
        fails(guest, FailureKind::HostCalls, "stands for no case").await;
    }
}

#[tokio::test]
async fn no_more_is_copied_out_of_a_guest_at_once_than_its_memory_may_hold() {
    // So many claims, each with the whole memory as its key.
    let claim = numbers(&[0, 0, 0, MEMORY_BYTES.cast_unsigned(), 0, 0, 0, 0, 1, 0]);
    let import = ("counters", "take", vec![I32; 3]);
    let head = [call(&[ALLOCATED, 64, RESULT]), vec![I32Const(0)]].concat();
    let guest = Guest { import: import.clone(), head, data: vec![(ALLOCATED, claim.repeat(64))], ..Guest::honest() };
    fails(guest, FailureKind::HostCalls, "too much is handed to the host").await;
    let head = [call(&[ALLOCATED, -1, RESULT]), vec![I32Const(0)]].concat();
    fails(Guest { import, head, ..Guest::honest() }, FailureKind::HostCalls, "not within the memory").await;
}

#[tokio::test]
async fn a_decision_without_a_place_or_a_case_is_a_bad_return() {
    for (pointer, says) in [(RETURNED + 4, "no multiple of 8"), (MEMORY_BYTES - 8, "not within"), (-8, "not within")] {
        fails(Guest::returning(pointer, vec![]), FailureKind::BadReturn, says).await;
    }
    fails(Guest::returning(RETURNED, vec![(RETURNED, vec![3])]), FailureKind::BadReturn, "3 stands for no case").await;
}

#[tokio::test]
async fn a_rejection_that_lies_about_its_parts_is_a_bad_return() {
    // Case, status, code, message, retry-after (case and number), fields, problem-type (case and text), details.
    let rejection = |change: (usize, u32)| {
        let mut words = [1, 0, 403, NAME as u32, 4, NAME as u32, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        words[change.0] = change.1;
        Guest::returning(RETURNED, vec![(RETURNED, numbers(&words)), (NAME, b"code".to_vec()), (NO_TEXT, vec![0xff])])
    };
    let verdict = rejection((0, 1)).call(&known(), &Call::Head).await.unwrap();
    assert!(matches!(verdict, Verdict::Reject(found) if found.status == 403 && found.code == "code"));
    let lies = [
        ((3, MEMORY_BYTES as u32 - 2), "not within the memory"),
        ((4, u32::MAX), "not within the memory"),
        ((5, NO_TEXT as u32), "not UTF-8"),
        ((8, 2), "2 stands for no case"),
        ((12, 2), "no multiple of 4"),
        ((13, u32::MAX), "not within the memory"),
        ((14, 7), "7 stands for no case"),
        ((18, 1 << 28), "not within the memory"),
    ];
    for (lie, says) in lies {
        fails(rejection(lie), FailureKind::BadReturn, says).await;
    }
}

#[tokio::test]
async fn room_for_a_body_outside_of_memory_is_a_bad_return() {
    let guest = Guest { realloc: vec![I32Const(MEMORY_BYTES - 2)], ..Guest::honest() };
    let body = Call::Body { bytes: Bytes::from_static(b"bytes"), end: true };
    let failure = guest.call(&known(), &body).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::BadReturn, "{failure}");
}

#[tokio::test]
async fn what_is_not_granted_is_not_linked() {
    let guest = Guest { import: ("keys", "identify", vec![I32; 4]), head: vec![I32Const(0)], ..Guest::honest() };
    let module = guest.module();
    let parts = Unbundled {
        module: &module,
        imports: vec![("keys", "identify")],
        memory: Some("memory"),
        realloc: Some("cabi_realloc"),
        phases: vec![Exported { phase: Phase::Head, function: "on-head", post_return: None }],
    };
    let welded = weld::weld(&parts, table::allocates).unwrap();
    let engine = Engine::default();
    let module = Module::from_binary(&engine, &welded).unwrap();
    let prepared =
        |grants: &[&str]| Prepared::new(&engine, &module, None, &grants.iter().map(|name| (*name).into()).collect());
    assert!(prepared(&["keys"]).is_ok());
    let error = prepared(&["clock"]).err().unwrap().to_string();
    assert!(error.contains("unknown import: `keys::identify`"), "{error}");
}

#[test]
fn configs_that_differ_in_memory_and_globals_have_one_code() {
    let with = |text: &str| Guest {
        data: vec![(NAME, text.as_bytes().to_vec())],
        before: Some(vec![(NO_TEXT, vec![0xff])]),
        ..Guest::honest()
    };
    let [one, same, other] = ["one", "one", "other"].map(|text| with(text).split().unwrap());
    assert!(one.code == same.code && one.code == other.code);
    assert!(one.contents == same.contents && one.contents != other.contents);
    // What `configure` did not touch stays with the code.
    let untouched = Guest { before: Some(Guest::honest().data), ..Guest::honest() }.split().unwrap();
    assert!(untouched.code.windows(6).any(|bytes| bytes == b"x-name") && untouched.contents != one.contents);
    // Code that does something else is other code.
    let changed = Guest { realloc: vec![I32Const(8)], ..with("one") }.split().unwrap();
    assert_ne!(one.code, changed.code);
}

#[test]
fn what_is_not_in_memory_from_the_start_stays_with_its_code() {
    let more = Guest { head: vec![Instruction::DataDrop(0), I32Const(RETURNED)], ..Guest::honest() };
    assert!(split(&more.welded(), &more.module()).is_err());
    let outside = vec![(MEMORY_BYTES, vec![1])];
    assert!(split(&Guest::honest().welded(), &Guest::honest().module_with(&outside, 0)).is_err());
}
