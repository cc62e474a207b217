//! The gateways that exchanges are counted in.

use std::net::SocketAddr;

/// Opens nothing but these gateways.
const KEY: &str = "sg_uGQUUmhbEdX6_svhtWQiJPfQ51Y8wsmGRbaiKYIBHNT90j2J8IsaVMds0Mmvnp";
const KEY_HASH: &str = "sha256:867c87d33aeb8588b29aeeaac5de73a86c03b6161472fd17b5ba953015e71bfc";
/// Valgrind gives a process 64 GiB of address space in one piece, and an instance takes 8.
pub const INSTANCES_MAX: u32 = 7;
const INSTANCES_MAX_OF_CHAINS: u32 = 1000;
/// With less address space for each, it has room for all that are asked for.
pub const COMPACT_INSTANCES_MAX: u32 = 128;
pub const COMPACT_MEMORY_BYTES: u64 = 64 << 20;
/// Of many chains, so many are asked for in turn.
const CHAINS_ASKED: usize = 100;
const EVENTS: usize = 22;

/// Plugin and config of an entry.
type Entry = (&'static str, &'static str);

/// The first of them: bundled policies as an operator would configure them.
pub const ONE: &[Entry] = SIX.split_at(1).0;
pub const THREE: &[Entry] = SIX.split_at(3).0;
pub const SIX: &[Entry] = &[
    ("api-key", "{}"),
    ("rate-limit", r#"{ limits = [{ name = "requests", requests = 1000000000, window_ms = 60000, by = "key" }] }"#),
    (
        "headers",
        r#"{ request = [{ set = "x-served-for", value = "${identity.consumer}" }, { remove = "x-debug" }],
             reply = [{ set = "x-served-for", value = "${identity.consumer}" }, { remove = "server" }] }"#,
    ),
    (
        "router",
        r#"{ strategy = "weighted", targets = [{ upstream = "service", weight = 90 }, { upstream = "second", weight = 10 }] }"#,
    ),
    ("redact", r#"{ bodies = ["reply"], kinds = ["email", "card"] }"#),
    ("meter", "{ prices = [{ request = 1000, reply_mib = 2097152 }] }"),
];
/// Takes part in nothing but requests with a body.
const REQUEST_BODIES: Entry = ("redact", r#"{ bodies = ["request"], kinds = ["email", "card"] }"#);
const REPLY_BODIES: Entry = ("redact", r#"{ bodies = ["reply"], kinds = ["email", "card"] }"#);

#[derive(Clone, Copy)]
pub struct Setting {
    pub chain: &'static [Entry],
    pub isolation: &'static str,
    /// Requests go to ten of them in turn.
    pub routes: usize,
    /// Where there are any, each has an entry with a config of its own, and a route beside those.
    pub chains: usize,
    /// Instances take little address space.
    pub compact: bool,
    /// Beside the one that the client has.
    pub keys: usize,
    /// Bytes of a request's body.
    pub body: usize,
    /// The answer is a stream of events.
    pub streams: bool,
}

impl Default for Setting {
    fn default() -> Setting {
        Setting::BARE
    }
}

impl Setting {
    const BARE: Setting = Setting {
        chain: &[],
        isolation: "pooled",
        routes: 1,
        chains: 0,
        compact: false,
        keys: 0,
        body: 0,
        streams: false,
    };
    pub const IDLE: Setting = Setting { chain: &[REQUEST_BODIES], ..Setting::BARE };

    pub fn chain(chain: &'static [Entry], isolation: &'static str) -> Setting {
        Setting { chain, isolation, ..Setting::default() }
    }

    pub fn chains(count: usize) -> Setting {
        Setting { chains: count, ..Setting::default() }
    }

    pub fn compact_chains(count: usize) -> Setting {
        Setting { compact: true, ..Setting::chains(count) }
    }

    pub fn body(bytes: usize, plugin: bool) -> Setting {
        Setting { chain: if plugin { &[REQUEST_BODIES] } else { &[] }, body: bytes, ..Setting::default() }
    }

    pub fn stream(plugins: bool) -> Setting {
        Setting { chain: if plugins { &[REPLY_BODIES; 3] } else { &[] }, streams: true, ..Setting::default() }
    }

    pub fn text(&self, upstream: SocketAddr) -> String {
        let instances_max = if self.chains > 0 && !self.compact { INSTANCES_MAX_OF_CHAINS } else { INSTANCES_MAX };
        let mut text = format!(
            "data_dir = \"data\"\naccess_log = \"off\"\nlimits.instances_max = {instances_max}\n\n\
             [[listen]]\naddress = \"127.0.0.1:0\"\n\n\
             [[keys]]\nid = \"{}\"\nhash = \"{KEY_HASH}\"\nconsumer = \"bench\"\n",
            &KEY[3..15]
        );
        for name in ["service", "second"] {
            text += &format!("\n[upstreams.{name}]\nurl = \"http://{upstream}\"\n");
        }
        for (number, (plugin, config)) in self.chain.iter().enumerate() {
            let isolation = self.isolation;
            text += &format!(
                "\n[[chains.bench]]\nname = \"entry-{number}\"\nplugin = \"{plugin}\"\nisolation = \"{isolation}\"\nconfig = {config}\n"
            );
        }
        let chain = if self.chain.is_empty() { "" } else { "chain = \"bench\"\n" };
        text +=
            "\n[[routes]]\nname = \"route-0\"\npath = \"/v1/things-00000/*\"\nupstreams = [\"service\", \"second\"]\n";
        text += chain;
        for number in 0..self.chains {
            text += &format!(
                "\n[[chains.chain-{number}]]\nname = \"entry-of-{number}\"\nplugin = \"headers\"\nisolation = \"pooled\"\n\
                 config = {{ request = [{{ set = \"x-chain\", value = \"{number}\" }}] }}\n\n\
                 [[routes]]\nname = \"chain-{number}\"\npath = \"/v1/chains-{number:05}/*\"\nupstream = \"service\"\n\
                 chain = \"chain-{number}\"\n"
            );
        }
        text
    }

    /// One for each of ten routes or a hundred chains, which lie far from each other where there are more.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        let (of_what, count, asked) = match self.chains {
            0 => ("things", self.routes, 10),
            chains => ("chains", chains, CHAINS_ASKED),
        };
        (0..count).step_by((count / asked).max(1)).map(|number| self.request(of_what, number)).collect()
    }

    fn request(&self, of_what: &str, number: usize) -> Vec<u8> {
        let method = if self.body > 0 { "POST" } else { "GET" };
        let length = if self.body > 0 { format!("content-length: {}\r\n", self.body) } else { String::new() };
        let head = format!(
            "{method} /v1/{of_what}-{number:05}/1 HTTP/1.1\r\nhost: localhost\r\naccept: */*\r\nuser-agent: bench\r\n\
             authorization: Bearer {KEY}\r\ncontent-type: text/plain\r\n{length}\r\n"
        );
        let text = "A body has words, and no address in it. ".bytes().cycle().take(self.body);
        head.into_bytes().into_iter().chain(text).collect()
    }

    /// The upstream's.
    pub fn answer(&self) -> Vec<Vec<u8>> {
        if !self.streams {
            let body = "{\"number\":1,\"name\":\"part of an answer\"}\n".repeat(26);
            let length = body.len();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}");
            return vec![head.into_bytes()];
        }
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let event = |number: usize| format!("data: {{\"number\":{number},\"text\":\" word\"}}\n\n");
        let chunk = |text: String| format!("{:x}\r\n{text}\r\n", text.len());
        let events = (10..10 + EVENTS).map(|number| chunk(event(number)));
        std::iter::once(head.to_owned()).chain(events).chain(["0\r\n\r\n".to_owned()]).map(String::into_bytes).collect()
    }
}
