//! The figures: a table for people, JSON for machines.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Serialize;

use crate::facts::Facts;

#[derive(Debug, Serialize)]
pub struct Report {
    facts: Facts,
    figures: Vec<Figure>,
}

#[derive(Debug, Serialize)]
struct Figure {
    name: String,
    unit: &'static str,
    /// The median, where there are several samples.
    value: f64,
    /// The best of the samples, where there are several: what the machine does when nothing disturbs it.
    best: Option<f64>,
    /// The figure of the prototype or the target, where there is one.
    goal: Option<f64>,
}

impl Report {
    pub fn new(facts: Facts) -> Report {
        Report { facts, figures: Vec::new() }
    }

    pub fn add(&mut self, name: impl Into<String>, unit: &'static str, value: f64, goal: Option<f64>) {
        self.push(Figure { name: name.into(), unit, value, best: None, goal });
    }

    /// Keeps the median and the smallest of `samples`, at least one.
    pub fn add_samples(&mut self, name: impl Into<String>, unit: &'static str, samples: &[f64], goal: Option<f64>) {
        let mut sorted = samples.to_vec();
        sorted.sort_by(f64::total_cmp);
        if let (Some(&best), Some(&value)) = (sorted.first(), sorted.get(sorted.len() / 2)) {
            self.push(Figure { name: name.into(), unit, value, best: Some(best), goal });
        }
    }

    pub fn print_facts(&self) {
        let Facts { cpu, cores, memory_mib, kernel, rustc, build, load } = &self.facts;
        println!("{cpu}, {cores} cores, {memory_mib} MiB, Linux {kernel}\n{rustc}, {build} build, load {load}\n");
        if cfg!(debug_assertions) {
            println!("This is a debug build: its figures say little. Use `cargo xtask bench`.\n");
        }
        if *load > 0.5 {
            println!("The machine is not idle: figures of several samples are best read by their best.\n");
        }
    }

    /// As Markdown, to be pasted into docs/performance.md.
    pub fn print_table(&self) {
        println!("\n| figure | median | best | goal | unit |\n|---|---:|---:|---:|---|");
        for Figure { name, unit, value, best, goal } in &self.figures {
            let [best, goal] = [best, goal].map(|number| number.map(shown).unwrap_or_default());
            println!("| {name} | {} | {best} | {goal} | {unit} |", shown(*value));
        }
    }

    pub fn write(&self, file: &Path) -> Result<()> {
        let folder = file.parent().context("a file lies in a folder")?;
        fs::create_dir_all(folder)?;
        fs::write(file, serde_json::to_string_pretty(self)? + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
        println!("\nwritten to {}", file.display());
        Ok(())
    }

    fn push(&mut self, figure: Figure) {
        eprintln!("{}: {} {}", figure.name, shown(figure.value), figure.unit);
        self.figures.push(figure);
    }
}

/// Three digits that matter.
fn shown(number: f64) -> String {
    match number {
        0.0..10.0 => format!("{number:.2}"),
        10.0..100.0 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_shown_with_three_digits_that_matter() {
        assert_eq!([0.914, 7.0, 46.97, 1234.4].map(shown), ["0.91", "7.00", "47.0", "1234"]);
    }
}
