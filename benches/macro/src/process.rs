//! What the kernel says about a process.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result};

/// Memory of a process, in KiB.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// All pages mapped and present, the shared ones too.
    pub resident_kib: u64,
    /// As above, with a shared page divided among those that share it.
    pub proportional_kib: u64,
    /// Neither shared nor backed by a file: what starting one more costs.
    pub anonymous_kib: u64,
}

/// A process and all that it has started and that still runs, itself first.
pub fn tree(id: u32) -> Vec<u32> {
    let mut found = vec![id];
    let mut next = 0;
    while let Some(id) = found.get(next) {
        // A process or a thread may end at any moment; its list is then empty.
        let threads = fs::read_dir(format!("/proc/{id}/task")).into_iter().flatten().flatten();
        let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let children: Vec<u32> = lists
            .flat_map(|list| list.split_whitespace().map_while(|word| word.parse().ok()).collect::<Vec<_>>())
            .collect();
        found.extend(children);
        next += 1;
    }
    found
}

pub fn memory(id: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).context("the process is gone")?;
    let field = |name: &str| kib(&text, name).with_context(|| format!("no {name} in smaps_rollup"));
    Ok(Memory { resident_kib: field("Rss:")?, proportional_kib: field("Pss:")?, anonymous_kib: field("Anonymous:")? })
}

/// CPU time used so far, user and system, with threads that have ended; in ticks of 10 ms.
pub fn cpu_time(id: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).context("the process is gone")?;
    // The program's name, in parentheses, may hold blanks.
    let after_name = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let ticks: u64 = after_name.split(' ').skip(11).take(2).filter_map(|word| word.parse::<u64>().ok()).sum();
    Ok(Duration::from_millis(ticks * 10))
}

/// As [`cpu_time`], in nanoseconds (`schedstat`) and of threads that run: for a process that hardly does anything.
pub fn cpu_time_of_threads(id: u32) -> Result<Duration> {
    let mut total = Duration::ZERO;
    for thread in fs::read_dir(format!("/proc/{id}/task")).context("the process is gone")? {
        // A thread may have ended since the list was read.
        let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        let nanoseconds = text.split(' ').next().and_then(|word| word.parse().ok()).context("no time in schedstat")?;
        total += Duration::from_nanos(nanoseconds);
    }
    Ok(total)
}

/// The number of a line `name   number kB`.
pub fn kib(text: &str, name: &str) -> Option<u64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().strip_suffix(" kB")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_is_found_by_its_whole_name() {
        let text = "Rss:                2048 kB\nPss:                1500 kB\nPss_Anon:            900 kB\n";
        assert_eq!((kib(text, "Pss:"), kib(text, "Pss_Anon:"), kib(text, "Swap:")), (Some(1500), Some(900), None));
    }

    #[test]
    fn this_process_uses_memory_and_time() {
        let memory = memory(std::process::id()).unwrap();
        assert!(memory.resident_kib >= memory.proportional_kib && memory.anonymous_kib > 0, "{memory:?}");
        let id = std::process::id();
        assert!(cpu_time_of_threads(id).unwrap() > Duration::ZERO);
        let before = cpu_time(id).unwrap();
        std::thread::spawn(move || while cpu_time(id).unwrap() <= before {}).join().unwrap();
        assert!(cpu_time(id).unwrap() > before, "what a thread has used stays counted");
    }

    #[test]
    fn a_process_is_counted_with_those_that_it_has_started() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let found = tree(std::process::id());
        assert_eq!(found.first(), Some(&std::process::id()));
        assert!(found.contains(&child.id()), "{found:?}");
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
