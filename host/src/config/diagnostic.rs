//! A mistake in a configuration: what is wrong, where it stands, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::mask::masked;

/// So many mistakes are printed; the rest are counted.
pub const SHOWN_MAX: usize = 50;

/// So many mistakes are kept; the rest are counted.
pub const KEPT_MAX: usize = 1_000;

/// What kind of check found a mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mistake {
    /// The file cannot be read.
    File,
    /// It is not TOML.
    Syntax,
    /// The JSON schema refuses it: names, types, ranges and forms.
    Shape,
    /// It contradicts another part of the file, or a file beside it.
    Relation,
    /// A plugin refuses its `config`.
    Plugin,
}

/// One mistake.
#[derive(Clone)]
pub struct Diagnostic {
    pub mistake: Mistake,
    /// Empty when the configuration was not read from a file.
    pub file: String,
    /// Counted from 1; 0 when the mistake has no place.
    pub line: usize,
    /// In characters, counted from 1; 0 when the mistake has no place.
    pub column: usize,
    /// In bytes of the file; within one line.
    pub span: Option<Range<usize>>,
    /// One sentence on what is wrong. Never holds a value from the file.
    pub message: String,
    /// Stands beside the place.
    pub label: Option<String>,
    /// Another place that belongs to it, with its label.
    pub also: Option<(Range<usize>, String)>,
    /// How to mend it.
    pub help: Option<String>,
    source: Arc<Source>,
}

/// All mistakes of one file, in file order; never empty.
#[derive(Clone)]
pub struct Diagnostics {
    /// At most [`KEPT_MAX`].
    pub items: Vec<Diagnostic>,
    /// Mistakes found besides.
    pub dropped: usize,
}

/// A file's name and its text as it may be shown.
pub(super) struct Source {
    pub name: String,
    shown: String,
    /// Where each line but the first begins, in bytes.
    line_starts: Vec<usize>,
}

/// Collects mistakes while a file is checked.
pub(super) struct Report {
    pub source: Arc<Source>,
    found: Vec<Diagnostic>,
    /// Found when `found` was full: the last one, and how many.
    overflow: Option<Diagnostic>,
    dropped: usize,
}

impl Source {
    pub fn new(name: &str, text: &str) -> Arc<Source> {
        let shown = masked(text);
        let line_starts = shown.match_indices('\n').map(|(newline, _)| newline + 1).collect();
        Arc::new(Source { name: name.to_owned(), shown, line_starts })
    }

    /// The part of `span` that stands on its first line.
    fn first_line(&self, span: &Range<usize>) -> Range<usize> {
        let start = floor(&self.shown, span.start);
        let end = floor(&self.shown, span.end.max(start));
        let text = self.shown.get(start..end).unwrap_or_default();
        let length = text.find(['\n', '\r']).unwrap_or(text.len());
        start..start + length
    }

    /// Line and column of a byte, both counted from 1.
    fn position(&self, at: usize) -> (usize, usize) {
        let lines_before = self.line_starts.partition_point(|start| *start <= at);
        let line_start =
            lines_before.checked_sub(1).and_then(|index| self.line_starts.get(index)).copied().unwrap_or(0);
        let column = self.shown.get(line_start..at).unwrap_or_default().chars().count() + 1;
        (lines_before + 1, column)
    }
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

impl Report {
    pub fn new(source: Arc<Source>) -> Report {
        Report { source, found: Vec::new(), overflow: None, dropped: 0 }
    }

    /// A mistake at a place.
    pub fn add(&mut self, mistake: Mistake, span: &Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        self.push(mistake, Some(span), message)
    }

    /// A mistake of the whole file.
    pub fn add_without_place(&mut self, mistake: Mistake, message: impl Into<String>) -> &mut Diagnostic {
        self.push(mistake, None, message)
    }

    fn push(&mut self, mistake: Mistake, span: Option<&Range<usize>>, message: impl Into<String>) -> &mut Diagnostic {
        if self.found.len() < KEPT_MAX {
            self.found.push_mut(Diagnostic::at(&self.source, mistake, span, message))
        } else {
            self.dropped += 1;
            self.overflow.insert(Diagnostic::at(&self.source, mistake, None, message))
        }
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn into_diagnostics(mut self) -> Diagnostics {
        self.found.sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or(0, |span| span.start));
        Diagnostics { items: self.found, dropped: self.dropped }
    }
}

impl Diagnostic {
    pub(super) fn at(
        source: &Arc<Source>,
        mistake: Mistake,
        span: Option<&Range<usize>>,
        message: impl Into<String>,
    ) -> Diagnostic {
        let span = span.map(|span| source.first_line(span));
        let (line, column) = span.as_ref().map_or((0, 0), |span| source.position(span.start));
        Diagnostic {
            mistake,
            file: source.name.clone(),
            line,
            column,
            span,
            message: message.into(),
            label: None,
            also: None,
            help: None,
            source: source.clone(),
        }
    }

    pub fn label(&mut self, label: impl Into<String>) -> &mut Diagnostic {
        self.label = Some(label.into());
        self
    }

    pub fn help(&mut self, help: impl Into<String>) -> &mut Diagnostic {
        self.help = Some(help.into());
        self
    }

    pub fn also(&mut self, span: &Range<usize>, label: impl Into<String>) -> &mut Diagnostic {
        self.also = Some((self.source.first_line(span), label.into()));
        self
    }

    /// For a person, with the lines of the file that it is about; colours are those of a terminal.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        match &self.span {
            Some(span) => group = group.element(self.snippet(span)),
            None if !self.file.is_empty() => group = group.element(annotate_snippets::Origin::path(self.file.as_str())),
            None => {}
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    /// Only the lines that are marked are handed on: a file may be long.
    fn snippet<'a>(&'a self, span: &Range<usize>) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
        let shown = self.source.shown.as_str();
        let also = self.also.as_ref();
        let first = also.map_or(span.start, |(also, _)| also.start.min(span.start));
        let last = also.map_or(span.end, |(also, _)| also.end.max(span.end));
        let start = shown.get(..first).unwrap_or_default().rfind('\n').map_or(0, |newline| newline + 1);
        let end = shown.get(last..).unwrap_or_default().find('\n').map_or(shown.len(), |length| last + length);
        let inside = |span: &Range<usize>| span.start - start..span.end - start;
        let mut snippet = Snippet::source(shown.get(start..end).unwrap_or_default())
            .path(self.file.as_str())
            .line_start(self.source.position(start).0)
            .annotation(AnnotationKind::Primary.span(inside(span)).label(self.label.as_deref()));
        if let Some((span, label)) = also {
            snippet = snippet.annotation(AnnotationKind::Context.span(inside(span)).label(label.as_str()));
        }
        snippet
    }
}

impl Diagnostics {
    /// What plugins found, in file order; none if they found nothing.
    pub fn of(mut items: Vec<Diagnostic>) -> Option<Diagnostics> {
        items.sort_by_key(|diagnostic| diagnostic.span.as_ref().map_or(0, |span| span.start));
        let dropped = items.len().saturating_sub(KEPT_MAX);
        items.truncate(KEPT_MAX);
        (!items.is_empty()).then_some(Diagnostics { items, dropped })
    }

    /// For a person: every mistake with its lines, and how many there are.
    pub fn render(&self, colour: bool) -> String {
        let mut text = String::new();
        for diagnostic in self.items.iter().take(SHOWN_MAX) {
            text.push_str(&diagnostic.render(colour));
            text.push_str("\n\n");
        }
        match self.items.len() + self.dropped {
            1 => text.push_str("1 mistake"),
            count if count > SHOWN_MAX => text.push_str(&format!("{count} mistakes; the first {SHOWN_MAX} are shown")),
            count => text.push_str(&format!("{count} mistakes")),
        }
        text.push('\n');
        text
    }
}

impl fmt::Display for Diagnostic {
    /// One line, for logs.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.span, self.file.as_str()) {
            (Some(_), file) => write!(formatter, "{file}:{}:{}: {}", self.line, self.column, self.message),
            (None, "") => formatter.write_str(&self.message),
            (None, file) => write!(formatter, "{file}: {}", self.message),
        }
    }
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.render(false))
    }
}

impl fmt::Debug for Diagnostic {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

impl fmt::Debug for Diagnostics {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(&self.items).finish()
    }
}

impl std::error::Error for Diagnostic {}

impl std::error::Error for Diagnostics {}
