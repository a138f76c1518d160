//! The ids of the trace that belongs to an execution: everybody who knows an execution's name computes the same.
//!
//! The spans of a running application can so link to the trace that is told from its history later, by another
//! process, and two exporters of one store tell the same spans. Nothing but the recipe is here: no room of the crate is
//! used, and [`TraceIds`] has its words.

use sha2::{Digest, Sha256};

/// Computes the trace id and the span ids of executions.
///
/// The recipe, for programs that compute them by themselves:
///
/// 1. The *name* of an execution is the concatenation of three texts, `duroxide`, the namespace and the id of the
///    instance, each as the number of its UTF-8 bytes (8 bytes, big-endian) and the bytes; then the id of the execution
///    (8 bytes, big-endian).
/// 2. The trace id is the first 16 bytes of SHA-256 over the name.
/// 3. The span id of the execution itself is the first 8 bytes of SHA-256 over the name and one byte 0.
/// 4. The span id of what an event of its history began (an activity by its `ActivityScheduled`, a timer by its
///    `TimerCreated`) is the first 8 bytes of SHA-256 over the name, one byte 1, and the id of the event (8 bytes,
///    big-endian).
/// 5. The span id of an activity that was tried more than once, which holds its tries, is the first 8 bytes of SHA-256
///    over the name, one byte 2, and the id of the event that began the first try (8 bytes, big-endian).
/// 6. Where all bytes would be 0, which no valid id is, the last is 1.
///
/// For the first execution of the instance `order-42` and its event 7:
///
/// | namespace | trace id | span id of the execution | span id of event 7 | of all tries that it began |
/// |---|---|---|---|---|
/// | (empty) | `b06f5aec2dc3a9c391c0deb180b23847` | `33aedac1d27d6d87` | `08b6816b8bddf598` | `b4bdb6d067aca89b` |
/// | `prod` | `f381f171164fbb9b875c9391bf21abe7` | `2f34d0fbb077c83e` | `17dbac6cd771bd12` | `0fea630f8fc5c357` |
///
/// The namespace keeps stores apart in which the same ids mean different things. It is empty unless set, and has to be
/// the same on both sides.
#[derive(Clone, Debug)]
pub struct TraceIds {
    /// SHA-256 of the part of the name that is the same for all executions.
    prefix: Sha256,
}

impl TraceIds {
    /// The ids within a namespace.
    #[must_use]
    pub fn new(namespace: &str) -> Self {
        let mut prefix = Sha256::new();
        text(&mut prefix, "duroxide");
        text(&mut prefix, namespace);
        Self { prefix }
    }

    /// The trace id of an execution.
    #[must_use]
    pub fn trace_id(&self, instance: &str, execution: u64) -> [u8; 16] {
        id(self.name(instance, execution))
    }

    /// The span id of an execution itself, the root of its trace.
    #[must_use]
    pub fn root_span_id(&self, instance: &str, execution: u64) -> [u8; 8] {
        id(self.name(instance, execution).chain_update([0]))
    }

    /// The span id of what an event of an execution's history began.
    #[must_use]
    pub fn span_id(&self, instance: &str, execution: u64, event_id: u64) -> [u8; 8] {
        id(self.name(instance, execution).chain_update([1]).chain_update(event_id.to_be_bytes()))
    }

    /// The span id of an activity that was tried more than once, which holds its tries; `event_id` began the first.
    #[must_use]
    pub fn tries_span_id(&self, instance: &str, execution: u64, event_id: u64) -> [u8; 8] {
        id(self.name(instance, execution).chain_update([2]).chain_update(event_id.to_be_bytes()))
    }

    /// The trace id together with the span id of an event, or of the execution itself: the name is hashed once.
    #[cfg(feature = "otel")]
    pub(crate) fn ids(&self, instance: &str, execution: u64, event_id: Option<u64>) -> ([u8; 16], [u8; 8]) {
        let name = self.name(instance, execution);
        let span = match event_id {
            Some(event_id) => name.clone().chain_update([1]).chain_update(event_id.to_be_bytes()),
            None => name.clone().chain_update([0]),
        };
        (id(name), id(span))
    }

    fn name(&self, instance: &str, execution: u64) -> Sha256 {
        let mut name = self.prefix.clone();
        text(&mut name, instance);
        name.chain_update(execution.to_be_bytes())
    }
}

impl Default for TraceIds {
    /// The ids of the empty namespace.
    fn default() -> Self {
        Self::new("")
    }
}

fn text(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

/// The beginning of a hash as a valid id.
fn id<const N: usize>(hash: Sha256) -> [u8; N] {
    let mut id = [0; N];
    for (to, from) in id.iter_mut().zip(hash.finalize()) {
        *to = from;
    }
    valid(id)
}

/// All zero means "no id" to OpenTelemetry.
fn valid<const N: usize>(mut id: [u8; N]) -> [u8; N] {
    if id == [0; N]
        && let Some(last) = id.last_mut()
    {
        *last = 1;
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Namespace, instance, execution, event; trace id, root and event span id as Python's `hashlib` and `struct` say.
    const KNOWN: [(&str, &str, u64, u64, &str, &str, &str); 5] = [
        ("", "order-42", 1, 7, "b06f5aec2dc3a9c391c0deb180b23847", "33aedac1d27d6d87", "08b6816b8bddf598"),
        (
            "prod",
            "order-42",
            1,
            7,
            "f381f171164fbb9b875c9391bf21abe7",
            "2f34d0fbb077c83e",
            "17dbac6cd771bd12",
        ),
        ("", "order-42", 2, 7, "57b7001c681cb38081d393c715abf1f6", "5a1033f1b02c1465", "c48cb586514994ff"),
        (
            "prod-eu",
            "bestellung-ä::sub::3",
            u64::MAX,
            u64::MAX,
            "0f1d85503139f4a00d4fcddbd9e61a53",
            "7166fde537a83d3b",
            "642f30f922a0dee7",
        ),
        ("", "", 0, 0, "c771ad24b303d9caf07b17a310f429a6", "30123259f847522c", "321133342bd27ad6"),
    ];

    #[test]
    fn ids_are_those_another_program_computes() {
        for (namespace, instance, execution, event, trace, root, span) in KNOWN {
            let ids = TraceIds::new(namespace);
            assert_eq!(hex(&ids.trace_id(instance, execution)), trace, "{namespace} {instance} {execution}");
            assert_eq!(
                hex(&ids.root_span_id(instance, execution)),
                root,
                "{namespace} {instance} {execution}"
            );
            assert_eq!(hex(&ids.span_id(instance, execution, event)), span, "{namespace} {instance} {event}");
        }
        let tries = |namespace| hex(&TraceIds::new(namespace).tries_span_id("order-42", 1, 7));
        assert_eq!([tries(""), tries("prod")], ["b4bdb6d067aca89b", "0fea630f8fc5c357"]);
        let (.., trace, _, _) = KNOWN[0];
        assert_eq!(hex(&TraceIds::default().trace_id("order-42", 1)), trace);
    }

    #[test]
    fn what_is_written_together_is_told_apart() {
        let joined = TraceIds::new("a").trace_id("bc", 1);
        assert_ne!(joined, TraceIds::new("ab").trace_id("c", 1));
        assert_ne!(joined, TraceIds::new("").trace_id("abc", 1));
    }

    #[cfg(feature = "otel")]
    #[test]
    fn both_at_once_are_the_same() {
        let ids = TraceIds::new("prod");
        let trace = ids.trace_id("order-42", 3);
        assert_eq!(ids.ids("order-42", 3, None), (trace, ids.root_span_id("order-42", 3)));
        assert_eq!(ids.ids("order-42", 3, Some(9)), (trace, ids.span_id("order-42", 3, 9)));
    }

    #[test]
    fn no_id_is_all_zero() {
        assert_eq!(valid([0; 8]), [0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(valid([0, 0, 7, 0]), [0, 0, 7, 0]);
    }
}
