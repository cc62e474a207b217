//! Makes mutants: bytes that nearly are what they were.

use rand::RngExt;
use rand::rngs::StdRng;

/// What frames, or looks as if it did.
const WORDS: [&[u8]; 40] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b" ",
    b"\t",
    b":",
    b",",
    b";",
    b"\0",
    b"\x0b",
    b"\xa0",
    b"\xff",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b"00005",
    b"+5",
    b"-1",
    b"0x5",
    b"5;ext=\"a\"",
    b"ffffffffffffffff",
    b"10000000000000000",
    b"18446744073709551616",
    b"content-length: 5\r\n",
    b"content-length: 0\r\n",
    b"Content-Length : 5\r\n",
    b"content-length: 5, 5\r\n",
    b"transfer-encoding: chunked\r\n",
    b"Transfer-Encoding:\tCHUNKED\r\n",
    b"transfer-encoding: gzip, chunked\r\n",
    b"transfer-encoding: identity\r\n",
    b"connection: close\r\n",
    b"GET /smuggled HTTP/1.1\r\nhost: x\r\n\r\n",
    b"HTTP/1.0",
    b"HTTP/1.1",
    b"%2e",
    b"%2f",
    b"..",
    b"//",
    b"PROXY ",
];

/// Longest piece that is moved or left out.
const PIECE_BYTES_MAX: usize = 60;

/// One to three changes.
pub fn mutant(bytes: &[u8], corpus: &[(String, Vec<u8>)], random: &mut StdRng) -> Vec<u8> {
    let mut mutant = bytes.to_vec();
    for _ in 0..random.random_range(1..4) {
        let start = random.random_range(0..=mutant.len());
        let end = (start + random.random_range(0..PIECE_BYTES_MAX)).min(mutant.len());
        match random.random_range(0..10) {
            0..3 => drop(mutant.splice(start..start, WORDS[random.random_range(0..WORDS.len())].iter().copied())),
            // At the beginning of a line, where fields and sizes stand.
            3 | 4 => {
                let line = mutant[start..].iter().position(|byte| *byte == b'\n').map_or(start, |at| start + at + 1);
                drop(mutant.splice(line..line, WORDS[random.random_range(0..WORDS.len())].iter().copied()));
            }
            5 => drop(mutant.drain(start..end)),
            6 => {
                let copied = mutant[start..end].to_vec();
                let at = random.random_range(0..=mutant.len());
                drop(mutant.splice(at..at, copied));
            }
            7 => mutant.extend(&corpus[random.random_range(0..corpus.len())].1),
            8 if start < mutant.len() => mutant[start] = random.random(),
            _ => mutant.truncate(start),
        }
    }
    mutant
}
