//! The figures, for people.

use super::super::inspect::grouped;
use super::{Made, Measured, Memory, Report, Times};

pub(super) fn render(report: &Report) -> String {
    let mut text = format!("{}, {} bytes, {} build\n", report.plugin, grouped(report.bytes), report.build);
    for measured in &report.exchanges {
        text.push('\n');
        text.push_str(&block(measured));
    }
    text
}

fn block(measured: &Measured) -> String {
    let mut text = format!("{}\n", measured.name);
    if let Some(made) = &measured.made {
        text.push_str(&row("made", &made_in_words(made)));
    }
    text.push_str(&row("memory", &memory_in_words(&measured.memory)));
    if measured.times.is_empty() {
        text.push_str("  the plugin takes part in no phase of this exchange\n");
        return text;
    }
    text.push_str(&format!(
        "  {:<11}{:<12}{:>12}{:>12}{:>16}\n",
        "isolation", "phase", "median", "p99", "calls a second"
    ));
    for Times { isolation, phase, median_us, p99_us, calls_per_second, .. } in &measured.times {
        text.push_str(&format!(
            "  {isolation:<11}{phase:<12}{:>12}{:>12}{:>16}\n",
            microseconds(*median_us),
            microseconds(*p99_us),
            grouped(*calls_per_second as usize)
        ));
    }
    text
}

fn row(label: &str, value: &str) -> String {
    format!("  {label:<11}{value}\n")
}

fn made_in_words(made: &Made) -> String {
    let snapshot = match (&made.not_frozen, made.frozen_bytes) {
        (Some(reason), _) => format!("not frozen: {reason}"),
        (None, bytes) => {
            let bytes = bytes.map(|bytes| format!(" to {} bytes", grouped(bytes))).unwrap_or_default();
            format!("frozen in {:.1} ms{bytes}", made.freeze_ms)
        }
    };
    format!(
        "compiled in {:.1} ms to {} bytes of code, configured in {:.1} ms, {snapshot}",
        made.compile_ms,
        grouped(made.code_bytes),
        made.configure_ms
    )
}

fn memory_in_words(memory: &Memory) -> String {
    let resident = match memory.resident_bytes {
        Some(bytes) => format!("; {} resident an instance", kibibytes(bytes)),
        None => String::new(),
    };
    format!(
        "{} linear at the start, {} after the exchange, {} after {} of it{resident}",
        kibibytes(memory.start_bytes),
        kibibytes(memory.after_bytes),
        kibibytes(memory.after_many_bytes),
        grouped(memory.many)
    )
}

fn kibibytes(bytes: usize) -> String {
    format!("{} KiB", grouped(bytes.div_ceil(1024)))
}

/// Three digits that matter.
fn microseconds(number: f64) -> String {
    match number {
        0.0..10.0 => format!("{number:.2} µs"),
        10.0..100.0 => format!("{number:.1} µs"),
        _ => format!("{number:.0} µs"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_with_three_digits_that_matter() {
        assert_eq!([0.914, 46.97, 1234.4].map(microseconds), ["0.91 µs", "47.0 µs", "1234 µs"]);
    }
}
