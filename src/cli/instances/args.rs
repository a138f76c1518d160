//! The arguments of `instances`: what they mean. `declare` has the flags and their help.

use clap::ArgMatches;

use super::moment::TimeArg;
use crate::cli::output::{Output, read_output};
use crate::labels::InstanceStatus;
use crate::management::{InstanceFilter, Timestamp};

mod declare;

pub(in crate::cli) use declare::command;

/// An `instances` command, and the store it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct InstancesArgs {
    pub(super) from: Option<String>,
    pub(super) output: Output,
    pub(super) question: InstancesCommand,
}

/// A command with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum InstancesCommand {
    List { filter: Filter, paging: Paging },
    Show { id: String, paging: Paging, payloads: bool },
    History { id: String, execution: Option<u64>, paging: Paging, payloads: bool },
    Timeline { id: String, execution: Option<u64> },
    Tree { id: String },
    Search { text: String, paging: Paging, payloads: bool },
    Export { id: String, payloads: bool },
    Count { filter: Filter },
}

/// Which instances, with times as they were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    status: Option<InstanceStatus>,
    orchestration: Option<String>,
    created_after: Option<TimeArg>,
    created_before: Option<TimeArg>,
    parent: Option<String>,
}

/// How much of a list.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Paging {
    /// `None`: all.
    pub(super) limit: Option<usize>,
    pub(super) after: Option<String>,
}

impl InstancesArgs {
    /// The command's name, as it is typed.
    pub(in crate::cli) fn name(&self) -> &'static str {
        match self.question {
            InstancesCommand::List { .. } => "instances list",
            InstancesCommand::Show { .. } => "instances show",
            InstancesCommand::History { .. } => "instances history",
            InstancesCommand::Timeline { .. } => "instances timeline",
            InstancesCommand::Tree { .. } => "instances tree",
            InstancesCommand::Search { .. } => "instances search",
            InstancesCommand::Export { .. } => "instances export",
            InstancesCommand::Count { .. } => "instances count",
        }
    }

    /// Reads what `command` has parsed.
    pub(in crate::cli) fn read(name: &str, matches: &ArgMatches) -> Option<Self> {
        let text = |key: &str| matches.get_one::<String>(key).cloned();
        let id = || text("id").unwrap_or_default();
        let execution = || matches.get_one("execution").copied();
        let payloads = || matches.get_flag("payloads");
        let question = match name {
            "list" => InstancesCommand::List { filter: Filter::read(matches), paging: Paging::read(matches) },
            "show" => {
                InstancesCommand::Show { id: id(), paging: Paging::read(matches), payloads: payloads() }
            }
            "history" => InstancesCommand::History {
                id: id(),
                execution: execution(),
                paging: Paging::read(matches),
                payloads: payloads(),
            },
            "timeline" => InstancesCommand::Timeline { id: id(), execution: execution() },
            "tree" => InstancesCommand::Tree { id: id() },
            "search" => InstancesCommand::Search {
                text: text("text").unwrap_or_default(),
                paging: Paging::read(matches),
                payloads: payloads(),
            },
            "export" => InstancesCommand::Export { id: id(), payloads: payloads() },
            "count" => InstancesCommand::Count { filter: Filter::read(matches) },
            _ => return None,
        };
        Some(Self { from: text("from"), output: read_output(matches), question })
    }
}

impl Filter {
    fn read(matches: &ArgMatches) -> Self {
        let text = |key: &str| matches.get_one::<String>(key).cloned();
        let status = text("status").map(|word| word.to_ascii_lowercase());
        Self {
            status: InstanceStatus::ALL.iter().copied().find(|one| Some(one.as_str()) == status.as_deref()),
            orchestration: text("orchestration"),
            created_after: matches.get_one("created-after").copied(),
            created_before: matches.get_one("created-before").copied(),
            parent: text("parent"),
        }
    }

    /// With ages counted from `now`.
    ///
    /// # Errors
    /// In words, when nothing can match.
    pub(super) fn at(self, now: Timestamp) -> Result<InstanceFilter, String> {
        let Self { status, orchestration, created_after, created_before, parent } = self;
        let created_after = created_after.map(|moment| moment.at(now));
        let created_before = created_before.map(|moment| moment.at(now));
        if let (Some(after), Some(before)) = (created_after, created_before)
            && after >= before
        {
            return Err(format!(
                "--created-after ({after}) is not before --created-before ({before}): nothing can match"
            ));
        }
        Ok(InstanceFilter {
            status,
            orchestration,
            created_after,
            created_before,
            parent_instance_id: parent,
        })
    }
}

impl Paging {
    fn read(matches: &ArgMatches) -> Self {
        let limit = if matches.get_flag("all") { None } else { matches.get_one("limit").copied() };
        Self { limit, after: matches.get_one::<String>("after").cloned() }
    }
}
