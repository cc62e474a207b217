//! Configurations of the most usual shape.

/// One route named `all` to an upstream named `service`.
pub fn proxy(upstream: &str) -> String {
    route(upstream, "")
}

/// The same, with further lines in the route.
pub fn route(upstream: &str, lines: &str) -> String {
    format!("{}\n[[routes]]\nname = \"all\"\nupstream = \"service\"\n{lines}\n", service(upstream, ""))
}

/// The upstream named `service`, with further lines.
pub fn service(upstream: &str, lines: &str) -> String {
    format!("[upstreams.service]\nurl = \"{upstream}\"\n{lines}\n")
}
