//! What all databases share: how a store is read whoever asks and what may go wrong (`reading`, `failure`, `answers`), how much an
//! answer may cost and where a list goes on (`budget`, `keys`), what answers are made of (`look`, `events`, `group`),
//! what rows of the queues are about and how they add up (`items`, `backlog`),
//! what marks a row that was read and how texts are handed over (`fingerprint`, `pieces`),
//! what a counter was at most (`high_water`), and what searched texts become (`needle`). No SQL.

pub(in crate::store) mod answers;
pub(in crate::store) mod backlog;
pub(in crate::store) mod budget;
pub(in crate::store) mod events;
pub(in crate::store) mod failure;
pub(in crate::store) mod fingerprint;
pub(in crate::store) mod group;
pub(in crate::store) mod high_water;
pub(in crate::store) mod items;
pub(in crate::store) mod keys;
pub(in crate::store) mod look;
pub(in crate::store) mod needle;
pub(in crate::store) mod pieces;
pub(in crate::store) mod reading;
