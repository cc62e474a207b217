//! Hides what may be a secret in the source that a diagnostic shows.
//!
//! A file that is refused may hold what it should not: a literal secret, a key in the place of its hash. The lines that a
//! diagnostic prints come from here, never from the file itself. The scan is lexical, since the file may not even be TOML.

use std::ops::Range;

/// The same text with `*` for every byte that may belong to a secret, so that byte offsets stay what they are.
pub fn masked(text: &str) -> String {
    let mut scan = Scan { text, at: 0, header: "", line: 0, key: "", value_next: false, hidden: Vec::new() };
    while scan.step() {}
    let mut shown = String::with_capacity(text.len());
    let mut from = 0;
    for range in scan.hidden {
        shown.push_str(text.get(from..range.start).unwrap_or_default());
        shown.extend(
            text.get(range.clone()).unwrap_or_default().bytes().map(|byte| if byte == b'\n' { '\n' } else { '*' }),
        );
        from = range.end;
    }
    shown.push_str(text.get(from..).unwrap_or_default());
    shown
}

struct Scan<'a> {
    text: &'a str,
    at: usize,
    /// The text of the last `[table]` line.
    header: &'a str,
    /// Where the current line begins.
    line: usize,
    /// The word or string that was read last, which is a key if `=` follows.
    key: &'a str,
    /// `=` was read last.
    value_next: bool,
    hidden: Vec<Range<usize>>,
}

impl<'a> Scan<'a> {
    /// Reads one token; false at the end of the text.
    fn step(&mut self) -> bool {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let Some(first) = rest.chars().next() else { return false };
        match first {
            '\n' => {
                self.at += 1;
                self.line = self.at;
                self.value_next = false;
            }
            '#' => self.at += until(rest, |character| character == '\n'),
            '"' | '\'' => self.string(rest, first),
            '[' if self.text.get(self.line..self.at).is_some_and(|before| before.trim().is_empty()) => {
                let length = until(rest, |character| matches!(character, '\n' | '#'));
                self.header = rest.get(..length).unwrap_or_default().trim_matches(['[', ']', ' ', '\t']);
                self.at += length;
            }
            '=' => {
                self.value_next = true;
                self.at += 1;
            }
            ' ' | '\t' | '\r' => self.at += 1,
            '{' | '[' | ',' | '}' | ']' | '.' => {
                self.value_next = false;
                self.at += first.len_utf8();
            }
            _ if self.value_next => self.bare_value(rest),
            _ => {
                let length = until(rest, |character| !(character.is_alphanumeric() || matches!(character, '_' | '-')));
                let length = length.max(first.len_utf8());
                self.key = rest.get(..length).unwrap_or_default();
                self.at += length;
            }
        }
        true
    }

    fn string(&mut self, rest: &'a str, quote: char) {
        let triple = quote.to_string().repeat(3);
        let (open, close) = if rest.starts_with(&triple) { (3, triple) } else { (1, quote.to_string()) };
        let body = rest.get(open..).unwrap_or_default();
        let mut length = 0;
        // To the closing quotes; an unclosed string goes to the end of its line, or of the text if it may span lines.
        while let Some(character) = body.get(length..).and_then(|left| left.chars().next()) {
            if body.get(length..).is_some_and(|left| left.starts_with(&close)) || (open == 1 && character == '\n') {
                break;
            }
            length += character.len_utf8();
            if character == '\\' && quote == '"' {
                length += body.get(length..).and_then(|left| left.chars().next()).map_or(0, char::len_utf8);
            }
        }
        let content = body.get(..length).unwrap_or_default();
        let start = self.at + open;
        let closed = body.get(length..).is_some_and(|left| left.starts_with(&close));
        self.at = start + length + if closed { open } else { 0 };
        let after = self.text.get(self.at..).unwrap_or_default().trim_start_matches([' ', '\t']);
        if after.starts_with('=') {
            self.key = content;
        } else {
            self.hide(content, start);
            self.value_next = false;
        }
    }

    /// A value without quotes: a number, or a string whose quotes were forgotten.
    fn bare_value(&mut self, rest: &'a str) {
        let length = until(rest, |character| matches!(character, '\n' | ',' | '}' | ']' | '#'));
        let value = rest.get(..length).unwrap_or_default();
        if value.parse::<f64>().is_err() && !matches!(value.trim(), "true" | "false") {
            self.hide(value, self.at);
        }
        self.at += length;
        self.value_next = false;
    }

    fn hide(&mut self, content: &str, start: usize) {
        if self.is_secret(content) {
            self.hidden.push(start..start + content.len());
        } else if let Some((scheme, rest)) = content.split_once("://") {
            let from = start + scheme.len() + 3;
            if let Some(user) = rest.split(['/', '?']).next().and_then(|authority| authority.rfind('@')) {
                self.hidden.push(from..from + user);
            }
            // What stands in a query is often a signature that opens the door.
            if let Some(query) = rest.find('?') {
                self.hidden.push(from + query + 1..start + content.len());
            }
        }
    }

    fn is_secret(&self, content: &str) -> bool {
        if looks_presented(content) {
            return true;
        }
        if content.starts_with("${") || content.starts_with("sha256:") {
            return false;
        }
        let line = self.text.get(self.line..self.at).unwrap_or_default().trim_start();
        let in_credentials = self.header.starts_with("credentials") || line.starts_with("credentials");
        let harmless = match self.key {
            "origin" | "header" => true,
            "prefix" => content.chars().all(|character| character.is_ascii_alphabetic() || character == ' '),
            _ => false,
        };
        (in_credentials && !harmless) || names_a_secret(self.key)
    }
}

fn names_a_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase().replace('-', "_");
    let parts = ["secret", "password", "passwd", "token", "authorization", "api_key", "apikey"];
    !key.ends_with("_file")
        && (["value", "hash", "key"].contains(&key.as_str()) || parts.iter().any(|part| key.contains(part)))
}

/// Forms in which well-known services hand out keys, wherever they stand.
pub fn looks_presented(content: &str) -> bool {
    let forms = ["sk-", "sk_", "sgk_", "ghp_", "xoxb-", "AIza", "AKIA", "Basic ", "-----BEGIN"];
    forms.iter().any(|form| content.starts_with(form))
        || content.strip_prefix("Bearer ").is_some_and(|rest| !rest.is_empty())
}

fn until(text: &str, ends: impl Fn(char) -> bool) -> usize {
    text.find(ends).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_literal_secret_is_shown() {
        let cases = [
            ("[credentials.a]\nvalue = \"hunter2\"\n", "[credentials.a]\nvalue = \"*******\"\n"),
            ("[credentials.a]\nvalue = \"hunter2\n", "[credentials.a]\nvalue = \"*******\n"),
            ("[credentials.a]\nvalue = hunter2\n", "[credentials.a]\nvalue = *******\n"),
            ("[credentials.a]\nvaleu = 'hunter2'\n", "[credentials.a]\nvaleu = '*******'\n"),
            ("[credentials.a]\nvalue = \"\"\"a\nb\"\"\"\n", "[credentials.a]\nvalue = \"\"\"*\n*\"\"\"\n"),
            (
                "credentials.a = { origin = \"https://x\", valu = \"hunter2\" }",
                "credentials.a = { origin = \"https://x\", valu = \"*******\" }",
            ),
            ("[[keys]]\nhash = \"my-key\"\n", "[[keys]]\nhash = \"******\"\n"),
            ("url = \"https://user:pass@host/x\"", "url = \"https://*********@host/x\""),
            ("url = \"https://u@h/x?t=abc\"", "url = \"https://*@h/x?*****\""),
            ("url = \"https://h?t=a@b\"", "url = \"https://h?*****\""),
            ("[credentials.a]\nvalue = \"https://h/?t=a\"\n", "[credentials.a]\nvalue = \"**************\"\n"),
            ("x = [\"sk-live-1\", \"fine\"]", "x = [\"*********\", \"fine\"]"),
            ("headers = { authorization = \"Bearer abc\" }", "headers = { authorization = \"**********\" }"),
            ("value = \"a\\\"b\" # \"c\"", "value = \"****\" # \"c\""),
            ("value = \"ü\"", "value = \"**\""),
        ];
        for (text, shown) in cases {
            assert_eq!(masked(text), shown);
        }
    }

    #[test]
    fn what_is_no_secret_stays_readable() {
        let text = "[credentials.a] # \"note\"\nvalue = \"${env:A}\"\norigin = \"https://a\"\nprefix = \"Bearer \"\n[[keys]]\n\
                    id = \"k1\"\nhash = \"sha256:00\"\n[admin]\ntoken_file = \"admin.token\"\n[[routes]]\ncredential_places = [\"x-secret\"]\n";
        assert_eq!(masked(text), text);
    }

    #[test]
    fn any_text_keeps_its_length() {
        for text in ["", "'", "\"\\", "[", "= = =", "\"\"\"", "value = ", "ä = 'ö", "a\\\n'''\n\n"] {
            assert_eq!(masked(text).len(), text.len(), "{text:?}");
        }
    }
}
