use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use super::*;

const LONG: Duration = Duration::from_secs(20);

/// A guest that meets so many ticks, and waits after each as the engine has it wait.
async fn guest(ticks: usize, met: Arc<AtomicUsize>) {
    for _ in 0..ticks {
        if let Some(waiting) = at_tick(false) {
            waiting.await;
        }
        met.fetch_add(1, Ordering::SeqCst);
    }
}

fn thread_name() -> String {
    thread::current().name().unwrap_or_default().to_string()
}

/// Waits for its turn, says where it has it, and keeps it until it is told.
fn holder(has_it: Sender<String>, until: Receiver<()>) -> BoxedCall<()> {
    let until = Mutex::new(until);
    Box::pin(async move {
        at_tick(false).expect("it has no turn yet").await;
        has_it.send(thread_name()).unwrap();
        until.lock().unwrap().recv_timeout(LONG).expect("it is told");
    })
}

#[tokio::test]
async fn a_guest_in_its_turn_leaves_the_thread_to_others() {
    let turns = Turns::with_threads(1).unwrap();
    let ((has_it, where_it_is), (tell, until)) = (channel(), channel());
    // There is but one thread for both tasks.
    let call = tokio::spawn(async move { turns.run(&Pace::default(), holder(has_it, until)).await });
    tokio::spawn(async move { tell.send(()) }).await.unwrap().unwrap();
    call.await.unwrap();
    assert_eq!(where_it_is.recv().unwrap(), "long-call-0");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_have_their_turn_at_once_than_there_are_threads() {
    let turns = Turns::with_threads(2).unwrap();
    let (has_it, where_it_is) = channel();
    let (tells, calls): (Vec<_>, Vec<_>) = (0..3)
        .map(|_| {
            let ((tell, until), has_it, turns) = (channel(), has_it.clone(), turns.clone());
            (tell, tokio::spawn(async move { turns.run(&Pace::default(), holder(has_it, until)).await }))
        })
        .unzip();
    let mut names = [where_it_is.recv_timeout(LONG).unwrap(), where_it_is.recv_timeout(LONG).unwrap()];
    names.sort();
    assert_eq!(names, ["long-call-0", "long-call-1"]);
    assert!(where_it_is.recv_timeout(Duration::from_millis(50)).is_err(), "the third waits");
    for tell in tells {
        // The third is told before it has its turn.
        tell.send(()).unwrap();
    }
    for call in calls {
        call.await.unwrap();
    }
    where_it_is.recv_timeout(LONG).expect("the third had its turn");
}

#[tokio::test]
async fn a_turn_ends_after_its_time_if_somebody_waits() {
    let turns = Turns::with_threads(1).unwrap();
    let counts: [Arc<AtomicUsize>; 2] = Default::default();
    // Neither ends before the other has had turns.
    let pace = Pace::default();
    let [first, second] = counts.clone().map(|mine| {
        let counts = counts.clone();
        turns.run(
            &pace,
            Box::pin(async move {
                while counts.iter().any(|count| count.load(Ordering::SeqCst) < 3 * TICKS as usize) {
                    guest(1, mine.clone()).await;
                }
            }),
        )
    });
    tokio::time::timeout(LONG, async { tokio::join!(first, second) }).await.expect("neither keeps the thread");
}

#[tokio::test]
async fn who_waits_for_the_host_has_no_turn() {
    let turns = Turns::with_threads(1).unwrap();
    let call = Box::pin(async move {
        at_tick(false).expect("it has no turn yet").await;
        let in_turn = thread_name();
        tokio::time::sleep(Duration::from_millis(1)).await;
        let afterwards = thread_name();
        at_tick(false).expect("it has none any more").await;
        [in_turn, afterwards, thread_name()]
    });
    assert_eq!(turns.run(&Pace::default(), call).await, ["long-call-0", &thread_name(), "long-call-0"]);
}

#[tokio::test]
async fn a_call_that_nobody_awaits_ends_with_its_turn() {
    let turns = Turns::with_threads(1).unwrap();
    let met: Arc<AtomicUsize> = Arc::default();
    let call = tokio::spawn({
        let (turns, met) = (turns.clone(), met.clone());
        async move { turns.run(&Pace::default(), Box::pin(guest(usize::MAX, met))).await }
    });
    while met.load(Ordering::SeqCst) < 2 * TICKS as usize {
        tokio::task::yield_now().await;
    }
    call.abort();
    assert!(call.await.unwrap_err().is_cancelled());
    while Arc::strong_count(&met) > 1 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_panic_reaches_whoever_awaits_the_call() {
    let turns = Turns::with_threads(1).unwrap();
    let panicking: BoxedCall<()> = Box::pin(async {
        at_tick(false).expect("it has no turn yet").await;
        panic!("in its turn");
    });
    let call = tokio::spawn({
        let turns = turns.clone();
        async move { turns.run(&Pace::default(), panicking).await }
    });
    let panicked = call.await.unwrap_err().into_panic();
    assert_eq!(panicked.downcast_ref(), Some(&"in its turn"));
    turns.run(&Pace::default(), Box::pin(guest(2, Arc::default()))).await;
}

#[tokio::test]
async fn a_thread_that_serves_nobody_needs_no_turns() {
    let met: Arc<AtomicUsize> = Arc::default();
    guest(3, met.clone()).await;
    assert_eq!(met.load(Ordering::SeqCst), 3);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn its_threads_give_way() {
    let turns = Turns::with_threads(1).unwrap();
    let stat = turns
        .run(
            &Pace::default(),
            Box::pin(async {
                at_tick(false).expect("it has no turn yet").await;
                std::fs::read_to_string("/proc/thread-self/stat").unwrap()
            }),
        )
        .await;
    // The 19th field, counted behind the name, which may hold blanks.
    let niceness = stat.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(16));
    assert_eq!(niceness, Some("5"), "{stat}");
}

#[tokio::test]
async fn a_first_tick_sends_nobody_away() {
    let turns = Turns::with_threads(1).unwrap();
    let call = Box::pin(async {
        at_tick(true).expect("it yields").await;
        thread_name()
    });
    assert_eq!(turns.run(&Pace::default(), call).await, thread_name());
}

#[tokio::test]
async fn a_call_begins_with_a_turn_if_the_last_one_took_long() {
    let (turns, pace) = (Turns::with_threads(1).unwrap(), Pace::default());
    let long = || {
        Box::pin(async {
            let began = thread_name();
            // The first tick of a call that has its turn keeps it there.
            for first in [true, false] {
                if let Some(waiting) = at_tick(first) {
                    waiting.await;
                }
            }
            let ended = thread_name();
            thread::sleep(TICK);
            [began, ended]
        })
    };
    let short = || Box::pin(async { thread_name() });
    let (here, apart) = (thread_name(), "long-call-0".to_string());
    assert_eq!(turns.run(&pace, short()).await, here);
    assert_eq!(turns.run(&pace, long()).await, [here.clone(), apart.clone()]);
    assert_eq!(turns.run(&pace, long()).await, [apart.clone(), apart.clone()]);
    assert_eq!(turns.run(&pace, short()).await, apart, "it might have been long");
    assert_eq!(turns.run(&pace, short()).await, here);
}
