//! Searches.

use duroxide_exporter::{Capability, ManagementError, SearchField, SearchHit, SearchQuery};
use scenarios::{content, truth::Instance};
use serde_json::Value;

use crate::subject::{Answer, Subject, assert_unsupported};

/// All results of a query, whatever the size of its pages.
async fn search(subject: &Subject, query: SearchQuery) -> Answer<Vec<SearchHit>> {
    let mut hits = Vec::new();
    let mut request = query.clone();
    for _ in 0..10_000 {
        let results = subject.api.search_instances(request).await?;
        assert!(results.items.len() <= query.limit, "{query:?}: more than asked for");
        hits.extend(results.items);
        let Some(next) = results.next else {
            assert!(!results.partial, "{query:?}: partial, and nothing to go on with");
            return Ok(hits);
        };
        request = query.clone().after(next);
    }
    panic!("{query:?} does not end")
}

fn contains(text: &str, part: &str) -> bool {
    text.to_ascii_lowercase().contains(&part.to_ascii_lowercase())
}

/// Where an instance has a text outside its payloads.
fn fields(subject: &Subject, instance: &Instance, text: &str) -> Vec<SearchField> {
    let status = instance.custom_status.as_deref().filter(|_| subject.has(Capability::CustomStatus));
    [
        (SearchField::InstanceId, contains(&instance.id, text)),
        (SearchField::OrchestrationName, contains(&instance.orchestration, text)),
        (SearchField::CustomStatus, status.is_some_and(|status| contains(status, text))),
    ]
    .into_iter()
    .filter_map(|(field, here)| here.then_some(field))
    .collect()
}

pub(crate) async fn texts_are_found_where_they_are(subject: &Subject) {
    if !subject.has(Capability::Search) {
        assert_unsupported("search_instances", subject.api.search_instances("hello".into()).await);
        return;
    }
    let mut texts: Vec<String> = subject
        .truth
        .instances
        .iter()
        .step_by(3)
        .flat_map(|i| [i.id.clone(), i.id.to_ascii_uppercase(), i.orchestration.to_ascii_lowercase()])
        .collect();
    texts.extend(content::STATUS.split(' ').map(ToOwned::to_owned));
    texts.extend(
        [
            "HELLO",
            "%",
            "_",
            "'",
            "\"",
            "\\",
            "*",
            "?",
            "[a-z]",
            "ünï",
            "ÜNÏ",
            "🚀",
            "::sub::",
            "::SUB::2",
            " ",
            "\n",
            content::STATUS,
            "h%o",
            "h_llo",
            "hello' OR '1'='1",
            "); DROP TABLE instances; --",
            "\0",
            "a",
            "e",
        ]
        .map(ToOwned::to_owned),
    );
    let mut found = 0;
    for (n, text) in texts.iter().filter(|text| !text.is_empty()).enumerate() {
        let limit = [1, 3, 1000][n % 3];
        let hits = search(subject, SearchQuery::new(text.as_str()).limit(limit)).await;
        if text == "\0" && matches!(hits, Err(ManagementError::InvalidArgument { .. })) {
            continue;
        }
        let hits = hits.unwrap_or_else(|error| panic!("{text:?}: {error}"));
        let wanted: Vec<_> = subject
            .newest_first()
            .into_iter()
            .filter(|instance| !fields(subject, instance, text).is_empty())
            .collect();
        let infos: Vec<_> = hits.iter().map(|hit| hit.instance.clone()).collect();
        subject.assert_list(&format!("search for {text:?}"), &infos, &wanted);
        for hit in &hits {
            let instance = subject.truth.instance(&hit.instance.instance_id).unwrap();
            assert_eq!(hit.matched, fields(subject, instance, text), "{text:?}");
        }
        found += hits.len();
    }
    assert!(found > 100, "{found} hits");
    for (field, query) in [("text", SearchQuery::new("")), ("limit", SearchQuery::new("hello").limit(0))] {
        let answer = subject.api.search_instances(query).await;
        assert!(matches!(answer, Err(ManagementError::InvalidArgument { .. })), "empty {field}: {answer:?}");
    }
    for key in ["", "x", "nonsense", "'", "\0", "99999999999999999999999"] {
        let answer = subject.api.search_instances(SearchQuery::new("hello").after(key)).await;
        assert!(matches!(answer, Err(ManagementError::InvalidArgument { .. })), "{key:?}: {answer:?}");
    }
}

/// Whether a text is in a value, at any depth.
fn inside(value: &Value, text: &str) -> bool {
    match value {
        Value::String(string) => contains(string, text),
        Value::Array(values) => values.iter().any(|value| inside(value, text)),
        Value::Object(members) => members.values().any(|value| inside(value, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(crate) async fn payloads_are_searched_on_request_only(subject: &Subject) {
    if !subject.has(Capability::Search) {
        return;
    }
    let mut words: Vec<&str> = content::IN_PAYLOADS.iter().map(|(_, text)| *text).collect();
    words.extend([
        "Needle",
        "NEEDLEINTHERESULT",
        "needleintheinput \"QUOTED\" \\ 100%",
        "\nof an",
        "NeedleForTheChild",
    ]);
    for word in words {
        let without = search(subject, SearchQuery::new(word)).await.unwrap();
        assert!(without.is_empty(), "{word:?} without payloads: {without:?}");
        let with = search(subject, SearchQuery::new(word).payloads(true).limit(2)).await;
        if !subject.has(Capability::SearchPayloads) {
            assert_unsupported("search_instances", with);
            continue;
        }
        let where_ = |instance: &Instance| {
            let output = subject.truth.current(instance).and_then(|execution| execution.output.as_deref());
            let events = subject.truth.events(&instance.id, instance.current).iter();
            let history = events.filter_map(scenarios::truth::EventRow::json).any(|json| inside(&json, word));
            [
                output.is_some_and(|output| contains(output, word)).then_some(SearchField::Output),
                history.then_some(SearchField::History),
            ]
            .into_iter()
            .flatten()
            .collect::<Vec<_>>()
        };
        let with = with.unwrap_or_else(|error| panic!("{word:?}: {error}"));
        let wanted: Vec<_> =
            subject.newest_first().into_iter().filter(|instance| !where_(instance).is_empty()).collect();
        assert!(!wanted.is_empty(), "{word:?} is nowhere");
        let infos: Vec<_> = with.iter().map(|hit| hit.instance.clone()).collect();
        subject.assert_list(&format!("{word:?} with payloads"), &infos, &wanted);
        for hit in &with {
            let instance = subject.truth.instance(&hit.instance.instance_id).unwrap();
            assert_eq!(hit.matched, where_(instance), "{word:?} in {:?}", instance.id);
        }
    }
}
