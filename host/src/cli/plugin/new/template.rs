//! What a new crate may begin with.

use clap::ValueEnum;

/// A policy to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(in crate::cli) enum Template {
    /// Refuses requests without a certain header field, and labels the others.
    Request,
    /// Rewrites the JSON body of requests.
    Body,
    /// Edits calls of language models, and reads and ends their answers, whatever dialect the client speaks.
    Model,
    /// Chooses among the upstreams of a route.
    Router,
}

/// The texts that differ from template to template.
struct Texts {
    policy: &'static str,
    exchanges: &'static str,
    gateway: &'static str,
    about: &'static str,
}

macro_rules! texts {
    ($folder:literal) => {
        Texts {
            policy: include_str!(concat!("templates/", $folder, "/lib.rs")),
            exchanges: include_str!(concat!("templates/", $folder, "/exchanges.toml")),
            gateway: include_str!(concat!("templates/", $folder, "/sluicegate.toml")),
            about: include_str!(concat!("templates/", $folder, "/about.md")),
        }
    };
}

impl Template {
    fn texts(self) -> Texts {
        match self {
            Template::Request => texts!("request"),
            Template::Body => texts!("body"),
            Template::Model => texts!("model"),
            Template::Router => texts!("router"),
        }
    }

    /// The crate's own files with their paths in it. `plugin`: what a configuration calls it.
    pub(super) fn files(self, package: &str, plugin: &str) -> Vec<(&'static str, String)> {
        let texts = self.texts();
        let named = |text: &str| text.replace("@NAME@", package).replace("@PLUGIN@", plugin);
        vec![
            ("Cargo.toml", named(include_str!("templates/common/manifest.toml"))),
            ("src/lib.rs", texts.policy.to_owned()),
            ("exchanges.toml", texts.exchanges.to_owned()),
            ("sluicegate.toml", named(texts.gateway)),
            ("README.md", named(&include_str!("templates/common/README.md").replace("@ABOUT@\n", texts.about))),
            (".gitignore", include_str!("templates/common/gitignore").to_owned()),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_placeholder_has_its_value() {
        for template in Template::value_variants() {
            for (path, text) in template.files("my_policy", "my-policy") {
                assert!(!text.contains('@'), "{template:?}, {path}:\n{text}");
            }
        }
    }
}
