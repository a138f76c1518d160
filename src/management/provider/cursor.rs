//! Pages of a list of which only the ids, all of them, are known.
//!
//! A page ends between two ids. Its key remembers the ids around that place, as hashes, so that it is found again
//! after instances were added or deleted: behind the nearest that was there before it, else before the nearest that
//! followed it. Only when all of these are gone does the number of ids that followed decide. Then, if older instances
//! were deleted as well, some of the newer may come again; none is left out.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use crate::management::Result;
use crate::management::keys::refused;

/// So many ids on each side are remembered.
const AROUND: usize = 16;

/// The key of the page that begins at `position`.
pub(super) fn key(ids: &[String], position: usize) -> String {
    let (before, after) = ids.split_at(position.min(ids.len()));
    let hashes = |ids: &mut dyn Iterator<Item = &String>| {
        ids.take(AROUND).map(|id| format!("{:x}", hash(id))).collect::<Vec<_>>().join("-")
    };
    format!("{}.{}.{}", after.len(), hashes(&mut before.iter().rev()), hashes(&mut after.iter()))
}

/// Where the page with this key begins.
pub(super) fn position(ids: &[String], key: &str) -> Result<usize> {
    let (followed, before, after) = parse(key).ok_or_else(refused)?;
    let places: HashMap<u64, usize> = ids
        .iter()
        .enumerate()
        .map(|(at, id)| (hash(id), at))
        .filter(|(hash, _)| before.contains(hash) || after.contains(hash))
        .collect();
    let behind = before.iter().find_map(|id| places.get(id)).map(|at| at + 1);
    let ahead = || after.iter().find_map(|id| places.get(id)).copied();
    Ok(behind.or_else(ahead).unwrap_or_else(|| ids.len().saturating_sub(followed)))
}

fn parse(key: &str) -> Option<(usize, Vec<u64>, Vec<u64>)> {
    let mut parts = key.split('.');
    let followed = parts.next()?.parse().ok()?;
    let mut hashes = || -> Option<Vec<u64>> {
        let part = parts.next()?;
        part.split('-')
            .filter(|hash| !hash.is_empty())
            .map(|hash| u64::from_str_radix(hash, 16).ok())
            .collect()
    };
    let (before, after) = (hashes()?, hashes()?);
    parts.next().is_none().then_some((followed, before, after))
}

/// The same in every process of this build: keys outlive a restart.
fn hash(id: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::management::ManagementError;
    use proptest::prelude::*;

    fn ids(numbers: impl IntoIterator<Item = usize>) -> Vec<String> {
        numbers.into_iter().map(|n| format!("id-{n}")).collect()
    }

    #[test]
    fn other_keys_are_refused() {
        for key in ["", "x", "1", "1.2", "1..zz", "1.a.b.c", "-1..", "i17"] {
            assert!(
                matches!(position(&ids(0..9), key), Err(ManagementError::InvalidArgument { .. })),
                "{key}"
            );
        }
    }

    #[test]
    fn with_all_neighbours_gone_nothing_is_left_out() {
        let all = ids((0..200).rev());
        let key = key(&all, 100);
        // The 40 around the place and ten of the oldest are deleted.
        let left: Vec<_> = ids((10..200).rev().filter(|n| !(80..120).contains(n)));
        let at = position(&left, &key).unwrap();
        assert!(left[..at].iter().all(|id| all[..100].contains(id)), "an id was left out");
    }

    proptest! {
        /// Newest first; instances are added in front and up to 16 are deleted anywhere between two pages.
        #[test]
        fn what_stays_is_seen_once(
            size in 1_usize..120,
            step in 1_usize..20,
            seed in proptest::collection::vec((0_usize..4, proptest::collection::vec(any::<usize>(), 0..16)), 1..40),
        ) {
            let mut next_id = size;
            let mut list: Vec<usize> = (0..size).rev().collect();
            let mut stayed: Vec<usize> = list.clone();
            let mut seen = Vec::new();
            let mut at = 0;
            let mut changes = seed.into_iter().cycle();
            loop {
                let end = (at + step).min(list.len());
                seen.extend_from_slice(&list[at..end]);
                if end == list.len() { break }
                let key = key(&ids(list.iter().copied()), end);
                let (added, deleted) = changes.next().unwrap();
                for victim in deleted {
                    if list.is_empty() { break }
                    let victim = list.remove(victim % list.len());
                    stayed.retain(|id| *id != victim);
                }
                for _ in 0..added {
                    list.insert(0, next_id);
                    next_id += 1;
                }
                at = position(&ids(list.iter().copied()), &key).unwrap();
            }
            for id in stayed {
                prop_assert_eq!(seen.iter().filter(|seen| **seen == id).count(), 1, "id {}", id);
            }
        }
    }
}
