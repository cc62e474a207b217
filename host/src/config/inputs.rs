//! The files and folders that a configuration depends on, for whoever watches them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use super::include::{INCLUDED_FILES_MAX, Walk};
use super::model::signature_path;
use super::read;
use super::texts::include_items;

/// What a configuration was made from, besides its texts' contents: a change of any of these may change it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inputs {
    /// The main file, included files, and the files of plugins, certificates, certificate authorities and secrets that these name.
    /// Absolute, or relative to the working directory. A file that another one stood in for is here all the same.
    pub files: BTreeSet<PathBuf>,
    /// Where a file may appear that an `include` pattern matches: these folders themselves, not what lies deeper in them.
    pub folders: BTreeSet<PathBuf>,
}

impl Inputs {
    /// Those of the configuration at `path`, as far as it can be understood.
    ///
    /// For one that is refused: the file in which the mistake will be mended may be an input of no configuration yet.
    pub fn of_refused(path: &Path) -> Inputs {
        let mut files = BTreeSet::from([path.to_owned()]);
        let Ok(main) = read::main(path) else { return Inputs { files, ..Inputs::default() } };
        let base = path.parent().unwrap_or(Path::new(""));
        let mut walk = Walk::new(base);
        let items = include_items(&main);
        let included = items.iter().flat_map(|item| walk.find(item).unwrap_or_default()).take(INCLUDED_FILES_MAX);
        let included: BTreeSet<PathBuf> = included.collect();
        named_files(&main, base, &mut files);
        let mut bytes_left = read::TEXT_BYTES_MAX.saturating_sub(main.len());
        for path in included {
            if let Ok(text) = read::included(&path, bytes_left) {
                bytes_left = bytes_left.saturating_sub(text.len());
                named_files(&text, base, &mut files);
            }
            files.insert(path);
        }
        Inputs { files, folders: walk.folders }
    }
}

/// The files that a text names for plugins, certificate authorities and secrets.
fn named_files(text: &str, base: &Path, files: &mut BTreeSet<PathBuf>) {
    let (document, _) = DeTable::parse_recoverable(text);
    for (section, key) in [
        ("plugins", "file"),
        ("plugins", "signature"),
        ("plugins", "ca_file"),
        ("upstreams", "ca_file"),
        ("upstreams", "certificate_file"),
        ("upstreams", "key_file"),
        ("providers", "ca_file"),
        ("providers", "certificate_file"),
        ("providers", "key_file"),
        ("credentials", "value"),
    ] {
        let tables = document.get_ref().get(section).and_then(|section| section.get_ref().as_table());
        for (_, table) in tables.into_iter().flatten() {
            let table = match key {
                "certificate_file" | "key_file" => table.get_ref().get("client_certificate"),
                _ => Some(table),
            };
            let Some(table) = table else { continue };
            let text = table.get_ref().get(key).and_then(|value| value.get_ref().as_str());
            let path = match key {
                "value" => text.and_then(|text| text.strip_prefix("${file:")?.strip_suffix('}')),
                _ => text,
            };
            let path = path.map(|path| base.join(path));
            if section == "plugins" && key == "file" && table.get_ref().get("signature").is_none() {
                files.extend(path.as_deref().map(signature_path));
            }
            files.extend(path);
        }
    }
    let listen = document.get_ref().get("listen").and_then(|listen| listen.get_ref().as_array());
    for listener in listen.into_iter().flat_map(|listen| listen.iter()) {
        let Some(tls) = listener.get_ref().get("tls") else { continue };
        let certificates = tls.get_ref().get("certificates").and_then(|list| list.get_ref().as_array());
        let tables = certificates.into_iter().flat_map(|list| list.iter()).chain([tls]);
        for (table, key) in
            tables.flat_map(|table| ["certificate_file", "key_file", "client_ca_file"].map(|key| (table, key)))
        {
            let path = table.get_ref().get(key).and_then(|value| value.get_ref().as_str());
            files.extend(path.map(|path| base.join(path)));
        }
    }
}
