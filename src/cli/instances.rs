//! `instances`: looking into the instances of a store, through any `ManagementAPI`.
//!
//! `args` declares the commands; one file a command; `paged` writes lists as they are read; `event` tells an event
//! in a line; `session` is whom to ask and where the answer goes; `problem` says what an error means. Payloads are
//! hidden by `management`, before anything here sees them.

use super::output::NAME;
use super::text::Paint;
use super::{Error, Exit, print};
use crate::config::Config;
use crate::store::StoreSpec;
use crate::store::connect::{self, Neighbour};

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

use args::Question;
pub(super) use args::{Asked, command};
use session::{Failure, Session};
pub(super) use session::{Store, Terminal};

/// Asks the store that is meant.
pub(super) fn instances(asked: &Asked, config: Config, mut terminal: Terminal<'_>) -> Result<Exit, Error> {
    let limit = config.settings.poll_timeout;
    match choose(config.stores, asked.from.as_deref()) {
        Ok(spec) => {
            let management = connect::management(&spec.url, Neighbour::OtherProcess, limit);
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
pub(super) fn answer(asked: &Asked, store: &Store, terminal: Terminal<'_>) -> Result<Exit, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Error::System)?;
    let mut session = Session { store, output: asked.output, terminal };
    let outcome = runtime.block_on(put(asked.question.clone(), &mut session));
    // A read that hangs in the file system does not hold up the end.
    runtime.shutdown_background();
    match outcome {
        Ok(exit) => Ok(exit),
        Err(Failure::Run(error)) => Err(error),
        Err(Failure::Store(error)) => problem::print(store, &mut session.terminal, &error),
        Err(Failure::Usage(problem)) => usage(asked, &mut session.terminal, &problem),
    }
}

async fn put(question: Question, session: &mut Session<'_, '_>) -> Result<Exit, Failure> {
    let now = session.terminal.now;
    match question {
        Question::List { filter, paging } => {
            list::list(session, filter.at(now).map_err(Failure::Usage)?, &paging).await
        }
        Question::Show { id, paging, payloads } => show::show(session, &id, &paging, payloads).await,
        Question::History { id, execution, paging, payloads } => {
            history::history(session, &id, execution, &paging, payloads).await
        }
        Question::Timeline { id, execution } => timeline::timeline(session, &id, execution).await,
        Question::Tree { id } => tree::tree(session, &id).await,
        Question::Search { text, paging, payloads } => {
            search::search(session, &text, &paging, payloads).await
        }
        Question::Export { id, payloads } => export::export(session, &id, payloads).await,
        Question::Count { filter } => count::count(session, filter.at(now).map_err(Failure::Usage)?).await,
    }
}

fn usage(asked: &Asked, terminal: &mut Terminal<'_>, problem: &str) -> Result<Exit, Error> {
    let title = terminal.err_style.paint("error:", Some(Paint::Red));
    let text = format!("{title} {problem}\n\nFor more information, try '{NAME} {} --help'.\n", asked.name());
    print(terminal.err, &text).map(|()| Exit::Usage)
}
