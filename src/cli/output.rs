//! What the commands have in common: the program's name and `--output`.

use clap::{Arg, ArgMatches};

/// The program.
pub(super) const NAME: &str = "duroxide-exporter";

/// Form of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Output {
    Table,
    Json,
}

pub(super) fn output_arg() -> Arg {
    Arg::new("output")
        .long("output")
        .value_name("FORMAT")
        .value_parser(["table", "json"])
        .default_value("table")
        .help("Form of the result")
}

pub(super) fn read_output(matches: &ArgMatches) -> Output {
    match matches.get_one::<String>("output").map(String::as_str) {
        Some("json") => Output::Json,
        _ => Output::Table,
    }
}
