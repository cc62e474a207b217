//! Tools that a vendor of OpenAI's dialects runs itself, and what of them reaches beyond the call: an address, a credential, or what
//! somebody keeps behind the provider's credential.

use crate::json::Value;

/// Whatever their value.
const REACHING: [&str; 5] = ["server_url", "connector_id", "authorization", "headers", "vector_store_ids"];

/// Names the tool that stands at this JSON pointer, and each of its members that reaches beyond the call.
pub fn note(tool: &Value, pointer: &str, foreign: &mut Vec<String>) {
    foreign.push(pointer.to_owned());
    let member = |name: &str| tool.get(name).filter(|value| !value.is_null());
    let reaching = REACHING.into_iter().filter(|name| member(name).is_some());
    foreign.extend(reaching.map(|name| format!("{pointer}/{name}")));
    // A container that the vendor makes for the call is the call's own.
    if member("container").is_some_and(|container| container.as_str().is_some() || container.get("file_ids").is_some())
    {
        foreign.push(format!("{pointer}/container"));
    }
    if member("environment").is_some_and(|environment| environment.get("container_id").is_some()) {
        foreign.push(format!("{pointer}/environment"));
    }
}
