//! A request's canary, and how others are recognized.

use sluicegate_plugin::request;

/// What a canary that is sought is masked with, so that looking for it does not put it where it is looked for.
const MASK: u64 = 0x5a5a_5a5a_5a5a_5a5a;

/// 32 bytes of text. The first half is the same for all requests of a test, so that one search finds those of all others.
pub type Words = [u64; 4];

#[derive(Clone, Copy)]
pub struct Canary(pub Words);

impl Canary {
    /// From the field `x-canary`, in clear.
    pub fn of_request() -> Canary {
        let text = request::header("x-canary").expect("a canary");
        Canary(words(&text))
    }

    pub fn bytes(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes.chunks_exact_mut(8).zip(self.0).for_each(|(bytes, word)| bytes.copy_from_slice(&word.to_le_bytes()));
        bytes
    }

    pub fn repeated(&self, length: usize) -> Vec<u8> {
        self.bytes().repeat(length / 32)
    }
}

/// The canaries of all other requests, masked.
pub struct Sought {
    all: [u64; 2],
    own: [u64; 2],
}

impl Sought {
    /// From the field `x-sought`: the request's own canary, masked, in hexadecimal.
    pub fn of_request() -> Sought {
        let hex = request::header("x-sought").expect("what is sought");
        let masked: Vec<u8> = hex.chunks(2).map(|pair| digit(pair[0]) << 4 | digit(pair[1])).collect();
        let [first, second, third, fourth] = words(&masked);
        Sought { all: [first, second], own: [third, fourth] }
    }

    pub fn is_foreign(&self, [first, second, third, fourth]: Words) -> bool {
        self.is_canary(first, second) && !self.is_remnant([third, fourth])
    }

    /// Whether what stands behind a first half is no other request's second half: it is the request's own, or the start of it and
    /// then whatever stood there before, as at the end of a piece of a body.
    fn is_remnant(&self, half: [u64; 2]) -> bool {
        let masked = half_bytes(half.map(|word| word ^ MASK));
        let own = half_bytes(self.own);
        let canary = [half_bytes(self.all), own].concat();
        let stands_in_own = |rest: &[u8]| {
            let mut twice = canary.iter().chain(&canary).copied().collect::<Vec<u8>>();
            twice.truncate(canary.len() + rest.len());
            rest.is_empty() || twice.windows(rest.len()).any(|window| window == rest)
        };
        let is_text = half_bytes(half).iter().all(u8::is_ascii_hexdigit);
        !is_text || (0..=16).any(|cut| masked[..cut] == own[..cut] && stands_in_own(&masked[cut..]))
    }

    /// Of the first half, whoever's.
    pub fn is_canary(&self, first: u64, second: u64) -> bool {
        first ^ MASK == self.all[0] && second ^ MASK == self.all[1]
    }
}

fn half_bytes([first, second]: [u64; 2]) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&first.to_le_bytes());
    bytes[8..].copy_from_slice(&second.to_le_bytes());
    bytes
}

fn words(bytes: &[u8]) -> Words {
    let bytes: &[u8; 32] = bytes.try_into().expect("32 bytes");
    std::array::from_fn(|at| {
        let word = std::array::from_fn(|byte| bytes[8 * at + byte]);
        u64::from_le_bytes(word)
    })
}

fn digit(letter: u8) -> u8 {
    if letter.is_ascii_digit() { letter - b'0' } else { letter - b'a' + 10 }
}
