//! Files of a new folder, which are there all or not at all.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::bail;

/// What has been made so far; taken away again when dropped before [`Written::keep`].
pub(super) struct Written {
    folder: PathBuf,
    /// The outermost folder that was not there; none where `folder` was, and was empty.
    made: Option<PathBuf>,
    kept: bool,
}

impl Written {
    /// The folder, made unless it is there and empty.
    pub(super) fn begin(folder: &Path) -> anyhow::Result<Written> {
        let shown = folder.display();
        let made = match fs::read_dir(folder) {
            Ok(mut entries) => match entries.next() {
                None => None,
                Some(_) => {
                    bail!("{shown} is there already and not empty: choose another folder with --path, or remove it")
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(missing(folder)),
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
                bail!("{shown} is no folder: choose another one with --path")
            }
            Err(error) => bail!("{shown} cannot be read: {error}; choose another folder with --path"),
        };
        let written = Written { folder: folder.to_owned(), made, kept: false };
        match fs::create_dir_all(folder) {
            Ok(()) => Ok(written),
            Err(error) => bail!("the folder {shown} cannot be made: {error}; choose another one with --path"),
        }
    }

    pub(super) fn write(&self, path: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let path = self.folder.join(path);
        let folder = path.parent().unwrap_or(&self.folder);
        match fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)) {
            Ok(()) => Ok(()),
            Err(error) => {
                bail!("{} cannot be written: {error}; choose another folder with --path", path.display())
            }
        }
    }

    pub(super) fn keep(mut self) {
        self.kept = true;
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        if self.kept {
            return;
        }
        // Nobody is left to be told of a further error.
        match &self.made {
            Some(made) => drop(fs::remove_dir_all(made)),
            None => {
                for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
                    let path = entry.path();
                    drop(if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) });
                }
            }
        }
    }
}

/// The outermost part of a path that is not there.
fn missing(folder: &Path) -> PathBuf {
    let missing = folder.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists());
    missing.last().unwrap_or(folder).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_kept_is_gone_and_so_are_the_folders_that_were_made_for_it() {
        let temp = tempfile::tempdir().unwrap();
        let folder = temp.path().join("a/b/new");
        let written = Written::begin(&folder).unwrap();
        written.write("src/lib.rs", b"x").unwrap();
        drop(written);
        assert!(!temp.path().join("a").exists());

        fs::create_dir_all(&folder).unwrap();
        let written = Written::begin(&folder).unwrap();
        written.write("src/lib.rs", b"x").unwrap();
        drop(written);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 0, "an empty folder that was there stays, and stays empty");
        let written = Written::begin(&folder).unwrap();
        written.write("src/lib.rs", b"x").unwrap();
        written.keep();
        assert!(folder.join("src/lib.rs").is_file());
    }

    #[test]
    fn a_folder_with_something_in_it_is_left_alone() {
        let temp = tempfile::tempdir().unwrap();
        fs::write(temp.path().join("mine"), "x").unwrap();
        let error = Written::begin(temp.path()).err().unwrap().to_string();
        assert!(error.contains("is there already and not empty"), "{error}");
        let error = Written::begin(&temp.path().join("mine")).err().unwrap().to_string();
        assert!(error.contains("is no folder"), "{error}");
        assert_eq!(fs::read_to_string(temp.path().join("mine")).unwrap(), "x");
    }
}
