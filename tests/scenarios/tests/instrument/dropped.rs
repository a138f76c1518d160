//! Calls that are dropped before they have ended, and ones that panic.

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use duroxide::providers::Provider;
use duroxide_exporter::Instrumented;

use crate::canned::{Call, Canned, Made, Mode, every};
use crate::watch::{attribute, failed, text, watch};

fn canned(mode: Mode) -> Arc<dyn Provider> {
    Instrumented::wrap(Arc::new(Canned::new(mode)))
}

/// Begins a call that will not end by itself.
pub(crate) async fn begin(call: &mut Made) {
    poll_fn(|context| {
        assert!(call.as_mut().poll(context).is_pending());
        Poll::Ready(())
    })
    .await;
}

#[tokio::test]
async fn a_call_that_is_dropped_is_told_once() {
    for call in every().into_iter().filter(|call| !call.is_fetch()) {
        let watched = watch();
        let mut made = (call.make)(canned(Mode::Hangs));
        begin(&mut made).await;
        assert!(watched.spans().is_empty(), "{} has not ended", call.method);
        drop(made);
        let span = watched.only();
        assert_eq!(text(&span, "error.type").as_deref(), Some("cancelled"), "{}", call.method);
        assert!(failed(&span), "{}", call.method);
        assert_eq!(watched.seen(), 1);
    }
}

/// The runtime ends its fetches so when it shuts down: they had received nothing.
#[tokio::test]
async fn a_fetch_that_is_dropped_leaves_no_span() {
    for call in every().into_iter().filter(|call| call.is_fetch()) {
        let watched = watch();
        let mut made = (call.make)(canned(Mode::Hangs));
        begin(&mut made).await;
        drop(made);
        assert_eq!((watched.spans().len(), watched.seen()), (0, 0), "{}", call.method);
    }
}

#[tokio::test]
async fn a_call_that_was_never_begun_leaves_no_span() {
    let watched = watch();
    for call in every() {
        drop((call.make)(canned(Mode::Answers)));
    }
    assert_eq!((watched.spans().len(), watched.seen()), (0, 0));
}

/// A call that was dropped may have reached the store: its lease is still known.
#[tokio::test]
async fn the_lease_of_a_dropped_settlement_is_known() {
    let store = Arc::new(Canned::new(Mode::Answers));
    let provider = Instrumented::wrap(store.clone());
    let watched = watch();
    (Call::of("fetch_work_item").make)(provider.clone()).await;
    store.set(Mode::Hangs);
    for _ in 0..2 {
        let mut made = (Call::of("abandon_work_item").make)(provider.clone());
        begin(&mut made).await;
        drop(made);
    }
    let spans = watched.spans();
    assert_eq!(spans.len(), 3);
    assert!(spans.iter().all(|span| attribute(span, "duroxide.instance.id").is_some()), "{spans:#?}");
}

#[tokio::test]
async fn a_call_that_panics_is_not_called_cancelled() {
    for call in every() {
        let watched = watch();
        let made = (call.make)(canned(Mode::Panics));
        let local = tokio::task::LocalSet::new();
        let ended = local.run_until(async { tokio::task::spawn_local(made).await }).await;
        assert!(ended.unwrap_err().is_panic(), "{}", call.method);
        let span = watched.only();
        assert_eq!(text(&span, "error.type").as_deref(), Some("panicked"), "{}", call.method);
        assert!(failed(&span), "{}", call.method);
    }
}
