//! Reading a request's JSON with the place of every problem, and writing an answer's JSON in the vendors' order.

mod fields;
mod problem;
mod write;

pub use fields::Fields;
pub use problem::{Kind, Problem, ProblemKind};
pub(crate) use write::object;
pub use write::{Json, Object, bytes};

/// Arrays and objects within each other that are still read; a request that nests deeper is refused as no JSON.
///
/// It is the limit of the parser, which counts the outermost one too.
pub const NESTING_MAX: usize = 127;

/// The body as a JSON value, or the parser's own words.
pub fn parse(body: &[u8]) -> Result<serde_json::Value, String> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nests_as_deep_as_the_limit_is_read_and_one_level_more_is_not() {
        let nested = |levels: usize| [vec![b'['; levels], vec![b']'; levels]].concat();
        assert!(parse(&nested(NESTING_MAX)).is_ok());
        assert!(parse(&nested(NESTING_MAX + 1)).unwrap_err().contains("recursion limit exceeded"));
    }
}
