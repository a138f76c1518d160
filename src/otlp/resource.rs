//! The resource attributes of what is pushed.

use std::net::SocketAddr;

use crate::config::Otlp;

/// The header of the same name.
pub(super) const USER_AGENT: &str = concat!("duroxide-exporter/", env!("CARGO_PKG_VERSION"));

/// What identifies the exporter, unless it is told otherwise.
///
/// The instance is the machine and the port, as a scrape has it: the same after a restart, so that counters that go on
/// (`--state-dir`) go on in the same series; different for two exporters on one machine, and for two pods.
pub(crate) fn resource(settings: &Otlp, address: SocketAddr) -> Vec<(String, String)> {
    let mut attributes = vec![
        ("service.name".to_owned(), env!("CARGO_PKG_NAME").to_owned()),
        ("service.version".to_owned(), env!("CARGO_PKG_VERSION").to_owned()),
        ("service.instance.id".to_owned(), format!("{}:{}", host_name(), address.port())),
    ];
    let name = settings.service_name.iter().map(|name| ("service.name".to_owned(), name.clone()));
    for (key, value) in settings.resource_attributes.iter().cloned().chain(name) {
        match attributes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, old)) => *old = value,
            None => attributes.push((key, value)),
        }
    }
    attributes
}

/// Linux tells in a file, others in the environment, if at all.
fn host_name() -> String {
    let told = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let told = told.or_else(|| std::env::var("HOSTNAME").or_else(|_| std::env::var("COMPUTERNAME")).ok());
    let told = told.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    told.unwrap_or_else(|| "localhost".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_wins_and_the_name_of_the_service_most() {
        let address = "127.0.0.1:9899".parse().unwrap();
        let get = |settings: &Otlp, key: &str| {
            let all = resource(settings, address);
            assert_eq!(all.iter().filter(|(known, _)| known == key).count(), 1, "{all:?}");
            all.into_iter().find(|(known, _)| known == key).unwrap().1
        };
        let mut settings = Otlp::default();
        assert_eq!(get(&settings, "service.name"), "duroxide-exporter");
        assert!(get(&settings, "service.instance.id").ends_with(":9899"));
        let given = [("service.name", "a"), ("service.instance.id", "i"), ("team", "t")];
        settings.resource_attributes = given.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec();
        assert_eq!(get(&settings, "service.name"), "a");
        assert_eq!(get(&settings, "service.instance.id"), "i");
        assert_eq!(get(&settings, "team"), "t");
        settings.service_name = Some("b".to_owned());
        assert_eq!(get(&settings, "service.name"), "b");
    }
}
