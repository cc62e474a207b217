//! The parser: one pass, no recursion beyond [`DEPTH_MAX`].

use super::{DEPTH_MAX, JsonError, Kind, VALUES_MAX, Value};

/// Objects up to this size are searched for a second member of a name one by one, larger ones through a set.
const SEARCHED_MEMBERS_MAX: usize = 16;

/// `vectors`: arrays of numbers are kept as such.
pub(super) fn parse(source: &[u8], vectors: bool) -> Result<Value, JsonError> {
    if let Err(error) = std::str::from_utf8(source) {
        return Err(JsonError { problem: "the text is not UTF-8".to_owned(), at: error.valid_up_to() });
    }
    let mut parser = Parser { source, at: 0, values: 0, vectors };
    parser.white_space();
    let root = parser.value(0)?;
    parser.white_space();
    match parser.peek() {
        None => Ok(root),
        Some(_) => Err(parser.error("something stands behind the value")),
    }
}

struct Parser<'a> {
    source: &'a [u8],
    at: usize,
    values: usize,
    vectors: bool,
}

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.source.get(self.at).copied()
    }

    fn error(&self, problem: &str) -> JsonError {
        JsonError { problem: problem.to_owned(), at: self.at }
    }

    fn white_space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.peek() {
            self.at += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value, JsonError> {
        let start = self.at;
        self.values += 1;
        if self.values > VALUES_MAX {
            return Err(self.error(&format!("there are more than {VALUES_MAX} values")));
        }
        let kind = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.array(depth)?,
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => Kind::Number(self.number()?.into()),
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            Some(_) => return Err(self.error("this is no JSON value")),
            None => return Err(self.error("the text ends where a value is expected")),
        };
        Ok(Value { kind, span: start..self.at })
    }

    fn deeper(&self, depth: usize) -> Result<usize, JsonError> {
        match depth < DEPTH_MAX {
            true => Ok(depth + 1),
            false => Err(self.error(&format!("arrays and objects are nested deeper than {DEPTH_MAX}"))),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Kind, JsonError> {
        let depth = self.deeper(depth)?;
        self.at += 1;
        let mut members: Vec<(String, Value)> = Vec::new();
        let mut names = std::collections::HashSet::new();
        self.white_space();
        if self.take(b'}') {
            return Ok(Kind::Object(members));
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.error("a member's name in quotes is expected"));
            }
            let name = self.string()?;
            let twice = match members.len() {
                ..SEARCHED_MEMBERS_MAX => members.iter().any(|(other, _)| *other == name),
                SEARCHED_MEMBERS_MAX => {
                    names.extend(members.iter().map(|(name, _)| name.clone()));
                    !names.insert(name.clone())
                }
                _ => !names.insert(name.clone()),
            };
            if twice {
                let name = crate::error::bounded(&name, 64);
                return Err(JsonError {
                    problem: format!("the member `{name}` stands twice in one object"),
                    at: start,
                });
            }
            self.white_space();
            if !self.take(b':') {
                return Err(self.error("`:` is expected"));
            }
            self.white_space();
            let value = self.value(depth)?;
            members.push((name, value));
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.error("`,` or `}` is expected")),
            }
            self.white_space();
        }
        self.at += 1;
        Ok(Kind::Object(members))
    }

    fn array(&mut self, depth: usize) -> Result<Kind, JsonError> {
        let depth = self.deeper(depth)?;
        if let Some(numbers) = self.vectors.then(|| self.numbers()).flatten() {
            return Ok(Kind::Vector(numbers));
        }
        self.at += 1;
        let mut values = Vec::new();
        self.white_space();
        if self.take(b']') {
            return Ok(Kind::Array(values));
        }
        loop {
            values.push(self.value(depth)?);
            self.white_space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => break,
                _ => return Err(self.error("`,` or `]` is expected")),
            }
            self.white_space();
        }
        self.at += 1;
        Ok(Kind::Array(values))
    }

    /// An array of numbers, at least of one; none, and nothing is taken, where something else stands in it.
    fn numbers(&mut self) -> Option<Vec<f32>> {
        let start = self.at;
        let mut numbers = Vec::new();
        loop {
            self.at += 1;
            self.white_space();
            let number = self.number().ok().and_then(|text| text.parse::<f32>().ok());
            self.white_space();
            numbers.extend(number);
            match self.peek() {
                Some(b',') if number.is_some() => {}
                Some(b']') if number.is_some() => break,
                _ => {
                    self.at = start;
                    return None;
                }
            }
        }
        self.at += 1;
        Some(numbers)
    }

    fn word(&mut self, word: &str, kind: Kind) -> Result<Kind, JsonError> {
        match self.source.get(self.at..).is_some_and(|rest| rest.starts_with(word.as_bytes())) {
            true => {
                self.at += word.len();
                Ok(kind)
            }
            false => Err(self.error("this is no JSON value")),
        }
    }

    fn number(&mut self) -> Result<&str, JsonError> {
        let start = self.at;
        self.take(b'-');
        // No leading zeros (RFC 8259, 6).
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            let _sign = self.take(b'+') || self.take(b'-');
            self.digits()?;
        }
        let text = self.source.get(start..self.at).unwrap_or_default();
        Ok(std::str::from_utf8(text).unwrap_or_default())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.peek() {
            self.at += 1;
        }
        if start == self.at { Err(self.error("a digit is expected")) } else { Ok(()) }
    }

    fn string(&mut self) -> Result<String, JsonError> {
        self.at += 1;
        let mut text = String::new();
        loop {
            let start = self.at;
            while self.peek().is_some_and(|byte| byte != b'"' && byte != b'\\' && byte >= 0x20) {
                self.at += 1;
            }
            // Cut at ASCII bytes only, so it stays UTF-8.
            text.push_str(std::str::from_utf8(self.source.get(start..self.at).unwrap_or_default()).unwrap_or_default());
            match self.peek() {
                Some(b'"') => break,
                Some(b'\\') => {
                    self.at += 1;
                    text.push(self.escape()?);
                }
                Some(_) => return Err(self.error("a control character must be escaped in a string")),
                None => return Err(self.error("the text ends within a string")),
            }
        }
        self.at += 1;
        Ok(text)
    }

    fn escape(&mut self) -> Result<char, JsonError> {
        let escaped = match self.peek() {
            Some(byte @ (b'"' | b'\\' | b'/')) => byte as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(),
            _ => return Err(self.error("this is no escape")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// At the `u`.
    fn unicode(&mut self) -> Result<char, JsonError> {
        let start = self.at - 1;
        let lone = || JsonError { problem: "half of a surrogate pair stands alone".to_owned(), at: start };
        let first = self.four_digits()?;
        let code = match first {
            0xD800..=0xDBFF => {
                if !(self.take(b'\\') && self.peek() == Some(b'u')) {
                    return Err(lone());
                }
                let second = self.four_digits()?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(lone());
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            _ => first,
        };
        char::from_u32(code).ok_or_else(lone)
    }

    fn four_digits(&mut self) -> Result<u32, JsonError> {
        self.at += 1;
        let mut code = 0;
        for _ in 0..4 {
            let digit = self.peek().and_then(|byte| (byte as char).to_digit(16));
            code = code * 16 + digit.ok_or_else(|| self.error("four hexadecimal digits are expected"))?;
            self.at += 1;
        }
        Ok(code)
    }
}
