//! What a part of the benches has found: goals, tables and plots, for the terminal, for the docs and as JSON.

use serde::Serialize;

use crate::plot::Plot;
use crate::samples::{Samples, digits};

#[derive(Debug, Serialize)]
pub struct Section {
    /// As on the command line.
    pub part: &'static str,
    pub title: &'static str,
    /// Sentences: how it was measured, and what is missing.
    pub notes: Vec<String>,
    pub goals: Vec<Goal>,
    pub tables: Vec<Table>,
    pub plots: Vec<Plot>,
}

#[derive(Debug, Serialize)]
pub struct Table {
    pub columns: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Cell {
    Text(String),
    /// None where it could not be measured.
    Figure(Option<Samples>),
    /// Shown without its spread, where there are many beside each other.
    Median(Option<Samples>),
}

/// What must be so, and what we want.
#[derive(Debug, Serialize)]
pub struct Goal {
    pub what: String,
    pub floor: Bound,
    pub aim: Bound,
}

#[derive(Debug, Serialize)]
pub struct Bound {
    /// What the figure is counted in, such as `of nginx` or `ms`.
    pub unit: String,
    pub figure: Option<Samples>,
    pub limit: f64,
    pub better: Better,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    Lower,
    Higher,
}

impl Section {
    pub fn new(part: &'static str, title: &'static str) -> Section {
        Section { part, title, notes: Vec::new(), goals: Vec::new(), tables: Vec::new(), plots: Vec::new() }
    }
}

impl Table {
    pub fn new(columns: &[&str]) -> Table {
        Table { columns: columns.iter().map(|column| (*column).to_owned()).collect(), rows: Vec::new() }
    }

    /// One figure a row, from many samples: the best is what the machine does when nothing disturbs it.
    pub fn of_figures() -> Table {
        Table::new(&["figure", "median", "best", "unit"])
    }

    pub fn add(&mut self, name: impl Into<String>, unit: &str, samples: &Samples) {
        let [median, best] = [samples.median(), samples.least()].map(|number| Cell::Figure(Samples::of([number])));
        self.rows.push(vec![Cell::text(name), median, best, Cell::text(unit)]);
    }

    pub fn add_one(&mut self, name: impl Into<String>, unit: &str, number: f64) {
        let row = vec![Cell::text(name), Cell::Figure(Samples::of([number])), Cell::Figure(None), Cell::text(unit)];
        self.rows.push(row);
    }
}

impl Goal {
    /// Where floor and aim are limits of one figure.
    pub fn of(what: &str, unit: &str, figure: Option<Samples>, better: Better, floor: f64, aim: f64) -> Goal {
        let bound = |limit| Bound { unit: unit.to_owned(), figure: figure.clone(), limit, better };
        Goal { what: what.to_owned(), floor: bound(floor), aim: bound(aim) }
    }
}

impl Bound {
    /// None where nothing was measured.
    pub fn is_met(&self) -> Option<bool> {
        let median = self.figure.as_ref()?.median();
        Some(match self.better {
            Better::Lower => median <= self.limit,
            Better::Higher => median >= self.limit,
        })
    }

    /// `0.65 of nginx`, with the direction where it is not plain.
    pub fn shown(&self) -> String {
        let word = match self.better {
            Better::Lower => "at most",
            Better::Higher => "at least",
        };
        format!("{word} {} {}", digits(self.limit), self.unit)
    }
}

impl Cell {
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::Text(text.into())
    }

    pub fn shown(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Figure(figure) => figure.as_ref().map(Samples::shown).unwrap_or_default(),
            Cell::Median(figure) => figure.as_ref().map(|figure| digits(figure.median())).unwrap_or_default(),
        }
    }
}

/// One table of all goals.
pub fn goals<'a>(goals: impl Iterator<Item = &'a Goal>) -> Table {
    let mut table = Table::new(&["what", "floor", "found", "", "aim", "found", ""]);
    let verdict = |bound: &Bound| {
        Cell::text(match bound.is_met() {
            Some(true) => "met",
            Some(false) => "missed",
            None => "not measured",
        })
    };
    for Goal { what, floor, aim } in goals {
        let mut row = vec![Cell::text(what)];
        for bound in [floor, aim] {
            row.extend([Cell::text(bound.shown()), Cell::Figure(bound.figure.clone()), verdict(bound)]);
        }
        table.rows.push(row);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_met_on_its_better_side_and_not_judged_without_a_figure() {
        let met = |figure: Option<f64>, better| {
            let figure = Samples::of(figure);
            Goal::of("what", "ms", figure, better, 1.0, 2.0).floor.is_met()
        };
        assert_eq!([met(Some(1.0), Better::Lower), met(Some(1.1), Better::Lower)], [Some(true), Some(false)]);
        assert_eq!([met(Some(1.1), Better::Higher), met(Some(0.9), Better::Higher)], [Some(true), Some(false)]);
        assert_eq!(met(None, Better::Higher), None);
    }
}
