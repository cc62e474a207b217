//! Names of header fields that a plugin uses: read once, and found again by their bytes.

use http::HeaderName;
use wasmtime::Result;

use crate::fields;
use crate::text::Text;

/// Names that are remembered. A plugin uses a few; those that share a slot are read again each time.
const SLOTS: usize = 16;
/// Bytes of a name. Longer ones share a slot, so that an instance keeps one of them at most.
const BYTES_MAX: usize = 64;

/// The names that one instance has used.
#[derive(Default)]
pub(crate) struct Names([Option<Known>; SLOTS]);

#[derive(Clone)]
pub(crate) struct Known {
    pub(crate) name: HeaderName,
    /// It belongs to the host, so that plugins cannot write it.
    pub(crate) is_of_host: bool,
}

impl Names {
    /// None for what is no name of a field. Errors: the text is not UTF-8.
    pub(crate) fn find(&mut self, text: Text<'_>) -> Result<Option<&Known>> {
        let bytes = text.bytes();
        let Some(slot) = self.0.get_mut(slot(bytes)) else { return Ok(None) };
        // One that is written in capitals is read each time.
        if slot.as_ref().is_none_or(|known| known.name.as_str().as_bytes() != bytes) {
            let Ok(name) = HeaderName::from_bytes(bytes) else {
                text.as_str()?;
                return Ok(None);
            };
            *slot = Some(Known { is_of_host: fields::is_host_field(&name), name });
        }
        Ok(slot.as_ref())
    }

    pub(crate) fn forget(&mut self) {
        self.0.fill(None);
    }
}

/// The names of one plugin mostly differ in these bytes.
fn slot(bytes: &[u8]) -> usize {
    if bytes.len() > BYTES_MAX {
        return 0;
    }
    let byte = |at: usize| usize::from(bytes.get(at).copied().unwrap_or_default());
    (bytes.len() + 3 * byte(0) + 5 * byte(bytes.len() / 2) + 7 * byte(bytes.len().saturating_sub(1))) % SLOTS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found<'a>(names: &'a mut Names, text: &str) -> Option<&'a str> {
        names.find(text.into()).unwrap().map(|known| known.name.as_str())
    }

    #[test]
    fn a_name_is_found_in_any_case_and_again() {
        let mut names = Names::default();
        for name in ["x-name", "X-Name", "content-type", "x-name", &"n".repeat(300), &"m".repeat(300)] {
            assert_eq!(found(&mut names, name), Some(name.to_ascii_lowercase().as_str()));
        }
    }

    #[test]
    fn names_that_share_a_slot_are_not_taken_for_each_other() {
        let mut names = Names::default();
        let all: Vec<String> = (0..10 * SLOTS).map(|number| format!("x-{number}")).collect();
        for name in all.iter().chain(&all) {
            assert_eq!(found(&mut names, name), Some(name.as_str()));
        }
    }

    #[test]
    fn what_is_no_name_is_none_and_what_is_no_text_fails() {
        let mut names = Names::default();
        for text in ["", "a b", "a:", "n\u{e4}me"] {
            assert_eq!(found(&mut names, text), None, "{text}");
        }
        assert!(names.find(Text::of(b"\xff\xfe")).is_err());
    }

    #[test]
    fn a_field_of_the_host_is_known_for_one() {
        let mut names = Names::default();
        for (name, is_of_host) in [("x-sluicegate-id", true), ("connection", true), ("x-other", false)] {
            assert_eq!(names.find(name.into()).unwrap().map(|known| known.is_of_host), Some(is_of_host));
        }
    }
}
