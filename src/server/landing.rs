//! The landing page of the exporter, for a browser.
//!
//! Self-contained and without script. Everything that comes from a store or its errors is text of strangers: it is
//! written through [`Escaped`] and isolated from the direction of the text around it.

use std::fmt::{self, Display, Formatter, Write as _};
use std::time::Duration;

use super::when::{HttpDate, Span};
use crate::labels::{MessageState, Queue};
use crate::observe::{Health, Snapshot, Stamp, StoreView, View};

const HEAD: &str = r#"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>duroxide-exporter</title>
<style>
:root { color-scheme: light dark; --fg: #1b1f24; --bg: #fff; --soft: #57606a; --line: #d0d7de; --good: #116329; --bad: #a40e26; }
@media (prefers-color-scheme: dark) { :root { --fg: #e6edf3; --bg: #0d1117; --soft: #9198a1; --line: #30363d; --good: #56d364; --bad: #ff7b72; } }
body { font: 16px/1.5 system-ui, sans-serif; color: var(--fg); background: var(--bg); max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; overflow-wrap: anywhere; }
section { border-top: 1px solid var(--line); }
a { color: inherit; } small, .soft { color: var(--soft); }
.good { color: var(--good); } .bad { color: var(--bad); overflow-wrap: anywhere; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .75rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; }
th:first-child { text-align: left; }
</style>
</head>
<body>
"#;

/// The whole page.
pub(super) fn page(view: &View, now: Stamp, telemetry_path: &str) -> String {
    let mut page = Page { out: HEAD.to_owned(), now };
    page.header(telemetry_path);
    for store in &view.stores {
        page.store(store);
    }
    page.out.push_str("</body>\n</html>\n");
    page.out
}

struct Page {
    out: String,
    now: Stamp,
}

impl Page {
    fn put(&mut self, text: fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = self.out.write_fmt(text);
    }

    fn header(&mut self, telemetry_path: &str) {
        // Links are relative, so that they work behind a proxy that serves this page below a prefix.
        self.put(format_args!(
            "<h1>duroxide-exporter <small>{version}</small></h1>\n\
             <p><a href=\"./{path}\">metrics</a> · <a href=\"./readyz\">readiness</a> · \
             <a href=\"./livez\">liveness</a></p>\n\
             <p class=\"soft\">As of {now}. The page does not refresh itself.</p>\n",
            version = env!("CARGO_PKG_VERSION"),
            path = Escaped(telemetry_path.trim_start_matches('/')),
            now = HttpDate(self.now.wall),
        ));
    }

    fn store(&mut self, store: &StoreView) {
        self.put(format_args!("<section>\n<h2><bdi>{}</bdi> ", Escaped(&store.name)));
        match &store.health {
            Health::Starting => {
                self.put(format_args!("starting</h2>\n<p>The first poll has not ended.</p>\n"))
            }
            Health::Up => self.put(format_args!("<span class=\"good\">up</span></h2>\n")),
            Health::Down { since, reason, message } => self.put(format_args!(
                "<span class=\"bad\">down</span></h2>\n\
                 <p class=\"bad\">{reason}: <bdi>{message}</bdi></p>\n<p>Since {since} ({ago} ago).</p>\n",
                message = Escaped(message),
                since = HttpDate(since.wall),
                ago = Span(self.now.since(since.steady)),
            )),
        }
        match &store.last_good {
            Some(snapshot) => self.snapshot(snapshot, store.is_up()),
            None => self.put(format_args!("<p class=\"soft\">No values yet.</p>\n")),
        }
        self.put(format_args!("</section>\n"));
    }

    fn snapshot(&mut self, snapshot: &Snapshot, up: bool) {
        let facts = &snapshot.census.store;
        let age = Span(self.now.since(snapshot.taken_at));
        if up {
            self.put(format_args!("<p>Values are {age} old.</p>\n"));
        } else {
            self.put(format_args!(
                "<p>The values below are those of the last good poll, <strong>{age} old</strong>.</p>\n"
            ));
        }
        self.put(format_args!("<p class=\"soft\">{}, {}", Escaped(facts.kind.name), facts.mode.as_str()));
        if !facts.schema.is_empty() {
            self.put(format_args!(", schema <bdi>{}</bdi>", Escaped(&facts.schema)));
        }
        if let Some(age) = facts.last_replay_age_ms {
            self.put(format_args!(", newest change {} old", Span(millis(age))));
        }
        self.put(format_args!("</p>\n"));
        self.queues(snapshot);
    }

    fn queues(&mut self, snapshot: &Snapshot) {
        let census = &snapshot.census;
        let Some(queues) = &census.queues else {
            self.put(format_args!("<p class=\"soft\">This store does not tell its queues.</p>\n"));
            return;
        };
        self.put(format_args!(
            "<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">queue</th>\
             <th scope=\"col\">fetchable</th><th scope=\"col\">oldest waits</th>"
        ));
        for state in MessageState::ALL {
            self.put(format_args!("<th scope=\"col\">{}</th>", state.as_str().replace('_', " ")));
        }
        self.put(format_args!("</tr></thead>\n<tbody>\n"));
        for queue in Queue::ALL {
            let stats = queues.queue(*queue);
            self.put(format_args!("<tr><th scope=\"row\">{queue}</th>"));
            self.cell(stats.fetchable);
            // By the store's clock, as of the poll: what the metric of that name says.
            self.cell(
                stats.oldest_ready_since_ms.map(|since| Span(millis(census.now_ms.saturating_sub(since)))),
            );
            for state in MessageState::ALL {
                self.cell(stats.messages.map(|_| stats.in_state(*state)));
            }
            self.put(format_args!("</tr>\n"));
        }
        self.put(format_args!("</tbody>\n</table></div>\n"));
    }

    /// What is not known or does not exist is a dash, never a zero.
    fn cell(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.put(format_args!("<td>{value}</td>")),
            None => self.put(format_args!("<td>–</td>")),
        }
    }
}

fn millis(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

/// Text that is safe between tags and in quoted attributes.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
