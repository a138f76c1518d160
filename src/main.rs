//! The `duroxide-exporter` binary: arguments to the command line's front end, its outcome to an exit code.

use std::io::{IsTerminal as _, Write as _, stderr, stdout};
use std::process::ExitCode;

use duroxide_exporter::cli::{self, Exit, Process, Stderr};

fn main() -> ExitCode {
    let exit = run().unwrap_or_else(|error| {
        // Not `eprintln!`: that panics when standard error is closed, and waits when nothing reads it.
        let _ = Stderr.write_all(format!("error: {error:#}\n").as_bytes());
        Exit::Failure
    });
    let _ = Stderr.flush();
    ExitCode::from(exit.code())
}

fn run() -> anyhow::Result<Exit> {
    let exit = cli::run(Process {
        args: std::env::args_os().collect(),
        environment: std::env::vars_os().collect(),
        out: &mut stdout(),
        err: &mut Stderr,
        out_is_terminal: stdout().is_terminal(),
        err_is_terminal: stderr().is_terminal(),
    })?;
    Ok(exit)
}
