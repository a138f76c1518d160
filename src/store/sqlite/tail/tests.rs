//! A store that is written, deleted from, copied and replaced by its copies, followed against the list of all events.

use std::collections::BTreeMap;

use proptest::prelude::*;
use sqlx::Connection as _;
use sqlx::sqlite::SqliteConnection;

use super::*;

/// Number, instance, event and second of a row. The event says which it is of all that were ever written.
type Stored = (i64, String, u64, i64);

/// A history, the moment, and all that became of its events.
struct World {
    connection: SqliteConnection,
    clock: i64,
    written: u64,
    copies: Vec<Vec<Stored>>,
    start: Start,
    /// How often each event was handed over.
    read: BTreeMap<u64, u32>,
    missed: u64,
}

impl World {
    async fn new() -> Self {
        let mut connection = SqliteConnection::connect("sqlite::memory:").await.unwrap();
        sqlx::query(
            "CREATE TABLE history (instance_id TEXT NOT NULL, execution_id INTEGER NOT NULL, event_id INTEGER NOT NULL, \
               event_type TEXT NOT NULL, event_data TEXT NOT NULL, created_at TEXT, PRIMARY KEY (instance_id, execution_id, event_id))",
        )
        .execute(&mut connection)
        .await
        .unwrap();
        let (read, copies) = (BTreeMap::new(), Vec::new());
        Self { connection, clock: 0, written: 0, copies, start: Start::Beginning, read, missed: 0 }
    }

    async fn execute(&mut self, sql: &str) {
        sqlx::query(sql).execute(&mut self.connection).await.unwrap();
    }

    async fn put(&mut self, rows: &[Stored]) {
        for some in rows.chunks(500) {
            let values: Vec<String> = some
                .iter()
                .map(|(rowid, instance, event, second)| {
                    format!(
                        "({rowid}, '{instance}', 1, {event}, 'X', '{event}', datetime({second}, 'unixepoch'))"
                    )
                })
                .collect();
            let columns = "rowid, instance_id, execution_id, event_id, event_type, event_data, created_at";
            self.execute(&format!("INSERT INTO history ({columns}) VALUES {}", values.join(", "))).await;
        }
    }

    async fn rows(&mut self) -> Vec<Stored> {
        let rows: Vec<(i64, String, i64, i64)> = sqlx::query_as(
            "SELECT rowid, instance_id, event_id, CAST(strftime('%s', created_at) AS INTEGER) FROM history ORDER BY rowid",
        )
        .fetch_all(&mut self.connection)
        .await
        .unwrap();
        rows.into_iter().map(|(rowid, id, event, second)| (rowid, id, unsigned(event), second)).collect()
    }

    /// Instances of four events each, as SQLite numbers rows.
    async fn write(&mut self, instances: u64) {
        self.clock += 2;
        let mut rowid = newest(&mut self.connection).await.unwrap();
        let mut rows = Vec::new();
        for _ in 0..instances {
            let instance = format!("i{}", self.written);
            for _ in 0..4 {
                (rowid, self.written) = (rowid + 1, self.written + 1);
                rows.push((rowid, instance.clone(), self.written, self.clock));
            }
        }
        self.put(&rows).await;
    }

    async fn poll(&mut self) {
        loop {
            let batch = step(&mut self.connection, Some("one"), None, &self.start).await.unwrap();
            for chunk in &batch.chunks {
                chunk.each(|row| *self.read.entry(row.text.unwrap().parse().unwrap()).or_default() += 1);
            }
            self.missed += batch.missed;
            // As a state file has it.
            let kept = serde_json::to_string(&batch.position).unwrap();
            assert!(kept.len() < 120_000, "{}", kept.len());
            self.start = Start::After(serde_json::from_str(&kept).unwrap());
            if batch.backlog == 0 {
                break;
            }
        }
        for (_, _, event, _) in self.rows().await {
            assert_eq!(self.read.get(&event), Some(&1), "event {event} of {}", self.written);
        }
        assert!(self.read.values().all(|times| *times == 1));
    }

    /// Puts rows in the place of the store.
    async fn replace(&mut self, rows: &[Stored]) {
        self.execute("DELETE FROM history").await;
        self.put(rows).await;
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

#[derive(Debug, Clone)]
enum Act {
    Write(u64),
    /// Deletes a share of the instances, the newest among them or not.
    Delete(u64, bool),
    Poll,
    Copy,
    Restore(usize),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => prop_oneof![1..5_u64, 100..400_u64].prop_map(Act::Write),
        1 => (1..5_u64, any::<bool>()).prop_map(|(share, newest)| Act::Delete(share, newest)),
        3 => Just(Act::Poll),
        1 => Just(Act::Copy),
        3 => (0..4_usize).prop_map(Act::Restore),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn whatever_takes_its_place_each_event_counts_once(acts in prop::collection::vec(act(), 1..20)) {
        block_on(async {
            let mut world = World::new().await;
            for act in acts {
                match act {
                    Act::Write(instances) => world.write(instances).await,
                    Act::Delete(share, newest) => {
                        // What nobody has read is missed; that is another test's.
                        world.poll().await;
                        let last = if newest { "" } else { " AND rowid < (SELECT MAX(rowid) - 3 FROM history)" };
                        world.execute(&format!("DELETE FROM history WHERE (rowid - 1) / 4 % {share} = 0{last}")).await;
                    }
                    Act::Poll => world.poll().await,
                    // A copy is of a moment that was seen.
                    Act::Copy => {
                        world.poll().await;
                        let rows = world.rows().await;
                        world.copies.push(rows);
                    }
                    Act::Restore(which) => {
                        world.poll().await;
                        let now = world.rows().await;
                        if let Some(copy) = world.copies.get(which).cloned() {
                            // What was there may come back as well.
                            world.copies.push(now);
                            world.replace(&copy).await;
                        }
                    }
                }
            }
            world.poll().await;
        });
    }
}

#[test]
fn back_and_forward_again_is_no_news() {
    block_on(async {
        for (early, late) in [(100, 5), (100, 155), (10, 2_000), (1_500, 1_500)] {
            let mut world = World::new().await;
            world.write(early).await;
            let a = world.rows().await;
            world.write(late).await;
            let b = world.rows().await;
            for rows in [&b, &a, &b, &a, &b] {
                world.replace(rows).await;
                world.poll().await;
            }
            // A copy of which no poll ever saw the end.
            world.replace(&b[..b.len() - 7]).await;
            world.poll().await;
            world.replace(&a).await;
            world.poll().await;
            world.replace(&b[..a.len() + (b.len() - a.len()) / 3]).await;
            world.poll().await;
            // Another way.
            world.replace(&a).await;
            world.poll().await;
            world.write(late + 3).await;
            world.poll().await;
            let c = world.rows().await;
            for rows in [&b, &c, &a, &c, &b] {
                world.replace(rows).await;
                world.poll().await;
            }
            assert_eq!(world.missed, 0);
        }
    });
}

#[test]
fn a_number_of_which_one_row_is_remembered_and_another_is_not_proves_nothing() {
    block_on(async {
        let mut world = World::new().await;
        // The first rows of the store are remembered when they go; those that get their numbers are not, once many follow.
        world.write(1).await;
        world.poll().await;
        world.replace(&[]).await;
        world.poll().await;
        world.write(1).await;
        world.poll().await;
        let copy = world.rows().await;
        world.write(128).await;
        world.poll().await;
        world.replace(&[]).await;
        world.poll().await;
        world.replace(&copy).await;
        world.poll().await;
        assert_eq!(world.missed, 0);
    });
}

#[test]
fn numbers_tell_what_was_deleted_unread_even_if_nothing_that_was_read_is_left() {
    block_on(async {
        // Read, written and deleted unread, written and left; kept of what was read.
        for (read, gone, left, kept) in
            [(100, 100, 150, 0), (100, 200, 50, 0), (2_000, 700, 10, 1_000), (500, 1, 1, 499)]
        {
            let mut world = World::new().await;
            world.write(read).await;
            world.poll().await;
            world.write(gone).await;
            world.write(left).await;
            world
                .execute(&format!(
                    "DELETE FROM history WHERE rowid > {} AND rowid <= {}",
                    4 * kept,
                    4 * (read + gone)
                ))
                .await;
            world.poll().await;
            assert_eq!(world.missed, 4 * gone, "{read} {gone} {left} {kept}");
            world.write(1).await;
            world.poll().await;
            assert_eq!(world.missed, 4 * gone);
        }
    });
}

#[test]
fn a_state_of_an_earlier_version_is_understood() {
    block_on(async {
        let mut world = World::new().await;
        world.write(1).await;
        let kept =
            serde_json::json!({"rowid": 0, "last": [], "gone": [7], "written_at": "", "unread_from": 0});
        world.start = Start::After(Position(kept));
        world.poll().await;
        assert_eq!(world.read.len(), 4);
    });
}

#[test]
fn a_store_that_was_made_since_has_no_past_to_be_left_out() {
    block_on(async {
        for (made_ms, read) in [(Some(5_001), 4), (Some(5_000), 0), (None, 0)] {
            let mut world = World::new().await;
            world.write(1).await;
            let start = Start::Now { since_ms: 5_000 };
            let batch = step(&mut world.connection, Some("one"), made_ms, &start).await.unwrap();
            assert_eq!(batch.chunks.iter().map(crate::source::Chunk::len).sum::<usize>(), read);
        }
    });
}
