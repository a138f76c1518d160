//! The exporter's program. Whatever it says is searched for the tests' passwords, all of which contain [`SECRET`].

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use cluster::PATIENCE;
use serde_json::Value;

/// In every password of these tests, and in nothing else.
pub(super) const SECRET: &str = "s3cret";

/// A scrape is answered from memory: whoever waited for a poll would wait for longer. (The machine may be busy.)
const PROMPT: Duration = Duration::from_secs(10);

/// The program with arguments. The environment is a layer of its configuration, and libpq's.
pub(super) fn program(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_duroxide-exporter"));
    command.args(args).env_clear().env("HOME", "/nonexistent").stdin(Stdio::null());
    command
}

pub(super) fn assert_no_secret(text: &str) {
    assert!(!text.contains(SECRET), "a password is shown:\n{text}");
}

/// How it ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

/// Runs it to its end.
pub(super) fn run(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let ended =
        Ended { code: output.status.code().unwrap(), out: text(output.stdout), err: text(output.stderr) };
    assert_no_secret(&ended.out);
    assert_no_secret(&ended.err);
    ended
}

/// `check` of one store, and more flags, with an environment.
pub(super) fn check_with(url: &str, flags: &[&str], environment: &[(&str, &str)]) -> Checked {
    let mut command = program(&["check", "--output", "json", "--store", &format!("s={url}")]);
    let ended = run(command.args(flags).envs(environment.iter().copied()));
    let json: Value = serde_json::from_str(&ended.out).unwrap_or_else(|_| panic!("{ended:?}"));
    let store = json["stores"][0].clone();
    assert_eq!(ended.code == 0, store["ok"] == true, "{ended:?}");
    Checked { store, log: ended.err }
}

pub(super) fn check(url: &str) -> Checked {
    check_with(url, &[], &[])
}

/// What `check` said of a store.
pub(super) struct Checked {
    pub(super) store: Value,
    pub(super) log: String,
}

impl Checked {
    /// It can be read.
    #[track_caller]
    pub(super) fn readable(self) -> Value {
        assert_eq!(self.store["ok"], true, "{:#}\n{}", self.store, self.log);
        self.store
    }

    /// It cannot, for this reason, and is told in such words.
    #[track_caller]
    pub(super) fn refused(self, reason: &str, words: &str) -> Refusal {
        let error = &self.store["error"];
        assert_eq!(error["reason"], reason, "{:#}", self.store);
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        let refusal = Refusal { message: text("message"), advice: text("advice") };
        assert!(refusal.message.contains(words), "{words:?} is not in {refusal:#?}");
        assert!(refusal.message.starts_with("postgres://"), "which store? {refusal:#?}");
        refusal
    }
}

/// What a person is told.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) message: String,
    pub(super) advice: String,
}

impl Refusal {
    /// What to do is among it.
    #[track_caller]
    pub(super) fn advises(self, words: &[&str]) -> Self {
        for words in words {
            assert!(self.advice.contains(words), "{words:?} is not in {self:#?}");
        }
        self
    }
}

/// `serve`, polling one store called `s`. Ended when dropped.
pub(super) struct Serving {
    child: Child,
    log: Arc<Mutex<String>>,
    reader: Option<JoinHandle<()>>,
    address: String,
}

impl Serving {
    /// Polls every 100 ms.
    pub(super) fn start(url: &str, flags: &[&str], environment: &[(&str, &str)]) -> Self {
        let store = format!("s={url}");
        let mut command = program(&[
            "serve",
            "--web.listen-address=127.0.0.1:0",
            "--poll-interval=100ms",
            "--store",
            &store,
        ]);
        command.args(flags).envs(environment.iter().copied()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let log = Arc::new(Mutex::new(String::new()));
        let reader = spawn({
            let log = Arc::clone(&log);
            move || lines.map_while(Result::ok).for_each(|line| *log.lock().unwrap() += &(line + "\n"))
        });
        let mut serving = Self { child, log, reader: Some(reader), address: String::new() };
        let line = serving.wait_for_log("listening on http://");
        let (_, address) = line.split_once("listening on http://").unwrap();
        serving.address = address.split('/').next().unwrap().to_owned();
        serving
    }

    /// All that it logged.
    pub(super) fn log(&self) -> String {
        self.log.lock().unwrap().clone()
    }

    /// Waits for a line of the log.
    pub(super) fn wait_for_log(&self, text: &str) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = self.log();
            if let Some(line) = log.lines().find(|line| line.contains(text)) {
                return line.to_owned();
            }
            assert!(Instant::now() < deadline, "no line with {text:?} in\n{log}");
            sleep(Duration::from_millis(10));
        }
    }

    /// A page, promptly.
    pub(super) fn get(&self, path: &str) -> String {
        let began = Instant::now();
        let mut stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let took = began.elapsed();
        assert!(took < PROMPT, "{path} took {took:?}");
        assert!(answer.starts_with("HTTP/1.1 200 "), "{path}: {answer}");
        assert_no_secret(&answer);
        answer
    }

    /// The value of a series now.
    pub(super) fn value(&self, series: &str) -> Option<f64> {
        value(&self.get("/metrics"), series)
    }

    /// How many polls failed for this reason.
    pub(super) fn failures(&self, reason: &str) -> f64 {
        self.value(&failures(reason)).unwrap_or(0.0)
    }

    /// Scrapes until it is so.
    pub(super) fn eventually(&self, what: &str, condition: impl Fn(&str) -> bool) -> String {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let body = self.get("/metrics");
            if condition(&body) {
                return body;
            }
            assert!(Instant::now() < deadline, "never: {what}\n{body}\n{}", self.log());
            sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the store is read.
    pub(super) fn wait_until_up(&self) -> String {
        self.eventually("up", |body| value(body, UP) == Some(1.0))
    }

    /// Waits until polls fail for this reason, more often than before.
    pub(super) fn wait_until_down(&self, reason: &str) -> String {
        let (series, before) = (failures(reason), self.failures(reason));
        self.eventually(reason, |body| value(body, UP) == Some(0.0) && value(body, &series) > Some(before))
    }

    /// Ends it as an operator does; what it logged.
    pub(super) fn stop(mut self) -> String {
        let kill = format!("kill -TERM {}", self.child.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        self.reader.take().unwrap().join().unwrap();
        self.log()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if !std::thread::panicking() {
            assert_no_secret(&self.log());
        }
    }
}

pub(super) const UP: &str = r#"duroxide_up{store="s"}"#;
pub(super) const AGE: &str = r#"duroxide_snapshot_age_seconds{store="s"}"#;

pub(super) fn failures(reason: &str) -> String {
    format!(r#"duroxide_poll_failures_total{{store="s",reason="{reason}"}}"#)
}

/// The value of a series of the text format, by its exact name and labels.
pub(super) fn value(body: &str, series: &str) -> Option<f64> {
    body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}
