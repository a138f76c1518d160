//! Who gets in, with a password from where; and what is told when nobody does.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::thread::spawn;

use cluster::Server;
use duroxide_exporter::{ManagementError, connect};

use super::exporter::{
    Refusal, SECRET, Serving, assert_no_secret, check, check_with, failures, program, run, value,
};
use super::store::Store;

/// What a person is told who cannot log in.
const LOGIN: &[&str] = &["password-file=", "PGPASSWORD", "~/.pgpass", "pg_hba.conf"];

#[test]
fn a_wrong_password_is_told_by_every_command_and_shown_by_none() {
    let store = Store::new(Server::shared());
    let url = store.url_with(&format!("{SECRET}-wrong"));
    check(&url).refused("permission", "password authentication failed").advises(LOGIN);

    let named = format!("s={url}");
    let table = run(&mut program(&["check", "--store", &named]));
    assert_eq!(table.code, 1, "{table:?}");
    for expected in ["s: FAILED", "(permission)", "  do            Check user and password"] {
        assert!(table.out.contains(expected), "{expected}: {table:?}");
    }
    for command in [&["queues"][..], &["instances", "list"], &["instances", "show", "waits"]] {
        let ended = run(program(command).args(["--store", &named]));
        assert_eq!(ended.code, 1, "{command:?}: {ended:?}");
        let told = ended.out + &ended.err;
        assert!(told.contains("password authentication failed"), "{command:?}: {told}");
    }

    // Also where everything is logged, the driver's own lines as well.
    let serving = Serving::start(&url, &["--log.level=trace,duroxide_exporter=trace"], &[]);
    serving.wait_until_down("permission");
    let page = serving.get("/");
    assert!(page.contains("permission: ") && page.contains("password authentication failed"), "{page}");
    let log = serving.stop();
    assert!(log.contains("password authentication failed") && log.contains("PGPASSWORD"), "{log}");
    assert_no_secret(&log);
}

#[test]
fn the_library_tells_it_without_the_password() {
    let store = Store::new(Server::shared());
    let management = connect(&store.url_with(&format!("{SECRET}-wrong"))).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let error = runtime.block_on(management.get_instance_info("waits")).unwrap_err();
    assert!(matches!(error, ManagementError::Unavailable(_)), "{error:?}");
    let told = format!("{error} {error:?}");
    assert!(told.contains("password authentication failed") && told.contains("PGPASSWORD"), "{told}");
    assert_no_secret(&told);
    let management = connect(&store.url()).unwrap();
    assert_eq!(runtime.block_on(management.get_instance_info("waits")).unwrap().orchestration_name, "Order");
}

#[test]
fn who_does_not_exist_or_may_not_come_is_told() {
    let store = Store::new(Server::shared());
    let Store { server, database, role, password, .. } = &store;
    let unknown = server.url_as("nobody_of_that_name", password, database);
    check(&unknown).refused("permission", "nobody_of_that_name").advises(LOGIN);
    check(&store.open_url()).refused("permission", "password").advises(LOGIN);

    let missing = server.url_as(role, password, "no_such_database");
    check(&missing)
        .refused("unavailable", "\"no_such_database\" does not exist")
        .advises(&["postgres://HOST/DATABASE"]);

    // What is printed helps, run by somebody who may.
    store.sql(&format!("revoke connect on database {database} from public"));
    let refusal = check(&store.url()).refused("permission", "permission denied for database");
    let (_, grant) = refusal.advice.split_once("GRANT CONNECT").expect("the statement");
    store.sql(&format!("GRANT CONNECT{grant}"));
    check(&store.url()).readable();

    store.sql(&format!("alter role {role} nologin"));
    check(&store.url()).refused("permission", "is not permitted to log in").advises(LOGIN);
}

#[test]
fn hosts_that_are_not_there_are_unavailable() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for (address, words) in
        [("nowhere.invalid".to_owned(), "cannot reach the server"), (free.to_string(), "Connection refused")]
    {
        let url = format!("postgres://me:{SECRET}@{address}/app");
        let refusal = check(&url).refused("unavailable", words).advises(&["host and port"]);
        assert!(refusal.message.contains(&address), "{refusal:#?}");
    }
}

/// Listens, and does this with every connection; the address.
fn listener(serve: fn(TcpStream)) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Lives as long as the tests' process.
    spawn(move || listener.incoming().flatten().for_each(serve));
    address
}

fn web_server(mut stream: TcpStream) {
    let _ = stream.read(&mut [0; 512]);
    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nBad Request");
}

fn ssh_server(mut stream: TcpStream) {
    let _ = stream.write_all(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n");
    let _ = stream.read(&mut [0; 512]);
}

fn goodbye(stream: TcpStream) {
    drop(stream);
}

fn silence(stream: TcpStream) {
    spawn(move || {
        let mut stream = stream;
        // Until the other side gives up.
        while stream.read(&mut [0; 512]).is_ok_and(|n| n > 0) {}
    });
}

#[test]
fn what_is_no_postgres_server_is_told_to_be_none() {
    for (name, serve, modes) in [
        ("a web server", web_server as fn(TcpStream), &["prefer", "require", "disable"][..]),
        ("an SSH server", ssh_server, &["prefer", "require", "disable"]),
        ("one that hangs up", goodbye, &["prefer", "disable"]),
        ("one that says nothing", silence, &["prefer", "disable"]),
    ] {
        let address = listener(serve);
        for mode in modes {
            let url = format!("postgres://me:{SECRET}@{address}/app?sslmode={mode}");
            let checked = check_with(&url, &["--poll-timeout=500ms"], &[]);
            let reason = checked.store["error"]["reason"].as_str().unwrap().to_owned();
            // Who answers a request for TLS with nonsense may be a server with TLS that is broken.
            assert!(reason == "unavailable" || reason == "tls", "{name}, {mode}: {reason}");
            let refusal = checked.refused(&reason, "").advises(&["host and port"]);
            let Refusal { message, .. } = &refusal;
            let told = ["no Postgres server", "as a Postgres server does", "does not answer", "no encrypted"];
            assert!(told.iter().any(|told| message.contains(told)), "{name}, {mode}: {refusal:#?}");
            assert!(!message.contains("sqlx"), "{name}, {mode}: {refusal:#?}");
        }
    }
}

/// A file with this in it.
fn file(directory: &Path, name: &str, text: &str, mode: u32) -> String {
    let path = directory.join(name);
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn the_password_comes_from_where_it_is() {
    let store = Store::new(Server::shared());
    let Store { server, database, role, password, .. } = &store;
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_str().unwrap();
    let open = store.open_url();

    for text in [password.clone(), format!("{password}\n"), format!("{password}\r\n")] {
        let path = file(directory.path(), "password", &text, 0o400);
        check(&format!("{open}&password-file={path}")).readable();
        fs::remove_file(path).unwrap();
    }
    // What names no file may be the password itself.
    let refusal = check(&format!("{open}&password-file={SECRET}"));
    refusal.refused("permission", "No such file").advises(&["readable for the exporter's user"]);
    // A file that is named wins over what lies around.
    let path = file(directory.path(), "password", password, 0o400);
    check_with(&format!("{open}&password-file={path}"), &[], &[("PGPASSWORD", "s3cret-wrong")]).readable();

    check_with(&open, &[], &[("PGPASSWORD", password)]).readable();
    check_with(&open, &[], &[("PGPASSWORD", "s3cret-wrong")])
        .refused("permission", "password authentication failed");
    check(&format!("{open}&password={password}")).readable();

    let port = server.port();
    let line =
        format!("# ours\n*:*:other:{role}:s3cret-other\n127.0.0.1:{port}:{database}:{role}:{password}\n");
    file(directory.path(), ".pgpass", &line, 0o600);
    check_with(&open, &[], &[("HOME", home)]).readable();
    let elsewhere = file(directory.path(), "elsewhere", &line, 0o600);
    check_with(&open, &[], &[("PGPASSFILE", &elsewhere)]).readable();
}

/// A line with a part too few is one whose password is where the user should be.
#[test]
fn a_password_file_of_the_user_that_is_no_good_is_not_shown() {
    let store = Store::new(Server::shared());
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().to_str().unwrap();
    file(directory.path(), ".pgpass", &format!("*:*:*:{}\n", store.password), 0o600);
    check_with(&store.open_url(), &[], &[("HOME", home)]).refused("permission", "password");

    // Others could read it: libpq would not use it either.
    let line = format!("*:*:*:*:{}\n", store.password);
    file(directory.path(), ".pgpass", &line, 0o644);
    check_with(&store.open_url(), &[], &[("HOME", home)])
        .refused("permission", "password")
        .advises(&[".pgpass", "chmod 600"]);
    file(directory.path(), ".pgpass", &line, 0o600);
    check_with(&store.open_url(), &[], &[("HOME", home)]).readable();
}

#[test]
fn passwords_may_have_any_characters() {
    let store = Store::new(Server::shared());
    let password = format!("{SECRET} :/?#[]@!$&'()*+,;=%25\\\"<é🔑>");
    let Store { server, database, role, .. } = &store;
    store.sql(&format!("alter role {role} password '{}'", password.replace('\'', "''")));
    check(&store.url_with(&password)).readable();
    check_with(&server.url_as(role, "", database), &[], &[("PGPASSWORD", &password)])
        .refused("schema", "public");

    // In ~/.pgpass a backslash stands before colons and backslashes.
    let directory = tempfile::tempdir().unwrap();
    let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
    file(directory.path(), ".pgpass", &format!("*:*:*:{role}:{escaped}\n"), 0o600);
    let home = directory.path().to_str().unwrap();
    check_with(&store.open_url(), &[], &[("HOME", home)]).readable();
}

#[test]
fn user_names_may_have_any_characters_but_control_characters() {
    let store = Store::new(Server::shared());
    let Store { server, database, password, .. } = &store;
    let role = format!("a b@é\"{database}");
    let quoted = format!("\"{}\"", role.replace('"', "\"\""));
    store.sql(&format!("create role {quoted} login password '{password}' in role {}", store.role));
    let url = format!("{}?schema=orders", server.url_as(&role, password, database));
    check(&url).readable();
    // What cannot be sent in a login is no reason to end.
    for role in ["bell\u{7}", "أحمد"] {
        let url = server.url_as(role, password, database);
        check(&url).refused("permission", "user name").advises(&["Give the exporter a user"]);
    }
}

#[test]
fn a_password_that_was_written_down_oddly_is_not_taken_for_a_wrong_one() {
    let store = Store::new(Server::shared());
    let Store { role, password, .. } = &store;
    let directory = tempfile::tempdir().unwrap();
    let open = store.open_url();
    let from_file = |text: &str| {
        let path = file(directory.path(), "password", text, 0o400);
        let checked = check(&format!("{open}&password-file={path}"));
        fs::remove_file(path).unwrap();
        checked
    };
    from_file(&format!("\u{feff}{password}\r\n")).readable();
    for (text, hint) in [
        (format!("{password} \n"), "ends with white space"),
        (format!("\t{password}"), "begins or"),
        (format!("{password}\n{password}\n"), "more than one line"),
        ("\n".to_owned(), "is empty"),
    ] {
        from_file(&text).refused("permission", "password").advises(&["the file of password-file", hint]);
    }
    check_with(&open, &[], &[("PGPASSWORD", &format!("{password}\n"))])
        .refused("permission", "password")
        .advises(&["PGPASSWORD begins or ends with white space"]);
    check(&store.url_with(&format!("{password} ")))
        .refused("permission", "password")
        .advises(&["the password in the URL begins or ends"]);
    file(directory.path(), ".pgpass", &format!("*:*:*:{role}:{password} \n"), 0o600);
    check_with(&open, &[], &[("HOME", directory.path().to_str().unwrap())])
        .refused("permission", "password")
        .advises(&[".pgpass begins or ends"]);
    // Only who is refused has to think of it.
    let spaced = format!("{password} ");
    store.sql(&format!("alter role {role} password '{spaced}'"));
    from_file(&spaced).readable();
}

#[test]
fn a_url_without_a_host_is_for_the_one_of_the_environment() {
    let store = Store::new(Server::shared());
    let Store { server, database, role, password, .. } = &store;
    let port = server.port().to_string();
    let directory = server.directory().display().to_string();
    let url = format!("postgres:///{database}?user={role}&password={password}&schema=orders");
    for host in ["127.0.0.1", &directory] {
        let checked = check_with(&url, &[], &[("PGHOST", host), ("PGPORT", &port)]).readable();
        assert_eq!(checked["url"], format!("postgres://{role}@/{database}?schema=orders"));
    }
    // An address of its own wins, and encryption is for networks.
    let elsewhere = [("PGHOST", directory.as_str()), ("PGPORT", &port), ("PGSSLMODE", "require")];
    check_with(&url, &[], &elsewhere).readable();
    let own = url.replace(":///", "://nowhere.invalid/");
    check_with(&own, &[], &elsewhere).refused("unavailable", "cannot reach the server").advises(&["PGHOST"]);
}

#[test]
fn a_password_file_that_changes_counts_for_the_next_connection() {
    let store = Store::new(Server::shared());
    let Store { role, password, .. } = &store;
    let directory = tempfile::tempdir().unwrap();
    let path = file(directory.path(), "password", password, 0o600);
    let serving = Serving::start(&format!("{}&password-file={path}", store.open_url()), &[], &[]);
    serving.wait_until_up();

    let end =
        format!("select pg_terminate_backend(pid, 10000) from pg_stat_activity where usename = '{role}'");
    let next = format!("{SECRET}-next");
    store.sql(&format!("alter role {role} password '{next}'; {end}"));
    serving.wait_until_down("permission");
    fs::write(&path, format!("{next}\n")).unwrap();
    serving.wait_until_up();
    let body = serving.get("/metrics");
    assert!(value(&body, &failures("permission")) >= Some(1.0), "{body}");
}

#[test]
fn a_unix_socket_needs_no_password() {
    let store = Store::new(Server::shared());
    let Store { server, database, role, .. } = &store;
    let (host, port) = (server.directory().display(), server.port());
    // Modes are for what goes over a network; libpq ignores them here.
    for mode in ["", "&sslmode=require"] {
        let url = format!("postgres:///{database}?host={host}&port={port}&user={role}&schema=orders{mode}");
        let store = check(&url).readable();
        assert_eq!(
            store["url"],
            format!("postgres://{role}@{host}:{port}/{database}?schema=orders"),
            "{mode}"
        );
    }
    let nobody = format!("postgres:///{database}?host={host}/nowhere&port={port}&user={role}");
    check(&nobody).refused("unavailable", "No such file").advises(&["host and port"]);
}
