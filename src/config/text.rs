//! From bytes to text: a configuration is UTF-8, and an editor that writes something else is named.

use crate::finding::{Finding, Findings, Place, Severity, Wrong};
use crate::parse::{DOCUMENT_BYTES_MAX, too_large};

/// The first bytes of UTF-16, in either order (RFC 2781 §3.2).
const UTF_16_MARKS: [[u8; 2]; 2] = [[0xff, 0xfe], [0xfe, 0xff]];

/// The text of a file that the operator calls `file`.
///
/// # Errors
/// One finding, at the line of the first byte that is not UTF-8, or when it is too large.
pub fn text(bytes: Vec<u8>, file: &str) -> Result<String, Vec<Finding>> {
    let refuse = |place, wrong| {
        let mut findings = Findings::new(file);
        findings.push(Severity::Error, place, "", wrong);
        Err(findings.into_list())
    };
    if bytes.len() > DOCUMENT_BYTES_MAX {
        return refuse(Place { line: 1, column: 1 }, too_large());
    }
    if UTF_16_MARKS.iter().any(|mark| bytes.starts_with(mark)) || bytes.contains(&0) {
        let line = match bytes.iter().position(|byte| *byte == 0) {
            Some(at) => place_of(bytes.get(..at).unwrap_or_default()),
            None => Place { line: 1, column: 1 },
        };
        let wrong = Wrong::new("this is no UTF-8 but UTF-16, or no text at all", SAVE);
        return refuse(line, wrong);
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text),
        Err(error) => {
            let at = error.utf8_error().valid_up_to();
            let place = place_of(error.as_bytes().get(..at).unwrap_or_default());
            let byte = error.as_bytes().get(at).copied().unwrap_or_default();
            let what = format!("column {}: the byte 0x{byte:02x} is not UTF-8", place.column);
            refuse(place, Wrong::new(what, SAVE))
        }
    }
}

const SAVE: &str = "save the file as UTF-8";

/// Where it goes on behind these bytes.
fn place_of(before: &[u8]) -> Place {
    let line = before.split(|byte| *byte == b'\n').next_back().unwrap_or_default();
    let lines = before.iter().filter(|byte| **byte == b'\n').count();
    Place { line: lines + 1, column: String::from_utf8_lossy(line).chars().count() + 1 }
}

#[cfg(test)]
mod tests {
    use super::{DOCUMENT_BYTES_MAX, text};

    fn told(bytes: &[u8]) -> Vec<String> {
        let findings = text(bytes.to_vec(), "f").err().unwrap_or_default();
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_line_of_a_byte_that_is_no_text_is_told() {
        assert_eq!(told("[site]\nname = \"Büro\"\n".as_bytes()), Vec::<String>::new());
        assert_eq!(
            told(b"[site]\nname = \"\xc3\xa4 B\xfcro\"\n"),
            ["f:2: column 12: the byte 0xfc is not UTF-8; save the file as UTF-8"]
        );
        assert_eq!(
            told(b"[site]\n# cut \xc3"),
            ["f:2: column 7: the byte 0xc3 is not UTF-8; save the file as UTF-8"]
        );
    }

    #[test]
    fn utf_16_is_known_with_and_without_its_mark() {
        let wide: Vec<u8> = "[site]\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xff, 0xfe], wide.as_slice()].concat();
        for bytes in [&wide, &marked] {
            assert_eq!(
                told(bytes),
                ["f:1: this is no UTF-8 but UTF-16, or no text at all; save the file as UTF-8"]
            );
        }
    }

    #[test]
    fn the_mark_of_utf_8_is_no_fault() {
        let text = text(b"\xef\xbb\xbf[site]\nname = 'A'\n".to_vec(), "f").unwrap();
        assert_eq!(crate::read(&text, "f").unwrap().0.site.name, "A");
    }

    #[test]
    fn a_file_without_end_is_not_looked_through() {
        let told = told(&vec![0; DOCUMENT_BYTES_MAX + 1]);
        assert!(told.first().is_some_and(|told| told.contains("larger")), "{told:?}");
    }
}
