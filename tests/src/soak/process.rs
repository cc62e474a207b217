//! What a process holds, and whether that grows.

use std::fs;
use std::process::Command;

/// Open files of this process, and of the gateways that it starts.
const DESCRIPTORS: usize = 16_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    pub resident_kib: u64,
    /// Neither shared nor backed by a file.
    pub anonymous_kib: u64,
    pub mappings: u64,
    pub descriptors: u64,
    pub threads: u64,
}

impl Sample {
    /// # Panics
    /// If the process is gone.
    pub fn of(id: u32) -> Sample {
        let status = fs::read_to_string(format!("/proc/{id}/status")).expect("the process runs");
        let kib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default();
            line.trim().trim_end_matches(" kB").parse().unwrap_or(0)
        };
        let count = |name: &str| fs::read_dir(format!("/proc/{id}/{name}")).map_or(0, |all| all.count() as u64);
        let maps = fs::read_to_string(format!("/proc/{id}/maps")).unwrap_or_default();
        Sample {
            resident_kib: kib("VmRSS:"),
            anonymous_kib: kib("RssAnon:"),
            mappings: maps.lines().count() as u64,
            descriptors: count("fd"),
            threads: count("task"),
        }
    }
}

/// Lets this process and the gateways that it starts from now on hold some ten thousand connections each.
///
/// # Panics
/// If the system does not let it.
pub fn raise_descriptors() {
    let process = std::process::id().to_string();
    let raised = Command::new("prlimit").args(["--pid", &process, &format!("--nofile={DESCRIPTORS}:")]).status();
    assert!(
        raised.is_ok_and(|status| status.success()),
        "{DESCRIPTORS} files cannot be open: install util-linux, or raise the hard limit of open files"
    );
}

/// Of the straight line through the points by least squares: how much `y` grows with one `x`.
pub fn slope(points: &[(f64, f64)]) -> f64 {
    let count = points.len().max(1) as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (mean_x, mean_y) = (mean(|point| point.0), mean(|point| point.1));
    let together: f64 = points.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let spread: f64 = points.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    if spread > 0.0 { together / spread } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slope_of_a_line_is_found_through_noise() {
        let points: Vec<(f64, f64)> =
            (0..100).map(|x| (f64::from(x), 7.0 + 3.0 * f64::from(x) + f64::from(x % 2))).collect();
        assert!((slope(&points) - 3.0).abs() < 0.01);
        assert_eq!(slope(&[(1.0, 5.0)]), 0.0);
    }

    #[test]
    fn this_process_has_memory_and_descriptors() {
        let sample = Sample::of(std::process::id());
        assert!(sample.resident_kib >= sample.anonymous_kib && sample.anonymous_kib > 0, "{sample:?}");
        assert!(sample.mappings > 1 && sample.descriptors > 1 && sample.threads > 0, "{sample:?}");
    }
}
