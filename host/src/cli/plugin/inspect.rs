//! `sluicegate plugin inspect`: what a plugin is and wants, and the chain entry that gives it that.

use std::path::{Path, PathBuf};

use anyhow::Context;
use aws_lc_rs::digest::{SHA256, digest};
use serde::Serialize;
use serde_json::Value;

use super::signed;
use super::skeleton::config_table;
use super::subject::Subject;
use crate::cli::plain::plain;
use crate::config::{bundled, hex, signature_path};
use crate::plugin_source::read_signatures;

/// What the contract's interfaces are called in full.
const PACKAGE: &str = "sluicegate:plugin/";

#[derive(Debug, clap::Args)]
pub(in crate::cli) struct Options {
    /// The WebAssembly component, or the name of a bundled plugin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    /// Print the JSON schema of its config and nothing else.
    #[arg(long, conflicts_with = "json")]
    schema: bool,
}

/// What is said of a plugin, as `--json` prints it.
#[derive(Serialize)]
struct Report {
    name: String,
    /// None: it is bundled.
    file: Option<PathBuf>,
    bytes: usize,
    sha256: String,
    contract: String,
    phases: Vec<&'static str>,
    grants: Vec<String>,
    imports: Vec<String>,
    signature: Option<Signature>,
    config_schema: Option<Value>,
    /// For the configuration.
    toml: String,
}

#[derive(Serialize)]
struct Signature {
    file: PathBuf,
    /// Nothing is checked.
    signers: String,
    #[serde(skip)]
    sentence: String,
}

pub(super) fn inspect(options: &Options) -> anyhow::Result<()> {
    let subject = Subject::find(Some(&options.file))?;
    if options.schema {
        let schema = schema(&subject)?.with_context(|| {
            format!("{} says nothing of its config: it was built without a schema", subject.shown())
        })?;
        println!("{}", serde_json::to_string_pretty(&schema)?);
        return Ok(());
    }
    let report = Report::new(&subject)?;
    match options.json {
        true => println!("{}", serde_json::to_string_pretty(&report)?),
        false => print!("{}", report.render(&subject)),
    }
    Ok(())
}

fn schema(subject: &Subject) -> anyhow::Result<Option<Value>> {
    let text = subject.inspection.config_schema.as_deref();
    let parsed = text.map(serde_json::from_str).transpose();
    parsed.with_context(|| format!("the schema that {} has for its config is not valid JSON", subject.shown()))
}

impl Report {
    fn new(subject: &Subject) -> anyhow::Result<Report> {
        let config_schema = schema(subject)?;
        let sha256 = hex(digest(&SHA256, &subject.wasm).as_ref());
        let signature = match &subject.path {
            Some(path) => Signature::beside(path)?,
            None => None,
        };
        Ok(Report {
            name: subject.name.clone(),
            file: subject.path.clone(),
            bytes: subject.wasm.len(),
            contract: subject.inspection.contract.clone(),
            phases: subject.inspection.phases.iter().map(|phase| phase.as_str()).collect(),
            grants: subject.inspection.grants.iter().cloned().collect(),
            imports: subject.inspection.imports.clone(),
            signature,
            toml: entry(subject, &sha256, config_schema.as_ref()),
            sha256,
            config_schema,
        })
    }

    fn render(&self, subject: &Subject) -> String {
        let list = |words: Vec<&str>| if words.is_empty() { "none".to_owned() } else { words.join(", ") };
        // `types` from `sluicegate:plugin/types@0.1.0`; the contract's version is said once.
        let interface = |import: &'_ str| -> Option<String> {
            import.strip_prefix(PACKAGE).map(|name| name.split('@').next().unwrap_or_default().to_owned())
        };
        let interfaces: Vec<String> = self.imports.iter().filter_map(|import| interface(import)).collect();
        let others = self.imports.iter().filter(|import| !import.starts_with(PACKAGE)).map(String::as_str);
        let rows = [
            ("plugin", subject.shown()),
            ("size", format!("{} bytes", grouped(self.bytes))),
            ("sha256", self.sha256.clone()),
            ("contract", self.contract.clone()),
            ("phases", list(self.phases.clone())),
            ("interfaces", list(interfaces.iter().map(String::as_str).collect())),
            ("grants", list(self.grants.iter().map(String::as_str).collect())),
            ("WASI", list(others.collect())),
            ("signature", self.signature.as_ref().map_or("none".to_owned(), |found| found.sentence.clone())),
            (
                "schema",
                if self.config_schema.is_some() { "of its config; `--schema` prints it" } else { "none" }.to_owned(),
            ),
        ];
        let mut text: String = rows.iter().map(|(name, value)| format!("{name:<12}{}\n", plain(value))).collect();
        text.push_str("\nFor the configuration:\n\n");
        for line in self.toml.lines() {
            text.push_str(&plain(line));
            text.push('\n');
        }
        text
    }
}

impl Signature {
    fn beside(path: &Path) -> anyhow::Result<Option<Signature>> {
        let file = signature_path(path);
        let found = read_signatures(&file).map_err(anyhow::Error::msg)?;
        Ok(found.map(|signatures| Signature {
            sentence: format!("{} {}", file.display(), signed(Some(&signatures))),
            signers: signatures.signers(),
            file,
        }))
    }
}

/// The plugin declared and a chain entry for it, with what it needs.
fn entry(subject: &Subject, sha256: &str, schema: Option<&Value>) -> String {
    let name = &subject.name;
    let mut text = String::new();
    if let Some(path) = &subject.path {
        let file = toml::Value::String(path.display().to_string());
        text.push_str(&format!("[plugins.{name}]\nfile = {file}\nsha256 = \"{sha256}\"\n\n"));
    }
    text.push_str(&format!("[[chains.default]]\nplugin = \"{name}\"\n"));
    let grants = &subject.inspection.grants;
    // A bundled plugin has what it needs unless its entry says otherwise.
    if !grants.is_empty() && (subject.path.is_some() || bundled::bundled(name).is_none()) {
        let grants: Vec<String> = grants.iter().map(|grant| format!("\"{grant}\"")).collect();
        text.push_str(&format!("grants = [{}]\n", grants.join(", ")));
    }
    match schema.map(config_table) {
        Some(table) if !table.is_empty() => text.push_str(&format!("\n[chains.default.config]\n{table}")),
        _ => {}
    }
    text
}

/// `41,234`.
pub(super) fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_stand_in_groups_of_three() {
        let texts = [0, 999, 1_000, 41_234, 1_234_567].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "41,234", "1,234,567"]);
    }
}
