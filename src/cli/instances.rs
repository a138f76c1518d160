//! `instances`: looking into the instances of a store, through any `ManagementAPI`.
//!
//! `args` declares the commands; one file a command; `paged` writes lists as they are read; `event` tells an event
//! in a line; `session` holds the store, the output format and the terminal; `problem` says what an error means. Payloads are
//! hidden by `management`, before anything here sees them.

use super::output::NAME;
use super::text::Paint;
use super::{Error, Exit, print};
use crate::config::Config;
use crate::store::StoreSpec;
use crate::store::connect::{self, Deployment};

mod args;
mod chart;
mod count;
mod event;
mod export;
#[cfg(test)]
mod fixture;
mod hint;
mod history;
mod list;
mod moment;
mod paged;
mod problem;
mod search;
mod session;
mod show;
#[cfg(test)]
mod tests;
mod timeline;
mod tree;
mod waits;

use args::InstancesCommand;
pub(super) use args::{InstancesArgs, command};
use session::{CommandError, Session};
pub(super) use session::{Store, Terminal};

/// Asks the store that is meant.
pub(super) fn instances(
    asked: &InstancesArgs,
    config: Config,
    mut terminal: Terminal<'_>,
) -> Result<Exit, Error> {
    let limit = config.settings.poll_timeout;
    match choose(config.stores, asked.from.as_deref()) {
        Ok(spec) => {
            let management = connect::management(&spec.url, Deployment::Sidecar, limit);
            answer(asked, &Store { name: spec.name.as_ref().to_owned(), management, limit }, terminal)
        }
        Err(problem) => usage(asked, &mut terminal, &problem),
    }
}

/// The store that is named, or the only one.
fn choose(stores: Vec<StoreSpec>, from: Option<&str>) -> Result<StoreSpec, String> {
    let names: Vec<String> = stores.iter().map(|store| store.name.as_ref().to_owned()).collect();
    let names = names.join(", ");
    let count = stores.len();
    let mut stores = stores.into_iter();
    match from {
        Some(name) => stores
            .find(|store| *store.name == *name)
            .ok_or_else(|| format!("--from: there is no store of this name; configured: {names}")),
        None => stores.next().filter(|_| count == 1).ok_or_else(|| {
            format!("--from: missing: {count} stores are configured, name one of them: {names}")
        }),
    }
}

/// Puts the question and writes the answer.
pub(super) fn answer(asked: &InstancesArgs, store: &Store, terminal: Terminal<'_>) -> Result<Exit, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    let mut session = Session { store, output: asked.output, terminal };
    let outcome = runtime.block_on(put(asked.question.clone(), &mut session));
    // A read that hangs in the file system does not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => Ok(exit),
        Err(CommandError::Run(error)) => Err(error),
        Err(CommandError::Store(error)) => problem::print(store, &mut session.terminal, &error),
        Err(CommandError::Usage(problem)) => usage(asked, &mut session.terminal, &problem),
    }
}

async fn put(question: InstancesCommand, session: &mut Session<'_, '_>) -> Result<Exit, CommandError> {
    let now = session.terminal.now;
    match question {
        InstancesCommand::List { filter, paging } => {
            list::list(session, filter.at(now).map_err(CommandError::Usage)?, &paging).await
        }
        InstancesCommand::Show { id, paging, payloads } => show::show(session, &id, &paging, payloads).await,
        InstancesCommand::History { id, execution, paging, payloads } => {
            history::history(session, &id, execution, &paging, payloads).await
        }
        InstancesCommand::Timeline { id, execution } => timeline::timeline(session, &id, execution).await,
        InstancesCommand::Tree { id } => tree::tree(session, &id).await,
        InstancesCommand::Search { text, paging, payloads } => {
            search::search(session, &text, &paging, payloads).await
        }
        InstancesCommand::Export { id, payloads } => export::export(session, &id, payloads).await,
        InstancesCommand::Count { filter } => {
            count::count(session, filter.at(now).map_err(CommandError::Usage)?).await
        }
    }
}

fn usage(asked: &InstancesArgs, terminal: &mut Terminal<'_>, problem: &str) -> Result<Exit, Error> {
    let title = terminal.err_style.paint("error:", Some(Paint::Red));
    let text = format!("{title} {problem}\n\nFor more information, try '{NAME} {} --help'.\n", asked.name());
    print(terminal.err, &text).map(|()| Exit::Usage)
}
