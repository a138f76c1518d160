//! Encryption. What is asked for happens or is refused with a word on why, as libpq's manual has it.

use std::net::TcpStream;
use std::path::Path;
use std::sync::OnceLock;

use cluster::{Fault, Server};

use super::exporter::{Refusal, check};
use super::store::Store;

/// Its certificate is for `localhost` and 127.0.0.1; it is at 127.0.0.2 as well.
fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    SERVER.get_or_init(|| {
        let server = Server::builder()
            .tls()
            .setting("listen_addresses", "127.0.0.1, 127.0.0.2")
            .setting("log_connections", "on")
            .start();
        server.psql("postgres", "create role certain; create role closed; create role bare");
        server.set_access(&[
            "hostssl all +certain 127.0.0.1/32 scram-sha-256 clientcert=verify-full",
            "host all +certain 127.0.0.1/32 reject",
            "hostssl all +closed 127.0.0.1/32 scram-sha-256",
            "host all +closed 127.0.0.1/32 reject",
            "hostnossl all +bare 127.0.0.1/32 scram-sha-256",
            "host all +bare 127.0.0.1/32 reject",
        ]);
        server
    })
}

/// Reads the store; whether it was encrypted, as the server has logged it.
#[track_caller]
fn encrypted(store: &Store<'_>, url: &str) -> bool {
    let before = store.server.log().len();
    check(url).readable();
    let log = store.server.log().split_off(before);
    let line = log.lines().find(|line| {
        line.contains("connection authorized") && line.contains(&format!("database={} ", store.database))
    });
    line.unwrap_or_else(|| panic!("nobody came:\n{log}")).contains("SSL enabled")
}

#[track_caller]
fn refused(url: &str, words: &str) -> Refusal {
    check(url).refused("tls", words)
}

#[test]
fn every_mode_does_what_it_says_on_a_server_with_tls() {
    let store = Store::new(server());
    let right = format!("&sslrootcert={}", server().ca().display());
    let wrong = format!("&sslrootcert={}", server().wrong_ca().display());
    let url = |mode: &str, ca: &str| format!("{}&sslmode={mode}{ca}", store.url());
    assert!(encrypted(&store, &store.url()), "prefer is what is done without a word");
    for (mode, ca, expected) in [
        ("disable", "", false),
        ("allow", "", false),
        ("prefer", "", true),
        ("require", "", true),
        ("require", &right, true),
        ("verify-ca", &right, true),
        ("verify-full", &right, true),
        // As in libpq, who does not insist looks at no authority.
        ("prefer", &wrong, true),
    ] {
        assert_eq!(encrypted(&store, &url(mode, ca)), expected, "{mode}{ca}");
    }
    for (mode, ca) in [
        ("require", &wrong),
        ("verify-ca", &wrong),
        ("verify-full", &wrong),
        // The system's authorities do not know it.
        ("verify-ca", &String::new()),
        ("verify-full", &String::new()),
    ] {
        refused(&url(mode, ca), "UnknownIssuer").advises(&["sslrootcert"]);
    }
}

#[test]
fn what_is_wrong_with_a_servers_certificate_is_told() {
    let server = Server::builder().tls().start();
    let store = Store::new(&server);
    let url = format!("{}&sslmode=verify-full&sslrootcert={}", store.url(), server.ca().display());
    for (fault, words, advice) in [
        (Fault::SignedByItself, "UnknownIssuer", "the server's own if that is signed by itself"),
        (Fault::AuthorityAsServer, "CaUsedAsEndEntity", "let that authority sign one for the server"),
        (Fault::OutOfDate, "certificate expired", "give the server a new one"),
        (Fault::FromTheFuture, "not valid yet", "compare the clocks"),
    ] {
        server.show_a_bad_certificate(fault);
        refused(&url, words).advises(&[advice]);
        check(&format!("{}&sslmode=require", store.url())).readable();
    }
}

#[test]
fn every_mode_does_what_it_says_on_a_server_without_tls() {
    let store = Store::new(Server::shared());
    for mode in ["disable", "allow", "prefer"] {
        check(&format!("{}&sslmode={mode}", store.url())).readable();
    }
    for mode in ["require", "verify-ca", "verify-full"] {
        refused(&format!("{}&sslmode={mode}", store.url()), "does not support TLS").advises(&["ssl = on"]);
    }
}

/// libpq's `verify-ca` looks at the authority alone. The driver's looks at the name, too: that is told, and it is on
/// the safe side.
#[test]
fn a_certificate_for_another_name_is_refused_where_anybody_is_verified() {
    let store = Store::new(server());
    let url = store.url().replace("@127.0.0.1:", "@127.0.0.2:");
    let ca = server().ca();
    assert!(encrypted(&store, &format!("{url}&sslmode=require")));
    for mode in ["require", "verify-ca"] {
        refused(&format!("{url}&sslmode={mode}&sslrootcert={}", ca.display()), "127.0.0.2")
            .advises(&["verify-ca", "subjectAltName"]);
    }
    let refusal = refused(&format!("{url}&sslmode=verify-full&sslrootcert={}", ca.display()), "localhost")
        .advises(&["subjectAltName"]);
    assert!(!refusal.advice.contains("verify-ca"), "{refusal:#?}");
}

/// The driver takes the brackets for a part of the name.
#[test]
fn an_ipv6_address_can_be_encrypted() {
    let store = Store::new(server());
    let address = format!("[::ffff:127.0.0.1]:{}", server().port());
    if TcpStream::connect(&address).is_err() {
        return; // A machine without IPv6.
    }
    let url = store.url().replace(&format!("127.0.0.1:{}", server().port()), &address);
    assert!(encrypted(&store, &url));
    refused(
        &format!("{url}&sslmode=verify-full&sslrootcert={}", server().ca().display()),
        "not valid for name",
    );
}

#[test]
fn allow_and_prefer_try_the_other_way_where_the_server_insists() {
    let store = Store::new(server());
    let password = &store.password;
    let user = |name: &str, group: &str| {
        let role = format!("{name}_{}", store.database);
        store.sql(&format!("create role {role} login password '{password}' in role {group}, {}", store.role));
        format!("{}?schema=orders", server().url_as(&role, password, &store.database))
    };
    let closed = user("closed", "closed");
    assert!(encrypted(&store, &format!("{closed}&sslmode=allow")));
    check(&format!("{closed}&sslmode=disable"))
        .refused("permission", "pg_hba.conf rejects connection")
        .advises(&["pg_hba.conf"]);
    let bare = user("bare", "bare");
    assert!(!encrypted(&store, &format!("{bare}&sslmode=prefer")));
    check(&format!("{bare}&sslmode=require")).refused("permission", "pg_hba.conf rejects connection");
    // The answer that says more is told: this one gets in there but for the password.
    let wrong = closed.replacen(password, "s3cret-wrong", 1);
    check(&format!("{wrong}&sslmode=allow")).refused("permission", "password authentication failed");
}

#[test]
fn a_certificate_that_is_demanded_has_to_be_shown() {
    let store = Store::new(server());
    let role = &store.role;
    store.sql(&format!("grant certain to {role}"));
    let url = format!("{}&sslmode=verify-full&sslrootcert={}", store.url(), server().ca().display());
    let with = |certificate: &Path, key: &Path| {
        format!("{url}&sslcert={}&sslkey={}", certificate.display(), key.display())
    };
    let right = server().certificate(role);
    assert!(encrypted(&store, &with(&right.certificate, &right.key)));

    check(&url).refused("permission", "requires a valid client certificate").advises(&["sslcert", "sslkey"]);
    let other = server().certificate("somebody_else");
    check(&with(&other.certificate, &other.key)).refused("permission", "");
    let wrong = server().wrong_certificate(role);
    refused(&with(&wrong.certificate, &wrong.key), "UnknownCA").advises(&["sslcert"]);
    // A key that belongs to another certificate.
    refused(&with(&right.certificate, &other.key), "").advises(&["sslkey"]);
}

#[test]
fn files_that_are_missing_or_no_certificates_are_named() {
    let store = Store::new(server());
    let directory = tempfile::tempdir().unwrap();
    let nonsense = directory.path().join("nonsense.pem");
    std::fs::write(&nonsense, "nonsense").unwrap();
    let (nonsense, missing) = (nonsense.display(), directory.path().join("missing.pem"));
    let (missing, url) = (missing.display(), store.url());
    let right = server().certificate(&store.role);
    let (certificate, key) = (right.certificate.display(), right.key.display());
    for (options, option, words) in [
        (format!("&sslmode=verify-full&sslrootcert={missing}"), "sslrootcert", "No such file"),
        (format!("&sslmode=verify-full&sslrootcert={nonsense}"), "sslrootcert", "no certificate"),
        (format!("&sslcert={missing}&sslkey={key}"), "sslcert", "No such file"),
        (format!("&sslcert={nonsense}&sslkey={key}"), "sslcert", "no certificate"),
        (format!("&sslcert={certificate}&sslkey={missing}"), "sslkey", "No such file"),
        (format!("&sslcert={certificate}&sslkey={nonsense}"), "sslkey", "no private key"),
    ] {
        let refusal = refused(&format!("{url}{options}"), words);
        assert!(refusal.message.contains(option), "{options}: {refusal:#?}");
        // What is no file may be the text of a key.
        let shown = refusal.message.contains(".pem");
        assert_eq!(shown, !words.starts_with("No such"), "{options}: {refusal:#?}");
    }
}
