//! Whole numbers as text, without the machinery that formats anything: a small policy needs no more.

/// Writes `number` behind `text`.
pub(crate) fn push(text: &mut String, number: u64) {
    if number >= 10 {
        push(text, number / 10);
    }
    // A digit, whatever the number.
    text.push(char::from(b'0' + (number % 10) as u8));
}
