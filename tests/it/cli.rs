//! The real binary: what it prints, how it ends.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

fn exporter(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duroxide-exporter"));
    // The environment is a layer of the configuration.
    command.args(args).env_clear().stdin(Stdio::null());
    command
}

fn run(args: &[&str]) -> (i32, String, String) {
    outcome(&exporter(args).output().unwrap())
}

fn outcome(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Compares with a file, or rewrites it when `UPDATE_GOLDEN=1`.
fn golden(name: &str, text: &str) {
    let path = root().join("tests/golden").join(name);
    if updating() {
        fs::write(path, text).unwrap();
    } else {
        let expected = fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "tests/golden/{name} differs; UPDATE_GOLDEN=1 rewrites it");
    }
}

fn updating() -> bool {
    std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1")
}

#[test]
fn help() {
    for (name, args) in [
        ("help.txt", vec!["--help"]),
        ("help_serve.txt", vec!["serve", "--help"]),
        ("help_check.txt", vec!["check", "--help"]),
        ("help_queues.txt", vec!["queues", "--help"]),
        ("help_completions.txt", vec!["completions", "--help"]),
        ("help_instances.txt", vec!["instances", "--help"]),
        ("help_instances_list.txt", vec!["instances", "list", "--help"]),
        ("help_instances_show.txt", vec!["instances", "show", "--help"]),
        ("help_instances_history.txt", vec!["instances", "history", "--help"]),
        ("help_instances_timeline.txt", vec!["instances", "timeline", "--help"]),
        ("help_instances_tree.txt", vec!["instances", "tree", "--help"]),
        ("help_instances_search.txt", vec!["instances", "search", "--help"]),
        ("help_instances_export.txt", vec!["instances", "export", "--help"]),
        ("help_instances_count.txt", vec!["instances", "count", "--help"]),
    ] {
        let (code, out, err) = run(&args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        golden(name, &out);
    }
}

#[test]
fn version() {
    let (code, out, err) = run(&["--version"]);
    assert_eq!(
        (code, out, err),
        (0, format!("duroxide-exporter {}\n", env!("CARGO_PKG_VERSION")), String::new())
    );
}

#[test]
fn usage_errors_exit_64_and_say_what_to_type() {
    for (args, expected) in [
        (vec![], "Usage: duroxide-exporter <COMMAND>"),
        (vec!["--store", "a=sqlite:/x"], "serve --store"),
        (vec!["serve", "--stor", "a=sqlite:/x"], "'--store'"),
        (vec!["serve", "sqlite:/x"], "--store NAME=URL"),
        (vec!["serv"], "'serve'"),
        (vec!["queues", "--output", "yaml"], "[possible values: table, json]"),
        (vec!["serve"], "error: --store: missing"),
        (vec!["instances"], "Usage: duroxide-exporter instances [OPTIONS] <COMMAND>"),
        (vec!["instances", "lst"], "'list'"),
        (vec!["instances", "list"], "error: --store: missing"),
        (vec!["instances", "list", "sqlite:/x"], "--store NAME=URL"),
        (
            vec!["instances", "list", "--status", "sleeping"],
            "[possible values: running, completed, failed, unknown]",
        ),
        (vec!["instances", "list", "--created-after", "yesterday"], "an age (90s, 1h, 30d)"),
        (vec!["instances", "list", "--limit", "0"], "0 is not in 1..=1000000"),
        (vec!["instances", "list", "--limit", "5", "--all"], "cannot be used with '--all'"),
        (vec!["instances", "list", "--output", "yaml"], "[possible values: table, json]"),
        (vec!["instances", "show"], "<ID>"),
        (vec!["instances", "show", "-42"], "use '-- -4'"),
        (vec!["instances", "history", "a", "--execution", "0"], "0 is not in 1.."),
        (vec!["instances", "search"], "<TEXT>"),
        (vec!["instances", "export", "a", "--output", "table"], "[possible values: json]"),
        (vec!["completions"], "<SHELL>"),
        (vec!["completions", "tcsh"], "[possible values: bash, elvish, fish, powershell, zsh]"),
    ] {
        let (code, out, err) = run(&args);
        assert_eq!((code, out.as_str()), (64, ""), "{args:?}: {err}");
        assert!(err.contains(expected), "{args:?}: {err}");
    }
}

#[test]
fn of_several_stores_one_is_named() {
    let stores = ["--store", "orders=sqlite:/nowhere/a.db", "--store", "billing=sqlite:/nowhere/b.db"];
    for (from, expected) in [
        (None, "error: --from: missing: 2 stores are configured, name one of them: orders, billing\n"),
        (Some("x"), "error: --from: there is no store of this name; configured: orders, billing\n"),
    ] {
        let mut args = vec!["instances", "list"];
        args.extend(stores);
        args.extend(from.iter().flat_map(|from| ["--from", *from]));
        let (code, out, err) = run(&args);
        assert_eq!((code, out.as_str()), (64, ""), "{args:?}: {err}");
        assert!(err.starts_with(expected), "{args:?}: {err}");
        assert!(err.ends_with("try 'duroxide-exporter instances list --help'.\n"), "{err}");
    }
}

#[test]
fn settings_may_stand_before_and_behind_the_last_word() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    fs::write(&file, "store = ['a=sqlite:/nowhere/a.db', 'b=sqlite:/nowhere/b.db']\n").unwrap();
    let file = file.to_str().unwrap();
    for args in [
        ["instances", "--config.file", file, "--from", "x", "list"],
        ["instances", "list", "--config.file", file, "--from", "x"],
        ["instance", "list", "--config.file", file, "--from", "x"],
    ] {
        let (code, _, err) = run(&args);
        assert_eq!(code, 64, "{args:?}: {err}");
        assert!(err.contains("there is no store of this name; configured: a, b"), "{args:?}: {err}");
    }
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, out, err) = run(&["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        for word in ["instances", "timeline", "created-after", "poll-timeout"] {
            assert!(out.contains(word), "{shell}: {word}");
        }
        let once = out.matches("web.max-connections").count() < out.matches("poll-timeout").count() / 3;
        assert!(once, "{shell}: flags of serve are offered by serve alone");
    }
}

/// The script is loaded and asked, as a person would with the tabulator.
#[cfg(unix)]
#[test]
fn bash_completes() {
    let (_, script, _) = run(&["completions", "bash"]);
    let ask = r#"
        COMP_WORDS=(duroxide-exporter instances t); COMP_CWORD=2
        "$(complete -p duroxide-exporter | sed 's/.*-F \([^ ]*\).*/\1/')" duroxide-exporter t instances
        echo "${COMPREPLY[*]}""#;
    let output = Command::new("bash").args(["-c", &format!("{script}\n{ask}")]).output().unwrap();
    let (_, out, err) = outcome(&output);
    assert_eq!(out.trim(), "timeline tree", "{err}");
}

#[test]
fn mistakes_of_flags_environment_and_file_in_one_run() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("x.toml");
    fs::write(&file, "poll_interval = '5s'\n[web]\ndrain-timeout = 5\n").unwrap();
    let file = file.to_str().unwrap();
    let mut command = exporter(&[
        "serve",
        "--store",
        "a=postgres://u:hunter2@h/d?schema=no-name",
        "--store",
        "b=sqlite:/x",
        "--log.format=xml",
    ]);
    command.env("DUROXIDE_EXPORTER_CONFIG_FILE", file).env("DUROXIDE_EXPORTER_WEB_LISTEN_ADDRES", ":1");
    command.env("DUROXIDE_EXPORTER_POLL_TIMEOUT", "30");
    let (code, out, err) = outcome(&command.output().unwrap());
    assert_eq!((code, out.as_str()), (64, ""), "{err}");
    for expected in [
        "error: --log.format: is neither text nor json (example: json)\n",
        "error: --store: store 1 of 2: ",
        "error: environment DUROXIDE_EXPORTER_POLL_TIMEOUT: a duration needs a unit",
        "error: environment DUROXIDE_EXPORTER_WEB_LISTEN_ADDRES: unknown variable; did you mean \
         DUROXIDE_EXPORTER_WEB_LISTEN_ADDRESS?\n",
        &format!("error: {file} line 1: unknown setting; did you mean poll-interval?\n"),
        &format!("error: {file}: web.drain-timeout: a duration needs a unit"),
        "\nFor more information, try 'duroxide-exporter serve --help'.\n",
    ] {
        assert!(err.contains(expected), "{expected}\nnot in\n{err}");
    }
    assert_eq!(err.matches("error: ").count(), 6, "{err}");
    assert!(!err.contains("hunter2"), "{err}");
}

#[test]
fn mistakes_about_otlp_name_their_variable_and_hide_headers() {
    let store = ["serve", "--store", "a=sqlite:/x"];
    let mut command = exporter(&store);
    command.args(["--otlp.headers", "authorization: hunter2", "--otlp.protocol", "http/json"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://u:hunter2@collector").env("OTEL_SERVICE_NAME", "x");
    command.env("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "10s").env("OTEL_TRACES_EXPORTER", "whatever");
    let (code, out, err) = outcome(&command.output().unwrap());
    assert_eq!((code, out.as_str()), (64, ""), "{err}");
    for expected in [
        "error: --otlp.headers: header 1 is not of the form NAME=VALUE",
        "error: --otlp.protocol: is neither grpc nor http/protobuf",
        "error: environment OTEL_EXPORTER_OTLP_ENDPOINT: names a user, or has an '@'",
        "error: environment OTEL_EXPORTER_OTLP_METRICS_TIMEOUT: must be a whole number of milliseconds",
    ] {
        assert!(err.contains(expected), "{expected}\nnot in\n{err}");
    }
    assert_eq!(err.matches("error: ").count(), 4, "{err}");
    assert!(!err.contains("hunter2"), "{err}");

    // Files are looked at when all values are right.
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().join("empty.pem");
    fs::write(&empty, "").unwrap();
    let mut command = exporter(&store);
    command.args(["--web.listen-address", "127.0.0.1:0", "--otlp.endpoint", "https://localhost:1"]);
    command.args(["--otlp.certificate", "/nowhere/ca.pem"]).arg("--otlp.client-certificate").arg(&empty);
    let (code, out, err) = outcome(&command.output().unwrap());
    assert_eq!((code, out.as_str()), (64, ""), "{err}");
    for expected in [
        "error: otlp.certificate: the file it names cannot be read: ",
        "error: otlp.client-certificate: ",
        "empty.pem holds no certificate in PEM\n",
        "error: otlp.client-key: missing: a certificate needs its key\n",
    ] {
        assert!(err.contains(expected), "{expected}\nnot in\n{err}");
    }
}

#[test]
fn check_of_a_missing_file_says_what_to_do() {
    let directory = tempfile::tempdir().unwrap();
    let url = format!("orders=sqlite:{}", directory.path().join("store.db").display());
    let (code, out, err) = run(&["check", "--store", &url]);
    assert_eq!(code, 1, "{out}{err}");
    assert!(out.starts_with("orders: FAILED\n"), "{out}");
    assert!(out.contains("(unavailable)\n  do            Check the path"), "{out}");

    let (code, out, _) = run(&["queues", "--store", &url, "--output", "json"]);
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 1);
    assert_eq!(json["stores"][0]["error"]["reason"], "unavailable", "{out}");
}

#[test]
fn a_port_that_is_taken_exits_1() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let (code, out, err) =
        run(&["serve", "--store", "a=sqlite:/nowhere/a.db", "--web.listen-address", &address]);
    assert_eq!((code, out.as_str()), (1, ""), "{err}");
    assert!(err.contains(&format!("error: cannot listen on {address}")), "{err}");
    assert!(err.contains("--web.listen-address"), "{err}");
}

/// A running `serve`. Ended when dropped, so that a failed test leaves nothing behind.
pub(crate) struct Serving {
    pub(crate) child: Child,
    lines: std::io::Lines<BufReader<std::process::ChildStderr>>,
}

impl Serving {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut command =
            exporter(&["serve", "--store", "a=sqlite:/nowhere/a.db", "--web.listen-address=localhost:0"]);
        let mut child = command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        Self { child, lines }
    }

    /// Waits for a log line; the end of the log is the end of waiting.
    pub(crate) fn wait_for(&mut self, text: &str) -> String {
        let line = self.lines.by_ref().map(Result::unwrap).find(|line| line.contains(text));
        line.unwrap_or_else(|| panic!("no line with {text:?}"))
    }

    /// Sends signals, one right after the other.
    pub(crate) fn signal(&self, signals: &str) {
        let kill: String =
            signals.split(' ').map(|signal| format!("kill -{signal} {};", self.child.id())).collect();
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(unix)]
#[test]
fn the_log_can_be_json() {
    let mut serving = Serving::start(&["--log.format=json"]);
    let line = serving.wait_for("listening on");
    let json: serde_json::Value = serde_json::from_str(&line).unwrap();
    assert_eq!(json["level"], "INFO", "{line}");
    assert_eq!(json["poll_interval"], "5s", "{line}");
}

#[cfg(unix)]
#[test]
fn when_debugging_the_log_tells_what_took_how_long() {
    // A port that nobody listens at, for what is pushed.
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("--otlp.endpoint=http://{nobody}");
    let args = [
        "--log.level=debug",
        "--log.format=json",
        "--otlp.metrics.interval=1s",
        "--otlp.timeout=1s",
        &endpoint,
    ];
    let mut serving = Serving::start(&args);
    let listening: serde_json::Value = serde_json::from_str(&serving.wait_for("listening on")).unwrap();
    let address = listening["message"].as_str().unwrap().rsplit("http://").next().unwrap().to_owned();
    let address = address.split(['/', ' ', ',']).next().unwrap();
    let request = "GET /livez?token=secret HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    std::io::Write::write_all(&mut stream, request.as_bytes()).unwrap();

    let mut spans = std::collections::HashMap::new();
    while ["poll", "request", "export"].iter().any(|name| !spans.contains_key(*name)) {
        let line = serving.wait_for("\"time.busy\"");
        assert!(!line.contains("secret"), "{line}");
        let json: serde_json::Value = serde_json::from_str(&line).unwrap();
        assert_eq!(json["level"], "DEBUG", "{line}");
        spans.insert(json["span"]["name"].as_str().unwrap().to_owned(), json["span"].clone());
    }
    assert_eq!(spans["poll"]["store"], "a");
    assert_eq!(spans["request"]["path"], "/livez");
    assert_eq!(spans["request"]["status"], 200);
    assert_eq!(spans["export"]["signal"], "metrics");
}

#[test]
fn the_page_about_settings_has_the_table_of_flags() {
    const BEGIN: &str = "<!-- flags -->\n";
    const END: &str = "<!-- /flags -->";
    let path: PathBuf = root().join("docs/settings.md");
    let page = fs::read_to_string(&path).unwrap();
    let (before, rest) = page.split_once(BEGIN).expect("settings.md has the marker <!-- flags -->");
    let (found, after) = rest.split_once(END).expect("settings.md has the marker <!-- /flags -->");
    let table = format!("\n{}\n", duroxide_exporter::cli::flags_markdown());
    if updating() {
        fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
    } else {
        assert_eq!(
            found, table,
            "the table of flags in docs/settings.md is old; UPDATE_GOLDEN=1 rewrites it"
        );
    }
}
