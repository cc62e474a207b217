//! The guest that keeps a canary of each request wherever a guest can, and searches everything that it can have for others.
//!
//! What holds for it holds for any: what a guest can read is its memory, its globals, its tables, and what the host hands over.

mod fresh;
mod places;
mod warm;

use std::fs::File;
use std::io::Read;
use std::time::{Duration, Instant};

use http::Response;
use http_body_util::Full;
use serde_json::Value;
use sluicegate_tests::{Gateway, PATIENCE, Upstream, guests};

use crate::support::{Ask, Heard};

/// The most memory of an instance, and what one that grows to its limit searches.
const MEMORY_BYTES_MAX: u32 = 4 << 20;
/// What the guest's search undoes, so that what is sought stands nowhere in its memory.
const MASK: u8 = 0x5a;

/// A gateway with routes that have one chain each, and the canaries of one test.
struct Ground {
    gateway: Gateway,
    _upstream: Upstream,
    /// What all canaries of this test begin with.
    tag: String,
}

/// What a request's search has found of others.
#[derive(Debug, Default, PartialEq, Eq)]
struct Found {
    in_memory: u64,
    in_globals: u64,
    in_tables: u64,
    /// Words of new pages, and elements of new parts of a table, that are not zero.
    dirty: u64,
}

/// One request with what is known of it afterwards.
struct Asked {
    canary: String,
    heard: Heard,
    line: Value,
}

impl Ground {
    /// Slots for that many instances; each route with the entries of its chain, as TOML. Its answers repeat what was sent.
    async fn start(slots: u32, routes: &[(&str, &[String])]) -> Ground {
        let upstream = Upstream::start(|request| Response::new(Full::new(request.body.clone()))).await;
        let mut config = format!(
            "[limits]\ninstances_max = {slots}\n[admin]\naddress = \"127.0.0.1:0\"\n[plugins.keeper]\nfile = \
             \"keeper.wasm\"\n[plugins.other]\nfile = \"other.wasm\"\n[plugins.tables]\nfile = \
             \"tables.wasm\"\n[upstreams.origin]\nurl = \"{}\"\n",
            upstream.url()
        );
        for (name, entries) in routes {
            let chain = entries.join(", ");
            config += &format!(
                "[[routes]]\nname = \"{name}\"\npath = \"/{name}\"\nupstream = \"origin\"\nchain = [{chain}]\n"
            );
        }
        let (other, tables) = (places::with_globals(guests::KEEPER), places::with_globals_and_tables(guests::KEEPER));
        let files = [("keeper.wasm", guests::KEEPER), ("other.wasm", &other), ("tables.wasm", &tables)];
        Ground { gateway: Gateway::start(&config, &files), _upstream: upstream, tag: chance() }
    }

    /// Sends a request with a canary of its own, which its plugins treat as they are told.
    async fn ask(&self, route: &str, acts: &str) -> Asked {
        self.ask_with_body(route, acts, 0).await
    }

    /// The same, with the canary so many times in its body.
    async fn ask_with_body(&self, route: &str, acts: &str, count: usize) -> Asked {
        let canary = self.canary();
        let heard = self.request(route, acts, &canary).body(&canary.repeat(count)).send(self.gateway.address()).await;
        Asked { line: self.line(&canary).await, canary, heard }
    }

    /// A request without an act that calls its plugin for each of so many pieces, and a few times more.
    async fn ask_in_pieces(&self, route: &str, pieces: u64) {
        let canary = self.canary();
        let ask = self.request(route, "", &canary).field("transfer-encoding", "chunked");
        let mut talk = ask.open(self.gateway.address()).await;
        for _ in 0..pieces {
            talk.say_chunk(b".").await;
        }
        talk.say(b"0\r\n\r\n").await;
        let heard = talk.hear_out().await;
        assert_eq!((heard.status, heard.body.len() as u64), (200, pieces));
    }

    /// The same, but the client leaves once the plugin has nothing but the canary in all its memory.
    async fn ask_and_leave(&self, route: &str, phase: &str) -> Asked {
        let canary = self.canary();
        let ask = self.request(route, &format!("{phase}=keep-and-loop"), &canary).field("content-length", "32");
        let mut talk = ask.open(self.gateway.address()).await;
        talk.say(canary.as_bytes()).await;
        self.wait_for_kept(&canary).await;
        drop(talk);
        let heard = Heard { status: 0, fields: Vec::new(), body: Vec::new(), complete: false };
        Asked { line: self.line(&canary).await, canary, heard }
    }

    fn request(&self, route: &str, acts: &str, canary: &str) -> Ask {
        let masked: String = canary.bytes().map(|byte| format!("{:02x}", byte ^ MASK)).collect();
        let ask = Ask::to(&format!("/{route}")).field("x-do", acts).field("x-sought", masked);
        ask.field("x-canary", canary).field("x-request-id", canary)
    }

    fn canary(&self) -> String {
        format!("{}{}", self.tag, chance())
    }

    async fn wait_for_kept(&self, canary: &str) {
        let started = Instant::now();
        let is_said = || self.gateway.stderr_lines().iter().any(|line| line.contains(canary));
        while !is_said() {
            assert!(started.elapsed() < PATIENCE, "nobody has kept {canary}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Its line in the access log says that everything is over.
    async fn line(&self, canary: &str) -> Value {
        let started = Instant::now();
        loop {
            if let Some(line) = self.gateway.log().into_iter().find(|line| line["request_id"] == *canary) {
                return line;
            }
            assert!(started.elapsed() < PATIENCE, "no line of {canary}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

impl Asked {
    fn label(&self, name: &str) -> u64 {
        let text = self.line["labels"][name].as_str();
        text.and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("no label {name} in {}", self.line))
    }

    fn found(&self) -> Found {
        Found {
            in_memory: self.label("found"),
            in_globals: self.label("in-globals"),
            in_tables: self.label("in-tables"),
            dirty: self.label("dirty"),
        }
    }

    /// `searches`: how many there were, each of all memory that the limit allows.
    fn assert_found_nothing(&self, searches: u64, told: &str) {
        assert_eq!(self.found(), Found::default(), "{told}: {}", self.line);
        assert_eq!(self.label("searches"), searches, "{told}: {}", self.line);
        assert_eq!(self.label("searched"), u64::from(MEMORY_BYTES_MAX), "{told}: {}", self.line);
    }
}

/// A chain's entry. Those with different numbers are frozen apart, those of one number share an image.
fn entry(plugin: &str, name: &str, isolation: &str, number: u32, further: &str) -> String {
    format!(
        "{{ plugin = \"{plugin}\", name = \"{name}\", isolation = \"{isolation}\", breaker = {{ traps = 10_000 }}, grants = \
         [\"counters\", \"identity\", \"random\", \"targets\"], limits = {{ memory_bytes_max = {MEMORY_BYTES_MAX}, cpu_max_ms = \
         30_000, wall_max_ms = 60_000 }}, config = {{ number = {number} }}{further} }}"
    )
}

/// 8 bytes of chance as text.
fn chance() -> String {
    let mut bytes = [0; 8];
    File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes)).expect("random bytes");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
