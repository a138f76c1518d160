//! The processes of a server, by their ids.

use std::{fs, process::Command};

/// A process as `/proc/ID/stat` shows it.
struct Process {
    parent: u32,
    /// `T` is stopped, `Z` has ended and waits for its parent.
    state: char,
}

fn look(id: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before it is in parentheses, and may contain some.
    let mut fields = stat.rsplit_once(") ")?.1.split(' ');
    Some(Process { state: fields.next()?.chars().next()?, parent: fields.next()?.parse().ok()? })
}

/// A postmaster and its children: every process of a server is one of these.
pub(crate) fn family(postmaster: u32) -> Vec<u32> {
    let all = fs::read_dir("/proc").expect("/proc").flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let children = ids.filter(|id| look(*id).is_some_and(|process| process.parent == postmaster));
    std::iter::once(postmaster).chain(children).collect()
}

/// Whether a process is stopped: it exists and does nothing.
pub(crate) fn stopped(id: u32) -> bool {
    look(id).is_some_and(|process| process.state == 'T')
}

/// Whether a process has ended.
pub(crate) fn ended(id: u32) -> bool {
    look(id).is_none_or(|process| "ZX".contains(process.state))
}

/// Sends a signal. Those that have ended in the meantime need none.
pub(crate) fn signal(name: &str, ids: &[u32]) {
    let ids = ids.iter().map(u32::to_string);
    let sent =
        Command::new("sh").args(["-c", "kill -\"$@\" 2>/dev/null || true", "kill", name]).args(ids).status();
    assert!(sent.is_ok_and(|status| status.success()), "kill -{name}");
}
