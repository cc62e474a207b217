//! Where a chain entry and the values in its config stand, for problems that only the plugin can find.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::diagnostic::{Diagnostic, Mistake};
use super::source::Source;

/// The place of one chain entry.
#[derive(Clone)]
pub struct Place {
    known: Option<Arc<Known>>,
}

#[derive(Clone)]
struct Known {
    source: Arc<Source>,
    /// The name of the plugin in the entry.
    entry: Range<usize>,
    /// By RFC 6901 pointer; empty when the entry has no `config`.
    values: BTreeMap<String, Range<usize>>,
}

impl Place {
    /// For a configuration that was built in code.
    pub fn unknown() -> Place {
        Place { known: None }
    }

    pub(super) fn new(source: &Arc<Source>, entry: Range<usize>, values: BTreeMap<String, Range<usize>>) -> Place {
        Place { known: Some(Arc::new(Known { source: source.clone(), entry, values })) }
    }

    /// The same, but with the name of another plugin.
    pub(super) fn with_entry(&self, entry: Range<usize>) -> Place {
        let known = self.known.as_ref();
        Place { known: known.map(|known| Arc::new(Known { entry, ..(**known).clone() })) }
    }

    /// The same, but with the values of another config.
    pub(super) fn with_values(&self, values: BTreeMap<String, Range<usize>>) -> Place {
        let known = self.known.as_ref();
        Place { known: known.map(|known| Arc::new(Known { values, ..(**known).clone() })) }
    }

    /// A problem with the value that an RFC 6901 pointer finds in the entry's config.
    ///
    /// A pointer to what is not there, such as a member that is missing, finds the nearest value around it.
    pub fn problem(&self, pointer: &str, message: &str) -> Diagnostic {
        let Some(known) = &self.known else {
            let source = Source::without_text(Path::new(""));
            let mut diagnostic = Diagnostic::at(&source, Mistake::Plugin, None, message);
            if !pointer.is_empty() {
                diagnostic.help(format!("it is at `{pointer}` in the config"));
            }
            return diagnostic;
        };
        let mut around = pointer;
        let span = loop {
            match (known.values.get(around), around.rsplit_once('/')) {
                (Some(span), _) => break span,
                (None, Some((parent, _))) => around = parent,
                (None, None) => break &known.entry,
            }
        };
        let mut diagnostic = Diagnostic::at(&known.source, Mistake::Plugin, Some(span), message);
        if around != pointer {
            diagnostic.label(format!("at `{pointer}`, which is not in the file"));
        }
        diagnostic
    }

    /// A problem with the entry as a whole, such as a missing grant.
    pub fn entry_problem(&self, message: &str) -> Diagnostic {
        match &self.known {
            Some(known) => Diagnostic::at(&known.source, Mistake::Plugin, Some(&known.entry), message),
            None => Diagnostic::at(&Source::without_text(Path::new("")), Mistake::Plugin, None, message),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.known {
            Some(known) => {
                let part = known.source.part(&known.entry);
                write!(formatter, "Place({}, byte {})", known.source.name_of(part.file), part.span.start)
            }
            None => formatter.write_str("Place(unknown)"),
        }
    }
}
