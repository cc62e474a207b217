//! What a crate of a policy may be called: cargo's rules, and what those of the gateway add.

use anyhow::bail;

use crate::config::bundled::bundled;

const NAME_BYTES_MAX: usize = 64;

/// Keywords of all editions: a crate of such a name cannot be named in code.
const KEYWORDS: [&str; 52] = [
    "Self", "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate", "do", "dyn",
    "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl", "in", "let", "loop", "macro",
    "match", "mod", "move", "mut", "override", "priv", "pub", "ref", "return", "self", "static", "struct", "super",
    "trait", "true", "try", "type", "typeof", "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// Crates that the new one is built with: of two with one name, code and commands would mean the wrong one.
const TAKEN: [&str; 12] = [
    "alloc",
    "core",
    "proc-macro",
    "serde",
    "serde-json",
    "serde-path-to-error",
    "sluicegate-plugin",
    "sluicegate-plugin-derive",
    "std",
    "test",
    "wit-bindgen",
    "wit-bindgen-rust-macro",
];

/// A sentence that says why not, and what to do.
pub(super) fn check(name: &str) -> anyhow::Result<()> {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || letter == '-' || letter == '_';
    if name.is_empty() {
        bail!("the new crate needs a name: write one such as `my-policy`");
    }
    if let Some(letter) = name.chars().find(|letter| !is_part(*letter)) {
        bail!(
            "`{name}` is no name of a crate, because of {letter:?}: write letters, digits, `-` and `_` only, such as `my-policy`"
        );
    }
    if !name.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        bail!("`{name}` is no name of a crate: begin it with a letter, such as `my-policy`");
    }
    if name.len() > NAME_BYTES_MAX {
        bail!("the name has {} letters: write at most {NAME_BYTES_MAX}", name.len());
    }
    if KEYWORDS.contains(&name.replace('-', "_").as_str()) {
        bail!(
            "`{name}` is a word of Rust, and no crate can have it as its name: write another one, such as `{name}-policy`"
        );
    }
    if TAKEN.contains(&name.replace('_', "-").to_ascii_lowercase().as_str()) {
        bail!("`{name}` is the name of a crate that the new one is built with: write another one, such as `my-policy`");
    }
    Ok(())
}

/// What a configuration of the gateway calls the plugin: its names have no capitals, and some of them are taken.
pub(in crate::cli) fn in_configuration(package: &str) -> String {
    let name = package.to_ascii_lowercase().replace('_', "-");
    let name = name.trim_matches('-');
    match name {
        "" => "policy".to_owned(),
        name if bundled(name).is_some() => format!("my-{name}"),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_would_refuse_is_refused_with_what_to_write() {
        for name in ["a", "my-policy", "My_Policy2", "self-service", "typed"] {
            assert!(check(name).is_ok(), "{name}");
        }
        for (name, part) in [
            ("", "needs a name"),
            ("2fast", "begin it with a letter"),
            ("-x", "begin it with a letter"),
            ("a b", "because of ' '"),
            ("../x", "because of '.'"),
            ("größe", "because of 'ö'"),
            ("async", "is a word of Rust"),
            ("Self", "is a word of Rust"),
            ("serde_json", "that the new one is built with"),
            ("test", "that the new one is built with"),
            (&"a".repeat(65), "write at most 64"),
        ] {
            let error = check(name).unwrap_err().to_string();
            assert!(error.contains(part), "{name}: {error}");
        }
    }

    #[test]
    fn a_configuration_takes_each_name() {
        for (package, name) in
            [("my-policy", "my-policy"), ("My_Policy", "my-policy"), ("headers", "my-headers"), ("a__", "a")]
        {
            assert_eq!(in_configuration(package), name);
        }
    }
}
