use std::io::Write;

use http::HeaderMap;

use super::*;

const LIMITS: DecodeLimits = DecodeLimits { ratio_max: 200, decoded_bytes_max: 64 * 1024 * 1024 };
const TEXT: &[u8] = b"a policy reads this; a policy reads that; and \xff\x00 are bytes too";
const ALL: [&str; 5] = ["gzip", "deflate", "raw", "br", "zstd"];

fn encode(coding: &str, text: &[u8]) -> Vec<u8> {
    let level = flate2::Compression::default();
    match coding {
        "gzip" => write_all(flate2::write::GzEncoder::new(Vec::new(), level), text).finish().unwrap(),
        "deflate" => write_all(flate2::write::ZlibEncoder::new(Vec::new(), level), text).finish().unwrap(),
        "raw" => write_all(flate2::write::DeflateEncoder::new(Vec::new(), level), text).finish().unwrap(),
        "br" => write_all(brotli::CompressorWriter::new(Vec::new(), 4096, 5, 22), text).into_inner(),
        "zstd" => write_all(zstd::stream::write::Encoder::new(Vec::new(), 3).unwrap(), text).finish().unwrap(),
        other => panic!("no such coding: {other}"),
    }
}

fn write_all<W: Write>(mut writer: W, text: &[u8]) -> W {
    writer.write_all(text).unwrap();
    writer
}

fn header(coding: &str) -> HeaderValue {
    HeaderValue::from_str(&coding.replace("raw", "deflate")).unwrap()
}

fn decoder(coding: &str, limits: DecodeLimits) -> Decoder {
    Decoder::new([&header(coding)], limits).unwrap().unwrap()
}

fn decode(mut decoder: Decoder, pieces: &[&[u8]]) -> Result<Vec<u8>, DecodeError> {
    let mut decoded = Vec::new();
    for piece in pieces {
        decoder.feed(Bytes::copy_from_slice(piece));
        while let Some(piece) = decoder.piece()? {
            assert!(piece.len() <= PIECE_BYTES_MAX);
            decoded.extend_from_slice(&piece);
        }
    }
    decoder.finish()?;
    Ok(decoded)
}

#[test]
fn every_coding_is_undone_at_every_split_of_the_body() {
    for coding in ALL {
        let encoded = encode(coding, TEXT);
        for at in 0..=encoded.len() {
            let (one, two) = encoded.split_at(at);
            assert_eq!(decode(decoder(coding, LIMITS), &[one, two]).as_deref(), Ok(TEXT), "{coding} at {at}");
        }
        let bytes: Vec<&[u8]> = encoded.chunks(1).collect();
        assert_eq!(decode(decoder(coding, LIMITS), &bytes).as_deref(), Ok(TEXT), "{coding} byte by byte");
    }
}

#[test]
fn an_encoded_body_of_no_bytes_is_undone() {
    for coding in ALL {
        let encoded = encode(coding, b"");
        assert_eq!(decode(decoder(coding, LIMITS), &[&encoded]).as_deref(), Ok(&b""[..]), "{coding}");
        assert_eq!(decode(decoder(coding, LIMITS), &[]).as_deref(), Ok(&b""[..]), "{coding} without a byte");
    }
}

#[test]
fn a_body_longer_than_a_piece_comes_in_pieces() {
    let mut text = Vec::new();
    let mut state = 1u32;
    while text.len() < 5 * PIECE_BYTES_MAX + 7 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        text.push((state >> 28) as u8);
    }
    for coding in ALL.into_iter().chain(["gzip, br", "zstd, deflate, gzip"]) {
        let encoded = coding.split(", ").fold(text.clone(), |body, coding| encode(coding, &body));
        let pieces: Vec<&[u8]> = encoded.chunks(1000).collect();
        assert!(decode(decoder(coding, LIMITS), &pieces).as_deref() == Ok(&text[..]), "{coding}");
    }
}

#[test]
fn stacked_codings_are_undone_in_reverse_at_every_split() {
    let encoded = encode("zstd", &encode("br", &encode("gzip", TEXT)));
    for at in 0..=encoded.len() {
        let (one, two) = encoded.split_at(at);
        assert_eq!(decode(decoder("gzip, br, zstd", LIMITS), &[one, two]).as_deref(), Ok(TEXT), "at {at}");
    }
    let mut fields = HeaderMap::new();
    fields.append("content-encoding", header("X-GZIP, identity"));
    fields.append("content-encoding", header("br,,ZSTD"));
    let over_two_lines = Decoder::new(fields.get_all("content-encoding"), LIMITS).unwrap().unwrap();
    assert_eq!(decode(over_two_lines, &[&encoded]).as_deref(), Ok(TEXT));
}

#[test]
fn an_unknown_coding_is_named_and_a_fourth_is_refused() {
    let unknown = |value| Decoder::new([&header(value)], LIMITS).err();
    assert_eq!(unknown("gzip, compress"), Some(UnknownCoding::Name("compress".into())));
    assert_eq!(unknown("gzip,gzip,gzip,gzip"), Some(UnknownCoding::TooMany { count: 4 }));
    assert!(Decoder::new([&header("identity")], LIMITS).unwrap().is_none());
    assert!(Decoder::new(None, LIMITS).unwrap().is_none());
}

#[test]
fn a_body_cut_anywhere_is_truncated() {
    for coding in ALL.into_iter().chain(["gzip, br"]) {
        let encoded = coding.split(", ").fold(TEXT.to_vec(), |body, coding| encode(coding, &body));
        for length in 1..encoded.len() {
            let result = decode(decoder(coding, LIMITS), &[&encoded[..length]]);
            assert!(matches!(result, Err(DecodeError::Truncated { .. })), "{coding} cut at {length}: {result:?}");
        }
    }
}

#[test]
fn bytes_behind_the_end_are_corrupt() {
    for coding in ALL {
        let encoded = encode(coding, TEXT);
        for pieces in [vec![[&encoded[..], b"garbage"].concat()], vec![encoded.clone(), b"garbage".to_vec()]] {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            let result = decode(decoder(coding, LIMITS), &pieces);
            assert!(matches!(result, Err(DecodeError::Corrupt { .. })), "{coding}: {result:?}");
        }
    }
}

#[test]
fn a_second_gzip_member_or_zstd_frame_goes_on_with_the_body() {
    for coding in ["gzip", "zstd"] {
        let encoded = [encode(coding, b"one "), encode(coding, b""), encode(coding, b"two")].concat();
        let bytes: Vec<&[u8]> = encoded.chunks(1).collect();
        assert_eq!(decode(decoder(coding, LIMITS), &[&encoded]).as_deref(), Ok(&b"one two"[..]), "{coding}");
        assert_eq!(decode(decoder(coding, LIMITS), &bytes).as_deref(), Ok(&b"one two"[..]), "{coding}");
    }
}

#[test]
fn a_gzip_header_with_every_optional_part_is_read() {
    let encoder = flate2::GzBuilder::new().extra(vec![1, 2, 3]).filename("name").comment("comment");
    let encoded = write_all(encoder.write(Vec::new(), flate2::Compression::fast()), TEXT).finish().unwrap();
    for at in 0..encoded.len() {
        let (one, two) = encoded.split_at(at);
        assert_eq!(decode(decoder("gzip", LIMITS), &[one, two]).as_deref(), Ok(TEXT), "at {at}");
    }
}

#[test]
fn a_flipped_bit_is_found_where_the_coding_has_a_check() {
    for coding in ["gzip", "deflate"] {
        let encoded = encode(coding, TEXT);
        // The header's time stamp and origin (gzip) mean nothing, and are not checked.
        for at in if coding == "gzip" { 10 } else { 2 }..encoded.len() {
            let mut flipped = encoded.clone();
            flipped[at] ^= 0x10;
            let result = decode(decoder(coding, LIMITS), &[&flipped]);
            assert!(result.is_err(), "{coding} at {at}: {result:?}");
        }
    }
}

/// Encodes zeros without holding them, and gives up on reading as soon as the decoder does.
fn bomb(coding: &str) -> Vec<u8> {
    const ZEROS: usize = 1 << 30;
    fn fill<W: Write>(mut writer: W) -> W {
        let zeros = vec![0; 1 << 20];
        (0..ZEROS / zeros.len()).for_each(|_| writer.write_all(&zeros).unwrap());
        writer
    }
    match coding {
        "gzip" => fill(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast())).finish().unwrap(),
        "br" => fill(brotli::CompressorWriter::new(Vec::new(), 4096, 1, 22)).into_inner(),
        "zstd" => fill(zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap()).finish().unwrap(),
        other => panic!("no bomb for {other}"),
    }
}

#[test]
fn a_gibibyte_of_zeros_is_refused_after_little_of_it() {
    for coding in ["gzip", "br", "zstd"] {
        let encoded = bomb(coding);
        for (limits, expected) in [
            (DecodeLimits { ratio_max: 100, ..LIMITS }, DecodeError::Ratio { max: 100 }),
            (
                DecodeLimits { ratio_max: u64::MAX, decoded_bytes_max: 3_000_000 },
                DecodeError::TooLarge { max: 3_000_000 },
            ),
        ] {
            let mut decoder = decoder(coding, limits);
            let (mut decoded, mut result) = (0, Ok(()));
            'fed: for piece in encoded.chunks(1024) {
                decoder.feed(Bytes::copy_from_slice(piece));
                loop {
                    match decoder.piece() {
                        Ok(Some(piece)) => decoded += piece.len(),
                        Ok(None) => break,
                        Err(error) => {
                            result = Err(error);
                            break 'fed;
                        }
                    }
                }
            }
            assert_eq!(result, Err(expected), "{coding}");
            // A kibibyte of input may stand for a mebibyte, and the limit is looked at after each piece.
            assert!(decoded <= 4_000_000, "{coding}: {decoded} bytes came out before the refusal");
        }
    }
}

#[test]
fn a_bomb_between_two_codings_is_refused_though_nothing_comes_out() {
    // A gzip header whose file name never ends: the inner coding expands, the outer one yields nothing.
    let mut endless_name = vec![0x1f, 0x8b, 8, 1 << 3, 0, 0, 0, 0, 0, 255];
    endless_name.resize(100 << 20, b'a');
    let encoded = encode("br", &endless_name);
    let result = decode(decoder("gzip, br", LIMITS), &[&encoded]);
    assert_eq!(result, Err(DecodeError::Ratio { max: LIMITS.ratio_max }));
}

#[test]
fn a_short_text_may_compress_beyond_the_ratio() {
    let text = vec![b' '; 1 << 20];
    let encoded = encode("br", &text);
    assert!(text.len() as u64 > encoded.len() as u64 * LIMITS.ratio_max, "the text must compress well");
    assert!(decode(decoder("br", LIMITS), &[&encoded]).is_ok());
}

#[test]
fn a_zstd_window_above_eight_mebibytes_is_refused() {
    let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), 1).unwrap();
    encoder.window_log(24).unwrap();
    let encoded = write_all(encoder, &vec![7; 20 << 20]).finish().unwrap();
    let result = decode(decoder("zstd", DecodeLimits { ratio_max: u64::MAX, ..LIMITS }), &[&encoded]);
    assert_eq!(result, Err(DecodeError::Corrupt { coding: Coding::Zstd }));
}

#[test]
fn the_upstream_is_asked_for_what_can_be_undone() {
    for (accepted, asked) in [
        ("gzip, deflate, br, zstd", "gzip, deflate, br, zstd"),
        ("gzip;q=0.5, compress, BR", "gzip;q=0.5, br"),
        ("dcb, compress", "identity"),
        ("gzip;q=0, br;q=0.000", "identity"),
        ("*", "gzip, br, zstd, deflate"),
        ("*;q=0.1, gzip;q=0, br", "zstd;q=0.1, deflate;q=0.1, br"),
        ("*;q=0", "identity"),
        ("identity;q=0.5, gzip", "identity;q=0.5, gzip"),
        ("", "identity"),
    ] {
        assert_eq!(acceptable(Some(&HeaderValue::from_static(accepted))), asked, "{accepted}");
    }
    assert_eq!(acceptable(None), "identity");
    assert_eq!(acceptable(Some(&HeaderValue::from_bytes(b"gzip\xff").unwrap())), "identity");
}
