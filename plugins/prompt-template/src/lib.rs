//! Publishes prompts as endpoints: a request brings values for the variables of a prompt, a model of the route answers, and the client
//! gets its text.

mod answer;
mod chat;
mod config;
mod template;
#[cfg(test)]
mod tests;
mod variable;

use sluicegate_plugin::{BodyNeed, Decision, Piece, Plugin, Problems, Rejection, Setup, notes, reply, request};

use answer::Form;
use chat::Prompt;
use config::RawConfig;

/// The endpoint of the gateway that a prompt becomes a call of.
const CHAT: &str = "/v1/chat/completions";

struct Prompts(Vec<Prompt>);

impl Plugin for Prompts {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<Prompts, Problems> {
        setup.body(BodyNeed::buffered(0));
        setup.reply_body(BodyNeed::buffered(0));
        config.try_into()
    }

    /// Other paths of the route are none of this policy's business, though their bodies are gathered too: a need is the same for all.
    fn head(&self) -> Decision {
        let path = request::path();
        let Some(number) = self.0.iter().position(|prompt| prompt.path == path) else { return Decision::Proceed };
        if request::method() != "POST" {
            return Rejection::new(405, "method_not_allowed", "This endpoint is asked with POST.")
                .header("allow", "POST")
                .into();
        }
        notes::store(&[u8::try_from(number).unwrap_or(u8::MAX)]);
        // What is sent on is this policy's own.
        let moved = request::set_path(CHAT).and_then(|()| request::set_query(None));
        let typed = moved.and_then(|()| request::set_header("content-type", b"application/json"));
        match typed {
            Ok(()) => Decision::Proceed,
            Err(_) => Rejection::new(500, "prompt_failed", "The request could not be made a call of a model.").into(),
        }
    }

    fn body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        match self.prompt() {
            Some(prompt) => prompt.call(&bytes).map(Piece::Replace).into(),
            None => Piece::Pass,
        }
    }

    fn reply_body(&self, bytes: Vec<u8>, _end: bool) -> Piece {
        // Errors are in the form that the gateway gives them.
        let Some(prompt) = self.prompt().filter(|_| reply::status() == 200) else { return Piece::Pass };
        let media_type = match prompt.form {
            Form::Text => "text/plain; charset=utf-8",
            Form::Json => "application/json",
        };
        let written = answer::write(prompt.form, &prompt.model, &bytes);
        match written
            .and_then(|written| reply::set_header("content-type", media_type.as_bytes()).ok().map(|()| written))
        {
            Some(written) => Piece::Replace(written),
            None => Rejection::new(502, "no_answer", "The model's answer has no text.").into(),
        }
    }
}

sluicegate_plugin::export!(Prompts: head, body, reply_body);

impl Prompts {
    /// The one that this request is for.
    fn prompt(&self) -> Option<&Prompt> {
        self.0.get(usize::from(*notes::load().first()?))
    }
}
