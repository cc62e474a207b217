//! Paths that pass have one reading.

use super::fuzz;
use crate::path::{check, decode, strip_prefix};

#[test]
fn fuzzed_paths_that_pass_have_one_reading() {
    let mut passed = 0;
    fuzz("paths", |_, bytes, _| {
        let Ok(path) = std::str::from_utf8(bytes) else { return };
        if check(path).is_err() {
            return;
        }
        passed += 1;
        let segments: Vec<Vec<u8>> = path.split('/').skip(1).map(|segment| decode(segment).into_owned()).collect();
        // Decoded as a whole and cut then, it has the same segments.
        let whole = decode(path).into_owned();
        let cut: Vec<Vec<u8>> = whole.split(|byte| *byte == b'/').skip(1).map(<[u8]>::to_vec).collect();
        assert_eq!(segments, cut);
        // Nothing is left to resolve, to cut off, or to decode once more.
        for (at, segment) in segments.iter().enumerate() {
            assert!(segment != b"." && segment != b".." && (!segment.is_empty() || at + 1 == segments.len()));
            assert!(!segment.iter().any(|byte| byte.is_ascii_control() || matches!(byte, b'\\' | b';')));
        }
        if let Some((first, _)) = path[1..].split_once('/') {
            let prefix = format!("/{first}");
            let rest = strip_prefix(path, &prefix).expect("it begins so");
            assert!(rest.starts_with('/') && path.ends_with(rest));
            assert_eq!(check(rest), Ok(()));
        }
    });
    assert!(passed > 100, "{passed}");
}
