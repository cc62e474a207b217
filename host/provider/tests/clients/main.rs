//! The vendors' own Python packages, unmodified, against the provider: each script says as JSON what it saw.

mod anthropic;
mod azure;
mod bedrock;
mod gemini;
mod openai;
mod python;
