//! A mistake in a configuration: what is wrong, where it stands, and how to mend it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use super::source::{Part, Source};

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
    /// In bytes of `file`; within one line.
    pub span: Option<Range<usize>>,
    /// One sentence on what is wrong. Never holds a value from the file.
    pub message: String,
    /// Stands beside the place.
    pub label: Option<String>,
    /// How to mend it.
    pub help: Option<String>,
    /// The place, by the number of its file.
    part: Option<Part>,
    /// Another place that belongs to it, with its label; it may stand in another file.
    also: Option<(Part, String)>,
    source: Arc<Source>,
}

/// All mistakes of a configuration, in the order of its files; never empty.
#[derive(Clone)]
pub struct Diagnostics {
    /// At most [`KEPT_MAX`].
    pub items: Vec<Diagnostic>,
    /// Mistakes found besides.
    pub dropped: usize,
}

/// Collects mistakes while a configuration is checked.
pub(super) struct Report {
    pub source: Arc<Source>,
    found: Vec<Diagnostic>,
    /// Found when `found` was full: the last one, and how many.
    overflow: Option<Diagnostic>,
    dropped: usize,
}

impl Report {
    pub fn new(source: Arc<Source>) -> Report {
        Report { source, found: Vec::new(), overflow: None, dropped: 0 }
    }

    /// A mistake at a place, which is an offset among all texts.
    pub fn add(&mut self, mistake: Mistake, span: &Range<usize>, message: impl Into<String>) -> &mut Diagnostic {
        self.push(mistake, Some(span), message)
    }

    /// A mistake of the main file as a whole.
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

    pub fn has(&self, mistake: Mistake) -> bool {
        self.found.iter().any(|found| found.mistake == mistake)
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    pub fn into_diagnostics(mut self) -> Diagnostics {
        self.found.sort_by_key(Diagnostic::rank);
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
        let part = span.map(|span| source.part(span));
        let (line, column) = part.as_ref().map_or((0, 0), |part| source.position(part.file, part.span.start));
        Diagnostic {
            mistake,
            file: source.name_of(part.as_ref().map_or(0, |part| part.file)).to_owned(),
            line,
            column,
            span: part.as_ref().map(|part| part.span.clone()),
            message: message.into(),
            label: None,
            help: None,
            part,
            also: None,
            source: source.clone(),
        }
    }

    /// Orders mistakes as a reader meets them.
    fn rank(&self) -> (usize, usize) {
        self.part.as_ref().map_or((0, 0), |part| (part.file, part.span.start))
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
        self.also = Some((self.source.part(span), label.into()));
        self
    }

    /// For a person, with the lines of the file that it is about; colours are those of a terminal.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let mut group = Group::with_title(Level::ERROR.primary_title(self.message.as_str()));
        match &self.part {
            Some(part) => group = group.elements(self.snippets(part)),
            None if !self.file.is_empty() => group = group.element(annotate_snippets::Origin::path(self.file.as_str())),
            None => {}
        }
        if let Some(help) = &self.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        renderer.render(&[group])
    }

    /// The place, and the other one if there is one: in one snippet when they stand in one file.
    fn snippets<'a>(&'a self, part: &Part) -> Vec<Snippet<'a, Annotation<'a>>> {
        let primary = (AnnotationKind::Primary, part.span.clone(), self.label.as_deref());
        let Some((also, label)) = &self.also else { return vec![self.snippet(part.file, &part.span, [primary])] };
        let context = (AnnotationKind::Context, also.span.clone(), Some(label.as_str()));
        if also.file == part.file {
            let both = part.span.start.min(also.span.start)..part.span.end.max(also.span.end);
            return vec![self.snippet(part.file, &both, [primary, context])];
        }
        vec![self.snippet(part.file, &part.span, [primary]), self.snippet(also.file, &also.span, [context])]
    }

    /// Only the lines that are marked are handed on: a file may be long.
    fn snippet<'a, const N: usize>(
        &'a self,
        file: usize,
        range: &Range<usize>,
        annotations: [(AnnotationKind, Range<usize>, Option<&'a str>); N],
    ) -> Snippet<'a, Annotation<'a>> {
        let (start, lines) = self.source.lines(file, range);
        let annotations = annotations
            .into_iter()
            .map(|(kind, span, label)| kind.span(span.start - start..span.end - start).label(label));
        Snippet::source(lines)
            .path(self.source.name_of(file))
            .line_start(self.source.position(file, start).0)
            .annotations(annotations)
    }
}

impl Diagnostics {
    /// What plugins found, in file order; none if they found nothing.
    pub fn of(mut items: Vec<Diagnostic>) -> Option<Diagnostics> {
        items.sort_by_key(Diagnostic::rank);
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
