//! The rules and their tests, by Prometheus' own tool.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context as _, Result, bail};
use rules::files;
use rules::rule::FOLDER;

/// `promtool`, as `tests/run` says, or the one of the system.
fn promtool() -> Result<PathBuf> {
    let path = std::env::var_os("DUROXIDE_PROMTOOL").map_or_else(|| PathBuf::from("promtool"), PathBuf::from);
    match Command::new(&path).arg("--version").output() {
        Ok(_) => Ok(path),
        Err(error) => bail!(
            "{} does not start ({error}): install Debian's package prometheus, or set DUROXIDE_PROMTOOL; tests/run does both",
            path.display()
        ),
    }
}

fn paths(folder: &str) -> Result<Vec<PathBuf>> {
    Ok(files::list(folder, ".yaml")?.iter().map(|(name, _)| files::root().join(folder).join(name)).collect())
}

fn run(promtool: &Path, words: &[&str], paths: &[PathBuf]) -> Result<Output> {
    Command::new(promtool)
        .args(words)
        .args(paths)
        .output()
        .with_context(|| format!("running {}", promtool.display()))
}

fn passed(output: &Output) {
    let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn promtool_finds_nothing_in_the_rules() -> Result<()> {
    passed(&run(&promtool()?, &["check", "rules", "--lint=all", "--lint-fatal"], &paths(FOLDER)?)?);
    Ok(())
}

#[test]
fn the_tests_of_the_rules_pass() -> Result<()> {
    let promtool = promtool()?;
    // One process evaluates one file after the other; two finish in half of the time.
    let paths = paths("dashboards/rules/tests")?;
    let (even, odd): (Vec<_>, Vec<_>) = paths.into_iter().enumerate().partition(|(at, _)| at % 2 == 0);
    let halves = [even, odd].map(|half| half.into_iter().map(|(_, path)| path).collect::<Vec<_>>());
    let outputs = std::thread::scope(|scope| {
        let running = halves.each_ref().map(|half| scope.spawn(|| run(&promtool, &["test", "rules"], half)));
        running.map(|thread| thread.join().expect("a thread that runs promtool does not panic"))
    });
    for output in outputs {
        passed(&output?);
    }
    Ok(())
}
