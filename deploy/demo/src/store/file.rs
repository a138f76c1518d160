//! The SQLite file, in a directory of the user's or in one that goes with the process.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use duroxide::providers::sqlite::SqliteProvider;
use tempfile::TempDir;

use super::Store;

const FILE: &str = "orders.db";

pub(super) async fn open_temporary() -> anyhow::Result<Store> {
    let dir = tempfile::Builder::new()
        .prefix("duroxide-demo-")
        .tempdir()
        .context("cannot make a temporary directory; choose a place with --data-dir")?;
    let path = dir.path().join(FILE);
    open_file(&path, Some(dir)).await
}

pub(super) async fn open(dir: &Path) -> anyhow::Result<Store> {
    let found = std::fs::create_dir_all(dir).and_then(|()| dir.canonicalize());
    let dir =
        found.with_context(|| format!("cannot use the directory {} given by --data-dir", dir.display()))?;
    open_file(&dir.join(FILE), None).await
}

async fn open_file(path: &Path, temporary: Option<TempDir>) -> anyhow::Result<Store> {
    let url = url(path);
    let provider = SqliteProvider::new(&format!("{url}?mode=rwc"), None).await.with_context(|| {
        format!("cannot open the store {}; choose another place with --data-dir", path.display())
    })?;
    let fate = if temporary.is_some() { "removed at exit" } else { "kept" };
    Ok(Store {
        provider: Arc::new(provider),
        url,
        description: format!("{} ({fate})", path.display()),
        shared: false,
        _temporary: temporary,
    })
}

/// A path may hold what means something else in a URL.
fn url(path: &Path) -> String {
    let path = path.display().to_string().replace('%', "%25").replace('?', "%3F").replace('#', "%23");
    format!("sqlite:{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_paths_survive_the_url() {
        assert_eq!(url(Path::new("/a?b/100%/#1/orders.db")), "sqlite:/a%3Fb/100%25/%231/orders.db");
    }
}
