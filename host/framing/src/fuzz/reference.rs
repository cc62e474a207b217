//! A strict reader of requests after RFC 9112, to compare with: slow, plain, and with nothing left to the reader's judgement.
//!
//! It is lenient in one place: a line of a head may end with LF alone, as 2.2 allows.

/// One request as it was framed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: Vec<u8>,
    /// Names in lower case, in their order.
    pub fields: Vec<(String, Vec<u8>)>,
    /// None: it breaks off, or is no body.
    pub body: Option<Vec<u8>>,
}

/// What is left of the bytes.
struct Reader<'a>(&'a [u8]);

/// It cannot be read, or there is no more of it.
struct Stop;

/// All requests in these bytes, up to where a reader has to stop: behind what is wrong, or is the last of its connection.
pub fn requests(bytes: &[u8]) -> Vec<Request> {
    let (mut reader, mut requests) = (Reader(bytes), Vec::new());
    while let Ok((mut request, is_last, body)) = reader.head() {
        request.body = body.read(&mut reader).ok();
        let goes_on = request.body.is_some() && !is_last;
        requests.push(request);
        if !goes_on {
            break;
        }
    }
    requests
}

enum Body {
    Length(usize),
    Chunked,
}

impl Body {
    fn read(&self, reader: &mut Reader<'_>) -> Result<Vec<u8>, Stop> {
        match self {
            Body::Length(length) => reader.take(*length).map(<[u8]>::to_vec),
            Body::Chunked => reader.chunks(),
        }
    }
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Stop> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Stop)?;
        self.0 = rest;
        Ok(taken)
    }

    /// Without its end.
    fn line(&mut self) -> Result<&'a [u8], Stop> {
        let end = self.0.iter().position(|byte| *byte == b'\n').ok_or(Stop)?;
        let line = self.take(end + 1)?;
        let line = &line[..end];
        Ok(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// As in a body, where there is no leniency.
    fn strict_line(&mut self) -> Result<&'a [u8], Stop> {
        let end = self.0.windows(2).position(|pair| pair == b"\r\n").ok_or(Stop)?;
        let line = &self.take(end + 2)?[..end];
        if line.iter().any(|byte| matches!(byte, b'\n' | b'\r')) { Err(Stop) } else { Ok(line) }
    }

    /// And whether it is the last one of its connection.
    fn head(&mut self) -> Result<(Request, bool, Body), Stop> {
        // 2.2: empty lines in front of a request.
        let mut line = self.line()?;
        while line.is_empty() {
            line = self.line()?;
        }
        let words: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
        let [method, target, version] = words[..] else { return Err(Stop) };
        let is_1_1 = match version {
            b"HTTP/1.1" => true,
            b"HTTP/1.0" => false,
            _ => return Err(Stop),
        };
        if !is_token(method) || target.is_empty() || !target.iter().all(u8::is_ascii_graphic) {
            return Err(Stop);
        }
        let fields = self.fields()?;
        let method = String::from_utf8_lossy(method).into_owned();
        let all =
            |name: &'static str| fields.iter().filter(move |field| field.0 == name).map(|field| field.1.as_slice());
        let options: Vec<Vec<u8>> = all("connection").flat_map(items).collect();
        let has = |option: &[u8]| options.iter().any(|one| one == option);
        let mut is_last = method == "CONNECT" || has(b"close") || (!is_1_1 && !has(b"keep-alive"));
        let (codings, lengths): (Vec<_>, Vec<_>) =
            (all("transfer-encoding").collect(), all("content-length").collect());
        let body = match (&codings[..], &lengths[..]) {
            ([], []) => Body::Length(0),
            ([], [first, others @ ..]) if others.iter().all(|other| other == first) => Body::Length(number(first, 10)?),
            ([coding], lengths) if is_1_1 && coding.eq_ignore_ascii_case(b"chunked") => {
                // 6.3: such a message may be processed, and is the last.
                is_last |= !lengths.is_empty();
                Body::Chunked
            }
            _ => return Err(Stop),
        };
        Ok((Request { method, target: target.to_vec(), fields, body: None }, is_last, body))
    }

    fn fields(&mut self) -> Result<Vec<(String, Vec<u8>)>, Stop> {
        let mut fields = Vec::new();
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(fields);
            }
            fields.push(field(line)?);
        }
    }

    /// 7.1.2.
    fn trailers(&mut self) -> Result<(), Stop> {
        loop {
            let line = self.strict_line()?;
            if line.is_empty() {
                return Ok(());
            }
            field(line)?;
        }
    }

    /// 7.1.
    fn chunks(&mut self) -> Result<Vec<u8>, Stop> {
        let mut body = Vec::new();
        loop {
            let line = self.strict_line()?;
            let size = line.split(|byte| *byte == b';').next().unwrap_or_default();
            let extension = &line[size.len()..];
            if extension.iter().any(is_control) {
                return Err(Stop);
            }
            let size = number(trim_end(size), 16)?;
            if size == 0 {
                self.trailers()?;
                return Ok(body);
            }
            body.extend(self.take(size)?);
            if self.take(2)? != b"\r\n" {
                return Err(Stop);
            }
        }
    }
}

/// Its name in lower case.
fn field(line: &[u8]) -> Result<(String, Vec<u8>), Stop> {
    let colon = line.iter().position(|byte| *byte == b':').ok_or(Stop)?;
    let (name, value) = (&line[..colon], &line[colon + 1..]);
    match is_token(name) && !value.iter().any(is_control) {
        true => Ok((String::from_utf8_lossy(name).to_ascii_lowercase(), trim(value).to_vec())),
        false => Err(Stop),
    }
}

/// Of those that may stand nowhere in a line.
fn is_control(byte: &u8) -> bool {
    byte.is_ascii_control() && *byte != b'\t'
}

fn is_token(bytes: &[u8]) -> bool {
    let of_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    !bytes.is_empty() && bytes.iter().all(of_token)
}

fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

fn trim_end(mut bytes: &[u8]) -> &[u8] {
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// Of a list, in lower case.
fn items(value: &[u8]) -> Vec<Vec<u8>> {
    value.split(|byte| *byte == b',').map(|item| trim(item).to_ascii_lowercase()).collect()
}

/// Digits and nothing else: no sign, no space.
fn number(digits: &[u8], radix: u32) -> Result<usize, Stop> {
    let text = std::str::from_utf8(digits).map_err(|_| Stop)?;
    let is_number = !text.is_empty() && text.chars().all(|digit| digit.is_digit(radix));
    let number = is_number.then(|| usize::from_str_radix(text, radix).ok()).flatten();
    number.ok_or(Stop)
}
