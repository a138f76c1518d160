//! The command line: arguments in, text out, an exit code back.
//!
//! `args` declares flags and commands from the table of settings; one file a command; `read` takes one census of
//! every store for the one-shot commands; `instances` asks one store through the `ManagementAPI`; `text` lays out
//! what people read.
//! Results go to the writer that is passed in, log lines to standard error. Nothing here knows SQL or HTTP, and
//! nothing ends the process: `main` does.

use std::ffi::OsString;
use std::io::{self, Write};

use crate::app::StartError;
use crate::config::{self, Config, ConfigError, Environment, FileInput, Inputs};
use crate::logging;
pub use crate::logging::Stderr;
use crate::logs::Queue;
use crate::management::Timestamp;

mod args;
mod check;
mod completions;
mod exit;
#[cfg(test)]
mod fixture;
mod instances;
mod output;
mod queues;
mod read;
mod serve;
mod text;

use args::{Command, Request};
use exit::print;
pub use exit::{Error, Exit};
use instances::Terminal;
use text::Style;

/// What a run of the program was given, and where its output goes.
pub struct Process<'a> {
    /// Arguments, the program's own name first.
    pub args: Vec<OsString>,
    /// Environment variables.
    pub environment: Vec<(OsString, OsString)>,
    /// Results.
    pub out: &'a mut dyn Write,
    /// Mistakes and hints. Log lines go to the process's standard error, whatever this is.
    pub err: &'a mut dyn Write,
    /// Whether `out` is a terminal: headings are bold there.
    pub out_is_terminal: bool,
    /// The same for `err`.
    pub err_is_terminal: bool,
}

/// Runs one command.
///
/// # Errors
/// What kept the command from doing its work. Mistakes in usage or configuration are printed instead, and are
/// [`Exit::Usage`].
pub fn run(process: Process<'_>) -> Result<Exit, Error> {
    let Process { args, environment, out, err, out_is_terminal, err_is_terminal } = process;
    let (out_style, err_style) =
        (Style::new(out_is_terminal, &environment), Style::new(err_is_terminal, &environment));
    let typed = args.clone();
    let width = text::width(out_is_terminal, &environment);
    let exit = match args::parse(args) {
        Ok(Request { command: Command::Completions(shell), .. }) => {
            print(out, &completions::script(shell, &mut args::offered())).map(|()| Exit::Fine)
        }
        Ok(request) => match configure(&request, environment) {
            Ok(config) => {
                let serves = matches!(request.command, Command::Serve);
                // Only who serves sends.
                let sends = serves && config.settings.logs_collector().is_some();
                let log = Queue::default();
                logging::start(&config, serves, sends.then(|| log.clone()), err_style.is_bold())
                    .map_err(Error::System)?;
                let terminal = Terminal {
                    out: &mut *out,
                    err: &mut *err,
                    style: out_style,
                    err_style,
                    width,
                    typed: &typed,
                    now: Timestamp::now(),
                };
                execute(request.command, config, log, terminal)
            }
            Err(mistakes) => print_mistakes(err, &request, &mistakes),
        },
        Err(error) if error.use_stderr() => print(err, &err_style.clap(&error)).map(|()| Exit::Usage),
        Err(help) => print(out, &out_style.clap(&help)).map(|()| Exit::Fine),
    };
    match exit {
        // `| head` has read what it wanted.
        Err(Error::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Fine),
        Err(Error::Start(StartError::Settings(mistakes))) => {
            print(err, &mistakes.iter().map(|mistake| format!("error: {mistake}\n")).collect::<String>())?;
            Ok(Exit::Usage)
        }
        exit => exit,
    }
}

/// The table of flags in `docs/settings.md`, as Markdown.
pub fn flags_markdown() -> String {
    config::markdown()
}

fn execute(command: Command, config: Config, log: Queue, terminal: Terminal<'_>) -> Result<Exit, Error> {
    match command {
        Command::Serve => serve::serve(config, log).map(|()| Exit::Fine),
        Command::Check(output) => {
            let pushing = read::collectors(&config.settings)?;
            let (text, exit) = check::check(&read::all(config)?, &pushing, output, terminal.style)?;
            print(terminal.out, &text).map(|()| exit)
        }
        Command::Queues(output) => {
            let (text, exit) = queues::queues(&read::all(config)?, output, terminal.style)?;
            print(terminal.out, &text).map(|()| exit)
        }
        Command::Instances(asked) => instances::instances(&asked, config, terminal),
        // Was carried out before there was a configuration.
        Command::Completions(_) => Ok(Exit::Fine),
    }
}

/// Reads the file that is named, if one is, and puts the layers together.
fn configure(request: &Request, environment: Vec<(OsString, OsString)>) -> Result<Config, Vec<ConfigError>> {
    let environment: Environment =
        environment.into_iter().map(|(name, value)| (name.to_string_lossy().into_owned(), value)).collect();
    let file = config::file_path(&request.flags, &environment).map(|(named_by, path)| FileInput {
        named_by,
        path: path.display().to_string(),
        text: std::fs::read_to_string(&path),
    });
    config::load(Inputs {
        flags: &request.flags,
        environment: &environment,
        file,
        resolve: &config::system_resolver,
    })
}

fn print_mistakes(err: &mut dyn Write, request: &Request, mistakes: &[ConfigError]) -> Result<Exit, Error> {
    let mut text: String = mistakes.iter().map(|mistake| format!("error: {mistake}\n")).collect();
    text.push_str(&format!(
        "\nFor more information, try '{} {} --help'.\n",
        output::NAME,
        request.command.name()
    ));
    print(err, &text).map(|()| Exit::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reader that is gone.
    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error() {
        let process = Process {
            args: vec!["duroxide-exporter".into(), "--help".into()],
            environment: Vec::new(),
            out: &mut Closed,
            err: &mut Closed,
            out_is_terminal: false,
            err_is_terminal: false,
        };
        assert_eq!(run(process).unwrap(), Exit::Fine);
    }
}
