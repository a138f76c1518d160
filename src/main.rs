//! The `duroxide-exporter` binary: arguments to the command line's front end, its outcome to an exit code.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::process::ExitCode;

use duroxide_exporter::cli::{self, Exit, Process};

fn main() -> ExitCode {
    let exit = run().unwrap_or_else(|error| {
        // Not `eprintln!`: that panics when standard error is closed.
        let _ = writeln!(stderr(), "error: {error:#}");
        Exit::Failure
    });
    ExitCode::from(exit.code())
}

fn run() -> anyhow::Result<Exit> {
    let exit = cli::run(Process {
        args: std::env::args_os().collect(),
        environment: std::env::vars_os().collect(),
        out: &mut stdout(),
        err: &mut stderr(),
        out_is_terminal: stdout().is_terminal(),
        err_is_terminal: stderr().is_terminal(),
    })?;
    Ok(exit)
}
