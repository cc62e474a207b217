//! Whole numbers as text, without the machinery that formats anything.

/// Of the largest number.
pub const DIGITS_MAX: usize = 20;

pub fn text(number: u64, buffer: &mut [u8; DIGITS_MAX]) -> &str {
    let (mut left, mut begin) = (number, DIGITS_MAX);
    while begin > 0 {
        begin -= 1;
        // A digit, whatever the number.
        buffer[begin] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    // Digits are text.
    str::from_utf8(&buffer[begin..]).unwrap_or_default()
}
