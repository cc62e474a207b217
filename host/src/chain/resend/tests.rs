use futures_util::FutureExt;
use http_body_util::BodyExt;

use super::*;
use crate::chain::stop::Stop;
use crate::error::{Code, Refusal};

/// A body that streams in these pieces.
fn streamed(pieces: Vec<Result<Bytes, BodyFault>>) -> RequestBody {
    RequestBody::Piped(Box::pin(futures_util::stream::iter(pieces.into_iter().map(|piece| piece.map(Frame::data)))))
}

fn piece(text: impl Into<Bytes>) -> Result<Bytes, BodyFault> {
    Ok(text.into())
}

/// Takes so many frames, and the end if there are fewer.
fn take(body: &mut RequestBody, frames: usize) {
    for _ in 0..frames {
        drop(body.frame().now_or_never().expect("all of it is there"));
    }
}

fn whole(body: RequestBody) -> Bytes {
    body.collect().now_or_never().expect("all of it is there").expect("no fault").to_bytes()
}

#[test]
fn a_body_that_streams_comes_back_whole_from_who_took_nothing_of_it() {
    let mut resend = Resend::new(streamed(vec![piece("ab"), piece("c")]), true);
    for _ in 0..2 {
        drop(resend.lend(true).unwrap());
    }
    assert_eq!(whole(resend.lend(true).unwrap()), "abc");
}

#[test]
fn a_body_that_was_sent_to_its_end_can_be_sent_again_and_again() {
    let mut resend = Resend::new(streamed(vec![piece("ab"), piece("c")]), true);
    let mut first = resend.lend(true).unwrap();
    take(&mut first, 3);
    // Whoever has it may hold it still.
    for _ in 0..2 {
        assert_eq!(whole(resend.lend(false).unwrap()), "abc");
    }
}

#[test]
fn a_body_of_which_a_part_was_taken_is_sent_from_its_beginning_where_no_upstream_has_seen_the_request() {
    let mut resend = Resend::new(streamed(vec![piece("ab"), piece("c"), piece("d")]), true);
    for frames in [1, 1, 2] {
        let mut lent = resend.lend(true).unwrap();
        take(&mut lent, frames);
        // While it is lent, nobody else gets it.
        assert!(resend.lend(true).is_none());
    }
    assert_eq!(whole(resend.lend(true).unwrap()), "abcd");
    let mut resend = Resend::new(streamed(vec![piece("ab"), piece("c")]), true);
    take(&mut resend.lend(true).unwrap(), 1);
    assert!(resend.lend(false).is_none());
}

#[test]
fn an_untouched_body_counts_only_where_no_upstream_has_seen_the_request() {
    let mut resend = Resend::new(streamed(vec![piece("a")]), true);
    drop(resend.lend(true).unwrap());
    assert!(resend.lend(false).is_none());
}

#[test]
fn a_body_longer_than_what_is_kept_or_broken_cannot_be_sent_again() {
    let fault = BodyFault(Stop::refuse(Refusal::new(Code::BadRequest, "x")));
    for (pieces, again) in [
        (vec![piece(vec![b'x'; KEPT_BYTES_MAX])], true),
        (vec![piece(vec![b'x'; KEPT_BYTES_MAX]), piece("y")], false),
        (vec![piece("a"), Err(fault)], false),
    ] {
        let mut resend = Resend::new(streamed(pieces), true);
        let mut first = resend.lend(true).unwrap();
        take(&mut first, 3);
        assert_eq!(resend.lend(false).is_some(), again);
    }
}

#[test]
fn a_body_of_which_nothing_is_kept_is_handed_on_as_it_is() {
    let mut resend = Resend::new(streamed(vec![piece("a")]), false);
    assert!(matches!(resend.lend(true), Some(RequestBody::Piped(_))));
    assert!(resend.lend(true).is_none());
}
