//! Starts each work of `sluicegate-micro` under callgrind. That program starts this one, and reads what it has counted.

use std::env;

use gungraun::prelude::*;
use gungraun::{Bench, BinaryBenchmark, BinaryBenchmarkGroup, Callgrind, Command};

/// The function that a work does its operations in: nothing before, behind or beside it is counted.
const COUNTED: &str = "--toggle-collect=*work::counted_operations*";

binary_benchmark_group!(name = works, benchmarks = |group: &mut BinaryBenchmarkGroup| add_works(group));
main!(binary_benchmark_groups = works);

fn add_works(group: &mut BinaryBenchmarkGroup) {
    let told = |name: &str| env::var(name).unwrap_or_default();
    let (program, data) = (told("SLUICEGATE_MICRO_PROGRAM"), told("SLUICEGATE_MICRO_DATA"));
    let mut callgrind = Callgrind::with_args([COUNTED, "--collect-atstart=no", "--cache-sim=no"]);
    callgrind.entry_point(gungraun::EntryPoint::None);
    let mut works = BinaryBenchmark::new("work");
    works.config(BinaryBenchmarkConfig::default().tool(callgrind));
    for name in told("SLUICEGATE_MICRO_NAMES").split_whitespace() {
        let mut work = Command::new(&program);
        work.args(["work", name, "--data", &data]);
        // The harness takes names as Rust does.
        let mut bench = Bench::new(format!("id_{}", name.replace('-', "_")));
        bench.command(work.build());
        works.bench(bench);
    }
    group.binary_benchmark(works);
}
