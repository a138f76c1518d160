//! A primary and a standby to play with, until standard input ends or the program is stopped.
//!
//! `cargo run -p cluster`

#![allow(clippy::expect_used, reason = "tests fail loudly")]

use std::io::Write as _;

use cluster::Server;

fn main() {
    let primary = Server::shared();
    let standby = primary.standby();
    let mut output = std::io::stdout().lock();
    for server in [primary, &standby] {
        writeln!(output, "{} {}", server.url("postgres"), server.directory().display())
            .expect("somebody reads");
    }
    let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
}
