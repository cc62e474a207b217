//! Where values stand after changes.

use super::super::changes::Changes;
use super::*;

#[test]
fn what_is_left_alone_is_found_again_and_what_was_taken_out_is_not() {
    let source = Bytes::from_static(br#"["a","b","c","d"]"#);
    let mut changes = Changes::of(&source);
    changes.wrap(&(1..4), "[", ",1]");
    changes.replace(9..13, "");
    changes.replace(13..16, "\"long\"");
    assert_eq!(changes.apply(), br#"[["a",1],"b","long"]"#);
    let moves = changes.moves();
    let [a, b, c, d] = [1..4, 5..8, 9..12, 13..16].map(|span| moves.start_of(&span));
    assert_eq!([a, b, c, d], [Some(2), Some(9), None, Some(13)]);
}
