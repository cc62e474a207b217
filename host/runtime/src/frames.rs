//! Where a guest failed: the functions of its stack, with their source lines if the plugin was built with line tables.
//!
//! Names and files are the plugin author's words: they are bounded, and cannot look like further lines of the log.

use std::fmt::Write;

use wasmtime::{FrameInfo, WasmBacktrace};

use crate::symbols::{Line, RUST, Symbols};

/// Functions that are shown, the innermost first.
pub(crate) const FRAMES_MAX: usize = 8;
/// Bytes of one name or file.
const NAME_BYTES_MAX: usize = 120;
/// Bytes of a name as the file has it that are looked at.
const RAW_BYTES_MAX: usize = 512;
/// What stands in front of the trace in an error's chain.
const TRACE: &str = "error while executing at wasm backtrace";

/// How a panic comes from its place to its end: no news to whoever reads where it was.
const PANICKING: [&str; 16] = [
    "__rustc",
    "__rust_",
    "rust_begin_unwind",
    "rust_panic",
    "core::panicking::",
    "core::option::unwrap_failed",
    "core::option::expect_failed",
    "core::result::unwrap_failed",
    "core::slice::index::",
    "core::str::slice_error_fail",
    "core::cell::panic_",
    "core::intrinsics::abort",
    "std::panicking::",
    "std::sys::",
    "std::process::abort",
    "alloc::alloc::handle_alloc_error",
];

/// Why, without the trace.
pub(crate) fn cause(error: &wasmtime::Error) -> String {
    // The trace stands in front of what it is about; to write it out takes longer than all the rest.
    let chain = error.chain().skip(usize::from(error.is::<WasmBacktrace>()));
    let causes = chain.map(ToString::to_string).filter(|cause| !cause.starts_with(TRACE));
    causes.collect::<Vec<_>>().join(": ")
}

/// ` at NAME (FILE:LINE:COLUMN), …`; nothing where no name is known.
pub(crate) fn places(error: &wasmtime::Error, symbols: Option<&Symbols>) -> String {
    let Some(trace) = error.downcast_ref::<WasmBacktrace>() else { return String::new() };
    let mut places = Places::default();
    for frame in trace.frames() {
        places.add(frame, symbols);
        if places.own.len() >= FRAMES_MAX {
            break;
        }
    }
    match places.shown() {
        shown if shown.is_empty() => String::new(),
        shown => format!("; at {}", shown.join(", ")),
    }
}

/// What is known of a guest's stack, the innermost first.
#[derive(Default)]
struct Places {
    own: Vec<String>,
    /// In Rust's own library: mostly how a panic or a call comes about.
    of_rust: Vec<String>,
}

impl Places {
    fn add(&mut self, frame: &FrameInfo, symbols: Option<&Symbols>) {
        let symbols = symbols.filter(|symbols| symbols.fits(frame.module()));
        let lines = match (symbols, frame.func_offset()) {
            (Some(symbols), Some(offset)) => symbols.lines(frame.module(), frame.func_index(), offset),
            _ => Vec::new(),
        };
        self.push_all(name(frame.func_name().unwrap_or_default()), &lines);
    }

    /// `whole`: the function as its module names it; the lines are of that function and of those that are inlined in it.
    fn push_all(&mut self, whole: String, lines: &[Line<'_>]) {
        let Some((outermost, inlined)) = lines.split_last() else { return self.push(whole, "", 0, 0) };
        for line in inlined {
            self.push(name(line.function), line.file, line.line, line.column);
        }
        // Line tables name a function without its modules.
        let short = name(outermost.function);
        let is_longer = whole.strip_suffix(without_types(&short)).is_some_and(|modules| modules.ends_with("::"));
        self.push(if is_longer { whole } else { short }, outermost.file, outermost.line, outermost.column);
    }

    fn push(&mut self, name: String, file: &str, line: u32, column: u32) {
        let is_panicking =
            self.own.is_empty() && PANICKING.iter().any(|start| name.trim_start_matches('<').starts_with(start));
        let of_rust = file.starts_with(RUST) || is_panicking;
        let places = if of_rust { &mut self.of_rust } else { &mut self.own };
        if places.len() >= FRAMES_MAX || (name.is_empty() && file.is_empty()) {
            return;
        }
        let mut place = if name.is_empty() { "?".to_owned() } else { name };
        if !file.is_empty() {
            // Writing to a text cannot fail.
            let _ = write!(place, " ({}:{line}:{column})", plain(file));
        }
        places.push(place);
    }

    fn shown(self) -> Vec<String> {
        if self.own.is_empty() { self.of_rust } else { self.own }
    }
}

fn without_types(name: &str) -> &str {
    name.split_once('<').map_or(name, |(name, _)| name)
}

/// Demangled, and without the hash that tells builds apart. Of one that is very long, its beginning as it stands.
fn name(raw: &str) -> String {
    if raw.len() > RAW_BYTES_MAX {
        return plain(&raw[..raw.floor_char_boundary(RAW_BYTES_MAX)]);
    }
    let demangled = format!("{:#}", rustc_demangle::demangle(raw));
    let name = match demangled.rsplit_once("::h") {
        Some((name, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => &demangled,
    };
    plain(name)
}

fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        if plain.len() >= NAME_BYTES_MAX {
            plain.push('…');
            break;
        }
        match letter.is_alphanumeric() || letter.is_ascii_graphic() || letter == ' ' {
            true => plain.push(letter),
            false => plain.extend(letter.escape_unicode()),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(functions: &[(&str, &str)]) -> Vec<String> {
        let mut places = Places::default();
        functions.iter().for_each(|(function, file)| places.push(name(function), file, 3, 7));
        places.shown()
    }

    #[test]
    fn hashes_go_and_so_does_the_way_of_a_panic_to_its_end() {
        let places = shown(&[
            ("_ZN4core9panicking9panic_fmt17h0123456789abcdefE", ""),
            ("core::option::unwrap_failed::h0123456789abcdef", ""),
            ("unwrap<u32>", "/rustc/library/core/src/option.rs"),
            ("demo::decide::h0123456789abcdef", "src/lib.rs"),
            ("with<T>", "/rustc/library/std/src/thread/local.rs"),
            ("core::panicking::panic_fmt", ""),
        ]);
        assert_eq!(places, ["demo::decide (src/lib.rs:3:7)", "core::panicking::panic_fmt"]);
        // Better that than nothing.
        assert_eq!(shown(&[("core::panicking::panic_fmt", "")]), ["core::panicking::panic_fmt"]);
    }

    #[test]
    fn a_function_has_its_modules_where_the_name_section_knows_them() {
        let line = |function| Line { function, file: "a.rs", line: 1, column: 2 };
        let mut places = Places::default();
        places.push_all("demo::outer".to_owned(), &[line("inner"), line("outer<T>")]);
        places.push_all("demo#on-head".to_owned(), &[line("on_head")]);
        places.push_all("demo::alone".to_owned(), &[]);
        assert_eq!(places.shown(), ["inner (a.rs:1:2)", "demo::outer (a.rs:1:2)", "on_head (a.rs:1:2)", "demo::alone"]);
    }

    #[test]
    fn what_a_plugin_names_is_bounded_and_stays_on_its_line() {
        let places = shown(&[("f\n2026 INFO forged\u{202e}\x1b[31m", "src/\r\nx.rs"), ("", ""), ("", "a.rs")]);
        assert_eq!(places.len(), 2);
        assert!(!places[0].chars().any(|letter| letter.is_control() || letter == '\u{202e}'), "{places:?}");
        assert_eq!(places[1], "? (a.rs:3:7)");
        let long = shown(&[(&"x".repeat(10_000), &"y".repeat(10_000))]);
        assert!(long[0].len() < 2 * NAME_BYTES_MAX + 30, "{}", long[0].len());
        assert_eq!(shown(&[("f", ""); 20]).len(), FRAMES_MAX);
    }

    #[test]
    fn a_name_of_many_megabytes_costs_no_more_than_its_beginning() {
        let huge = format!("core::panicking::{}", "é".repeat(25 << 20));
        let start = std::time::Instant::now();
        for _ in 0..1000 {
            assert!(name(&huge).starts_with("core::panicking::é"));
        }
        // The whole of it takes a tenth of a second each time.
        assert!(start.elapsed() < std::time::Duration::from_secs(5), "{:?}", start.elapsed());
        // One that is cut is no mangled name any more.
        let mangled = format!("_ZN1000{}17h0123456789abcdefE", "x".repeat(1000));
        assert!(name(&mangled).starts_with("_ZN1000xxx"));
    }
}
