//! A scrape answers at once from memory, whatever the store does: hanging, failing, recovering.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use cluster::PATIENCE;
use duroxide_exporter::{Exporter, InstanceInfo, ManagementAPI, ManagementError, QueueDepths};

/// Answers, fails or hangs, as told.
struct Moody(AtomicU8);

const WELL: u8 = 0;
const FAILING: u8 = 1;
const HANGING: u8 = 2;

#[async_trait::async_trait]
impl ManagementAPI for Moody {
    async fn get_instance_info(&self, instance: &str) -> Result<InstanceInfo, ManagementError> {
        Err(ManagementError::NotFound { what: instance.to_owned() })
    }

    async fn get_queue_depths(&self) -> Result<QueueDepths, ManagementError> {
        match self.0.load(Ordering::SeqCst) {
            WELL => Ok(QueueDepths { orchestrator_queue: 7, worker_queue: 11, timer_queue: Some(3) }),
            FAILING => Err(ManagementError::Unavailable("moody today".to_owned())),
            _ => std::future::pending().await,
        }
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// The value of a series of the text format, by its exact name and labels.
pub(crate) fn value(body: &str, series: &str) -> Option<f64> {
    body.lines().find_map(|line| line.strip_prefix(series)?.strip_prefix(' ')?.parse().ok())
}

/// Scrapes until `condition` holds.
async fn eventually(address: SocketAddr, what: &str, condition: impl Fn(&str) -> bool) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let body = tokio::task::spawn_blocking(move || get(address, "/metrics").1).await.unwrap();
        if condition(&body) {
            return body;
        }
        assert!(Instant::now() < deadline, "never: {what}\n{body}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_fails_or_hangs_is_down_with_its_last_good_numbers() {
    let store = Arc::new(Moody(AtomicU8::new(WELL)));
    let exporter = Exporter::builder()
        .observe("moody", store.clone())
        .listen("127.0.0.1:0".parse().unwrap())
        .poll_interval(Duration::from_millis(20))
        .poll_timeout(Duration::from_millis(50))
        .bind()
        .await
        .unwrap();
    let address = exporter.local_addr();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(exporter.run(async {
        let _ = stopped.await;
    }));

    let up = r#"duroxide_up{store="moody"}"#;
    let worker = r#"duroxide_queue_fetchable_messages{store="moody",queue="worker"}"#;
    let age = r#"duroxide_snapshot_age_seconds{store="moody"}"#;
    let body = eventually(address, "up", |body| value(body, up) == Some(1.0)).await;
    assert_eq!(value(&body, worker), Some(11.0));
    assert!(!body.contains("duroxide_instances{"), "totals are unsupported here: absent, not zero\n{body}");
    assert!(!body.contains("duroxide_queue_messages{"), "states are unknown here: absent, not zero\n{body}");

    for (mood, reason) in [(FAILING, "unavailable"), (HANGING, "timeout")] {
        store.0.store(mood, Ordering::SeqCst);
        let failures = format!(r#"duroxide_poll_failures_total{{store="moody",reason="{reason}"}}"#);
        let body = eventually(address, reason, |body| value(body, &failures) >= Some(1.0)).await;
        assert_eq!(value(&body, up), Some(0.0), "{reason}");
        assert_eq!(value(&body, worker), Some(11.0), "{reason}: the last good number stays");
        let before = value(&body, age).unwrap();
        eventually(address, "the age grows", |body| value(body, age) > Some(before)).await;

        // While the poll hangs, a hundred scrapes are answered: none waits for it.
        for _ in 0..100 {
            assert_eq!(tokio::task::spawn_blocking(move || get(address, "/metrics").0).await.unwrap(), 200);
        }
        assert_eq!(get(address, "/livez").0, 200);
        let (status, body) = get(address, "/readyz");
        assert_eq!(status, 200, "a store that is down does not make the exporter unready");
        assert!(body.contains(reason), "{body}");

        store.0.store(WELL, Ordering::SeqCst);
        eventually(address, "recovery without restart", |body| value(body, up) == Some(1.0)).await;
    }

    stop.send(()).unwrap();
    running.await.unwrap().unwrap();
    assert!(TcpStream::connect(address).is_err(), "still listening after run() returned");
}
