//! The configuration under test: its few parts that change, the file that says so, and the plugin's file.

use crate::gateway::Gateway;
use crate::guests;

/// What distinguishes one configuration of a run from another. All of it shows in the marks of an exchange.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct State {
    /// A value in the config of the entries `first` and `second`.
    pub version: u32,
    /// The digits in the plugin's file.
    pub mark: u32,
    /// `second` runs in front of `first`.
    pub reversed: bool,
    /// There is a second route, which takes the requests from the first.
    pub moved: bool,
}

/// The text in the guest `marker` in front of its digits.
const MARK: &[u8] = b"mark-in-the-file-";
const DIGITS: usize = 5;

impl State {
    /// `plugin_file`: where the marker is. `more`: further tables.
    pub fn text(&self, upstream: &str, plugin_file: &str, more: &str) -> String {
        let marks = |name: &str| {
            let operations = format!(
                r#"[{{ append = "x-order", value = "{name}-{}" }}, {{ set = "x-route", value = "${{exchange.route}}" }}]"#,
                self.version
            );
            format!(
                "[[chains.marks]]\nplugin = \"headers\"\nname = \"{name}\"\nconfig = {{ request = {operations}, reply = \
                 {operations} }}\n"
            )
        };
        let marker = "[[chains.marks]]\nplugin = \"marker\"\n".to_owned();
        let entries = match self.reversed {
            false => [marks("first"), marker, marks("second")],
            true => [marks("second"), marker, marks("first")],
        };
        let route = |name: &str, path: &str| {
            format!("[[routes]]\nname = \"{name}\"\npath = \"{path}\"\nupstream = \"service\"\n")
        };
        let moved = if self.moved { route("moved", "/load/*") } else { String::new() };
        format!(
            r#"global_chain = "marks"
access_log = "file:access.log"

[admin]
address = "127.0.0.1:0"

[[listen]]
address = "127.0.0.1:0"

[upstreams.service]
url = "{upstream}"

[plugins.marker]
file = "{plugin_file}"

{entries}
{all}
{moved}
{more}
"#,
            entries = entries.join("\n"),
            all = route("all", "/*"),
        )
    }

    pub fn route(&self) -> &'static str {
        if self.moved { "moved" } else { "all" }
    }

    /// The marker's component with this state's digits.
    pub fn plugin(&self) -> Vec<u8> {
        let mut bytes = guests::MARKER.to_vec();
        let mut at = 0;
        while let Some(found) = bytes[at..].windows(MARK.len()).position(|window| window == MARK) {
            let digits = at + found + MARK.len();
            bytes[digits..digits + DIGITS].copy_from_slice(format!("{:0DIGITS$}", self.mark).as_bytes());
            at = digits;
        }
        assert!(at > 0, "the marker has no mark to replace");
        bytes
    }

    /// A gateway that begins with this, its plugin in `marker.wasm`.
    pub fn start_gateway(&self, upstream: &str) -> Gateway {
        Gateway::start(&self.text(upstream, "marker.wasm", ""), &[("marker.wasm", &self.plugin())])
    }
}
