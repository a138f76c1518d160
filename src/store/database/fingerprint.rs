//! What marks a row of a history that was read: is the row that is there now still that one?

/// So much of a row's text is looked at: the envelope with ids and time, and what comes first of the rest.
pub(in crate::store) const LENGTH: usize = 1024;

/// A fingerprint that is the same in every version of this program, for it is stored. Not made to withstand somebody who
/// wants two rows to have the same: who can write rows need not.
pub(in crate::store) fn fingerprint(text: &[u8]) -> u64 {
    // FNV-1a.
    let text = text.get(..LENGTH).unwrap_or(text);
    text.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_never_changes() {
        assert_eq!(fingerprint(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fingerprint(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(fingerprint(&[b'a'; LENGTH]), fingerprint(&[b'a'; LENGTH + 1]));
    }
}
