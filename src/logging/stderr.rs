//! Standard error, written by a thread of its own: a reader that stands still holds up neither polls nor scrapes nor the end.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::telemetry::log;

/// What may wait to be written. A line that finds no place is dropped and counted.
const ROOM: usize = 1 << 20;

/// What is left at the end has so long to be written.
const LAST: Duration = Duration::from_secs(1);

/// Between two tries on a standard error that is full and says so instead of blocking.
const PAUSE: Duration = Duration::from_millis(50);

/// Of this process; absent while whoever writes may wait, as one-shot commands do.
static LINES: OnceLock<Lines> = OnceLock::new();

/// Standard error. While the exporter serves, writing never waits for the reader.
#[derive(Debug, Clone, Copy)]
pub struct Stderr;

#[derive(Default)]
struct Lines {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    lines: VecDeque<Box<[u8]>>,
    bytes: usize,
    /// The thread has taken a line and is at it.
    writing: bool,
}

/// From now on a thread writes.
///
/// # Errors
/// When there is no thread to be had; then everything stays as it is.
pub(super) fn detach() -> io::Result<()> {
    log::announce();
    thread::Builder::new().name("log".to_owned()).spawn(|| LINES.get_or_init(Lines::default).write_all())?;
    LINES.get_or_init(Lines::default);
    Ok(())
}

impl Write for Stderr {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        match LINES.get() {
            Some(lines) => {
                lines.push(line);
                Ok(line.len())
            }
            None => io::stderr().write(line),
        }
    }

    /// Waits for what was written before, but not for long.
    fn flush(&mut self) -> io::Result<()> {
        match LINES.get() {
            Some(lines) => lines.drain(Instant::now() + LAST),
            None => io::stderr().flush()?,
        }
        Ok(())
    }
}

impl Lines {
    fn push(&self, line: &[u8]) {
        let mut waiting = self.waiting();
        if waiting.bytes + line.len() > ROOM {
            log::line_dropped();
            return;
        }
        waiting.bytes += line.len();
        waiting.lines.push_back(line.into());
        self.changed.notify_all();
    }

    fn drain(&self, deadline: Instant) {
        let mut waiting = self.waiting();
        while waiting.writing || !waiting.lines.is_empty() {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            waiting = self.changed.wait_timeout(waiting, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The thread's work. Once it has caught up it says how much is missing.
    fn write_all(&self) {
        let mut told = 0;
        loop {
            if put(&self.next()).is_err() {
                log::line_dropped();
                continue;
            }
            let dropped = log::lines_dropped().unwrap_or_default();
            if dropped > told && self.waiting().lines.is_empty() {
                let lines = dropped - told;
                tracing::warn!(lines, "lines of this log were dropped: standard error did not take them");
                told = dropped;
            }
        }
    }

    fn next(&self) -> Box<[u8]> {
        let mut waiting = self.waiting();
        waiting.writing = false;
        self.changed.notify_all();
        loop {
            if let Some(line) = waiting.lines.pop_front() {
                waiting.bytes -= line.len();
                waiting.writing = true;
                return line;
            }
            waiting = self.changed.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes a line, whatever it takes.
fn put(mut line: &[u8]) -> io::Result<()> {
    while !line.is_empty() {
        match io::stderr().write(line) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => line = line.get(written..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => thread::sleep(PAUSE),
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
