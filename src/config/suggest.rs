//! "Did you mean": the nearest of the names that exist.

/// Names longer than this are not compared: the distance costs their product.
const COMPARED_CHARS_MAX: usize = 64;

/// The name among `known` that `written` is most probably a slip of.
pub(crate) fn nearest<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
) -> Option<&'k str> {
    let length = written.chars().count();
    if length > COMPARED_CHARS_MAX {
        return None;
    }
    // One slip in three characters is a slip, more is another word.
    let slips_max = length.div_ceil(3);
    known
        .into_iter()
        .filter(|name| name.chars().count() <= COMPARED_CHARS_MAX)
        .map(|name| (distance(written, name), name))
        .filter(|(slips, _)| *slips <= slips_max)
        .min()
        .map(|(_, name)| name)
}

/// Fewest single characters to insert, drop or change (Levenshtein), letters in any case.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().map(|c| c.to_ascii_lowercase()).collect();
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (row, from) in a.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut left = row + 1;
        let mut next = vec![left];
        for (pair, to) in above.windows(2).zip(&b) {
            let &[corner, up] = pair else { continue };
            left = (corner + usize::from(from != *to)).min(up + 1).min(left + 1);
            next.push(left);
        }
        above = next;
    }
    above.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_slip_and_not_another_word() {
        let known = ["alert", "wrap_up", "members", "display"];
        assert_eq!(nearest("allert", known), Some("alert"));
        assert_eq!(nearest("wrapup", known), Some("wrap_up"));
        assert_eq!(nearest("Member", known), Some("members"));
        assert_eq!(nearest("colour", known), None);
        assert_eq!(nearest(&"x".repeat(10_000), known), None);
    }

    #[test]
    fn counts_slips() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("same", "SAME"), 0);
    }
}
