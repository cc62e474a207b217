//! A request's way through the chain of its route, to the upstream and back.
//!
//! [`serve`] is that way in one place; [`run`] calls the plugins, [`pipe`] takes bodies through them, [`canary`] and [`shadow`] are further
//! versions of an entry, [`targets`] and [`failover`] choose the upstream, [`finish`] sees to it that each exchange has one outcome,
//! and [`trace`] shows it all to who asks.

mod attempt;
mod canary;
mod events;
pub mod extended_connect;
mod failover;
mod finish;
mod idle;
mod inbound;
mod media;
mod model;
mod open;
mod pipe;
mod plan;
mod reply_body;
mod request_body;
mod resend;
mod run;
mod serve;
mod shadow;
mod stop;
mod targets;
mod trace;
mod tunnel;
mod under;
mod unread;
mod upgrade;

pub use canary::{Canary, CanaryState, Rollback};
pub use inbound::{Admission, Inbound};
pub use model::{Keys, ModelPlans, ModelSide, Rest, SharedDraft, hints};
pub use open::{ClientConnection, GenerationExchanges, OpenExchangeFacts, OpenExchanges};
pub use plan::{Chain, ENTRIES_MAX, Ground, Link, Plan, credential_fields};
pub use reply_body::{Cut, ReplyBody};
pub use serve::serve;
pub use shadow::Room;
pub use targets::{Target, Targets};
pub use trace::{ARMED_MAX, ArmError, COUNT_MAX, TIME_MAX, TraceLines, TraceRequest, Traces};
pub use tunnel::Tunnel;
pub use unread::refuse_unread;
