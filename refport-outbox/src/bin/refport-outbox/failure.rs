use std::{io, process::ExitCode};

use clap::{CommandFactory, error::ErrorKind};
use refport_outbox::StoreError;

use crate::args::Cli;

/// The command was called in a wrong way: exit status 2, as for what clap itself finds.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Says on standard error what failed. Says with what status the command ends.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        // Whoever read the answer has seen enough.
        return ExitCode::SUCCESS;
    }
    if let Some(Usage(text)) = error.downcast_ref() {
        // Nobody is left to hear of it where standard error is closed.
        let _ = Cli::command()
            .error(ErrorKind::ValueValidation, text)
            .print();
        return ExitCode::from(2);
    }
    eprintln!("refport-outbox: {}", in_one_line(error));
    ExitCode::FAILURE
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let error = error.downcast_ref::<io::Error>();
    error.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// The error and its causes, without those that the one before repeats.
fn in_one_line(error: &anyhow::Error) -> String {
    let is_not_migrated = |error: &StoreError| error.is_not_migrated();
    if error.downcast_ref().is_some_and(is_not_migrated) {
        return "the outbox's tables are not there: make them with `refport-outbox migrate`".into();
    }
    let mut line = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if line.is_empty() {
            line = cause;
        } else if !line.ends_with(&cause) {
            line = format!("{line}: {cause}");
        }
    }
    line
}

#[cfg(test)]
mod tests {
    use anyhow::Context;
    use refport_outbox::sqlx;

    use super::*;

    #[test]
    fn a_cause_is_told_once() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = Err::<(), _>(sqlx::Error::Io(refused));
        let error = error.context("cannot connect").unwrap_err();
        assert_eq!(
            in_one_line(&error),
            "cannot connect: error communicating with database: connection refused"
        );
    }
}
