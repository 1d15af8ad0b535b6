//! Where each line of a text of several lines stands in the document, so that what is wrong with
//! one of them is told there and not where the text begins.

/// How a text may be quoted (TOML 1.0 "String"), the longer ones first.
const QUOTES: [&str; 4] = ["\"\"\"", "'''", "\"", "'"];

/// The first character that is no blank of each line of `text`, in bytes from where its `written`
/// form begins; none where escapes made other lines of it than the reader of the file sees.
pub(crate) fn offsets(written: &str, text: &str) -> Option<Vec<usize>> {
    let quote = QUOTES.into_iter().find(|quote| written.starts_with(quote))?;
    let inner = written.strip_prefix(quote)?.strip_suffix(quote)?;
    // TOML 1.0: a line break right behind the opening quotes is no part of the text.
    let body = inner.strip_prefix("\r\n").or_else(|| inner.strip_prefix('\n')).unwrap_or(inner);
    if !body.lines().eq(text.lines()) {
        return None;
    }
    let mut at = quote.len() + (inner.len() - body.len());
    let begins = body.split_inclusive('\n').map(|line| {
        let begin = at + (line.len() - line.trim_start().len());
        at += line.len();
        begin
    });
    Some(begins.collect())
}

#[cfg(test)]
mod tests {
    use super::offsets;

    #[test]
    fn each_line_is_found_as_long_as_it_is_written_as_it_reads() {
        for (written, text, found) in [
            ("'''\none\n  two\n'''", "one\n  two\n", Some(vec![4, 10])),
            ("\"\"\"\r\none\r\n\r\ntwo\"\"\"", "one\n\ntwo", Some(vec![5, 12, 12])),
            ("'one'", "one", Some(vec![1])),
            ("''", "", Some(vec![])),
            ("\"one\\ntwo\"", "one\ntwo", None),
            ("\"\"\"\none\\\n  two\"\"\"", "onetwo", None),
            ("one", "one", None),
        ] {
            assert_eq!(offsets(written, text), found, "{written}");
        }
    }
}
