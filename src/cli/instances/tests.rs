//! The commands over the fixture: what they print, to the letter, and how they end.

use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::super::args::{self, Command};
use super::super::text::Style;
use super::fixture::{Fixture, NOW};
use super::*;

const ALL: [&str; 15] = [
    "list",
    "show order-42",
    "show every-event",
    "history every-event --all",
    "timeline order-42",
    "tree order-42",
    "search order",
    "count",
    "list --output=json",
    "show every-event --output=json",
    "show order-42 --output=json",
    "history every-event --all --output=json",
    "timeline order-42 --output=json",
    "search order --output=json",
    "export every-event",
];

struct Answer {
    end: Result<Exit, Error>,
    out: String,
    err: String,
}

fn ask_on(store: Fixture, typed: &str, style: Style, width: Option<usize>) -> Answer {
    let typed = format!("duroxide-exporter instances {typed}");
    let typed: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
    let Command::Instances(asked) = args::parse(typed.clone()).unwrap().command else { panic!("{typed:?}") };
    let limit = std::time::Duration::from_millis(10);
    let store = Store { name: "orders".to_owned(), management: Arc::new(store), limit };
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let terminal = Terminal {
        out: &mut out,
        err: &mut err,
        style,
        err_style: Style::new(false, &[]),
        width,
        typed: &typed,
        now: NOW,
    };
    let end = answer(&asked, &store, terminal);
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Answer { end, out: text(out), err: text(err) }
}

fn ask_of(store: Fixture, typed: &str) -> Answer {
    ask_on(store, typed, Style::new(false, &[]), None)
}

fn ask(typed: &str) -> Answer {
    ask_of(Fixture::new(), typed)
}

fn json(answer: &Answer) -> serde_json::Value {
    serde_json::from_str(&answer.out).unwrap_or_else(|error| panic!("{error}: {}", answer.out))
}

/// Compares with a file, or rewrites it when `UPDATE_GOLDEN=1`.
fn golden(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/instances").join(name);
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::write(path, text).unwrap();
    } else {
        let expected = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(text, expected, "tests/golden/instances/{name} differs; UPDATE_GOLDEN=1 rewrites it");
    }
}

#[test]
fn what_people_read() {
    for (name, typed) in [
        ("list.txt", "list --limit 4"),
        ("show.txt", "show order-42"),
        ("show_stuck.txt", "show größe-東京"),
        ("show_payloads.txt", "show every-event --payloads"),
        ("history.txt", "history every-event"),
        ("history_payloads.txt", "history every-event --payloads"),
        ("timeline.txt", "timeline order-42"),
        ("tree.txt", "tree order-42"),
        ("search.txt", "search order"),
        ("count.txt", "count"),
    ] {
        let Answer { end, out, err } = ask(typed);
        assert_eq!(end.unwrap(), Exit::Fine, "{typed}");
        let err = if err.is_empty() { err } else { format!("\nstandard error:\n{err}") };
        golden(name, &format!("$ duroxide-exporter instances {typed}\n{out}{err}"));
    }
}

#[test]
fn what_programs_read() {
    for (name, typed) in [
        ("list.json", "list --limit 4 --output json"),
        ("show.json", "show every-event --output json"),
        ("show_waits.json", "show order-42 --output json"),
        ("history.json", "history every-event --output json"),
        ("history_payloads.json", "history every-event --output json --payloads"),
        ("timeline.json", "timeline order-42 --output json"),
        ("tree.json", "tree order-42 --output json"),
        ("search.json", "search jane --payloads --output json"),
        ("export.json", "export order-42::sub::5"),
        ("count.json", "count --output json"),
    ] {
        let answer = ask(typed);
        assert_eq!((*answer.end.as_ref().unwrap(), answer.err.as_str()), (Exit::Fine, ""), "{typed}");
        json(&answer);
        golden(name, &answer.out);
    }
}

#[test]
fn no_payload_is_shown_unless_asked_for() {
    for typed in ALL {
        let answer = ask(typed);
        assert_eq!(answer.end.unwrap(), Exit::Fine, "{typed}");
        assert!(!answer.out.contains("Jane") && !answer.out.contains("declined"), "{typed}: {}", answer.out);
    }
    for typed in ["show every-event", "history every-event", "export every-event"] {
        for output in ["", " --output=json"] {
            let shown = ask(&format!("{typed} --payloads{output}"));
            assert!(shown.out.contains("Jane"), "{typed}{output}");
        }
    }
}

#[test]
fn an_export_with_payloads_reads_back_whole() {
    let answer = ask("export every-event --payloads");
    let export: crate::management::InstanceExport = serde_json::from_str(&answer.out).unwrap();
    let store = Fixture::new();
    let whole = crate::management::ManagementAPI::export_instance(&store, "every-event");
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    assert_eq!(export, runtime.block_on(whole).unwrap());
    assert_eq!(json(&answer)["payloads"], true);
}

#[test]
fn nothing_from_a_store_can_steer_a_terminal() {
    for typed in ALL.iter().copied().chain(["show every-event --payloads", "history every-event --payloads"])
    {
        let answer = ask(typed);
        let raw = |c: char| c.is_control() && c != '\n' || c == '\u{202e}';
        // JSON escapes control characters; what reverses a line is for the program that shows it.
        if !answer.out.starts_with('{') {
            assert_eq!(answer.out.find(raw), None, "{typed}: {}", answer.out);
        }
        assert!(!answer.out.contains('\u{1b}'), "{typed}");
    }
}

#[test]
fn a_list_is_as_long_as_was_asked_for_whatever_the_pages() {
    for short in [1, 2, 3, 7, 100] {
        let store = || Fixture { short: Some(short), ..Fixture::new() };
        let five = json(&ask_of(store(), "list --limit 5 --output json"));
        assert_eq!(five["instances"].as_array().unwrap().len(), 5, "{short}");
        assert_eq!((&five["next"], &five["partial"]), (&"key 5".into(), &false.into()));
        let all = json(&ask_of(store(), "list --all --output json"));
        assert_eq!(all, json(&ask("list --all --output json")), "{short}");
        assert_eq!(all["instances"].as_array().unwrap().len(), 7);
        assert_eq!(all["next"], serde_json::Value::Null);
        let table = ask_of(store(), "list --all").out;
        assert_eq!(table.matches("ORCHESTRATION").count(), 1, "{table}");
        assert_eq!(table.lines().count(), 8, "{table}");
    }
}

#[test]
fn a_limit_on_time_ends_a_list_and_says_how_to_go_on() {
    let slow = || Fixture { slow: Some(2), ..Fixture::new() };
    let answer = ask_of(slow(), "list --limit 5");
    assert_eq!(answer.end.unwrap(), Exit::Fine);
    assert_eq!(answer.out.lines().count(), 3, "{}", answer.out);
    assert_eq!(
        answer.err,
        "Not all: stopped after the time limit (10ms, --poll-timeout). Go on with:\n  \
         duroxide-exporter instances list --limit 5 '--after=key 2'\n"
    );
    let partial = json(&ask_of(slow(), "list --limit 5 --output json"));
    assert_eq!((&partial["next"], &partial["partial"]), (&"key 2".into(), &true.into()));
    let all = ask_of(slow(), "list --all");
    assert_eq!((all.out.lines().count(), all.err.as_str()), (8, ""), "{}", all.out);
    let tree = ask_of(slow(), "tree order-42");
    assert!(tree.err.starts_with("Not all: the tree is too large"), "{}", tree.err);
}

#[test]
fn an_error_on_the_way_leaves_a_document_that_says_so() {
    let store = || Fixture { short: Some(2), pages: Some(2), ..Fixture::new() };
    let answer = ask_of(store(), "list --all --output json");
    let document = json(&answer);
    assert_eq!(answer.end.unwrap(), Exit::Failure);
    assert_eq!(document["instances"].as_array().unwrap().len(), 4);
    assert_eq!((&document["next"], &document["partial"]), (&"key 4".into(), &true.into()));
    assert!(answer.err.starts_with("error: the store is unavailable: it went away\n"), "{}", answer.err);

    let answer = ask_of(store(), "list --all");
    assert_eq!(answer.end.unwrap(), Exit::Failure);
    assert!(answer.err.contains("ended with an error. Go on with:\n"), "{}", answer.err);
    assert!(answer.err.contains("--after=key 4'\nerror: the store is unavailable"), "{}", answer.err);

    let stuck = ask_of(Fixture { short: Some(2), stuck: true, ..Fixture::new() }, "list --all");
    assert_eq!(stuck.end.unwrap(), Exit::Failure);
    assert!(stuck.err.contains("does not lead on"), "{}", stuck.err);
}

#[test]
fn errors_leave_the_output_empty_and_say_what_to_do() {
    let gone = || Fixture { pages: Some(0), ..Fixture::new() };
    let bare = || Fixture { bare: true, ..Fixture::new() };
    let hanging = || Fixture { hanging: true, ..Fixture::new() };
    for (store, typed, exit, expected) in [
        (
            Fixture::new(),
            "show nobody",
            Exit::Failure,
            "error: instance \"nobody\" not found\n  Looked in the store orders.",
        ),
        (Fixture::new(), "export nobody", Exit::Failure, "error: instance \"nobody\" not found\n"),
        (
            Fixture::new(),
            "tree nobody --output=json",
            Exit::Failure,
            "error: instance \"nobody\" not found\n",
        ),
        (
            Fixture::new(),
            "history order-42 --execution 9",
            Exit::Failure,
            "error: execution 9 of instance \"order-42\" not found\n  'duroxide-exporter instances show ID'",
        ),
        (
            Fixture::new(),
            "list --after x",
            Exit::Usage,
            "error: invalid argument after: not a key of this list\n",
        ),
        (Fixture::new(), "list --after x --output=json", Exit::Usage, "error: invalid argument after"),
        (
            Fixture::new(),
            "list --created-after 1h --created-before 2h",
            Exit::Usage,
            "(2026-11-23T11:00:00.000Z) is not before --created-before (2026-11-23T10:00:00.000Z)",
        ),
        (gone(), "list --output=json", Exit::Failure, "'duroxide-exporter check' says what"),
        (
            bare(),
            "list",
            Exit::Failure,
            "not supported by this backend\n  What reads the store orders cannot tell",
        ),
        (
            hanging(),
            "list",
            Exit::Failure,
            "error: timed out after 10ms\n  The limit is 10ms; --poll-timeout raises it.",
        ),
    ] {
        let answer = ask_of(store, typed);
        assert_eq!(answer.end.unwrap(), exit, "{typed}");
        assert_eq!(answer.out, "", "{typed}");
        assert!(answer.err.contains(expected), "{typed}: {}", answer.err);
    }
}

#[test]
fn an_instance_is_shown_where_executions_are_not_known() {
    let answer = ask_of(Fixture { bare: true, ..Fixture::new() }, "show order-42");
    assert_eq!(answer.end.unwrap(), Exit::Fine);
    assert!(answer.out.contains("ProcessOrder 1.2.0"), "{}", answer.out);
    assert_eq!(answer.err, "This store does not tell its executions.\n");
    let answer = ask_of(Fixture { bare: true, ..Fixture::new() }, "show order-42 --output json");
    assert_eq!(json(&answer)["executions"], serde_json::Value::Null);
    assert_eq!(json(&answer)["instance"]["instance_id"], "order-42");
}

#[test]
fn nothing_to_list_is_said_beside_the_result() {
    let empty = ask_of(Fixture::default(), "list");
    assert_eq!((empty.end.unwrap(), empty.out.as_str()), (Exit::Fine, ""));
    assert_eq!(empty.err, "There are no instances in the store orders.\n");
    assert_eq!(ask("list --parent nobody").err, "No instances match.\n");
    assert_eq!(ask("search xyz --payloads").err, "Nothing found.\n");
    assert!(ask("search xyz").err.contains("--payloads searches"));
    assert_eq!(ask("show --output table -- -dash").err, "No executions.\n");
    assert_eq!(json(&ask_of(Fixture::default(), "list --output json"))["instances"], serde_json::json!([]));
    assert!(ask_of(Fixture::default(), "count").out.contains("TOTAL"));
}

#[test]
fn a_copy_says_how_old_it_is() {
    for typed in ALL {
        let copy = || Fixture { age: Some(std::time::Duration::from_secs(90)), ..Fixture::new() };
        let answer = ask_of(copy(), typed);
        if answer.out.starts_with('{') {
            assert_eq!(json(&answer)["data_age_seconds"], 90.0, "{typed}");
            assert_eq!(answer.err, "", "{typed}");
        } else {
            assert!(
                answer.err.starts_with("orders is a replica: what it shows is as of 1m30s ago.\n"),
                "{typed}: {}",
                answer.err
            );
        }
    }
}

#[test]
fn filters_filter() {
    for (typed, expected) in [
        ("list --status FAILED", vec!["order-42::sub::5", "every-event"]),
        ("list --orchestration ProcessOrder --status running", vec!["order-42"]),
        ("list --parent checkout-7", vec!["order-43", "order-42"]),
        ("list --created-after 1m", vec!["größe-東京"]),
        ("list --created-before 1d", vec!["every-event"]),
        ("list --created-before 2026-11-23", vec!["every-event"]),
        ("list --created-after=2026-11-23T10:59:30Z --created-before 1h", vec!["order-43", "order-42"]),
    ] {
        let document = json(&ask(&format!("{typed} --output json")));
        let ids: Vec<&str> = document["instances"]
            .as_array()
            .unwrap()
            .iter()
            .map(|instance| instance["instance_id"].as_str().unwrap())
            .collect();
        assert_eq!(ids, expected, "{typed}");
        let count = json(&ask(&format!("{} --output json", typed.replacen("list", "count", 1))));
        assert_eq!(count["total"], expected.len(), "{typed}");
    }
}

#[test]
fn colours_are_for_tables_on_terminals() {
    let environment = [(OsString::from("TERM"), OsString::from("xterm"))];
    let coloured = |typed: &str| ask_on(Fixture::new(), typed, Style::new(true, &environment), Some(100)).out;
    assert!(coloured("list").contains("\u{1b}[31mfailed\u{1b}[0m"));
    assert!(coloured("tree order-42").contains("\u{1b}[1morder-42\u{1b}[0m"));
    for typed in ALL.iter().filter(|typed| typed.contains("json") || typed.starts_with("export")) {
        assert!(!coloured(typed).contains('\u{1b}'), "{typed}");
    }
}

#[test]
fn lines_end_where_the_terminal_does() {
    for width in [90, 100, 119, 120, 200] {
        for typed in ["list", "history every-event --payloads", "timeline order-42", "search order"] {
            let out = ask_on(Fixture::new(), typed, Style::new(false, &[]), Some(width)).out;
            let longest = out.lines().map(|line| line.chars().count()).max().unwrap();
            assert!(longest <= width, "{typed} at {width}: {longest}\n{out}");
        }
    }
}

#[test]
fn a_store_has_to_be_chosen() {
    let stores = |names: &[&str]| -> Vec<StoreSpec> {
        names.iter().map(|name| StoreSpec::parse(&format!("{name}=sqlite:/x")).unwrap()).collect()
    };
    let chosen =
        |names: &[&str], from| choose(stores(names), from).map(|store| store.name.as_ref().to_owned());
    assert_eq!(chosen(&["a"], None).as_deref(), Ok("a"));
    assert_eq!(chosen(&["a", "b"], Some("b")).as_deref(), Ok("b"));
    assert_eq!(
        chosen(&["a", "b"], None).unwrap_err(),
        "--from: missing: 2 stores are configured, name one of them: a, b"
    );
    assert_eq!(
        chosen(&["a"], Some("x")).unwrap_err(),
        "--from: there is no store of this name; configured: a"
    );
}

/// A reader that is gone.
struct Closed;

impl io::Write for Closed {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_reader_that_is_gone_is_told_from_other_errors() {
    for typed in ALL {
        let typed = format!("duroxide-exporter instances {typed}");
        let typed: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
        let Command::Instances(asked) = args::parse(typed.clone()).unwrap().command else { panic!() };
        let limit = std::time::Duration::from_secs(1);
        let store = Store { name: "orders".to_owned(), management: Arc::new(Fixture::new()), limit };
        let terminal = Terminal {
            out: &mut Closed,
            err: &mut Closed,
            style: Style::new(false, &[]),
            err_style: Style::new(false, &[]),
            width: None,
            typed: &typed,
            now: NOW,
        };
        let Err(Error::Output(error)) = answer(&asked, &store, terminal) else { panic!("{typed:?}") };
        assert_eq!(error.kind(), io::ErrorKind::BrokenPipe, "{typed:?}");
    }
}

/// Every name of a field in a value.
fn names(value: &serde_json::Value, found: &mut std::collections::BTreeSet<String>) {
    match value {
        serde_json::Value::Object(object) => {
            found.extend(object.keys().cloned());
            object.values().for_each(|value| names(value, found));
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, found)),
        _ => {}
    }
}

#[test]
fn every_name_in_json_is_documented() {
    let page = include_str!("../../../docs/json.md");
    let mut found = std::collections::BTreeSet::new();
    for typed in ALL.iter().filter(|typed| typed.contains("json") || typed.starts_with("export")) {
        names(&json(&ask(typed)), &mut found);
    }
    names(&json(&ask("tree order-42 --output=json")), &mut found);
    names(&json(&ask("count --output=json")), &mut found);
    // Made up, of the event type that this version does not know.
    found.remove("size");
    assert!(found.len() > 60, "{found:?}");
    for name in found {
        assert!(
            page.contains(&format!("`{name}`")) || page.contains(&format!("\"{name}\"")),
            "{name} is not in docs/json.md"
        );
    }
}
