//! CPU time, user and system, in seconds and to 10 ms, as `/proc` has it.

use std::fs;

use anyhow::Context;

/// Fields of `/proc/PID/stat` in ticks of 10 ms, counted from the state, which is behind the name.
const OWN: [usize; 2] = [11, 12];
const OF_ENDED_CHILDREN: [usize; 2] = [13, 14];
const PARENT: usize = 1;

/// Of one process.
pub(crate) fn of_process(id: u32) -> anyhow::Result<f64> {
    let stat = stat(id).with_context(|| format!("process {id} is gone"))?;
    seconds(&stat, OWN)
}

/// Of this process.
pub(crate) fn of_this_process() -> anyhow::Result<f64> {
    of_process(std::process::id())
}

/// Of a PostgreSQL server: the postmaster, its children (every process of a server is one of these) and those of its
/// children that have ended, which the postmaster's own line holds. What ends during the look is in both or in neither.
pub(crate) fn of_server(postmaster: u32) -> anyhow::Result<f64> {
    let own = stat(postmaster).context("the server is gone")?;
    let mut sum = seconds(&own, OWN)? + seconds(&own, OF_ENDED_CHILDREN)?;
    let parent = postmaster.to_string();
    for entry in fs::read_dir("/proc")?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        if let Some(stat) = stat(id).filter(|stat| stat.get(PARENT) == Some(&parent)) {
            sum += seconds(&stat, OWN)?;
        }
    }
    Ok(sum)
}

/// The fields of a process from its state on; the name before may contain anything, parentheses too.
fn stat(id: u32) -> Option<Vec<String>> {
    let stat = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    Some(stat.rsplit_once(')')?.1.split_whitespace().map(str::to_owned).collect())
}

fn seconds(stat: &[String], fields: [usize; 2]) -> anyhow::Result<f64> {
    let ticks = fields.map(|field| stat.get(field).map_or(Ok(0.0), |value| value.parse::<f64>()));
    let [user, system] = ticks;
    Ok((user? + system?) / 100.0)
}
