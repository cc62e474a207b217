//! The files of a configuration as a message may show them: one behind the other, so that an offset finds its file.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use super::mask::masked;
use super::texts::TextFile;

/// The names of files and their texts with secrets hidden.
pub struct Source {
    files: Vec<File>,
}

struct File {
    name: String,
    shown: String,
    /// Where each line but the first begins, in bytes of this file.
    line_starts: Vec<usize>,
    /// The offset of its first byte among all files.
    start: usize,
}

/// A part of one line of one file.
#[derive(Clone)]
pub struct Part {
    /// The number of the file, from 0.
    pub file: usize,
    /// In bytes of that file.
    pub span: Range<usize>,
}

impl Source {
    pub fn new(texts: &[TextFile]) -> Arc<Source> {
        let mut files = Vec::new();
        let mut start = 0;
        for TextFile { path, text } in texts {
            let shown = masked(text);
            let line_starts = shown.match_indices('\n').map(|(newline, _)| newline + 1).collect();
            files.push(File { name: printed(path), shown, line_starts, start });
            // The end of a file is a place in it, and no place in the next one.
            start += text.len() + 1;
        }
        Arc::new(Source { files })
    }

    /// A file of which nothing can be shown; without a name, no file at all.
    pub fn without_text(path: &Path) -> Arc<Source> {
        Source::new(&[TextFile { path: path.to_owned(), text: String::new() }])
    }

    /// The offset of each file's first byte.
    pub fn starts(&self) -> impl Iterator<Item = usize> {
        self.files.iter().map(|file| file.start)
    }

    /// The name of the main file.
    pub fn name(&self) -> &str {
        self.name_of(0)
    }

    pub fn name_of(&self, file: usize) -> &str {
        self.files.get(file).map_or("", |file| &file.name)
    }

    /// The part of `span`, an offset among all files, that stands on its first line.
    pub fn part(&self, span: &Range<usize>) -> Part {
        let file = self.files.partition_point(|file| file.start <= span.start).saturating_sub(1);
        let Some(File { shown, start: file_start, .. }) = self.files.get(file) else {
            return Part { file, span: 0..0 };
        };
        let start = floor(shown, span.start.saturating_sub(*file_start));
        let end = floor(shown, span.end.saturating_sub(*file_start).max(start));
        let text = shown.get(start..end).unwrap_or_default();
        let length = text.find(['\n', '\r']).unwrap_or(text.len());
        Part { file, span: start..start + length }
    }

    /// Line and column of a byte, both counted from 1. A byte order mark is no column.
    pub fn position(&self, file: usize, at: usize) -> (usize, usize) {
        let Some(file) = self.files.get(file) else { return (1, 1) };
        let lines_before = file.line_starts.partition_point(|start| *start <= at);
        let line_start =
            lines_before.checked_sub(1).and_then(|index| file.line_starts.get(index)).copied().unwrap_or(0);
        let before = file.shown.get(line_start..at).unwrap_or_default();
        (lines_before + 1, before.trim_start_matches('\u{feff}').chars().count() + 1)
    }

    /// The whole lines of a file that hold a range, and the offset of the first.
    pub fn lines(&self, file: usize, range: &Range<usize>) -> (usize, &str) {
        let shown = self.files.get(file).map_or("", |file| &file.shown);
        let line_start = shown.get(..range.start).unwrap_or_default().rfind('\n').map_or(0, |newline| newline + 1);
        let start = if shown.starts_with('\u{feff}') { line_start.max('\u{feff}'.len_utf8()) } else { line_start };
        let start = start.min(range.start);
        let end =
            shown.get(range.end..).unwrap_or_default().find('\n').map_or(shown.len(), |length| range.end + length);
        (start, shown.get(start..end).unwrap_or_default())
    }
}

/// A path as a message shows it: never able to steer a terminal.
pub fn printed(path: &Path) -> String {
    path.display().to_string().replace(char::is_control, "\u{fffd}")
}

fn floor(text: &str, at: usize) -> usize {
    let at = at.min(text.len());
    (0..=at).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}
