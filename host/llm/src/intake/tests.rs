//! Bodies that are streams, and such as are not, in every cut.

use super::{Decode, Ended, Intake, WHOLE_BYTES_MAX};
use crate::sse;

/// What comes out: the data of the events, and what the end was.
fn read(pieces: &[&[u8]]) -> (Vec<String>, Result<Option<String>, String>) {
    let (mut intake, mut frames) = (Intake::<sse::Decoder>::default(), Vec::new());
    let mut pushed = Ok(());
    for piece in pieces {
        pushed = pushed.and_then(|()| intake.push(piece, &mut frames));
    }
    let ended = pushed.and_then(|()| match intake.end(&mut frames) {
        Ended::Whole(body) => Ok(Some(String::from_utf8_lossy(&body).into_owned())),
        Ended::Stream(ended) => ended.map(|()| None),
    });
    let data = frames.into_iter().filter_map(|frame: <sse::Decoder as Decode>::Frame| frame.data).collect();
    (data, ended.map_err(|broken| broken.message))
}

#[test]
fn what_comes_is_told_apart_by_its_first_byte_wherever_it_is_cut() {
    let page = "A stream was expected, but it begins with `<p>no</p>`.".to_owned();
    let cases = [
        ("", vec![], Ok(None)),
        (" \r\n", vec![], Ok(None)),
        ("\n\ndata: 1\n\ndata: 2", vec!["1".to_owned(), "2".to_owned()], Ok(None)),
        (": hello\n\ndata: 1\n\n", vec!["1".to_owned()], Ok(None)),
        (" {\"a\":\n\n1}", vec![], Ok(Some("{\"a\":\n\n1}".to_owned()))),
        ("[1]", vec![], Ok(Some("[1]".to_owned()))),
        ("\n<p>no</p>", vec![], Err(page)),
    ];
    for (text, data, ended) in cases {
        let expected = (data, ended);
        for at in 0..=text.len() {
            let (first, second) = text.as_bytes().split_at(at);
            assert_eq!(read(&[first, second]), expected, "{text:?} cut at {at}");
        }
    }
}

#[test]
fn a_page_is_refused_before_its_end_with_the_same_sentence() {
    let page = format!("<html>\t{}", "x".repeat(1_000));
    let sentence = format!("A stream was expected, but it begins with `<html> {}`.", "x".repeat(57));
    for size in [1, 7, 64, 65, 2_000] {
        let (mut intake, mut frames) = (Intake::<sse::Decoder>::default(), Vec::new());
        let refused = page.as_bytes().chunks(size).find_map(|piece| intake.push(piece, &mut frames).err());
        assert_eq!(refused.map(|broken| broken.message), Some(sentence.clone()), "{size}");
    }
}

#[test]
fn a_json_text_in_the_place_of_a_stream_has_a_limit() {
    let long = [b"{".as_slice(), &vec![b' '; WHOLE_BYTES_MAX]].concat();
    let sentence = "The answer is no stream, and longer than 4194304 bytes.".to_owned();
    assert_eq!(read(&[&long]).1, Err(sentence.clone()));
    assert_eq!(read(&long.chunks(1 << 20).collect::<Vec<_>>()).1, Err(sentence));
}
