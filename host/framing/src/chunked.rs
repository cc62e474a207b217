//! The chunked coding as RFC 9112, 7.1 writes it: where it ends, and what must not stand in it.

/// What stands in a chunked body that two readers could take for different things.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("a chunk's size cannot be understood")]
    Size,
    #[error("a chunk's extension holds a control character")]
    Extension,
    #[error("a chunk is not as long as it says")]
    Length,
    #[error("the fields behind the last chunk hold a control character, or a line end without CR")]
    Trailers,
}

/// What some bytes came to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Come {
    /// All of them belong to the body, which goes on.
    Within,
    /// It has ended with so many of them.
    Ended(usize),
    /// So many of them are in order, and the next one is not.
    Broken(usize, Fault),
}

/// A body of which some is read.
#[derive(Debug, Default)]
pub(crate) struct Chunked(Place);

#[derive(Debug, Clone, Copy)]
enum Place {
    /// None: no digit was there yet.
    Size(Option<u64>),
    /// Behind the digits.
    Padding(u64),
    Extension(u64),
    SizeLf(u64),
    /// So many bytes are left of the chunk.
    Data(u64),
    DataCr,
    DataLf,
    /// Where a field begins behind the last chunk, or the end.
    LineStart,
    Line,
    LineLf,
    LastLf,
}

impl Default for Place {
    fn default() -> Place {
        Place::Size(None)
    }
}

impl Chunked {
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Come {
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            if let Place::Data(left) = self.0 {
                let taken = usize::try_from(left).map_or(bytes.len() - at, |left| left.min(bytes.len() - at));
                at += taken;
                let left = left - taken as u64;
                self.0 = if left == 0 { Place::DataCr } else { Place::Data(left) };
                continue;
            }
            self.0 = match self.0.behind(*byte) {
                Ok(Some(place)) => place,
                Ok(None) => return Come::Ended(at + 1),
                Err(fault) => return Come::Broken(at, fault),
            };
            at += 1;
        }
        Come::Within
    }
}

impl Place {
    /// None: the body has ended.
    fn behind(self, byte: u8) -> Result<Option<Place>, Fault> {
        use Place::*;
        Ok(Some(match (self, byte) {
            (Size(size), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => Size(Some(larger(size.unwrap_or(0), byte)?)),
            (Size(Some(size)) | Padding(size), b' ' | b'\t') => Padding(size),
            (Size(Some(size)) | Padding(size), b';') => Extension(size),
            (Size(Some(size)) | Padding(size) | Extension(size), b'\r') => SizeLf(size),
            (Extension(size), b'\t') => Extension(size),
            (Extension(size), byte) if !byte.is_ascii_control() => Extension(size),
            (Extension(_), _) => return Err(Fault::Extension),
            (SizeLf(0), b'\n') => LineStart,
            (SizeLf(size), b'\n') => Data(size),
            (Size(_) | Padding(_) | SizeLf(_), _) => return Err(Fault::Size),
            (DataCr, b'\r') => DataLf,
            (DataLf, b'\n') => Size(None),
            (Data(_) | DataCr | DataLf, _) => return Err(Fault::Length),
            (LineStart, b'\r') => LastLf,
            (LastLf, b'\n') => return Ok(None),
            (Line, b'\r') => LineLf,
            (LineLf, b'\n') => LineStart,
            (LineStart | Line, b'\t') => Line,
            (LineStart | Line, byte) if !byte.is_ascii_control() => Line,
            (LineStart | Line | LineLf | LastLf, _) => return Err(Fault::Trailers),
        }))
    }
}

/// With one more digit, which is hexadecimal.
fn larger(size: u64, digit: u8) -> Result<u64, Fault> {
    let digit = char::from(digit).to_digit(16).ok_or(Fault::Size)?;
    size.checked_mul(16).and_then(|size| size.checked_add(u64::from(digit))).ok_or(Fault::Size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_ends_where_it_says() {
        for body in [
            "0\r\n\r\n",
            "5\r\nhello\r\n0\r\n\r\n",
            "5 \t;a=\"b\tc\";d\r\nhello\r\n00\r\nsum: 1\r\nother:\t2\r\n\r\n",
            "A\r\n\n\r\n\r\n\0\0\0\0\0\r\n0\r\n\r\n",
        ] {
            let bytes = [body, "GET /"].concat();
            assert_eq!(Chunked::default().read(bytes.as_bytes()), Come::Ended(body.len()), "{body:?}");
            let mut chunked = Chunked::default();
            for byte in &body.as_bytes()[..body.len() - 1] {
                assert_eq!(chunked.read(&[*byte]), Come::Within, "{body:?}");
            }
            assert_eq!(chunked.read(b"\n"), Come::Ended(1), "{body:?}");
        }
    }

    #[test]
    fn what_two_readers_could_take_for_different_things_is_a_fault_where_it_stands() {
        use Fault::*;
        for (good, bad, fault) in [
            ("", "\r\n", Size),
            ("", "-1\r\n", Size),
            ("5", "\n", Size),
            ("5 ", "5\r\n", Size),
            ("5\r", "\r\n", Size),
            ("ffffffffffffffff", "f\r\n", Size),
            ("5;a", "\nhello\r\n", Extension),
            ("5;a", "\0\r\n", Extension),
            ("5;a\t", "\x0b\r\n", Extension),
            ("5;a\r", "b\r\n", Size),
            ("5\r\nhello", "!\r\n", Length),
            ("5\r\nhello", "\n0", Length),
            ("5\r\nhello\r", "\r\n", Length),
            ("0\r\n", "\nGET /", Trailers),
            ("0\r\nsum: 1", "\n\r\n", Trailers),
            ("0\r\nsum: 1\r\n", "\n", Trailers),
            ("0\r\nsum: 1\r", "2\r\n", Trailers),
            ("0\r\nsum: ", "\0\r\n", Trailers),
            ("0\r\n", "\x7f\r\n", Trailers),
            ("0\r\n\r", "\r\n", Trailers),
        ] {
            let read = Chunked::default().read([good, bad].concat().as_bytes());
            assert_eq!(read, Come::Broken(good.len(), fault), "{good:?} {bad:?}");
        }
    }
}
