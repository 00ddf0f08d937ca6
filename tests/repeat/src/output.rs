use std::{collections::BTreeSet, mem};

/// What `cargo test --no-fail-fast` printed, in short.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Output {
    pub(crate) passed: u32,
    /// Each with what runs its program again, as `a_rule (-p refport-core --test it)`.
    pub(crate) failed: BTreeSet<String>,
}

impl Output {
    pub(crate) fn read(text: &str) -> Self {
        let mut output = Self::default();
        // Cargo names the program after what it printed.
        let mut of_program = Vec::new();
        for line in text.lines() {
            if let Some(test) = failed(line) {
                of_program.push(test);
            } else if let Some(program) = failed_program(line) {
                let mut tests = mem::take(&mut of_program);
                if tests.is_empty() {
                    tests.push("the program itself");
                }
                let named = tests.iter().map(|test| format!("{test} ({program})"));
                output.failed.extend(named);
            } else if let Some(passed) = passed(line) {
                output.passed += passed;
            }
        }
        output
            .failed
            .extend(of_program.iter().map(|&test| test.to_owned()));
        output
    }
}

/// The test of a line such as `test rules::a_rule ... FAILED`.
fn failed(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

/// How to run a program again of which something failed.
fn failed_program(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(" failed, to rerun pass `")?;
    rest.strip_suffix('`')
}

/// The number of a line such as `test result: ok. 3 passed; 0 failed; …`.
fn passed(line: &str) -> Option<u32> {
    let (_, result) = line.strip_prefix("test result: ")?.split_once(". ")?;
    result.split_once(" passed")?.0.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PRINTED: &str = "
     Running tests/it/main.rs (target/debug/deps/it-1f)

running 3 tests
test rules::a_rule ... ok
test rules::another ... FAILED
test slow ... FAILED

test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s

error: test failed, to rerun pass `-p refport-core --test it`
     Running tests/killed.rs (target/debug/deps/killed-2e)
error: test failed, to rerun pass `-p refport-core --test killed`
   Doc-tests refport_tower
test refport-tower/src/lib.rs - (line 3) ... FAILED
test result: FAILED. 10 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s
error: doctest failed, to rerun pass `-p refport-tower --doc`
";

    #[test]
    fn each_failure_is_named_with_its_program() {
        let output = Output::read(PRINTED);
        assert_eq!(output.passed, 11);
        let failed: Vec<&str> = output.failed.iter().map(String::as_str).collect();
        assert_eq!(
            failed,
            [
                "refport-tower/src/lib.rs - (line 3) (-p refport-tower --doc)",
                "rules::another (-p refport-core --test it)",
                "slow (-p refport-core --test it)",
                "the program itself (-p refport-core --test killed)",
            ]
        );
    }

    #[test]
    fn a_run_that_went_well_has_no_failures() {
        let text = "test a ... ok\ntest result: ok. 1 passed; 0 failed; 0 ignored\n";
        let expected = Output {
            passed: 1,
            failed: BTreeSet::new(),
        };
        assert_eq!(Output::read(text), expected);
    }
}
