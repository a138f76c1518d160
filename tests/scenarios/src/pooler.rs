//! The same tests through a pooler: with `SCENARIOS_POOLER` in the environment, the exporter reaches stores of the shared server
//! through PgBouncer in transaction mode, beside other clients of its pool. The framework's providers go on reaching the server
//! itself.

use std::{
    collections::BTreeMap,
    env,
    sync::{LazyLock, Mutex, PoisonError},
};

use cluster::{Pooler, Pooling, Server, Traffic};

static POOLER: LazyLock<Option<Pooler>> = LazyLock::new(|| {
    let wanted = env::var_os("SCENARIOS_POOLER").is_some_and(|value| !value.is_empty());
    wanted.then(|| Server::shared().pooler(Pooling::Transaction, 4, &[]))
});

/// Other clients, by database.
static TRAFFIC: Mutex<BTreeMap<String, Traffic>> = Mutex::new(BTreeMap::new());

/// As the exporter reaches the database at this URL.
pub(crate) fn through(database: &str) -> String {
    let Some(pooler) = POOLER.as_ref() else { return database.to_owned() };
    let Some(name) = database.strip_prefix(&Server::shared().url("")) else { return database.to_owned() };
    let mut traffic = TRAFFIC.lock().unwrap_or_else(PoisonError::into_inner);
    traffic.entry(name.to_owned()).or_insert_with(|| pooler.traffic(name, "select 1", 3, 30));
    pooler.url(name)
}
