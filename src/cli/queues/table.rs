//! The table output of `queues`: the queues, the busiest activities, warnings.

use super::super::read::Failure;
use super::super::text::{self, Style, Table};
use super::report::{QueueReport, Queues, States, StoreReport};

/// A table is for the eye; JSON has all of them.
const MOST_ACTIVITIES: usize = 20;

impl StoreReport<'_> {
    pub(super) fn render(&self, style: Style) -> String {
        let Self { store, error, census } = self;
        let mut text = String::new();
        if let Some(Failure { reason, message, advice }) = error {
            text.push_str(&style.heading(&format!("{store}: FAILED")));
            text.push_str(&format!("\n  error  {} ({reason})\n  do     {advice}\n", text::harmless(message)));
        }
        if let Some(census) = census {
            text.push_str(&style.heading(store));
            text.push('\n');
            if let Some(age) = census.last_replay_age_seconds {
                let age = text::age_of_seconds(age);
                text.push_str(&format!("  a copy, as of its newest change {age} ago\n"));
            }
            text.push_str(&census.table());
            text.push_str(&census.activity_table());
            if !census.warnings.is_empty() {
                text.push('\n');
            }
            for warning in &census.warnings {
                text.push_str(&format!("  {} {warning}\n", style.heading("warning:")));
            }
        }
        text
    }
}

impl Queues<'_> {
    /// Queues are the columns: twelve numbers for each would not fit on a line.
    fn table(&self) -> String {
        if self.queues.is_empty() {
            return "  this backend does not tell what is in its queues\n".to_owned();
        }
        let mut table = Table::new(2, &[""], self.queues.iter().map(|queue| queue.queue.as_str()));
        let mut row = |title: &str, cell: &dyn Fn(&QueueReport) -> Option<String>| {
            let cells = self.queues.iter().map(|queue| cell(queue).unwrap_or_else(|| "-".to_owned()));
            table.row(std::iter::once(title.to_owned()).chain(cells));
        };
        let state = |of: fn(&States) -> u64| {
            move |queue: &QueueReport| queue.messages.as_ref().map(|s| of(s).to_string())
        };
        row("ready", &state(|s| s.ready));
        row("blocked", &state(|s| s.blocked));
        row("delayed", &state(|s| s.delayed));
        row("in flight", &state(|s| s.in_flight));
        row("lease expired", &state(|s| s.lease_expired));
        row("fetchable", &|queue| queue.fetchable.map(|n| n.to_string()));
        row("oldest ready", &|queue| queue.oldest_ready_age_seconds.map(text::age_of_seconds));
        row("oldest expired lease", &|queue| {
            queue.oldest_expired_lease_age_seconds.map(text::age_of_seconds)
        });
        // A backend that knows no states knows none of these either.
        let known = |of: fn(&QueueReport) -> u64| {
            move |queue: &QueueReport| queue.messages.as_ref().map(|_| of(queue).to_string())
        };
        row("retrying", &known(|queue| queue.retrying));
        row("max attempts", &known(|queue| queue.max_attempts));
        row("orphans", &known(|queue| queue.orphans));
        row("undecodable", &known(|queue| queue.undecodable));
        row("left over", &known(|queue| queue.leftovers));
        let ready =
            self.ready_instances.map(|ready| format!("\n  instances with work to hand out: {ready}\n"));
        table.render() + &ready.unwrap_or_default()
    }

    fn activity_table(&self) -> String {
        let Some(activities) = self.activities.as_ref().filter(|activities| !activities.is_empty()) else {
            return String::new();
        };
        let numbers = ["fetchable", "delayed", "in flight", "lease expired", "oldest ready"];
        let mut table = Table::new(2, &["activity", "tag"], numbers);
        for row in activities.iter().take(MOST_ACTIVITIES) {
            table.row([
                if row.activity.is_empty() { "(no name)".to_owned() } else { row.activity.to_owned() },
                row.tag.unwrap_or("-").to_owned(),
                row.fetchable.to_string(),
                row.messages.delayed.to_string(),
                row.messages.in_flight.to_string(),
                row.messages.lease_expired.to_string(),
                row.oldest_ready_age_seconds.map_or_else(|| "-".to_owned(), text::age_of_seconds),
            ]);
        }
        let more = activities.len().saturating_sub(MOST_ACTIVITIES);
        let more = if more > 0 {
            format!("  … and {more} more; --output json lists all\n")
        } else {
            String::new()
        };
        format!("\n{}{more}", table.render())
    }
}
