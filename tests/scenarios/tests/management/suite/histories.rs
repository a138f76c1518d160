//! Histories, event by event.

use duroxide_exporter::{Capability, Event, ManagementError, PageRequest};
use scenarios::truth::EventRow;

use crate::subject::{Subject, assert_not_found, assert_unsupported, walk};

pub(crate) async fn every_row_is_there(subject: &Subject) {
    let mut undecodable = 0;
    for (id, number) in subject.truth.executions.keys().filter(|(id, _)| subject.truth.instance(id).is_some())
    {
        let execution = u64::try_from(*number).unwrap();
        let rows = subject.truth.events(id, *number);
        for size in [1, 4, 1000] {
            let read = walk(size, async |page| subject.api.read_execution(id, execution, page).await).await;
            if !subject.has(Capability::History) {
                assert_unsupported("read_execution", read);
                continue;
            }
            if !subject.can_read(id, *number) {
                match read {
                    Err(ManagementError::Undecodable { what, why }) => {
                        assert_silent(&format!("{what} {why}"))
                    }
                    other => panic!("{id:?}: part of a history nobody can decode: {other:?}"),
                }
                continue;
            }
            let (read, _) = read.unwrap_or_else(|error| panic!("{id:?} {execution}: {error}"));
            assert_eq!(read.len(), rows.len(), "{id:?} {execution} in pages of {size}");
            for (event, row) in read.iter().zip(rows) {
                undecodable += usize::from(event.undecodable.is_some());
                compare(id, execution, event, row);
            }
        }
    }
    if !subject.has(Capability::History) {
        return;
    }
    assert_eq!(undecodable > 0, subject.tolerant);
    let beyond = subject.api.read_execution("hello", 2, PageRequest::default()).await;
    assert_not_found("an execution that is not there", beyond);
}

/// What a decoder of ours says must not repeat what is stored.
fn assert_silent(words: &str) {
    assert!(!words.contains("SecretPayload"), "{words}");
}

pub(crate) fn compare(id: &str, execution: u64, event: &Event, row: &EventRow) {
    let what = format!("{id:?} {execution}, event {}", row.id);
    let Some(json) = row.json() else {
        let why =
            event.undecodable.as_deref().unwrap_or_else(|| panic!("{what} passes for sound: {event:?}"));
        assert_silent(why);
        // What the columns tell is told.
        assert_eq!(event.event_id, u64::try_from(row.id).unwrap(), "{what}");
        assert_eq!((event.instance_id.as_str(), event.execution_id), (id, execution), "{what}");
        assert_eq!(event.event_type, row.column_type, "{what}");
        assert!(event.fields.is_empty(), "{what}");
        assert!(duroxide::Event::try_from(event).is_err(), "{what}");
        return;
    };
    assert_eq!(event.undecodable, None, "{what}");
    assert_eq!(Some(event.event_id), json["event_id"].as_u64(), "{what}");
    assert_eq!(event.source_event_id, json["source_event_id"].as_u64(), "{what}");
    assert_eq!(Some(event.instance_id.as_str()), json["instance_id"].as_str(), "{what}");
    assert_eq!(Some(event.execution_id), json["execution_id"].as_u64(), "{what}");
    assert_eq!(Some(event.timestamp_ms), json["timestamp_ms"].as_u64(), "{what}");
    assert_eq!(event.duroxide_version, json["duroxide_version"].as_str().unwrap_or_default(), "{what}");
    assert_eq!(Some(event.event_type.as_str()), json["type"].as_str(), "{what}");
    let mut fields = json.as_object().unwrap().clone();
    for envelope in [
        "event_id",
        "source_event_id",
        "instance_id",
        "execution_id",
        "timestamp_ms",
        "duroxide_version",
        "type",
    ] {
        fields.remove(envelope);
    }
    assert_eq!(event.fields, fields, "{what}");
    match (row.framework(), duroxide::Event::try_from(event)) {
        (Some(framework), Ok(converted)) => assert_eq!(converted, framework, "{what}"),
        (None, Err(_)) => {}
        (framework, converted) => panic!("{what}: the framework reads {framework:?}, we {converted:?}"),
    }
}
