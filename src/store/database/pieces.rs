//! Texts of events on their way to whoever takes them: joined, and handed over in pieces.

use crate::source::{Chunk, SEPARATOR, Take};

/// Texts handed over together have this size, unless one of them is larger.
const PIECE: usize = 1 << 20;

/// Joins texts.
pub(in crate::store) struct Pieces<'a, 'b> {
    take: &'a mut Take<'b>,
    /// `None`: no text, which is not the same as an empty one.
    joined: Option<Vec<u8>>,
    pub(in crate::store) events: u64,
    pub(in crate::store) bytes: usize,
}

impl<'a, 'b> Pieces<'a, 'b> {
    pub(in crate::store) fn new(take: &'a mut Take<'b>) -> Self {
        Self { take, joined: None, events: 0, bytes: 0 }
    }

    /// Takes the next text; `None` for one that is too large, or none.
    pub(in crate::store) fn push(&mut self, text: Option<&[u8]>) {
        self.events += 1;
        let Some(text) = text else {
            self.flush();
            return (self.take)(&Chunk::Unreadable(1));
        };
        self.bytes += text.len();
        if text.contains(&SEPARATOR) {
            self.flush();
            return (self.take)(&Chunk::One(text.to_vec()));
        }
        if self.joined.as_ref().is_some_and(|joined| joined.len() + text.len() > PIECE) {
            self.flush();
        }
        match &mut self.joined {
            Some(joined) => {
                joined.push(SEPARATOR);
                joined.extend_from_slice(text);
            }
            None => self.joined = Some(text.to_vec()),
        }
    }

    fn flush(&mut self) {
        if let Some(joined) = self.joined.take() {
            (self.take)(&Chunk::Joined(joined));
        }
    }

    /// Hands over the rest.
    pub(in crate::store) fn finish(mut self) {
        self.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_text_arrives(texts in prop::collection::vec(prop::option::of("[a\\x1e]{0,3}"), 0..8)) {
            let mut arrived = Vec::new();
            let mut take = |chunk: &Chunk| {
                arrived.extend(chunk.texts().map(|text| Some(text.to_vec())));
                arrived.extend((0..chunk.unreadable()).map(|_| None));
            };
            let mut pieces = Pieces::new(&mut take);
            for text in &texts {
                pieces.push(text.as_ref().map(String::as_bytes));
            }
            pieces.finish();
            let expected: Vec<_> = texts.into_iter().map(|text| text.map(String::into_bytes)).collect();
            prop_assert_eq!(arrived, expected);
        }
    }
}
