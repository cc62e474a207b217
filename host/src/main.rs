//! The command `sluicegate`.

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// A request makes and drops some dozens of small values on one thread, which is what this allocator is made for.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    sluicegate::cli::main()
}
