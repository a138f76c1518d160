//! The server's own programs, run as a user that PostgreSQL accepts.

use std::{
    env, fs,
    os::unix::{
        fs::{MetadataExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
};

/// The user and group that own nothing, everywhere. PostgreSQL refuses to run as root.
const NOBODY: u32 = 65534;

/// What has to be there.
const PROGRAMS: [&str; 4] = ["initdb", "postgres", "pg_basebackup", "psql"];

static DIRECTORY: LazyLock<PathBuf> = LazyLock::new(|| {
    find().unwrap_or_else(|| {
        panic!("no PostgreSQL server: DUROXIDE_PG_BIN names the directory of its programs; tests/run installs one")
    })
});

static ROOT: LazyLock<bool> =
    LazyLock::new(|| fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0));

/// `DUROXIDE_PG_BIN`, the newest of Debian's, or what is in the path.
fn find() -> Option<PathBuf> {
    if let Some(named) = env::var_os("DUROXIDE_PG_BIN").filter(|named| !named.is_empty()) {
        return Some(named.into());
    }
    let mut versions: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin"))))
        .collect();
    versions.sort();
    let path = env::var_os("PATH").unwrap_or_default();
    versions
        .into_iter()
        .rev()
        .map(|(_, path)| path)
        .chain(env::split_paths(&path))
        .find(|directory| PROGRAMS.iter().all(|program| directory.join(program).is_file()))
}

/// One of the programs, by the tests' own user and in a directory; with none of the settings that are meant for
/// a server of somebody else.
pub(crate) fn client(program: &str, directory: &Path) -> Command {
    // Not all are PostgreSQL's.
    let own = DIRECTORY.join(program);
    let mut command = Command::new(if own.is_file() { own } else { program.into() });
    command
        .current_dir(directory)
        .env_clear()
        .env("PATH", env::var_os("PATH").unwrap_or_default())
        .env("HOME", directory)
        .env("TMPDIR", directory)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        // A Ctrl-C is for the tests; what becomes of the servers is the keeper's business.
        .process_group(0);
    if let Some(libraries) = env::var_os("LD_LIBRARY_PATH") {
        command.env("LD_LIBRARY_PATH", libraries);
    }
    command
}

/// The same, by the servers' user.
pub(crate) fn server(program: &str, directory: &Path) -> Command {
    let mut command = client(program, directory);
    if *ROOT {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Gives a file or directory to the servers' user.
pub(crate) fn give(path: &Path) {
    if *ROOT {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// Runs a program to its end.
pub(crate) fn run(mut command: Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?} ended with {}:\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
}
