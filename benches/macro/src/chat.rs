//! What language models are asked, each of the built-in provider's, and what of an answer is looked at.

/// Every model that a gateway must have: its name there, and the provider's.
pub const MODELS: [(&str, &str); 3] = [ECHO, STORY, PACED];

const ECHO: (&str, &str) = ("echo-1", "echo-1");
const STORY: (&str, &str) = ("story-1", "story-1");
const PACED: (&str, &str) = ("paced-1", "story-1~chunk-ms=10");

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chat {
    /// An answer in one piece.
    Whole,
    /// One event a token, as fast as they can be taken.
    Streamed,
    /// One event a token, 10 ms after another, as from a quick model.
    Paced,
}

impl Chat {
    /// A body of OpenAI's chat completions, with the model's name at a gateway, or the provider's.
    pub fn body(self, at_gateway: bool) -> String {
        let (model, streamed, text) = match self {
            Chat::Whole => (ECHO, false, "Say how many words this question has."),
            Chat::Streamed => (STORY, true, "Tell a story of 60 words."),
            Chat::Paced => (PACED, true, "Tell a story of 10 words."),
        };
        serde_json::json!({
            "model": if at_gateway { model.0 } else { model.1 },
            "stream": streamed,
            "messages": [{ "role": "user", "content": text }],
        })
        .to_string()
    }
}

/// Whether a piece of text is in these events: the first event of a stream has an empty one.
pub fn has_token(events: &[u8]) -> bool {
    const NAME: &[u8] = b"\"content\":";
    events.windows(NAME.len()).enumerate().filter(|(_, window)| *window == NAME).any(|(place, _)| {
        let value = events.get(place + NAME.len()..).unwrap_or_default().trim_ascii_start();
        value.first() == Some(&b'"') && value.get(1).is_some_and(|letter| *letter != b'"')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_token_is_the_first_text_that_is_not_empty() {
        let first = r#"data: {"choices":[{"delta":{"role":"assistant","content":""}}]}"#;
        let null = r#"data: {"choices":[{"delta":{"content":null}}]}"#;
        let second = r#"data: {"choices":[{"delta":{"content": "Once"}}]}"#;
        let seen = [first.to_owned(), first.to_owned() + null, format!("{first}\n\n{null}\n\n{second}")];
        assert_eq!(seen.map(|events| has_token(events.as_bytes())), [false, false, true]);
    }
}
