//! What an answer has used, in one way of counting for all vendors.

/// Tokens. Input includes what a provider's cache had and got; output includes what was thought.
///
/// OpenAI, Azure and Gemini count the cache within their input; Anthropic and Bedrock beside it, and their readers add it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub input_tokens: u64,
    pub cache_read_tokens: u64,
    pub cache_write_tokens: u64,
    pub output_tokens: u64,
    /// None where the vendor does not tell it apart.
    pub reasoning_tokens: Option<u64>,
    /// The vendor's own figures as JSON text.
    pub raw: Option<String>,
}

impl Usage {
    pub fn total_tokens(&self) -> u64 {
        self.input_tokens.saturating_add(self.output_tokens)
    }

    /// Input that was neither read from a cache nor written to one.
    pub fn plain_input_tokens(&self) -> u64 {
        self.input_tokens.saturating_sub(self.cache_read_tokens).saturating_sub(self.cache_write_tokens)
    }
}
