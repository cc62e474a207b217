//! Looks at images as far as a vendor does before a model sees them: their kind, and whether they are base64 at all.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::model::draw::fingerprint;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageKind {
    Png,
    Jpeg,
    Gif,
    Webp,
}

impl ImageKind {
    pub fn media_type(self) -> &'static str {
        match self {
            ImageKind::Png => "image/png",
            ImageKind::Jpeg => "image/jpeg",
            ImageKind::Gif => "image/gif",
            ImageKind::Webp => "image/webp",
        }
    }

    /// By the first bytes of the file.
    fn of(bytes: &[u8]) -> Option<ImageKind> {
        match bytes {
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(ImageKind::Png),
            [0xff, 0xd8, 0xff, ..] => Some(ImageKind::Jpeg),
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(ImageKind::Gif),
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(ImageKind::Webp),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageProblem {
    NoBase64,
    UnknownKind,
    /// The file is of this kind, and was said to be of another.
    OtherKind(ImageKind),
    /// Neither `data:` with base64 nor `http:` or `https:`.
    NoUrl,
}

/// The fingerprint of the bytes.
pub fn check_base64(data: &str, media_type: &str) -> Result<u64, ImageProblem> {
    let bytes = STANDARD.decode(data).map_err(|_| ImageProblem::NoBase64)?;
    match ImageKind::of(&bytes) {
        None => Err(ImageProblem::UnknownKind),
        Some(kind) if kind.media_type() != media_type => Err(ImageProblem::OtherKind(kind)),
        Some(_) => Ok(fingerprint(&bytes)),
    }
}

/// Nothing is fetched: an address is taken as it is.
pub fn check_url(url: &str) -> Result<u64, ImageProblem> {
    if let Some(rest) = url.strip_prefix("data:") {
        let (media_type, data) = rest.split_once(";base64,").ok_or(ImageProblem::NoUrl)?;
        return check_base64(data, media_type);
    }
    let address = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    match address {
        Some(address) if !address.is_empty() && !address.starts_with('/') => Ok(fingerprint(url.as_bytes())),
        _ => Err(ImageProblem::NoUrl),
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A PNG as far as anybody looks.
    pub const PNG: &str = "iVBORw0KGgoAAAANSUhEUg==";

    #[test]
    fn an_image_is_known_by_its_first_bytes() {
        assert!(check_base64(PNG, "image/png").is_ok());
        assert_eq!(check_base64(PNG, "image/gif"), Err(ImageProblem::OtherKind(ImageKind::Png)));
        assert_eq!(check_base64("AAAA", "image/png"), Err(ImageProblem::UnknownKind));
        assert_eq!(check_base64("A", "image/png"), Err(ImageProblem::NoBase64));
        for (bytes, kind) in [
            (&b"\xff\xd8\xff\xe0"[..], ImageKind::Jpeg),
            (b"GIF89a", ImageKind::Gif),
            (b"RIFF\0\0\0\0WEBPVP8 ", ImageKind::Webp),
        ] {
            assert!(check_base64(&STANDARD.encode(bytes), kind.media_type()).is_ok());
        }
    }

    #[test]
    fn a_url_is_data_or_an_address() {
        assert!(check_url(&format!("data:image/png;base64,{PNG}")).is_ok());
        assert!(check_url("https://example.com/a.png").is_ok());
        for url in ["", "a.png", "https://", "data:,", "file:///a.png", "data:image/png,abc"] {
            assert_eq!(check_url(url), Err(ImageProblem::NoUrl), "{url}");
        }
    }
}
