//! How each kind is recognised. Each `find` looks at a place where its kind may begin and at the byte before it, says how many bytes
//! match, and looks at a bounded number of bytes, which bounds what is ever held back.

pub mod card;
mod digits;
pub mod email;
pub mod escape;
pub mod iban;
pub mod ip;
pub mod pem;
pub mod phone;
pub mod secret;

use crate::ahead::More;

/// The length of the match, or none; or more bytes are needed to know.
pub type Found = Result<Option<usize>, More>;
