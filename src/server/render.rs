//! Metrics as text, made away from the event loop, one text at a time: many large scrapes at once take neither the loop nor
//! all cores from a probe. Scrapes that wait for their turn share one text.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use hyper::body::Bytes;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::JoinError;

use crate::metrics;
use crate::observe::Readers;
use crate::output::{self, Format};

/// What a client asks for: a format, and whether it is compressed.
pub(super) type Form = (Format, bool);

/// Makes texts of the newest view.
pub(super) struct Renderer {
    readers: Readers,
    /// The text that is made next, by its form, for those that wait for it.
    next: Mutex<HashMap<Form, Arc<OnceCell<Rendered>>>>,
    turn: Arc<Semaphore>,
}

#[derive(Debug, Clone)]
pub(super) struct Rendered {
    pub(super) body: Bytes,
    pub(super) gzipped: bool,
}

impl Renderer {
    pub(super) fn new(readers: Readers) -> Self {
        Self { readers, next: Mutex::default(), turn: Arc::new(Semaphore::new(1)) }
    }

    /// A text of a view that is not older than this call.
    pub(super) async fn text(&self, form: Form) -> Result<Rendered, JoinError> {
        let text = Arc::clone(self.next().entry(form).or_default());
        text.get_or_try_init(|| self.render(form, &text)).await.cloned()
    }

    async fn render(&self, form: Form, text: &Arc<OnceCell<Rendered>>) -> Result<Rendered, JoinError> {
        // Goes with the work, which does not end with whoever asked for it. Without one (it is never closed) it would be only busier.
        let turn = Arc::clone(&self.turn).acquire_owned().await.ok();
        // From now on others wait for the one after this.
        self.next().retain(|_, next| !Arc::ptr_eq(next, text));
        let readers = self.readers.clone();
        let rendering = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            Rendered::new(&readers, form)
        });
        rendering.await
    }

    fn next(&self) -> MutexGuard<'_, HashMap<Form, Arc<OnceCell<Rendered>>>> {
        self.next.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rendered {
    fn new(readers: &Readers, (format, gzip): Form) -> Self {
        let text = output::render(&metrics::families(&readers.view(), Instant::now()), format);
        // Compressing into memory does not fail; should it, the text is as good.
        match gzip.then(|| output::gzip(text.as_bytes())) {
            Some(Ok(packed)) => Self { body: packed.into(), gzipped: true },
            Some(Err(_)) | None => Self { body: text.into(), gzipped: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::task::JoinSet;

    use super::*;
    use crate::telemetry::Telemetry;

    #[tokio::test]
    async fn scrapes_that_wait_share_a_text_and_the_next_gets_a_newer_one() {
        let telemetry = Telemetry::new(crate::observe::DURATION_MS);
        let renderer = Arc::new(Renderer::new(Readers::new(Vec::new(), Arc::new(telemetry))));
        let forms = [(Format::Prometheus, false), (Format::OpenMetrics, true)];
        let busy = renderer.turn.acquire().await.unwrap();
        let mut waiting = JoinSet::new();
        for form in forms.repeat(10) {
            let renderer = Arc::clone(&renderer);
            waiting.spawn(async move { (form, renderer.text(form).await.unwrap()) });
        }
        let all_wait = || {
            forms
                .iter()
                .all(|form| renderer.next().get(form).is_some_and(|text| Arc::strong_count(text) > 10))
        };
        while !all_wait() {
            tokio::task::yield_now().await;
        }
        drop(busy);
        let answered = waiting.join_all().await;
        assert_eq!(answered.len(), 20);
        let texts = |of: Form| {
            answered.iter().filter(move |(form, _)| *form == of).map(|(_, text)| text.body.as_ptr())
        };
        for form in forms {
            let shared = texts(form).next().unwrap();
            assert!(texts(form).all(|text| text == shared), "{form:?} was made more than once");
            assert_ne!(renderer.text(form).await.unwrap().body.as_ptr(), shared, "{form:?} is old");
        }
        assert!(renderer.next().is_empty(), "texts are kept");
    }
}
