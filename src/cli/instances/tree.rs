//! `instances tree`: what started an instance, and what it started.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;

use super::super::Exit;
use super::super::output::Output;
use super::super::text::{self, Paint, Style};
use super::session::{CommandError, Session};
use crate::management::{InstanceInfo, InstanceTree};

/// The JSON of `tree`.
#[derive(Serialize)]
struct Grown<'a> {
    instance_id: &'a str,
    #[serde(flatten)]
    tree: &'a InstanceTree,
}

pub(super) async fn tree(session: &mut Session<'_, '_>, id: &str) -> Result<Exit, CommandError> {
    let management = Arc::clone(&session.store.management);
    let age = session.store.data_age().await?;
    let tree = session.store.ask(management.get_instance_tree(id)).await?;
    let grown = Grown { instance_id: id, tree: &tree };
    session.answer(age, &grown, |terminal| draw(&tree, id, terminal.style))?;
    if tree.partial && session.output == Output::Table {
        session.note("Not all: the tree is too large; there are more instances below those shown.")?;
    }
    Ok(Exit::Fine)
}

/// What is left to draw: an instance, and what stands before it and its children.
struct Branch<'a> {
    instance: &'a InstanceInfo,
    before: String,
    below: String,
}

fn draw(tree: &InstanceTree, asked: &str, style: Style) -> String {
    let mut children: BTreeMap<&str, Vec<&InstanceInfo>> = BTreeMap::new();
    for instance in &tree.instances {
        if let Some(parent) = &instance.parent_instance_id {
            children.entry(parent).or_default().push(instance);
        }
    }
    let mut text = String::new();
    let mut seen = BTreeSet::new();
    // The first is the root. Others begin a tree of their own only where the answer lacks their parent.
    for root in &tree.instances {
        // A list instead of recursion: a tree may be deeper than the stack.
        let mut branches = vec![Branch { instance: root, before: String::new(), below: String::new() }];
        while let Some(Branch { instance, before, below }) = branches.pop() {
            if !seen.insert(instance.instance_id.as_str()) {
                continue;
            }
            text.push_str(&format!("{before}{}\n", line(instance, asked, style)));
            let next = children.get(instance.instance_id.as_str()).map(Vec::as_slice).unwrap_or_default();
            for (from_last, child) in next.iter().rev().enumerate() {
                let (fork, line) =
                    if from_last == 0 { ("└── ", "    ") } else { ("├── ", "│   ") };
                branches.push(Branch {
                    instance: child,
                    before: format!("{below}{fork}"),
                    below: format!("{below}{line}"),
                });
            }
        }
    }
    text
}

fn line(instance: &InstanceInfo, asked: &str, style: Style) -> String {
    let is_asked = instance.instance_id == asked;
    let id = text::harmless(text::named(&instance.instance_id));
    let id = style.paint(&id, is_asked.then_some(Paint::Bold));
    let name = format!("{} {}", text::named(&instance.orchestration_name), instance.orchestration_version);
    let status = style.paint(instance.status.as_str(), Paint::instance(instance.status));
    let mark = if is_asked { "  <- asked for" } else { "" };
    format!("{id}  {}  {status}{mark}", text::printable(&name))
}
