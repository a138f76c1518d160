//! The flags of `instances` and their help.

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser, RangedU64ValueParser};
use clap::{Arg, ArgAction, value_parser};

use super::super::moment::TimeArg;
use crate::cli::output::{NAME, output_arg};
use crate::labels::InstanceStatus;

/// The command with its own flags; `settings` are those of every command.
pub(in crate::cli) fn command(settings: impl IntoIterator<Item = Arg>) -> clap::Command {
    let from = Arg::new("from")
        .long("from")
        .value_name("NAME")
        .help("Store to ask, by its name; needed when several are configured");
    let asked_of = |arg: Arg| {
        let arg = if arg.get_help_heading().is_none() { arg.help_heading("Store") } else { arg };
        arg.global(true)
    };
    clap::Command::new("instances")
        .alias("instance")
        .about("Looks into the instances of a store: what they are, what they did, what they wait for")
        .subcommand_required(true)
        .arg_required_else_help(true)
        .args(settings.into_iter().chain([from]).map(asked_of))
        .subcommands([list(), show(), history(), timeline(), tree(), search(), export(), count()])
        .after_help(format!(
            "Only reads. Inputs, outputs, errors and other payloads are hidden unless --payloads is given; their sizes \
             are not. All answers can be JSON: --output json, described in docs/json.md.\n\n\
             Examples:\n  \
             {NAME} instances list --store orders=sqlite:/var/lib/orders/store.db --status failed\n  \
             export DUROXIDE_EXPORTER_STORE=orders=sqlite:/var/lib/orders/store.db\n  \
             {NAME} instances list --orchestration ProcessOrder --created-after 1h\n  \
             {NAME} instances timeline order-42\n\n\
             Exit code: 0 when the question was answered, 1 when it could not be or nothing of that id exists, 64 for \
             mistakes in usage or configuration."
        ))
}

fn list() -> clap::Command {
    with_paging(with_filters(clap::Command::new("list")), "50", "instances")
        .about("Lists instances, newest first")
        .arg(output_arg())
        .after_help(examples(&[
            ("the newest 50", "list"),
            ("what failed in the last hour", "list --status failed --created-after 1h"),
            (
                "what has been running for more than a month",
                "list --status running --created-before 30d --all",
            ),
            ("the children of one", "list --parent order-42"),
        ]))
}

fn show() -> clap::Command {
    with_paging(clap::Command::new("show").arg(id()), "10", "executions, newest first")
        .about("Shows one instance and its executions")
        .arg(payloads("Show the output or error, too: personal data"))
        .arg(output_arg())
        .after_help(examples(&[
            ("one instance", "show order-42"),
            ("with its error or output", "show order-42 --payloads"),
            ("an id that begins with a dash", "show -- -42"),
        ]))
}

fn history() -> clap::Command {
    with_paging(clap::Command::new("history").arg(id()).arg(execution()), "200", "events, oldest first")
        .about("Lists what one execution recorded: its events, one a line")
        .arg(payloads("Show inputs, results, errors and event data, too: personal data"))
        .arg(output_arg())
        .after_help(format!(
            "Completions carry the time at which the orchestration took them up, which may be later than the work's end; \
             FOR is the event that they answer.\n\n{}",
            examples(&[
                ("the newest execution", "history order-42"),
                ("an earlier one, all of it", "history order-42 --execution 1 --all"),
            ])
        ))
}

fn timeline() -> clap::Command {
    clap::Command::new("timeline")
        .arg(id())
        .arg(execution())
        .about("Draws what one execution did when: activities, timers, waits, children")
        .arg(output_arg())
        .after_help(format!(
            "A bar ends when the orchestration took up the result, which may be later than the work's end. The chart is as \
             wide as the terminal, or as COLUMNS says.\n\n{}",
            examples(&[("the newest execution", "timeline order-42")])
        ))
}

fn tree() -> clap::Command {
    clap::Command::new("tree")
        .arg(id())
        .about("Shows the tree an instance belongs to: what started it, what it started")
        .arg(output_arg())
        .after_help(examples(&[("from its root down", "tree order-42")]))
}

fn search() -> clap::Command {
    let text = Arg::new("text")
        .value_name("TEXT")
        .required(true)
        .value_parser(NonEmptyStringValueParser::new())
        .help("Part of what is searched for; upper and lower case are the same");
    with_paging(clap::Command::new("search").arg(text), "50", "hits, newest first")
        .about("Finds instances by a part of their id, orchestration or custom status")
        .arg(payloads(
            "Search inputs, outputs and events of the current execution, too: slow; they are not shown",
        ))
        .arg(output_arg())
        .after_help(examples(&[
            ("by id, name or custom status", "search customer-17"),
            ("in payloads, too", "search '\"sku\":\"4711\"' --payloads"),
        ]))
}

fn export() -> clap::Command {
    let output = Arg::new("output")
        .long("output")
        .value_name("FORMAT")
        .value_parser(["json"])
        .default_value("json")
        .help("Form of the result");
    clap::Command::new("export")
        .arg(id())
        .about("Prints one instance with all its executions and histories as JSON")
        .arg(payloads("With inputs, outputs, errors and event data: personal data"))
        .arg(output)
        .after_help(examples(&[
            ("to show somebody else", "export order-42 > order-42.json"),
            ("complete", "export order-42 --payloads > order-42.json"),
        ]))
}

fn count() -> clap::Command {
    with_filters(clap::Command::new("count"))
        .about("Counts instances by orchestration, version and status")
        .arg(output_arg())
        .after_help(examples(&[
            ("all", "count"),
            ("what began today and failed", "count --status failed --created-after 2026-11-23"),
        ]))
}

fn examples(examples: &[(&str, &str)]) -> String {
    let lines = examples.iter().map(|(what, typed)| format!("\n  # {what}\n  {NAME} instances {typed}"));
    format!("Examples:{}", lines.collect::<String>())
}

fn id() -> Arg {
    Arg::new("id").value_name("ID").required(true).help("Instance, by its id")
}

fn execution() -> Arg {
    Arg::new("execution")
        .long("execution")
        .value_name("N")
        .value_parser(value_parser!(u64).range(1..))
        .help("Execution, by its number [default: the newest]")
}

fn payloads(help: &'static str) -> Arg {
    Arg::new("payloads").long("payloads").action(ArgAction::SetTrue).help(help)
}

fn with_filters(command: clap::Command) -> clap::Command {
    let flag = |name: &'static str, value: &'static str, help: &'static str| {
        Arg::new(name).long(name).value_name(value).help(help)
    };
    let statuses = PossibleValuesParser::new(InstanceStatus::ALL.iter().map(|status| status.as_str()));
    command
        .arg(flag("status", "STATUS", "Only with this status").value_parser(statuses).ignore_case(true))
        .arg(flag("orchestration", "NAME", "Only of this orchestration, by its exact name"))
        .arg(
            flag(
                "created-after",
                "TIME|AGE",
                "Only created at this time or later: RFC 3339, a date (UTC), or an age such as 1h or 30d",
            )
            .value_parser(TimeArg::parse),
        )
        .arg(
            flag("created-before", "TIME|AGE", "Only created before this time, or longer ago than this age")
                .value_parser(TimeArg::parse),
        )
        .arg(flag("parent", "ID", "Only children of this instance"))
}

fn with_paging(command: clap::Command, limit: &'static str, what: &str) -> clap::Command {
    let limit = Arg::new("limit")
        .long("limit")
        .value_name("N")
        .default_value(limit)
        .value_parser(RangedU64ValueParser::<usize>::new().range(1..=1_000_000))
        .help(format!("At most this many {what}"));
    let after = Arg::new("after")
        .long("after")
        .value_name("KEY")
        // Keys are opaque, and may begin with a dash.
        .allow_hyphen_values(true)
        .help("Go on after an earlier answer, with the key it ended with");
    let all = Arg::new("all")
        .long("all")
        .action(ArgAction::SetTrue)
        .conflicts_with("limit")
        .help("No limit; printed as it is read");
    command.args([limit, after, all])
}
