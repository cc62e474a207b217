//! Colours, where a terminal shows them.

/// Wraps texts in the codes of a terminal (ECMA-48), or leaves them as they are.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    on: bool,
}

impl Paint {
    /// Whoever has set `NO_COLOR` sees none.
    pub(super) fn new(is_terminal: bool) -> Paint {
        Paint { on: is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()) }
    }

    pub(super) fn good(self, text: &str) -> String {
        self.wrapped("32", text)
    }

    pub(super) fn bad(self, text: &str) -> String {
        self.wrapped("1;31", text)
    }

    /// What is neither.
    pub(super) fn plain(self, text: &str) -> String {
        self.wrapped("36", text)
    }

    pub(super) fn bold(self, text: &str) -> String {
        self.wrapped("1", text)
    }

    pub(super) fn dim(self, text: &str) -> String {
        self.wrapped("2", text)
    }

    fn wrapped(self, code: &str, text: &str) -> String {
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}
