//! Ports for servers.

use std::{
    hash::{BuildHasher as _, RandomState},
    net::{Ipv4Addr, TcpListener},
};

/// Below what Linux gives to outgoing connections: a server that is down must find its port free when it comes back.
const RANGE: std::ops::Range<u16> = 15_000..32_000;

/// A random port that nobody listens on at the moment.
pub(crate) fn free() -> u16 {
    for attempt in 0..1000_u32 {
        // The standard library's only source of randomness.
        let random = RandomState::new().hash_one(attempt);
        let offset = u16::try_from(random % u64::from(RANGE.end - RANGE.start)).expect("less than the range");
        let port = RANGE.start + offset;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
    panic!("no port in {RANGE:?} is free");
}
