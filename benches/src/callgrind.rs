//! Counting in one function of this program, call by call, in a single run.

use std::{env, fs, path::Path, process::Command};

use anyhow::{Context, ensure};

/// What one call of the function cost, with all it called.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Instructions in user space.
    pub instructions: u64,
    /// How often memory was asked for, growing what there was included.
    pub allocations: u64,
}

/// Runs this program in another role, and gives what each call of `function` in it cost, in their
/// order. `function` is its whole path, and it is not inlined. `None` where
/// there is no valgrind.
///
/// # Errors
///
/// When the program fails under valgrind.
pub fn each_call(function: &str, arguments: &[&str]) -> anyhow::Result<Option<Vec<Cost>>> {
    let folder = tempfile::tempdir()?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--compress-strings=no"])
        .arg(format!("--toggle-collect={function}"))
        .arg(format!("--dump-after={function}"))
        .arg(format!(
            "--callgrind-out-file={}",
            folder.path().join("calls").display()
        ))
        .arg(env::current_exe()?)
        .args(arguments)
        .output();
    let Ok(output) = output else { return Ok(None) };
    let log = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "valgrind: {log}");
    in_order(folder.path()).map(Some)
}

/// Each call leaves a file with its number.
fn in_order(folder: &Path) -> anyhow::Result<Vec<Cost>> {
    (1..)
        .map(|number| folder.join(format!("calls.{number}")))
        .take_while(|path| path.exists())
        .map(|path| read(&fs::read_to_string(path)?))
        .collect()
}

/// The total and the calls of the allocator, in callgrind's format: a line `cfn=` names who is
/// called, the next how often.
fn read(profile: &str) -> anyhow::Result<Cost> {
    const ALLOCATORS: [&str; 5] = [
        "malloc",
        "calloc",
        "realloc",
        "posix_memalign",
        "aligned_alloc",
    ];
    let totals = profile.lines().find_map(|line| {
        line.strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))
    });
    let mut cost = Cost {
        instructions: totals.context("a profile without totals")?.parse()?,
        allocations: 0,
    };
    let mut callee = "";
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            callee = name;
        } else if let Some(calls) = line.strip_prefix("calls=")
            && ALLOCATORS.contains(&callee)
        {
            let count = calls.split(' ').next().unwrap_or_default();
            cost.allocations += count.parse::<u64>()?;
        }
    }
    Ok(cost)
}
