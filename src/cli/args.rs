//! Flags and commands. The settings' flags come from their table; values stay text, because environment and
//! file give texts too and all mistakes are reported together.

use std::ffi::OsString;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches};

use super::completions;
use super::instances::{self, InstancesArgs};
use super::output::{NAME, Output, output_arg, read_output};
use crate::config::{RawValues, SETTINGS, Setting};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) command: Command,
    pub(super) flags: RawValues,
}

/// The commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    Serve,
    Check(Output),
    Queues(Output),
    Instances(InstancesArgs),
    /// Needs no store, and so no settings.
    Completions(clap_complete::Shell),
}

impl Command {
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Serve => "serve",
            Self::Check(_) => "check",
            Self::Queues(_) => "queues",
            Self::Instances(asked) => asked.name(),
            Self::Completions(_) => "completions",
        }
    }
}

const SETTINGS_HELP: &str = "Every setting can also be given in the environment and in a TOML file: \
--web.listen-address is DUROXIDE_EXPORTER_WEB_LISTEN_ADDRESS, and listen-address in the section [web]. \
Flags win over the environment, the environment over the file, the file over OpenTelemetry's OTEL_* variables. Several stores in one variable are separated by \
white space. Durations are written as in 500ms, 5s or 1m30s.";

/// Reads the arguments.
///
/// # Errors
/// Also `--help` and `--version`, as `clap` has it.
pub(super) fn parse(args: Vec<OsString>) -> Result<Request, clap::Error> {
    let matches = command().try_get_matches_from(args).map_err(refine)?;
    let Some((name, matches)) = matches.subcommand() else {
        return Err(command().error(ErrorKind::MissingSubcommand, "a command is needed"));
    };
    let nobody = || command().error(ErrorKind::InvalidSubcommand, "a command nobody carries out");
    let command = match name {
        "serve" => Command::Serve,
        "check" => Command::Check(read_output(matches)),
        "queues" => Command::Queues(read_output(matches)),
        "instances" => {
            let (name, matches) = matches.subcommand().ok_or_else(nobody)?;
            let asked = InstancesArgs::read(name, matches).ok_or_else(nobody)?;
            return Ok(Request { command: Command::Instances(asked), flags: flags(matches) });
        }
        "completions" => {
            let shell = matches.get_one("shell").copied().ok_or_else(nobody)?;
            return Ok(Request { command: Command::Completions(shell), flags: RawValues::new() });
        }
        _ => return Err(nobody()),
    };
    Ok(Request { command, flags: flags(matches) })
}

fn flags(matches: &ArgMatches) -> RawValues {
    SETTINGS
        .iter()
        .filter_map(|setting| {
            let texts: Vec<String> = matches.get_many::<String>(setting.key)?.cloned().collect();
            Some((setting.key, texts))
        })
        .collect()
}

/// What is understood.
fn command() -> clap::Command {
    declaration(|_| true)
}

/// What is offered where somebody looks for a flag: not those that only `serve` uses, but for `serve`.
pub(super) fn offered() -> clap::Command {
    declaration(|setting| !setting.serve_only)
}

/// `with`: the settings that commands other than `serve` take.
fn declaration(with: fn(&Setting) -> bool) -> clap::Command {
    let asking = || SETTINGS.iter().filter(move |setting| with(setting));
    clap::Command::new(NAME)
        .version(env!("CARGO_PKG_VERSION"))
        .about("Exports exact Prometheus metrics of duroxide stores, and shows people what waits in them")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .max_term_width(100)
        .subcommand(
            clap::Command::new("serve")
                .args(SETTINGS.iter().map(flag))
                .about("Polls the stores and serves their metrics, until SIGTERM or SIGINT")
                .after_help(format!(
                    "{SETTINGS_HELP}\n\nExample:\n  {NAME} serve --store orders=sqlite:/var/lib/orders/store.db"
                )),
        )
        .subcommand(
            clap::Command::new("check")
                .args(asking().map(hidden_flag))
                .arg(output_arg())
                .about("Opens every store once, read-only, and says what it is or what is wrong")
                .after_help(
                    "Takes the flags of serve too, so that check in place of serve judges a whole command line.\n\n\
                     Where metrics are pushed by OTLP, the collector is sent an empty export.\n\n\
                     Exit code: 0 when every store can be read (and the collector takes the export), 1 when one cannot, \
                     64 for mistakes in usage or configuration.",
                ),
        )
        .subcommand(
            clap::Command::new("queues")
                .args(asking().map(hidden_flag))
                .arg(output_arg())
                .about("Shows what waits in the queues of every store, and warns of what will not move")
                .after_help(
                    "Fetchable is what a worker would be handed now: ready messages and those whose lease is over. \
                     Ages count from the moment a message could have been fetched, so sleeping timers never look late.\n\n\
                     Exit code: 0 when every store could be read, 1 when one could not, 64 for mistakes in usage or \
                     configuration.",
                ),
        )
        .subcommand(instances::command(asking().map(asking_flag)))
        .subcommand(completions::command())
}

/// A setting as commands have it that look once: accepted, but not shown where only `serve` uses it.
fn hidden_flag(setting: &'static Setting) -> Arg {
    flag(setting).hide(setting.serve_only)
}

fn flag(setting: &'static Setting) -> Arg {
    let arg = Arg::new(setting.key)
        .long(setting.key)
        .value_name(setting.value_name)
        // So that -1 is told to be out of range instead of being an unknown flag.
        .allow_negative_numbers(true)
        .action(if setting.repeatable { ArgAction::Append } else { ArgAction::Set })
        .help(setting.long_help());
    match setting.key.split_once('.') {
        Some(("web", _)) => arg.help_heading("Web server"),
        Some(("otlp", _)) => arg.help_heading("OTLP"),
        Some(("log", _)) => arg.help_heading("Log"),
        _ => arg,
    }
}

/// A setting as commands have it that ask instead of polling.
fn asking_flag(setting: &'static Setting) -> Arg {
    let arg = hidden_flag(setting);
    match (setting.key, setting.default) {
        ("poll-timeout", Some(default)) => {
            arg.help(format!("Time after which a question to the store is given up [default: {default}]"))
        }
        _ => arg,
    }
}

/// Adds tips to usage errors, and takes out what may be a secret: they repeat what they did not expect, which
/// may be a store URL whose `--store` was forgotten, and standard error often ends in a log.
fn refine(mut error: clap::Error) -> clap::Error {
    if !matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand) {
        return error;
    }
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand] {
        let Some(ContextValue::String(text)) = error.get(kind) else { continue };
        // Every command knows every setting, so only the place before the command can be wrong.
        let misplaced =
            text.strip_prefix("--").is_some_and(|key| SETTINGS.iter().any(|setting| setting.key == key));
        let tip = if misplaced {
            format!("the command comes first, as in '{NAME} serve {text} …'")
        } else if text.starts_with('-') {
            continue;
        } else {
            let url = text.contains([':', '=', '@', '/']);
            error.insert(kind, ContextValue::String("…".to_owned()));
            // It repeats the word, unlike those of what is similar.
            error.remove(ContextKind::Suggested);
            if !url {
                continue;
            }
            "a store is given as --store NAME=URL, in quotes where the URL has a space".to_owned()
        };
        for suggestion in
            [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedCommand]
        {
            error.remove(suggestion);
        }
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &[&str]) -> Result<Request, clap::Error> {
        super::parse(std::iter::once(&NAME).chain(args).map(OsString::from).collect())
    }

    #[test]
    fn the_declaration_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn flags_are_kept_as_text() {
        let request =
            parse(&["check", "--store", "a=b", "--store=c", "--web.max-connections", "x", "--output=json"])
                .unwrap();
        assert_eq!(request.command, Command::Check(Output::Json));
        assert_eq!(request.flags["store"], ["a=b", "c"]);
        assert_eq!(request.flags["web.max-connections"], ["x"]);
        assert_eq!(request.flags.len(), 2);
    }

    #[test]
    fn no_url_is_repeated() {
        for args in [["serve", "a=postgres://u:hunter2@h/d"], ["postgres://u:hunter2@h/d", "serve"]] {
            let error = parse(&args).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            assert!(error.contains("--store NAME=URL"), "{error}");
        }
        // What a shell has split.
        for word in ["hunter2@h/d", "hunter2"] {
            let error = parse(&["serve", "--store", "a=postgres://u:12", word]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
            let error = parse(&[word, "serve"]).unwrap_err().to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
        assert!(parse(&["serv"]).unwrap_err().to_string().contains("'serve'"));
    }
}
