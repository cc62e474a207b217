//! What an instance is after a wipe, whatever its calls have written and wherever they ran.

use super::*;

impl Guest<'_> {
    /// One that can be wiped, and whose memory nobody has read.
    async fn untouched(&self) -> PluginInstance {
        let prepared = self.prepared();
        assert!(instance_of(&prepared).await.remember());
        let mut instance = instance_of(&prepared).await;
        assert!(!instance.remember());
        instance
    }
}

/// Fails where memory or global are not those of a new instance, and then writes to them: bytes that the module has brought along, and
/// others, in several pages.
fn once() -> Guest<'static> {
    const BROUGHT: i32 = NAME;
    let at = |offset: u64| MemArg { offset, align: 0, memory_index: 0 };
    let untouched = [20_000, 40_000, 65_535];
    let mut head = vec![Instruction::GlobalGet(0), I32Const(GLOBAL), Instruction::I32Ne];
    head.extend([I32Const(BROUGHT), Instruction::I32Load8U(at(0)), I32Const(i32::from(b'x')), Instruction::I32Ne]);
    head.push(Instruction::I32Or);
    for place in untouched {
        head.extend([I32Const(0), Instruction::I32Load8U(at(place)), Instruction::I32Or]);
    }
    head.extend([Instruction::If(wasm_encoder::BlockType::Empty), Unreachable, End]);
    for place in untouched.into_iter().chain([BROUGHT as u64]) {
        head.extend([I32Const(0), I32Const(1), Instruction::I32Store8(at(place))]);
    }
    head.extend([I32Const(99), Instruction::GlobalSet(0), I32Const(RETURNED)]);
    Guest { head, ..Guest::honest() }
}

#[tokio::test]
async fn a_wiped_instance_is_as_it_was_made() {
    let other_text = Some(vec![(NAME, b"a-name".to_vec()), (20_000, b"was there".to_vec())]);
    for before in [None, other_text, Some(Vec::new())] {
        let mut instance = Guest { before, ..once() }.instance().await;
        instance.remember();
        for _ in 0..3 {
            instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await.expect("as new");
            assert!(instance.wipe());
        }
        instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await.expect("as new");
        let again = instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await;
        assert_eq!(again.expect_err("nothing was wiped").kind, FailureKind::Trap);
    }
}

/// Puts a body at the address that is its length, and fails in `head` where a byte of one is left.
fn spread() -> Guest<'static> {
    let mut head = vec![I32Const(0)];
    for place in [12_000, 16_000, 25_000, 29_000] {
        head.extend([
            I32Const(place),
            Instruction::I32Load8U(MemArg { offset: 0, align: 0, memory_index: 0 }),
            Instruction::I32Or,
        ]);
    }
    head.extend([Instruction::If(wasm_encoder::BlockType::Empty), Unreachable, End, I32Const(RETURNED)]);
    Guest { realloc: vec![Instruction::LocalGet(3)], head, ..Guest::honest() }
}

async fn hear(instance: &mut PluginInstance, length: usize) {
    let body = Call::Body { bytes: vec![1; length].into(), end: true };
    instance.call(Instant::now(), known(), 0, 1 << 20, &body).await.unwrap();
}

#[tokio::test]
async fn a_page_that_only_a_later_call_has_written_to_is_wiped_as_well() {
    let mut instance = spread().untouched().await;
    for length in [10_000, 10_000, 15_000, 10_000, 15_000] {
        hear(&mut instance, length).await;
        assert!(instance.wipe());
        instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await.expect("as new");
    }
    hear(&mut instance, 10_000).await;
    let unwiped = instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await;
    assert_eq!(unwiped.expect_err("nothing was wiped").kind, FailureKind::Trap);
}

#[tokio::test]
async fn what_was_written_on_another_thread_is_wiped_as_well() {
    let mut instance = spread().untouched().await;
    hear(&mut instance, 10_000).await;
    assert!(instance.wipe());
    let mut instance = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(hear(&mut instance, 15_000));
        instance
    })
    .join()
    .unwrap();
    hear(&mut instance, 10_000).await;
    assert!(instance.wipe());
    instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await.expect("as new");
}

#[tokio::test]
async fn an_instance_whose_first_state_nobody_kept_or_whose_memory_has_grown_is_not_wiped() {
    let mut instance = once().instance().await;
    assert!(!instance.wipe());
    let grow = vec![I32Const(1), Instruction::MemoryGrow(0), Instruction::Drop, I32Const(RETURNED)];
    let mut instance = Guest { head: grow, ..Guest::honest() }.instance().await;
    instance.remember();
    assert!(instance.wipe());
    instance.call(Instant::now(), known(), 0, 1 << 20, &Call::Head).await.unwrap();
    assert!(!instance.wipe());
}

#[tokio::test]
async fn code_that_can_change_more_than_memory_and_globals_is_never_wiped() {
    let drop = vec![Instruction::DataDrop(0), I32Const(RETURNED)];
    let mut instance = Guest { head: drop, ..Guest::honest() }.instance().await;
    instance.remember();
    assert!(!instance.wipe());
}
