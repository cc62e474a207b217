//! One figure a round: its median counts, and its spread says how much the machine was disturbed.

use serde::Serialize;

/// At least one number, in the order in which the rounds gave them.
#[derive(Debug, Clone, Serialize)]
#[serde(transparent)]
pub struct Samples(Vec<f64>);

impl Samples {
    /// None where nothing was measured.
    pub fn of(numbers: impl IntoIterator<Item = f64>) -> Option<Samples> {
        let numbers: Vec<f64> = numbers.into_iter().collect();
        (!numbers.is_empty()).then_some(Samples(numbers))
    }

    /// Of an even number of samples, the upper one of the two in the middle.
    pub fn median(&self) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
    }

    pub fn least(&self) -> f64 {
        self.0.iter().copied().fold(f64::INFINITY, f64::min)
    }

    pub fn most(&self) -> f64 {
        self.0.iter().copied().fold(f64::NEG_INFINITY, f64::max)
    }

    /// The ratio within each round: what slows a whole round down is not in it.
    pub fn by(&self, other: &Samples) -> Option<Samples> {
        self.each_with(other, |own, other| own / other)
    }

    /// The difference within each round.
    pub fn minus(&self, other: &Samples) -> Option<Samples> {
        self.each_with(other, |own, other| own - other)
    }

    /// `43400 (41200 to 44100)`; without the spread where there is one sample.
    pub fn shown(&self) -> String {
        match self.0.len() {
            1 => digits(self.median()),
            _ => format!("{} ({} to {})", digits(self.median()), digits(self.least()), digits(self.most())),
        }
    }

    fn each_with(&self, other: &Samples, join: impl Fn(f64, f64) -> f64) -> Option<Samples> {
        Samples::of(self.0.iter().zip(&other.0).map(|(own, other)| join(*own, *other)))
    }
}

/// Three digits that matter.
pub fn digits(number: f64) -> String {
    match number.abs() {
        0.0..9.995 => format!("{number:.2}"),
        9.995..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_figure_is_shown_with_three_digits_that_matter() {
        assert_eq!(
            [0.914, 7.0, 9.999, 46.97, 1234.4, -0.5].map(digits),
            ["0.91", "7.00", "10.0", "47.0", "1234", "-0.50"]
        );
    }

    #[test]
    fn the_median_counts_and_the_spread_is_shown_beside_it() {
        let samples = Samples::of([3.0, 1.0, 200.0]).unwrap();
        assert_eq!(samples.shown(), "3.00 (1.00 to 200)");
        assert_eq!(Samples::of([3.0]).unwrap().shown(), "3.00");
        assert!(Samples::of([]).is_none());
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        let (ours, theirs) = (Samples::of([10.0, 50.0, 30.0]).unwrap(), Samples::of([20.0, 100.0, 60.0]).unwrap());
        let ratio = ours.by(&theirs).unwrap();
        assert_eq!((ratio.least(), ratio.median(), ratio.most()), (0.5, 0.5, 0.5));
    }
}
