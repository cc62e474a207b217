//! Members of a trace as texts: nothing that a client or a plugin wrote moves a terminal's cursor.

use serde_json::Value;

use crate::cli::plain::plain;

/// A member that is a text, fit for a terminal; empty where there is none.
pub(super) fn word(value: &Value, name: &str) -> String {
    plain(value[name].as_str().unwrap_or_default())
}

pub(super) fn number(value: &Value, name: &str) -> u64 {
    value[name].as_u64().unwrap_or_default()
}

/// Microseconds as milliseconds, in a column.
pub(super) fn milliseconds(microseconds: u64) -> String {
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_behind_the_point() {
        assert_eq!([0, 7, 1_250, 61_000_000].map(milliseconds), ["0.000", "0.007", "1.250", "61000.000"]);
    }
}
