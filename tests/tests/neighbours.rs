//! What two looping guests cost the other routes, in paired windows: first with the loops, then without, again and again.
//!
//! `SLUICEGATE_SOAK=1` takes longer windows, and more of them, and holds the figures to what is promised.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use sluicegate_tests::{Gateway, guests};

/// Requests on the calm route: each of these connections sends one so often, whatever becomes of the one before.
const CALM_CONNECTIONS: usize = 2;
const CALM_INTERVAL: Duration = Duration::from_millis(5);
/// Requests at once on each of the two looping routes.
const LOOPS: usize = 4;
/// Between two requests of one connection while the breaker is open: those that it refuses at once would be a load of their own.
const REFUSED_INTERVAL: Duration = Duration::from_millis(200);
const BODY: &str = "hello";

fn is_soak() -> bool {
    std::env::var_os("SLUICEGATE_SOAK").is_some()
}

/// How many pairs, and how long each of their windows is: a p99 varies by a third from one window to the next.
fn plan() -> (usize, Duration) {
    if is_soak() { (30, Duration::from_secs(3)) } else { (3, Duration::from_millis(800)) }
}

/// An upstream that answers at once, on threads of its own.
fn upstream() -> SocketAddr {
    let socket = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = socket.local_addr().expect("bound");
    thread::spawn(move || {
        for stream in socket.incoming().flatten() {
            thread::spawn(move || serve(stream));
        }
    });
    address
}

/// None as soon as the other side has gone.
fn serve(mut stream: TcpStream) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{BODY}", BODY.len());
    loop {
        read_to(&mut stream, b"\r\n\r\n")?;
        stream.write_all(answer.as_bytes()).ok()?;
    }
}

fn read_to(stream: &mut TcpStream, end: &[u8]) -> Option<Vec<u8>> {
    let mut read = Vec::new();
    let mut buffer = [0; 4096];
    while !read.ends_with(end) {
        let count = stream.read(&mut buffer).ok().filter(|count| *count > 0)?;
        read.extend_from_slice(&buffer[..count]);
    }
    Some(read)
}

/// `breaker`: that of the two looping routes.
fn gateway(breaker: &str) -> Gateway {
    let mut config = format!(
        "[plugins.hostile]\nfile = \"hostile.wasm\"\n[upstreams.origin]\nurl = \"http://{}\"\n[[routes]]\nname = \"calm\"\npath = \
         \"/calm\"\nupstream = \"origin\"\nchain = [{{ plugin = \"headers\", config = {{ request = [{{ set = \"x-path\", value = \
         \"${{request.path}}\" }}] }} }}]\n",
        upstream()
    );
    for name in ["loop-one", "loop-two"] {
        config += &format!(
            "[[routes]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"origin\"\nchain = [{{ plugin = \"hostile\", name = \
             \"{name}\", grants = [\"identity-writer\"], breaker = {{ {breaker} }}, config = {{ body = \"none\", reply_body = \
             \"none\" }} }}]\n"
        );
    }
    Gateway::start(&config, &[("hostile.wasm", guests::HOSTILE)])
}

/// The routes whose guests loop.
const LOOPING: [&str; 2] = ["loop-one", "loop-two"];
/// No route has these paths: the gateway refuses them, and no guest runs.
const NOWHERE: [&str; 2] = ["nowhere-one", "nowhere-two"];

/// Clients whose requests are all refused. They end when dropped.
struct Refused {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Refused {
    fn start(address: SocketAddr, paths: [&'static str; 2], pause: Duration) -> Refused {
        let (stop, answered): (Arc<AtomicBool>, Arc<AtomicU64>) = Default::default();
        let threads = paths.into_iter().flat_map(|path| [path; LOOPS]).map(|path| {
            let (stop, answered) = (stop.clone(), answered.clone());
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    let request =
                        format!("GET /{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nx-do: head=loop\r\n\r\n");
                    let mut answer = Vec::new();
                    if let Ok(mut stream) = TcpStream::connect(address) {
                        drop(stream.write_all(request.as_bytes()));
                        drop(stream.read_to_end(&mut answer));
                    }
                    let refused: &[u8] = if NOWHERE.contains(&path) { b"HTTP/1.1 404" } else { b"HTTP/1.1 50" };
                    assert!(answer.starts_with(refused), "{}", String::from_utf8_lossy(&answer));
                    answered.fetch_add(1, Ordering::Relaxed);
                    thread::sleep(pause);
                }
            })
        });
        let threads = threads.collect();
        Refused { stop, answered, threads }
    }
}

impl Drop for Refused {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            thread.join().expect("no panic there");
        }
    }
}

/// What the calm route took, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Window {
    median: f64,
    p99: f64,
}

/// The time of a request counts from when it should have been sent, so that one that waits does not hide those behind it.
fn window(address: SocketAddr, length: Duration) -> Window {
    let began = Instant::now();
    let threads: Vec<_> = (0..CALM_CONNECTIONS)
        .map(|number| {
            thread::spawn(move || {
                let mut stream = TcpStream::connect(address).expect("the gateway accepts");
                stream.set_nodelay(true).expect("a socket");
                let mut due = began + CALM_INTERVAL / CALM_CONNECTIONS as u32 * number as u32;
                let mut times = Vec::new();
                while due < began + length {
                    thread::sleep(due.saturating_duration_since(Instant::now()));
                    stream.write_all(b"GET /calm HTTP/1.1\r\nhost: x\r\n\r\n").expect("the gateway reads");
                    let answer = read_to(&mut stream, BODY.as_bytes()).expect("an answer");
                    assert!(answer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer));
                    times.push(due.elapsed().as_secs_f64() * 1e3);
                    due += CALM_INTERVAL;
                }
                times
            })
        })
        .collect();
    let mut times: Vec<f64> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic there")).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
    Window { median: at(0.5), p99: at(0.99) }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Pairs of windows, each with requests on the looping routes and then without. Once the guests no longer run, what is left is
/// the load of the requests themselves: `same_load` has as many of them without a guest in the second window.
fn pairs(address: SocketAddr, pause: Duration, same_load: bool) -> Vec<(Window, Window)> {
    let (count, length) = plan();
    window(address, length);
    let mut pairs = Vec::new();
    for _ in 0..count {
        let loops = Refused::start(address, LOOPING, pause);
        let with = window(address, length);
        let answered = loops.answered.clone();
        drop(loops);
        assert!(answered.load(Ordering::Relaxed) > 0, "the loops were at work");
        let others = same_load.then(|| Refused::start(address, NOWHERE, pause));
        let without = window(address, length);
        drop(others);
        eprintln!(
            "with: median {:.2} ms, p99 {:.2} ms; without: median {:.2} ms, p99 {:.2} ms",
            with.median, with.p99, without.median, without.p99
        );
        pairs.push((with, without));
    }
    pairs
}

#[test]
fn two_looping_guests_move_the_p99_of_another_route_by_at_most_two_ticks() {
    let gateway = gateway("traps = 10_000");
    let pairs = pairs(gateway.address(), Duration::ZERO, false);
    let moved = median(pairs.iter().map(|(with, without)| with.p99 - without.p99).collect());
    eprintln!("the p99 is moved by {moved:.2} ms (median of {} pairs)", pairs.len());
    let half = median(pairs.iter().map(|(with, without)| with.median - without.median).collect());
    eprintln!("the median is moved by {half:.2} ms");
    // A quick run shares its processors with other tests, which move the p99 by more than that.
    match is_soak() {
        true => assert!(moved <= 2.0, "{moved:.2} ms"),
        false => assert!(half <= 10.0, "{half:.2} ms"),
    }
}

#[test]
fn once_the_breaker_is_open_looping_guests_move_the_p99_of_another_route_by_less_than_a_tenth() {
    let gateway = gateway("traps = 5, window_ms = 60_000, backoff_ms = 3_600_000");
    let loops = Refused::start(gateway.address(), LOOPING, Duration::ZERO);
    for name in LOOPING {
        gateway.wait_for_stderr(&format!("breaker opened: 5 failures plugin=\"{name}\""));
    }
    drop(loops);
    let pairs = pairs(gateway.address(), REFUSED_INTERVAL, true);
    let ratio = median(pairs.iter().map(|(with, without)| with.p99 / without.p99).collect());
    eprintln!("the p99 is {ratio:.3} of what it is without (median of {} pairs)", pairs.len());
    let half = median(pairs.iter().map(|(with, without)| with.median / without.median).collect());
    eprintln!("the median is {half:.3} of what it is without");
    match is_soak() {
        true => assert!(ratio < 1.1, "{ratio:.3}"),
        false => assert!(half < 3.0, "{half:.3}"),
    }
}
