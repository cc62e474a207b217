//! The figures: tables for people on the terminal and in the docs, JSON for machines, plots.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Serialize;

use crate::facts::Facts;
use crate::section::{self, Section, Table};

/// Where the summary stands in the docs.
const GOALS: &str = "goals";

#[derive(Debug, Serialize)]
struct Written<'a> {
    facts: &'a Facts,
    section: &'a Section,
}

pub fn print(section: &Section) {
    println!("\n## {}\n\n{}", section.title, markdown(section, None));
}

/// How far the goals of all sections are met.
pub fn print_goals(sections: &[Section]) {
    let table = section::goals(sections.iter().flat_map(|section| &section.goals));
    if !table.rows.is_empty() {
        println!("\n## Goals\n\n{}", aligned(&table));
    }
}

/// `PART.json` for each part, `report.md` with all that is in this run, and the plots.
pub fn write(folder: &Path, facts: &Facts, sections: &[Section]) -> Result<()> {
    fs::create_dir_all(folder.join("plots"))?;
    let mut text = format!("# Figures\n\n{}\n", facts.sentence());
    let goals = section::goals(sections.iter().flat_map(|section| &section.goals));
    if !goals.rows.is_empty() {
        text += &format!("\n## Goals\n\n{}", aligned(&goals));
    }
    for section in sections {
        let json = serde_json::to_string_pretty(&Written { facts, section })? + "\n";
        fs::write(folder.join(format!("{}.json", section.part)), json)?;
        for plot in &section.plots {
            plot.write(&folder.join(format!("plots/{}.svg", plot.file)))?;
        }
        text += &format!("\n## {}\n\n{}", section.title, markdown(section, Some("plots")));
    }
    fs::write(folder.join("report.md"), text)?;
    println!("\nwritten to {}", folder.display());
    Ok(())
}

/// Replaces what stands between the marks of each part in `performance.md`. The summary only where the run was whole.
pub fn write_docs(folder: &Path, facts: &Facts, sections: &[Section], is_whole: bool) -> Result<()> {
    let file = folder.join("performance.md");
    let mut text = fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
    fs::create_dir_all(folder.join("plots"))?;
    for section in sections {
        for plot in &section.plots {
            plot.write(&folder.join(format!("plots/{}.svg", plot.file)))?;
        }
        let new = format!("{}\n\n{}", facts.sentence(), markdown(section, Some("plots")));
        text = between_marks(&text, section.part, &new)?;
    }
    if is_whole {
        let goals = section::goals(sections.iter().flat_map(|section| &section.goals));
        text = between_marks(&text, GOALS, &format!("{}\n\n{}", facts.sentence(), aligned(&goals)))?;
    }
    fs::write(&file, text)?;
    println!("written into docs/performance.md and docs/plots");
    Ok(())
}

/// Notes, tables and, with the folder that they are in, plots.
fn markdown(section: &Section, plots: Option<&str>) -> String {
    let mut blocks: Vec<String> = Vec::new();
    if !section.notes.is_empty() {
        blocks.push(section.notes.iter().map(|note| sentence(note) + "\n").collect());
    }
    blocks.extend(section.tables.iter().map(aligned));
    if let Some(folder) = plots {
        let drawn = section.plots.iter().filter(|plot| plot.series.iter().any(|series| !series.points.is_empty()));
        blocks.extend(drawn.map(|plot| format!("![{}: {}]({folder}/{}.svg)\n", plot.title, plot.y, plot.file)));
    }
    blocks.join("\n")
}

fn sentence(note: &str) -> String {
    if note.ends_with('.') { note.to_owned() } else { format!("{note}.") }
}

/// A table of Markdown that is a table to the eye as well. The first column is text, the others are read from the right.
fn aligned(table: &Table) -> String {
    let shown = |row: &Vec<section::Cell>| row.iter().map(section::Cell::shown).collect::<Vec<_>>();
    let rows: Vec<Vec<String>> = table.rows.iter().map(shown).collect();
    let width_of = |(place, column): (usize, &String)| {
        let cells = rows.iter().filter_map(|row| row.get(place)).map(|cell| cell.chars().count());
        cells.max().unwrap_or_default().max(column.chars().count()).max(2)
    };
    let widths: Vec<usize> = table.columns.iter().enumerate().map(width_of).collect();
    let line = |cells: &[String]| {
        let cells = widths.iter().enumerate().map(|(place, width)| {
            let cell = cells.get(place).map_or("", String::as_str);
            if place == 0 { format!(" {cell:width$} ") } else { format!(" {cell:>width$} ") }
        });
        format!("|{}|\n", cells.collect::<Vec<_>>().join("|"))
    };
    let rule = widths.iter().enumerate().map(|(place, width)| match place {
        0 => "-".repeat(width + 2),
        _ => "-".repeat(width + 1) + ":",
    });
    let rule = format!("|{}|\n", rule.collect::<Vec<_>>().join("|"));
    line(&table.columns) + &rule + &rows.iter().map(|row| line(row)).collect::<String>()
}

/// The text with `new` in the place of what stood between `<!-- bench: NAME -->` and `<!-- end -->`.
fn between_marks(text: &str, name: &str, new: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench: {name} -->\n"), "<!-- end -->");
    let found = text.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    let (before, after) =
        found.with_context(|| format!("docs/performance.md has no place for {name}: {begin}{end}"))?;
    ensure!(!new.contains(end), "the figures of {name} hold the mark of their own end");
    Ok(format!("{before}{begin}\n{}\n\n{end}{after}", new.trim()))
}

/// The docs of the source tree that this program was built from.
pub fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::Samples;
    use crate::section::Cell;

    #[test]
    fn a_table_is_one_to_the_eye_too_and_a_short_row_is_filled_up() {
        let mut table = Table::new(&["proxy", "ms"]);
        table.rows.push(vec![Cell::text("nginx"), Cell::Figure(Samples::of([35.0]))]);
        table.rows.push(vec![Cell::text("none")]);
        assert_eq!(aligned(&table), "| proxy |   ms |\n|-------|-----:|\n| nginx | 35.0 |\n| none  |      |\n");
    }

    #[test]
    fn the_docs_change_between_the_marks_of_one_part_only() {
        let text = "a\n<!-- bench: one -->\nold\n<!-- end -->\nb\n<!-- bench: two -->\nkept\n<!-- end -->\n";
        let changed = between_marks(text, "one", "new\n").unwrap();
        assert_eq!(changed, text.replace("old\n", "\nnew\n\n"));
        assert_eq!(between_marks(&changed, "one", "new\n").unwrap(), changed, "a second run changes nothing");
        assert!(between_marks(text, "three", "new").unwrap_err().to_string().contains("three"));
    }

    #[test]
    fn every_part_has_its_place_in_the_docs() {
        let text = fs::read_to_string(docs().join("performance.md")).unwrap();
        let parts = crate::parts::Part::ALL.map(crate::parts::Part::name);
        for name in parts.iter().map(String::as_str).chain([GOALS]) {
            assert!(between_marks(&text, name, "").is_ok(), "{name}");
        }
    }
}
