//! One table of the document under the reader's finger. It hands out values by key, remembers
//! which keys were asked for, and at the end refuses every key that nobody asked for.
//!
//! A wrong value is noted and reading goes on, so that the operator sees all faults at once.

use toml::de::{DeTable, DeValue};
use toml::{Spanned, de::DeString};

use crate::finding::{Findings, Place, Places, Severity, Wrong};
use crate::kind::{self, Read};
use crate::lines;
use crate::suggest;

/// What one reading of a document gathers.
pub(crate) struct Reading<'t> {
    text: &'t str,
    line_starts: Vec<usize>,
    pub(crate) places: Places,
    pub(crate) findings: Findings,
}

impl<'t> Reading<'t> {
    pub(crate) fn new(text: &'t str, file: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect();
        Self { text, line_starts, places: Places::default(), findings: Findings::new(file) }
    }

    /// The line and character of a byte of the text.
    pub(crate) fn place(&self, offset: usize) -> Place {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start..offset).unwrap_or_default();
        Place { line, column: before.chars().count() + 1 }
    }

    fn refuse(&mut self, offset: usize, path: &str, wrong: Wrong) {
        let place = self.place(offset);
        self.findings.push(Severity::Error, place, path, wrong);
    }
}

/// One table.
pub(crate) struct Section<'r, 't, 'd> {
    reading: &'r mut Reading<'t>,
    table: &'d DeTable<'d>,
    path: String,
    /// Where the table begins: faults that belong to no key are told there.
    offset: usize,
    asked: Vec<&'static str>,
}

impl<'r, 't, 'd> Section<'r, 't, 'd> {
    /// The document itself.
    pub(crate) fn root(reading: &'r mut Reading<'t>, table: &'d DeTable<'d>) -> Self {
        Self { reading, table, path: String::new(), offset: 0, asked: Vec::new() }
    }

    /// The value of `key`, if it is there and right.
    pub(crate) fn may<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Read<T>,
    ) -> Option<T> {
        let (name, value) = self.find(key)?;
        kind(value.get_ref()).map_err(|wrong| self.refuse(name, key, wrong)).ok()
    }

    /// The value of `key`, or the default when it is absent.
    pub(crate) fn or<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Read<T>,
        default: T,
    ) -> T {
        self.may(key, kind).unwrap_or(default)
    }

    /// The value of a `key` that has no default.
    pub(crate) fn must<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Read<T>,
        example: &str,
    ) -> Option<T> {
        let Some((name, value)) = self.find(key) else {
            self.missing(key, example);
            return None;
        };
        kind(value.get_ref()).map_err(|wrong| self.refuse(name, key, wrong)).ok()
    }

    /// A list of single values; empty when absent.
    pub(crate) fn list<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Read<T>,
    ) -> Vec<T> {
        let Some(items) = self.array(key) else { return Vec::new() };
        let mut list = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let path = format!("{}[{position}]", self.path_of(key));
            self.reading.places.note(path.clone(), Some(self.reading.place(item.span().start)));
            match kind(item.get_ref()) {
                Ok(value) => list.push(value),
                Err(wrong) => self.reading.refuse(item.span().start, &path, wrong),
            }
        }
        list
    }

    /// What the lines of a text say, each told of where it stands; none when absent. A line that
    /// says nothing is passed over.
    pub(crate) fn lines<T>(
        &mut self,
        key: &'static str,
        bytes_max: usize,
        line: impl Fn(&str) -> Option<Read<T>>,
    ) -> Vec<T> {
        let Some((name, value)) = self.find(key) else { return Vec::new() };
        let text = match kind::lines(value.get_ref(), bytes_max) {
            Ok(text) => text,
            Err(wrong) => {
                self.refuse(name, key, wrong);
                return Vec::new();
            }
        };
        let written = self.reading.text.get(value.span()).unwrap_or_default();
        let known = lines::offsets(written, text).unwrap_or_default();
        let mut list = Vec::new();
        for (position, said) in text.lines().enumerate() {
            let path = format!("{}[{}]", self.path_of(key), list.len());
            let known = known.get(position).map(|offset| value.span().start + offset);
            let offset = known.unwrap_or(name.span().start);
            match line(said) {
                None => {}
                Some(Ok(value)) => {
                    self.reading.places.note(path, Some(self.reading.place(offset)));
                    list.push(value);
                }
                Some(Err(wrong)) if known.is_some() => self.reading.refuse(offset, &path, wrong),
                Some(Err(Wrong { what, remedy })) => {
                    let what = format!("line {} of the text: {what}", position + 1);
                    self.reading.refuse(offset, &path, Wrong::new(what, remedy));
                }
            }
        }
        list
    }

    /// What is read as the table `path` is written elsewhere, and what is wrong with it told there.
    pub(crate) fn is_written_at(&mut self, path: String, written: String) {
        self.reading.places.is_written_at(path, written);
    }

    /// A list of single values, or the default when it is absent.
    pub(crate) fn list_or<T>(
        &mut self,
        key: &'static str,
        kind: impl Fn(&DeValue<'_>) -> Read<T>,
        default: Vec<T>,
    ) -> Vec<T> {
        let present = self.table.contains_key(key);
        let list = self.list(key, kind);
        if present { list } else { default }
    }

    /// A list of tables, `[[key]]` or `key = [{ }]`; none when absent.
    pub(crate) fn tables<T>(
        &mut self,
        key: &'static str,
        each: impl Fn(&mut Section<'_, 't, 'd>) -> Option<T>,
    ) -> Option<Vec<T>> {
        let items = self.array(key)?;
        let mut list = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let path = format!("{}[{position}]", self.path_of(key));
            list.extend(self.inside(path, item.span().start, item, &each));
        }
        Some(list)
    }

    /// The table `[key]`; an absent one is read as an empty one, so that it takes its defaults.
    pub(crate) fn table<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'_, 't, '_>) -> T,
    ) -> Option<T> {
        if let Some((name, value)) = self.find(key) {
            let (path, offset) = (self.path_of(key), name.span().start);
            return self.inside(path, offset, value, |section| Some(read(section)));
        }
        let (path, empty) = (self.path_of(key), DeTable::new());
        let mut section = Section {
            reading: self.reading,
            table: &empty,
            path,
            offset: self.offset,
            asked: Vec::new(),
        };
        Some(read(&mut section))
    }

    /// The table of a `key` that has no default.
    pub(crate) fn must_table<T>(
        &mut self,
        key: &'static str,
        read: impl Fn(&mut Section<'_, 't, 'd>) -> Option<T>,
        example: &str,
    ) -> Option<T> {
        let Some((name, value)) = self.find(key) else {
            self.missing(key, example);
            return None;
        };
        self.inside(self.path_of(key), name.span().start, value, read)
    }

    /// Notes a fault of this table as a whole.
    pub(crate) fn fault(&mut self, wrong: Wrong) {
        self.reading.refuse(self.offset, &self.path, wrong);
    }

    /// Refuses what nobody asked for.
    fn finish(&mut self) {
        for (name, value) in self.table {
            if self.asked.contains(&name.get_ref().as_ref()) {
                continue;
            }
            let written = name.get_ref().as_ref();
            let remedy = match suggest::nearest(written, self.asked.iter().copied()) {
                Some(known) => format!("did you mean `{known}`?"),
                None => format!("remove it; known here: {}", self.asked.join(", ")),
            };
            let what = match value.get_ref() {
                DeValue::Table(_) => "there is no such section",
                _ => "there is no such key",
            };
            let path = self.path_of(&printable(written));
            self.reading.refuse(name.span().start, &path, Wrong::new(what, remedy));
        }
    }

    fn inside<T>(
        &mut self,
        path: String,
        offset: usize,
        value: &'d Spanned<DeValue<'d>>,
        read: impl Fn(&mut Section<'_, 't, 'd>) -> Option<T>,
    ) -> Option<T> {
        self.reading.places.note(path.clone(), Some(self.reading.place(offset)));
        match kind::table(value.get_ref()) {
            Ok(table) => {
                let asked = Vec::new();
                let mut section = Section { reading: self.reading, table, path, offset, asked };
                let read = read(&mut section);
                section.finish();
                read
            }
            Err(wrong) => {
                self.reading.refuse(value.span().start, &path, wrong);
                None
            }
        }
    }

    fn array(&mut self, key: &'static str) -> Option<&'d [Spanned<DeValue<'d>>]> {
        let (name, value) = self.find(key)?;
        match value.get_ref() {
            DeValue::Array(items) => Some(items),
            other => {
                let wrong = kind::other_type(other, "a list", "[ ] around it, or [[ ]] as header");
                self.refuse(name, key, wrong);
                None
            }
        }
    }

    /// The key as written and its value. Notes that it was looked for, and where it stands.
    fn find(
        &mut self,
        key: &'static str,
    ) -> Option<(&'d Spanned<DeString<'d>>, &'d Spanned<DeValue<'d>>)> {
        self.asked.push(key);
        let found = self.table.get_key_value(key);
        let place = found.map(|(name, _)| self.reading.place(name.span().start));
        let path = self.path_of(key);
        self.reading.places.note(path, place);
        found
    }

    fn missing(&mut self, key: &str, example: &str) {
        let wrong = Wrong::new("the key is missing", format!("add `{key} = {example}`"));
        let path = self.path_of(key);
        self.reading.refuse(self.offset, &path, wrong);
    }

    fn refuse(&mut self, name: &Spanned<DeString<'_>>, key: &str, wrong: Wrong) {
        let path = self.path_of(key);
        self.reading.refuse(name.span().start, &path, wrong);
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// Ends the reading of the document itself.
    pub(crate) fn close(mut self) {
        self.finish();
    }
}

/// An unknown key can hold anything; what is shown of it fits one line.
fn printable(key: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 40;
    key.chars().filter(|c| !c.is_control()).take(SHOWN_CHARS_MAX).collect()
}
