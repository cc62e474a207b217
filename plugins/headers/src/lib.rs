//! Sets, appends, renames and removes header fields of request and answer, with values from identity and exchange.

mod config;
mod operation;
mod schema;
mod template;
#[cfg(test)]
mod tests;

use sluicegate_plugin::{Decision, Phase, Plugin, Problems, Setup};

use config::RawConfig;
use operation::{Message, Operation};

struct Headers {
    /// In the order in which they are carried out.
    request: Vec<Operation>,
    reply: Vec<Operation>,
}

impl Plugin for Headers {
    type Config = RawConfig;

    fn configure(config: RawConfig, setup: &mut Setup) -> Result<Headers, Problems> {
        let headers = config.into_operations().map(|(request, reply)| Headers { request, reply })?;
        if headers.request.is_empty() {
            setup.skip(Phase::Head);
        }
        if headers.reply.is_empty() {
            setup.skip(Phase::ReplyHead);
        }
        Ok(headers)
    }

    fn head(&self) -> Decision {
        self.request.iter().try_for_each(|operation| operation.run(Message::Request)).into()
    }

    fn reply_head(&self) -> Decision {
        self.reply.iter().try_for_each(|operation| operation.run(Message::Reply)).into()
    }
}

sluicegate_plugin::export!(Headers: head, reply_head);
