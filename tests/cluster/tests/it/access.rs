//! Who gets in.

use std::{os::unix::fs::PermissionsExt as _, path::Path};

use cluster::{Server, psql};

#[test]
fn passwords_count() {
    let server = Server::shared();
    let database = server.create_database();
    server.psql(&database, r#"create role "a b@c" login password 'p@:/?#%'"#);
    let url = server.url_as("a b@c", "p@:/?#%", &database);
    assert_eq!(psql(&url, "select current_user").unwrap(), "a b@c");
    for url in [server.url_as("a b@c", "p", &database), server.url_as("postgres", "", &database)] {
        let error = psql(&url, "select 1").unwrap_err();
        assert!(error.contains("password authentication failed") || error.contains("no password"), "{error}");
    }
    assert_eq!(psql(&server.url(&database), "select current_user").unwrap(), "postgres");
}

#[test]
fn the_socket_without_a_password_is_out_of_reach() {
    let directory = std::fs::metadata(Server::shared().directory()).unwrap();
    assert_eq!(directory.permissions().mode() & 0o077, 0);
}

#[test]
fn certificates_count_where_they_are_demanded() {
    let server = Server::builder().tls().start();
    server.psql("postgres", "create role alice login password 'a'; create role bob login password 'b'");
    let verified = |user: &str, password: &str, ca: &Path, also: &str| {
        let url = server.url_as(user, password, "postgres");
        psql(
            &format!("{url}?sslmode=verify-full&sslrootcert={}{also}", ca.display()),
            "select current_user, ssl from pg_stat_ssl where pid = pg_backend_pid()",
        )
    };
    // The server shows who it is.
    assert_eq!(verified("bob", "b", &server.ca(), "").unwrap(), "bob|t");
    let error = verified("bob", "b", &server.wrong_ca(), "").unwrap_err();
    assert!(error.contains("certificate verify failed"), "{error}");
    let plain = psql(&format!("{}?sslmode=disable", server.url_as("bob", "b", "postgres")), "select 1");
    assert_eq!(plain.unwrap(), "1");

    // So must alice, beside her password.
    server.demand_certificate("alice");
    let with = |files: &cluster::Certificate| {
        format!("&sslcert={}&sslkey={}", files.certificate.display(), files.key.display())
    };
    let right = with(&server.certificate("alice"));
    assert_eq!(verified("alice", "a", &server.ca(), &right).unwrap(), "alice|t");
    for (password, files, expected) in [
        ("a", String::new(), "requires a valid client certificate"),
        ("wrong", right, "password authentication failed"),
        // Only the log says why.
        ("a", with(&server.certificate("bob")), "password authentication failed"),
        ("a", with(&server.wrong_certificate("alice")), "unknown ca"),
    ] {
        let error = verified("alice", password, &server.ca(), &files).unwrap_err();
        assert!(error.contains(expected), "{error}\nis not {expected}");
    }
    let error =
        psql(&format!("{}?sslmode=disable", server.url_as("alice", "a", "postgres")), "").unwrap_err();
    assert!(error.contains("rejects connection"), "{error}");
    assert_eq!(verified("bob", "b", &server.ca(), "").unwrap(), "bob|t");

    // A standby shows the same certificate.
    let standby = server.standby();
    let url =
        format!("{}?sslmode=verify-full&sslrootcert={}", standby.url("postgres"), server.ca().display());
    assert_eq!(psql(&url, "select 1").unwrap(), "1");

    server.set_access(&[]);
    assert_eq!(verified("alice", "a", &server.ca(), "").unwrap(), "alice|t");
}
