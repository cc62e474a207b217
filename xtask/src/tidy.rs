//! The style that a compiler does not check: how a file opens, how long it is, what must not stand in it.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::workspace;

const LINES_MAX: usize = 450;

/// Files that are longer, and why they are better that way.
const LONG_FILES: &[(&str, &str)] = &[];

const EXTENSIONS: [&str; 6] = ["rs", "toml", "md", "wit", "py", "sh"];

/// Written in two halves, so that this file may stand in the repository itself.
const FORBIDDEN: [(&str, &str); 5] = [
    (concat!("todo", "!("), "finish it or leave it out"),
    (concat!("unimplemented", "!("), "finish it or leave it out"),
    (concat!("dbg", "!("), "take it out"),
    (concat!("[al", "low("), "use `#[expect(lint, reason = \"…\")]`"),
    (concat!("FIX", "ME"), "mend it, or say in a sentence what holds and why"),
];

pub fn run() -> Result<()> {
    let root = workspace::root()?;
    let mut files = Vec::new();
    collect(&root, &mut files)?;
    let mut complaints = Vec::new();
    for file in &files {
        let name = file.strip_prefix(&root)?.to_string_lossy().into_owned();
        match fs::read_to_string(file) {
            Ok(text) => complaints.extend(check(&name, &text, LONG_FILES)),
            Err(error) => complaints.push(format!("{name}: cannot be read as text: {error}")),
        }
    }
    for (name, _) in LONG_FILES {
        if !root.join(name).is_file() {
            complaints.push(format!("{name}: is listed as a long file and is not there"));
        }
    }
    if !complaints.is_empty() {
        bail!("{} untidy places:\n{}", complaints.len(), complaints.join("\n"));
    }
    eprintln!("    {} files are tidy", files.len());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let is_ours = |name: &str| name != "target" && name != ".git" && name != ".sluicegate";
        if kind.is_dir() && entry.file_name().to_str().is_some_and(is_ours) {
            collect(&path, files)?;
        } else if kind.is_file()
            && path.extension().is_some_and(|extension| EXTENSIONS.iter().any(|ours| extension == *ours))
        {
            files.push(path);
        }
    }
    files.sort();
    Ok(())
}

fn check(name: &str, text: &str, long_files: &[(&str, &str)]) -> Vec<String> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if name.ends_with(".rs") {
        let listed = long_files.iter().any(|(listed, _)| *listed == name);
        if lines > LINES_MAX && !listed {
            complaints
                .push(format!("{name}: {lines} lines; split it at {LINES_MAX}, or list it in tidy.rs with a reason"));
        }
        if lines <= LINES_MAX && listed {
            complaints.push(format!("{name}: is short enough now; take it off the list in tidy.rs"));
        }
        // Tests in a file of their own say by their place what they are for.
        if !name.ends_with("/tests.rs") && !text.starts_with("//! ") {
            complaints.push(format!("{name}:1: open the file with `//!` and a sentence that says what it is for"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        complaints.push(format!("{name}:{lines}: end the last line with a newline"));
    }
    for (number, line) in (1..).zip(text.split('\n')) {
        if line.ends_with([' ', '\t', '\r']) {
            complaints.push(format!("{name}:{number}: take the white space off the line's end"));
        }
        // What a script was to fill in, and has not; a template waits for it.
        if name.ends_with(".md") && line.starts_with('@') && !name.contains("/templates/") {
            complaints.push(format!("{name}:{number}: put here what is meant to stand here"));
        }
        if name.ends_with(".rs") {
            let found = FORBIDDEN.iter().filter(|(word, _)| line.contains(word));
            complaints.extend(found.map(|(word, remedy)| format!("{name}:{number}: `{word}`: {remedy}")));
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tidy_file_draws_no_complaint() {
        assert!(check("a.rs", "//! What it is for.\nfn main() {}\n", &[]).is_empty());
        assert!(check("a/tests.rs", "use super::*;\n", &[]).is_empty());
        assert!(check("a.md", "", &[]).is_empty());
    }

    #[test]
    fn each_rule_names_file_and_line() {
        for (text, complaint) in [
            ("fn main() {}\n".to_owned(), "a.rs:1: open the file with"),
            ("//! X.\nfn main() {} \n".to_owned(), "a.rs:2: take the white space"),
            ("//! X.\r\n".to_owned(), "a.rs:1: take the white space"),
            ("//! X.".to_owned(), "a.rs:1: end the last line"),
            (format!("//! X.\n\n{}\n", concat!("todo", "!()")), "a.rs:3: `todo"),
            (format!("//! X.\n#{}x)]\n", concat!("[al", "low(")), "a.rs:2: `[al"),
            (format!("//! X.\n{}", "\n".repeat(LINES_MAX)), "a.rs: 451 lines"),
        ] {
            let complaints = check("a.rs", &text, &[]);
            assert!(complaints.len() == 1 && complaints[0].starts_with(complaint), "{complaint}: {complaints:?}");
        }
    }

    #[test]
    fn a_place_that_nobody_filled_in_is_found() {
        assert_eq!(check("a.md", "Some.\n@FIGURES@\n", &[]), ["a.md:2: put here what is meant to stand here"]);
        assert!(check("a/templates/a.md", "@NAME@\n", &[]).is_empty());
    }

    #[test]
    fn the_list_of_long_files_holds_long_files_only() {
        let list = [("a.rs", "a table that reads better in one piece")];
        let long = format!("//! X.\n{}", "\n".repeat(LINES_MAX));
        assert!(check("a.rs", &long, &list).is_empty());
        assert_eq!(check("a.rs", "//! X.\n", &list).len(), 1);
    }
}
