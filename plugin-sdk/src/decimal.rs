//! Whole numbers as text, without the machinery that formats anything: that is thousands of bytes, and hundreds of instructions for
//! each number.

/// Digits of the largest number.
pub const DIGITS_MAX: usize = 20;

/// `number` in a buffer of the caller's.
///
/// ```
/// use sluicegate_plugin::decimal;
/// assert_eq!(decimal::text(1_250, &mut [0; decimal::DIGITS_MAX]), "1250");
/// ```
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

/// Writes `number` behind `line`.
pub fn push(line: &mut String, number: u64) {
    line.push_str(text(number, &mut [0; DIGITS_MAX]));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_the_standard_library_writes_them() {
        for number in [0, 7, 10, 909, 1_000_000_007, u64::MAX - 1, u64::MAX] {
            assert_eq!(text(number, &mut [0; DIGITS_MAX]), number.to_string());
        }
    }
}
