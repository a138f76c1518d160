//! The framework's errors as ours, without payloads.

use duroxide::providers::ProviderError;

use crate::management::ManagementError;

/// Longest part of a provider's message that is passed on, in characters.
const LONGEST: usize = 300;

/// A provider's error. Retryable is unavailable, anything else has failed for good.
pub(crate) fn from_provider(error: &ProviderError) -> ManagementError {
    let text = format!("{}: {}", error.operation, without_quotations(&error.message));
    if error.is_retryable() { ManagementError::Unavailable(text) } else { ManagementError::Failed(text) }
}

/// Whether a provider's error is about a stored value rather than the store. There is no other sign than the words.
pub(super) fn is_undecodable(error: &ProviderError) -> bool {
    !error.is_retryable() && error.message.to_ascii_lowercase().contains("deserializ")
}

/// A message without what it quotes: what failed to decode stands between quotation marks, and may be personal data.
/// From the first mark to the last, for the content may hold marks itself.
fn without_quotations(message: &str) -> String {
    const MARKS: [char; 3] = ['"', '`', '\''];
    let shortened = |text: &str| text.chars().take(LONGEST).collect::<String>();
    match (message.find(MARKS), message.rfind(MARKS)) {
        (Some(first), Some(last)) => {
            // Marks are one byte long, and an unpaired one ends at the message's end.
            let after = if first == last { "" } else { message.get(last + 1..).unwrap_or_default() };
            format!("{}…{}", shortened(message.get(..first).unwrap_or_default()), shortened(after))
        }
        _ => shortened(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_tried_again_is_unavailable_and_the_rest_has_failed() {
        let locked = from_provider(&ProviderError::retryable("op", "database is locked"));
        assert!(matches!(&locked, ManagementError::Unavailable(text) if text == "op: database is locked"));
        let refused = from_provider(&ProviderError::permanent("op", "no"));
        assert!(matches!(&refused, ManagementError::Failed(text) if text == "op: no"));
    }

    #[test]
    fn nothing_quoted_is_passed_on() {
        for (message, expected) in [
            (r#"invalid type: string "se\"cret", expected u64"#, "invalid type: string …, expected u64"),
            ("unknown variant `secret`, expected `A` or `B`", "unknown variant …"),
            ("unknown variant `sec`ret`, expected A at line 1", "unknown variant …, expected A at line 1"),
            ("it's", "it…"),
            ("plain", "plain"),
        ] {
            assert_eq!(without_quotations(message), expected);
        }
        assert_eq!(without_quotations(&"ü".repeat(1000)).chars().count(), LONGEST);
    }
}
