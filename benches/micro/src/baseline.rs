//! What was counted before, in `baseline.toml`, and what has grown since.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};

use crate::count::Counts;

/// By how much a count may grow, as a part of the baseline.
const GROWTH_MAX: f64 = 0.03;
/// A large body comes in as many pieces as the system makes of it, and a plugin is called for each.
const GROWTH_MAX_OF_LARGE_BODIES: f64 = 0.25;
const HEAD: &str = "# Instructions of one operation. `cargo xtask bench --bless` writes this file.\n\n";

#[derive(Default, Serialize, Deserialize)]
pub struct Baseline {
    /// The machine that counted: what a processor can do decides which code some libraries choose.
    processor: String,
    instructions: BTreeMap<String, u64>,
}

struct Row<'a> {
    name: &'a str,
    before: Option<u64>,
    now: u64,
}

impl Baseline {
    /// Empty where there is no file yet.
    pub fn read() -> Result<Baseline> {
        match fs::read_to_string(path()) {
            Ok(text) => toml::from_str(&text).with_context(|| format!("{} cannot be understood", path().display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Baseline::default()),
            Err(error) => Err(error).with_context(|| format!("{} cannot be read", path().display())),
        }
    }

    /// # Errors
    /// Names what has grown too much.
    pub fn check(&self, counts: &Counts) -> Result<()> {
        print!("{}", self.table(counts));
        let here = processor();
        if here != self.processor {
            println!("\nThe baseline is of another processor, {}; this one is {here}.", self.processor);
        }
        let grown: Vec<&str> = self.rows(counts).filter(Row::has_grown).map(|row| row.name).collect();
        if !grown.is_empty() {
            bail!(
                "too far above the baseline: {}; where the growth is wanted, run `cargo xtask bench --bless` and commit \
                 benches/micro/baseline.toml",
                grown.join(", ")
            );
        }
        Ok(())
    }

    /// What was not counted this time stays as it is.
    pub fn bless(mut self, counts: &Counts) -> Result<()> {
        print!("{}", self.table(counts));
        self.processor = processor();
        self.instructions.extend(counts.iter().map(|(name, count)| (name.clone(), count.round() as u64)));
        fs::write(path(), format!("{HEAD}{}", toml::to_string(&self)?))
            .with_context(|| format!("{} cannot be written", path().display()))
    }

    fn rows<'a>(&'a self, counts: &'a Counts) -> impl Iterator<Item = Row<'a>> {
        counts.iter().map(|(name, now)| Row {
            name,
            before: self.instructions.get(name).copied(),
            now: now.round() as u64,
        })
    }

    fn table(&self, counts: &Counts) -> String {
        let width = counts.keys().map(String::len).max().unwrap_or_default();
        let mut text = format!("{:width$}  {:>12}  {:>12}  change\n", "instructions", "baseline", "now");
        for row in self.rows(counts) {
            let before = row.before.map_or("none".to_owned(), |before| before.to_string());
            let change = row.change().map_or(String::new(), |change| format!("{:+.2} %", change * 100.0));
            let mark = if row.has_grown() { "  TOO MUCH" } else { "" };
            text += &format!("{:width$}  {before:>12}  {:>12}  {change:>8}{mark}\n", row.name, row.now);
        }
        text
    }
}

impl Row<'_> {
    /// As a part of the baseline.
    fn change(&self) -> Option<f64> {
        let before = self.before? as f64;
        Some((self.now as f64 - before) / before.max(1.0))
    }

    fn has_grown(&self) -> bool {
        let most = if self.name.contains("1-MiB") { GROWTH_MAX_OF_LARGE_BODIES } else { GROWTH_MAX };
        self.change().is_some_and(|change| change > most)
    }
}

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.toml"))
}

fn processor() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = text.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    name.map_or("unknown".to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline() -> Baseline {
        let instructions = [("one", 1000), ("two", 1000)].map(|(name, count)| (name.to_owned(), count));
        Baseline { processor: processor(), instructions: instructions.into() }
    }

    fn counts(one: f64, two: f64) -> Counts {
        [("one".to_owned(), one), ("two".to_owned(), two), ("new".to_owned(), 5.0)].into()
    }

    #[test]
    fn a_count_that_grows_by_more_than_3_percent_fails_the_check_and_is_named_alone() {
        assert!(baseline().check(&counts(1030.0, 900.0)).is_ok());
        let error = baseline().check(&counts(1031.0, 1000.0)).unwrap_err().to_string();
        assert!(error.contains("above the baseline: one; "), "{error}");
    }

    #[test]
    fn the_table_says_of_each_count_by_how_much_it_has_changed() {
        let table = baseline().table(&counts(1100.0, 990.0));
        let line = |name: &str| table.lines().find(|line| line.starts_with(name)).unwrap().trim_end().to_owned();
        assert!(line("one").ends_with("+10.00 %  TOO MUCH"), "{table}");
        assert!(line("two").ends_with("-1.00 %"), "{table}");
        assert!(line("new").contains("none"), "{table}");
    }
}
