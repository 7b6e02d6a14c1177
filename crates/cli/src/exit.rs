//! Exit codes are an interface (docs/reference/cli.md): 0 done, 1 error, 2 wrong usage, 3 done but incomplete, 130 interrupted.

use std::io;
use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum ExitStatus {
    /// Everything asked for was done.
    Done,
    /// Done, but evidence was rejected, broken or unreadable.
    Incomplete,
}

impl ExitStatus {
    /// `Incomplete` where the flag says so.
    pub(crate) fn incomplete_if(incomplete: bool) -> Self {
        if incomplete { Self::Incomplete } else { Self::Done }
    }
}

impl From<ExitStatus> for ExitCode {
    fn from(status: ExitStatus) -> Self {
        match status {
            ExitStatus::Done => Self::SUCCESS,
            ExitStatus::Incomplete => Self::from(3),
        }
    }
}

/// Wrong usage that clap cannot see, such as a window that ends before it starts.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct UsageError(pub(crate) String);

/// Prints an error and its causes on stderr, and gives the exit code it stands for. A closed pipe is no error.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    if error.chain().any(is_closed_pipe) {
        return ExitCode::SUCCESS;
    }
    crate::printer::print_error(error);
    if error.downcast_ref::<UsageError>().is_some() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn incomplete_outweighs_done() {
        assert_eq!(ExitStatus::Done.max(ExitStatus::Incomplete), ExitStatus::Incomplete);
        assert_eq!(ExitCode::from(ExitStatus::Incomplete), ExitCode::from(3));
    }

    #[test]
    fn a_closed_pipe_is_found_under_its_context() {
        let error = anyhow::Error::from(io::Error::from(io::ErrorKind::BrokenPipe)).context("writing the answer");
        assert_eq!(report(&error), ExitCode::SUCCESS);
    }
}
