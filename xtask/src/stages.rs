//! Steps of a task: each announced when it begins, all listed with their times at the end.

use std::time::{Duration, Instant};

use anyhow::{Result, bail};

pub struct Stages {
    total: usize,
    done: Vec<Stage>,
}

struct Stage {
    name: &'static str,
    took: Duration,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq)]
enum Outcome {
    Passed,
    Failed,
    Skipped,
}

impl Stages {
    pub fn new(total: usize) -> Stages {
        Stages { total, done: Vec::with_capacity(total) }
    }

    /// Runs one stage and says whether it passed. A failure is shown at once, and remembered for [`Stages::finish`].
    pub fn run(&mut self, name: &'static str, stage: impl FnOnce() -> Result<()>) -> bool {
        eprintln!("\n==> [{}/{}] {name}", self.done.len() + 1, self.total);
        let began = Instant::now();
        let result = stage();
        let took = began.elapsed();
        let outcome = match &result {
            Ok(()) => Outcome::Passed,
            Err(error) => {
                eprintln!("error: {error:#}");
                Outcome::Failed
            }
        };
        eprintln!("    {name}: {} after {}", outcome.word(), shown(took));
        self.done.push(Stage { name, took, outcome });
        outcome == Outcome::Passed
    }

    /// For a stage that makes no sense after an earlier one failed, or that cannot run here.
    pub fn skip(&mut self, name: &'static str, reason: &str) {
        eprintln!("\n==> [{}/{}] {name}\n    skipped: {reason}", self.done.len() + 1, self.total);
        self.done.push(Stage { name, took: Duration::ZERO, outcome: Outcome::Skipped });
    }

    /// Prints all stages with their times; an error names those that failed.
    pub fn finish(self) -> Result<()> {
        let width = self.done.iter().map(|stage| stage.name.len()).max().unwrap_or_default();
        eprintln!("\nstage{:pad$}  result   time", "", pad = width.saturating_sub("stage".len()));
        for Stage { name, took, outcome } in &self.done {
            eprintln!("{name:width$}  {:7}  {}", outcome.word(), shown(*took));
        }
        let failed: Vec<&str> =
            self.done.iter().filter(|stage| stage.outcome == Outcome::Failed).map(|stage| stage.name).collect();
        if !failed.is_empty() {
            bail!("failed: {}", failed.join(", "));
        }
        Ok(())
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Failed => "FAILED",
            Outcome::Skipped => "skipped",
        }
    }
}

fn shown(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1} s", duration.as_secs_f64()),
        10..60 => format!("{seconds} s"),
        _ => format!("{} min {:02} s", seconds / 60, seconds % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_stage_does_not_keep_the_next_from_running_and_is_named_at_the_end() {
        let mut stages = Stages::new(3);
        assert!(!stages.run("one", || bail!("broken")));
        assert!(stages.run("two", || Ok(())));
        stages.skip("three", "no need");
        assert_eq!(stages.finish().unwrap_err().to_string(), "failed: one");
    }

    #[test]
    fn a_time_is_shown_as_a_person_would_say_it() {
        let shown_ms = |milliseconds| shown(Duration::from_millis(milliseconds));
        assert_eq!([shown_ms(40), shown_ms(12_900), shown_ms(61_000)], ["0.0 s", "12 s", "1 min 01 s"]);
    }
}
