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

pub fn memory(id: u32) -> Result<Memory> {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).context("the process is gone")?;
    let field = |name: &str| kib(&text, name).with_context(|| format!("no {name} in smaps_rollup"));
    Ok(Memory { resident_kib: field("Rss:")?, proportional_kib: field("Pss:")?, anonymous_kib: field("Anonymous:")? })
}

/// CPU time used so far by all threads. In nanoseconds per thread (`schedstat`): the clock ticks of `stat` are too coarse.
pub fn cpu_time(id: u32) -> Result<Duration> {
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
        assert!(cpu_time(std::process::id()).unwrap() > Duration::ZERO);
    }
}
