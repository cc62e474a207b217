//! The pages, and the code blocks in them.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// Where the pages are, from the repository's root.
pub const FOLDER: &str = "docs/authoring";

/// Words behind the three backquotes of a block that continues the file of the Rust block in front of it.
const CONTINUED: &str = "rust continued";

pub struct Page {
    /// Such as `capabilities/notes.md`.
    pub name: String,
    pub text: String,
}

/// One fenced block.
pub struct Block {
    /// Of its first line, counted from 1.
    pub line: usize,
    /// What stands behind the three backquotes.
    pub words: String,
    pub text: String,
}

/// A file that a page shows in one block or in several.
pub struct RustFile {
    /// The page and the line where it begins, as an identifier.
    pub module: String,
    /// Each line has the number that it has in the page, so that what the compiler says can be found there.
    pub text: String,
}

/// All pages, in the order of their names.
pub fn pages(root: &Path) -> io::Result<Vec<Page>> {
    let folder = root.join(FOLDER);
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.sort();
    let page = |file: PathBuf| {
        let name = file.strip_prefix(&folder).unwrap_or(&file).to_string_lossy().into_owned();
        Ok(Page { name, text: fs::read_to_string(&file)? })
    };
    files.into_iter().map(page).collect()
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            files.push(path);
        }
    }
    Ok(())
}

impl Page {
    /// Errors: a fence that is never closed.
    pub fn blocks(&self) -> Result<Vec<Block>, String> {
        let mut blocks = Vec::new();
        let mut open: Option<Block> = None;
        for (number, line) in (1..).zip(self.text.lines()) {
            open = match (open, line.strip_prefix("```")) {
                (None, Some(words)) => {
                    Some(Block { line: number + 1, words: words.trim().to_owned(), text: String::new() })
                }
                (Some(block), Some("")) => {
                    blocks.push(block);
                    None
                }
                (Some(mut block), _) => {
                    block.text.push_str(line);
                    block.text.push('\n');
                    Some(block)
                }
                (None, None) => None,
            };
        }
        match open {
            Some(block) => Err(format!("{}:{}: the block is never closed", self.name, block.line)),
            None => Ok(blocks),
        }
    }

    pub fn rust_files(&self) -> Result<Vec<RustFile>, String> {
        let mut files: Vec<RustFile> = Vec::new();
        for block in self.blocks()? {
            match (block.words.as_str(), files.last_mut()) {
                ("rust", _) => {
                    let name = self.name.trim_end_matches(".md").replace(['/', '-'], "_").to_lowercase();
                    let mut file = RustFile { module: format!("{name}_line_{}", block.line), text: String::new() };
                    file.put(&block);
                    files.push(file);
                }
                (CONTINUED, Some(file)) => file.put(&block),
                (CONTINUED, None) => {
                    return Err(format!("{}:{}: there is no Rust to continue", self.name, block.line));
                }
                _ => {}
            }
        }
        Ok(files)
    }
}

impl RustFile {
    fn put(&mut self, block: &Block) {
        let lines = self.text.lines().count() + 1;
        self.text.push_str(&"\n".repeat(block.line.saturating_sub(lines)));
        self.text.push_str(&block.text);
    }
}
