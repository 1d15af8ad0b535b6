//! One spelling of a configuration, whatever the text it was read from: two texts that mean the
//! same have the same hash, so that an edit of a comment is no change.

use sha2::{Digest, Sha256};
use std::fmt::Write;

use crate::schema::Config;

impl Config {
    /// SHA-256 over the canonical document, in hexadecimal: names this configuration in records,
    /// on the page and between two boxes.
    ///
    /// # Panics
    /// Never for a configuration that was read from a text.
    #[must_use]
    #[expect(
        clippy::expect_used,
        reason = "JSON of these types fails only for a path that is not UTF-8; ours were text"
    )]
    pub fn hash(&self) -> String {
        // Fields print in the order of their declaration and lists in the order of the text.
        let document = serde_json::to_vec(self).expect("paths of a configuration are text");
        let mut hex = String::with_capacity(64);
        for byte in Sha256::digest(document) {
            // Writing to a String can not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

#[cfg(test)]
mod tests {
    use crate::defaults;
    use crate::read;

    #[test]
    fn a_comment_is_no_change_and_a_value_is() {
        let hash = |text: &str| read(text, "f").map(|(config, _)| config.hash());
        let first = hash("[site]\nname = \"Bern\"\n");
        assert_eq!(first.as_ref().map(String::len), Ok(64));
        assert_eq!(first, hash("# Hello\n[site]\nname='Bern' # there\n"));
        assert_ne!(first, hash("[site]\nname = \"Basel\"\n"));
        assert_eq!(defaults::config().hash(), defaults::config().hash());
    }
}
