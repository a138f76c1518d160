//! Room for servers: directories and ports.

use std::{
    fs::Permissions,
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

use tempfile::TempDir;

/// Below what Linux gives to outgoing connections: a server that is down must find its port free when it comes back.
const PORTS: std::ops::Range<u16> = 15_000..32_000;

/// Where Linux keeps files in memory.
const MEMORY: &str = "/dev/shm";

/// A server's data are 30 MiB at first. Containers often have only 64 MiB.
const ENOUGH_KIB: u64 = 2 * 1024 * 1024;

/// A Unix socket's path has at most 107 bytes, and this is its directory's parent.
const LONGEST: usize = 70;

/// A random port that nobody listens on at the moment.
pub(crate) fn port() -> u16 {
    for attempt in 0..1000_u32 {
        // The standard library's only source of randomness.
        let random = RandomState::new().hash_one(attempt);
        let offset = u16::try_from(random % u64::from(PORTS.end - PORTS.start)).expect("less than the range");
        let port = PORTS.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port in {PORTS:?} is free");
}

/// A directory for a server; in memory if there is room: a new server writes a thousand files.
pub(crate) fn directory() -> TempDir {
    static PARENT: LazyLock<PathBuf> = LazyLock::new(|| {
        let usual = std::env::temp_dir();
        if room_in_memory() {
            MEMORY.into()
        } else if usual.as_os_str().len() <= LONGEST {
            usual
        } else {
            "/tmp".into()
        }
    });
    // The socket in it lets everybody in who reaches it.
    let closed = Permissions::from_mode(0o700);
    let created = tempfile::Builder::new().prefix("duroxide-pg-").permissions(closed).tempdir_in(&*PARENT);
    created.unwrap_or_else(|error| panic!("a directory in {}: {error}", PARENT.display()))
}

fn room_in_memory() -> bool {
    let free = Path::new(MEMORY).is_dir().then(|| {
        let output = Command::new("df").args(["-k", "--output=avail", MEMORY]).output().ok()?;
        String::from_utf8_lossy(&output.stdout).split_whitespace().last()?.parse::<u64>().ok()
    });
    free.flatten().is_some_and(|free| free >= ENOUGH_KIB)
}
