//! Nothing of a server is left: no process, no directory, no shared memory.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use cluster::Server;

use crate::eventually;

/// What there is of a server.
struct Traces {
    directory: PathBuf,
    memory: String,
}

impl Traces {
    fn of(directory: &Path) -> Self {
        let lock = fs::read_to_string(directory.join("data/postmaster.pid")).unwrap();
        let memory = lock.lines().nth(6).unwrap().split_whitespace().nth(1).unwrap().to_owned();
        let traces = Self { directory: directory.to_owned(), memory };
        // The keeper, the postmaster and its children.
        assert!(traces.processes().len() > 4, "{:?}", traces.processes());
        assert!(traces.has_memory());
        traces
    }

    /// Everything that works in the directory or was told of it.
    fn processes(&self) -> Vec<String> {
        let all = fs::read_dir("/proc").unwrap().flatten().map(|entry| entry.path());
        let name = self.directory.to_str().unwrap();
        all.filter(|process| {
            let told = fs::read(process.join("cmdline")).unwrap_or_default();
            String::from_utf8_lossy(&told).contains(name)
                || fs::read_link(process.join("cwd")).is_ok_and(|cwd| cwd.starts_with(name))
        })
        .map(|process| process.display().to_string())
        .collect()
    }

    fn has_memory(&self) -> bool {
        let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap();
        segments.lines().any(|line| line.split_whitespace().nth(1) == Some(&self.memory))
    }

    fn are_gone(&self) -> bool {
        !self.directory.exists() && self.processes().is_empty() && !self.has_memory()
    }
}

#[test]
fn of_one_that_is_dropped_in_whatever_state() {
    let running = Server::start();
    let traces = Traces::of(running.directory());
    drop(running);
    assert!(traces.are_gone());

    let frozen = Server::start();
    let traces = Traces::of(frozen.directory());
    frozen.freeze();
    drop(frozen);
    assert!(traces.are_gone());

    let killed = Server::start();
    let traces = Traces::of(killed.directory());
    killed.kill();
    drop(killed);
    assert!(traces.are_gone());
}

/// A process with a static server and a standby.
fn program() -> (Child, Vec<Traces>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_cluster"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(2);
    let directories = lines.map(|line| PathBuf::from(line.unwrap().split_once(' ').unwrap().1));
    let traces = directories.map(|directory| Traces::of(&directory)).collect();
    (child, traces)
}

#[test]
fn of_those_whose_process_is_killed() {
    let (mut child, traces) = program();
    child.kill().unwrap();
    child.wait().unwrap();
    for server in &traces {
        eventually("a server is gone", || server.are_gone());
    }
    assert_eq!(traces.len(), 2);
}

#[test]
fn of_those_whose_process_ends() {
    let (mut child, traces) = program();
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    for server in &traces {
        eventually("a server is gone", || server.are_gone());
    }
    assert_eq!(traces.len(), 2);
}
