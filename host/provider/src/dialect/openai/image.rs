//! Images in the input, with OpenAI's words for those that it cannot take.

use crate::image::{ImageProblem, check_url};
use crate::json::Problem;

/// An address or a data URL; the fingerprint of what it stands for.
pub fn image(url: &str, path: &str) -> Result<u64, Problem> {
    check_url(url).map_err(|problem| match problem {
        ImageProblem::NoBase64 => Problem::other(path, "invalid_base64", "Invalid base64 image_url."),
        ImageProblem::UnknownKind | ImageProblem::OtherKind(_) => Problem::other(
            path,
            "invalid_image_format",
            "You uploaded an unsupported image. Please make sure your image has of one the following formats: \
             ['png', 'jpeg', 'gif', 'webp'].",
        ),
        ImageProblem::NoUrl => Problem::other(
            path,
            "invalid_image_url",
            format!("Invalid '{path}'. Expected a valid URL, but got a value with an invalid format."),
        ),
    })
}
