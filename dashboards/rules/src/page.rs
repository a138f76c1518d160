//! Pages: whether links lead somewhere, commands and source files exist and queries are about something.

use std::collections::BTreeSet;

use crate::expression::Series;
use crate::files;

/// Where runbooks are, from the root of the repository.
pub const RUNBOOKS: &str = "docs/runbooks";

/// Parts that every runbook has.
const PARTS: &[&str] = &["## What it means", "## How to see it", "## What to do", "## Tuning"];

/// What is wrong with the set of runbooks: one an alert, and none for nothing.
#[must_use]
pub fn runbook_problems(alerts: &BTreeSet<&str>, runbooks: &[(String, String)]) -> Vec<String> {
    let pages: BTreeSet<&str> = runbooks.iter().filter_map(|(name, _)| name.strip_suffix(".md")).collect();
    let mut problems: Vec<String> = alerts
        .difference(&pages)
        .map(|alert| format!("{alert} has no runbook {RUNBOOKS}/{alert}.md"))
        .collect();
    problems.extend(pages.difference(alerts).map(|page| format!("{page}.md is a runbook of no alert")));
    for (name, text) in runbooks {
        let title = format!("# {}\n", name.trim_end_matches(".md"));
        if !text.starts_with(&title) {
            problems.push(format!("{name} does not begin with its name"));
        }
        let missing = PARTS.iter().filter(|part| !text.lines().any(|line| line == **part));
        problems.extend(missing.map(|part| format!("{name} has no part {part:?}")));
        if blocks(text, "promql").next().is_none() {
            problems.push(format!("{name} has no query to look at"));
        }
    }
    problems
}

/// What is wrong in a page: its links, its queries, its commands.
#[must_use]
pub fn problems(folder: &str, name: &str, text: &str, series: &Series) -> Vec<String> {
    let mut problems = Vec::new();
    for link in links(text) {
        if let Err(problem) = resolve(folder, text, link) {
            problems.push(format!("{folder}/{name}: link {link:?}: {problem}"));
        }
    }
    for source in sources(text) {
        if !["", "src"].iter().any(|folder| files::root().join(folder).join(source).exists()) {
            problems.push(format!("{folder}/{name}: there is no {source}"));
        }
    }
    for query in blocks(text, "promql") {
        problems
            .extend(series.problems(query).into_iter().map(|problem| format!("{folder}/{name}: {problem}")));
    }
    for block in blocks(text, "sh") {
        for command in block.lines().filter(|line| line.starts_with("duroxide-exporter ")) {
            if let Err(problem) = check_command(command) {
                problems.push(format!("{folder}/{name}: {command:?}: {problem}"));
            }
        }
    }
    problems
}

/// Texts of the fenced blocks of a language.
fn blocks<'a>(text: &'a str, language: &str) -> impl Iterator<Item = &'a str> {
    let fence = format!("```{language}\n");
    let starts: Vec<usize> = text.match_indices(&fence).map(|(at, _)| at + fence.len()).collect();
    starts.into_iter().filter_map(|start| text.get(start..)?.split("\n```").next())
}

/// Targets of links and pictures, in Markdown and in HTML, but for those that lead elsewhere.
fn links(text: &str) -> impl Iterator<Item = &str> {
    let forms = [("](", ')'), ("href=\"", '"'), ("src=\"", '"')];
    let targets = forms.into_iter().flat_map(move |(start, end)| {
        text.split(start).skip(1).filter_map(move |rest| rest.split(end).next())
    });
    targets.filter(|target| !target.contains("://"))
}

/// Source files that are named with their folder, from the root of the repository or from `src/`.
fn sources(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|word| word.ends_with(".rs") && word.contains('/') && !word.contains(char::is_whitespace))
}

fn resolve(folder: &str, text: &str, link: &str) -> Result<(), String> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let file = files::root().join(folder).join(path);
    if anchor.is_empty() {
        return if file.exists() { Ok(()) } else { Err("there is no such file".to_owned()) };
    }
    let target = if path.is_empty() {
        text.to_owned()
    } else {
        std::fs::read_to_string(file).map_err(|error| error.to_string())?
    };
    let found = target.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == anchor);
    if found { Ok(()) } else { Err(format!("no heading for #{anchor}")) }
}

/// A heading as web pages of repositories link to it.
fn slug(heading: &str) -> String {
    let text = heading.trim_start_matches('#').trim().to_lowercase();
    text.chars()
        .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'))
        .map(|c| if c == ' ' { '-' } else { c })
        .collect()
}

/// Whether a command line is one of the program's: by the help of its subcommand, which a test keeps true.
fn check_command(command: &str) -> Result<(), String> {
    let mut words = command.split_whitespace().skip(1).take_while(|word| !word.starts_with('|')).peekable();
    let mut help = String::from("tests/golden/help");
    let mut text = String::new();
    while let Some(word) = words.peek() {
        let longer = format!("{help}_{word}");
        let Ok(found) = files::read(&format!("{longer}.txt")) else { break };
        (help, text) = (longer, found);
        words.next();
    }
    if text.is_empty() {
        return Err("there is no such subcommand".to_owned());
    }
    // As its help says, it takes those, too.
    if text.contains("Takes the flags of serve too") {
        text += &files::read("tests/golden/help_serve.txt").map_err(|error| error.to_string())?;
    }
    // `instances` alone answers nothing.
    if text.contains("<COMMAND>") {
        return Err("a subcommand is missing".to_owned());
    }
    let unknown = words.filter(|word| word.starts_with("--")).find(|word| {
        let flag = word.split('=').next().unwrap_or(word);
        !text.split_whitespace().any(|known| known.trim_end_matches(',') == flag)
    });
    unknown.map_or(Ok(()), |flag| Err(format!("it has no flag {flag}")))
}
