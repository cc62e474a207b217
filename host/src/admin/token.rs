//! The admin token: read from a file that its owner alone can read, or made there.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// A shorter token could be guessed.
pub const TOKEN_BYTES_MIN: usize = 32;
pub const TOKEN_BYTES_MAX: usize = 256;
const FILE_MODE: u32 = 0o600;

/// What a client of the admin listener has to present.
pub(super) struct Token(String);

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    #[error("the admin token file {} cannot be read: {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("the admin token file {} cannot be made: {source}; make its folder, or choose another path", path.display())]
    Create { path: PathBuf, source: io::Error },
    #[error("the admin token file {path} can be read by others (mode {mode:04o}); run `chmod 600 {path}`, and replace the token if others may have read it", path = path.display())]
    ReadableByOthers { path: PathBuf, mode: u32 },
    #[error("the admin token file {} is no regular file", .0.display())]
    NotAFile(PathBuf),
    #[error("the admin token file {path} does not hold one line of {TOKEN_BYTES_MIN} to {TOKEN_BYTES_MAX} visible ASCII characters; remove it, and a new token is made at the next start", path = .0.display())]
    Malformed(PathBuf),
}

impl Token {
    pub(super) fn load_or_create(path: &Path) -> Result<Token, TokenError> {
        match File::open(path) {
            Ok(file) => Token::load(path, file),
            Err(error) if error.kind() == ErrorKind::NotFound => Token::create(path),
            Err(source) => Err(TokenError::Read { path: path.to_path_buf(), source }),
        }
    }

    /// In constant time, apart from the length.
    pub(super) fn is(&self, presented: &[u8]) -> bool {
        verify_slices_are_equal(self.0.as_bytes(), presented).is_ok()
    }

    /// The open file is examined, not the path, which could name another one by then.
    fn load(path: &Path, file: File) -> Result<Token, TokenError> {
        let failed = |source| TokenError::Read { path: path.to_path_buf(), source };
        let metadata = file.metadata().map_err(failed)?;
        if !metadata.is_file() {
            return Err(TokenError::NotAFile(path.to_path_buf()));
        }
        let mode = metadata.permissions().mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(TokenError::ReadableByOthers { path: path.to_path_buf(), mode });
        }
        let mut text = String::new();
        let longest = TOKEN_BYTES_MAX as u64 + 2;
        file.take(longest).read_to_string(&mut text).map_err(failed)?;
        let token = text.trim_end_matches(['\r', '\n']);
        let visible = token.bytes().all(|byte| byte.is_ascii_graphic());
        if !visible || !(TOKEN_BYTES_MIN..=TOKEN_BYTES_MAX).contains(&token.len()) {
            return Err(TokenError::Malformed(path.to_path_buf()));
        }
        Ok(Token(token.to_string()))
    }

    fn create(path: &Path) -> Result<Token, TokenError> {
        let failed = |source| TokenError::Create { path: path.to_path_buf(), source };
        let mut bytes = [0; 32];
        aws_lc_rs::rand::fill(&mut bytes).map_err(|_| failed(io::Error::other("the system gave no random bytes")))?;
        let token: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        // Never over a file that is there by now, and never, even for a moment, with a wider mode.
        let mut file = OpenOptions::new().write(true).create_new(true).mode(FILE_MODE).open(path).map_err(failed)?;
        let written = file.write_all(format!("{token}\n").as_bytes()).and_then(|()| file.sync_all());
        if let Err(source) = written {
            // Half a token would be refused at the next start; none is made anew.
            let _ = std::fs::remove_file(path);
            return Err(failed(source));
        }
        Ok(Token(token))
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(..)")
    }
}
