//! "Did you mean": the known name nearest to an unknown one.

/// The candidate that is few typing mistakes away, if there is one.
pub(super) fn nearest<'a>(unknown: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A third of the letters may be wrong; more would suggest names that have nothing in common.
    let allowed = (unknown.chars().count() / 3).clamp(1, 5);
    candidates
        .into_iter()
        .map(|candidate| (strsim::levenshtein(unknown, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let known = ["poll-interval", "store", "web.listen-address"];
        assert_eq!(nearest("poll-intervall", known), Some("poll-interval"));
        assert_eq!(nearest("stores", known), Some("store"));
        assert_eq!(nearest("web.listen_address", known), Some("web.listen-address"));
        assert_eq!(nearest("password", known), None);
        assert_eq!(nearest("", known), None);
    }
}
