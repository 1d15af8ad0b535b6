//! The rules of our house that the compiler and clippy can not say: which crate may name which,
//! what the pure crates never mention, what every file looks like.
//!
//! Each rule is a function from one file to faults, and `each_rule_bites` feeds each a file that
//! breaks it. A fault names file and line, the rule, and what to do instead.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::Path;

/// The crates that decide and never do: no clock, no socket, no file, no thread, no chance.
const PURE: [&str; 4] = ["base", "wire", "config", "core"];

/// Which of our crates each of our crates may name. `web` and `drive` meet only in `main`.
const ARROWS: [(&str, &[&str]); 6] = [
    ("base", &[]),
    ("wire", &["base"]),
    ("config", &["base"]),
    ("core", &["base", "wire", "config"]),
    ("drive", &["base", "wire", "config", "core"]),
    ("web", &["base", "config", "core"]),
];

/// Crates that do something, so that a pure crate has no business with them.
const DOING: &str = "\
    async-std axum chrono crossbeam-channel fastrand futures getrandom hickory-resolver hyper \
    hyper-util libc log mio nix parking_lot rand rcgen reqwest rustls sd-notify sled socket2 tokio \
    tokio-rustls tower tracing tracing-journald";

/// What pure code never says, and what it says instead.
const IMPURE: [(&str, &str); 27] = [
    ("tokio", "a driver awaits; a core gets an input"),
    ("async", "a driver awaits; a core gets an input"),
    ("await", "a driver awaits; a core gets an input"),
    ("UdpSocket", "push an output; a driver sends it"),
    ("TcpStream", "push an output; a driver sends it"),
    ("TcpListener", "push an output; a driver listens"),
    ("UnixStream", "push an output; a driver sends it"),
    ("UnixDatagram", "push an output; a driver sends it"),
    ("std::fs", "take the bytes as a value; a driver reads the file"),
    ("fs::", "take the bytes as a value; a driver reads the file"),
    ("File::", "take the bytes as a value; a driver reads the file"),
    ("std::thread", "the site loop is the only thread of a core"),
    ("thread::", "the site loop is the only thread of a core"),
    ("thread_local", "own the value; nothing is shared"),
    ("Mutex", "own the value; nothing is shared"),
    ("RwLock", "own the value; nothing is shared"),
    ("Condvar", "own the value; nothing is shared"),
    ("Instant", "take `Now` as a value"),
    ("SystemTime", "take `Now` as a value"),
    ("std::env", "settings come from the configuration"),
    ("rand::", "take `Entropy` as a value"),
    ("getrandom", "take `Entropy` as a value"),
    ("sled", "the index belongs to the drivers"),
    ("axum", "pages belong to the web crate"),
    ("mpsc", "push to the outbox"),
    ("HashMap", "use BTreeMap: the same seed must give the same trace"),
    ("HashSet", "use BTreeSet: the same seed must give the same trace"),
];

const LINES_MAX: usize = 600;
const COLUMNS_MAX: usize = 100;
/// Columns of a line that would say less if it were broken.
const COLUMNS_WIDE_MAX: usize = 130;
/// In two parts, so that this file does not break its own rule.
const LATER: [&str; 4] =
    [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];
/// The line with which the `lib.rs` of a pure crate switches the list in `clippy.toml` on.
const DENIAL: &str = "#![deny(clippy::disallowed_methods, clippy::disallowed_types)]";

/// What is wrong, where, and what to do.
#[derive(Debug)]
struct Fault {
    file: String,
    line: usize,
    rule: &'static str,
    remedy: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}; {}", self.file, self.line, self.rule, self.remedy)
    }
}

/// One file of the tree. `code` is its text with comments and literals blanked, line by line.
struct Source {
    path: String,
    text: String,
    code: String,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let code = if path.ends_with(".rs") { blank(text) } else { text.to_owned() };
        Self { path: path.to_owned(), text: text.to_owned(), code }
    }

    fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The crate the file belongs to: `core` of `src/core/call/leg.rs`.
    fn layer(&self) -> Option<&str> {
        self.path.strip_prefix("src/")?.split_once('/').map(|(layer, _)| layer)
    }

    fn is_pure(&self) -> bool {
        self.layer().is_some_and(|layer| PURE.contains(&layer))
    }

    fn fault(&self, line: usize, rule: &'static str, remedy: impl Into<String>) -> Fault {
        Fault { file: self.path.clone(), line, rule, remedy: remedy.into() }
    }

    fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.code.lines().enumerate().map(|(at, line)| (at + 1, line))
    }

    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.lines().enumerate().map(|(at, line)| (at + 1, line))
    }
}

type Rule = fn(&Source) -> Vec<Fault>;

const RULES: [Rule; 13] = [
    pure_words,
    pure_lints,
    arrows_in_code,
    arrows_in_manifests,
    workspace_lints,
    unbounded_channels,
    rsip_stays_in_wire,
    header,
    size,
    later,
    dead_code,
    sentences,
    versions,
];

/// What all rules say about one file.
fn faults(source: &Source) -> Vec<Fault> {
    RULES.iter().flat_map(|rule| rule(source)).collect()
}

fn pure_words(source: &Source) -> Vec<Fault> {
    if !source.is_pure() || !source.is_rust() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    for (line, code) in source.code_lines() {
        if let Some((word, remedy)) = IMPURE.iter().find(|(word, _)| mentions(code, word)) {
            let rule = "a pure crate mentions a clock, a socket, a file, a thread or chance";
            faults.push(source.fault(line, rule, format!("`{word}`: {remedy}")));
        }
    }
    faults
}

fn pure_lints(source: &Source) -> Vec<Fault> {
    let is_root = source.layer().is_some_and(|layer| source.path == format!("src/{layer}/lib.rs"));
    if source.is_pure() && is_root && !source.text.contains(DENIAL) {
        let rule = "a pure crate does not switch the list in clippy.toml on";
        return vec![source.fault(1, rule, format!("add `{DENIAL}` below the header"))];
    }
    Vec::new()
}

/// The layers that `layer` must not name, with the names of their crates.
fn forbidden(layer: &str) -> impl Iterator<Item = (&'static str, String)> + '_ {
    let may = ARROWS.iter().find(|(from, _)| *from == layer).map(|(_, to)| *to);
    let others = ARROWS
        .iter()
        .map(|(to, _)| *to)
        .filter(move |to| *to != layer && may.is_some_and(|may| !may.contains(to)));
    others.map(|to| (to, format!("holdfast-{to}")))
}

fn arrows_in_code(source: &Source) -> Vec<Fault> {
    let Some(layer) = source.layer().filter(|_| source.is_rust()) else { return Vec::new() };
    let mut faults = Vec::new();
    for (line, code) in source.code_lines() {
        for (to, name) in forbidden(layer) {
            if words(code).any(|word| word == name.replace('-', "_")) {
                let rule = "an arrow between layers points the wrong way";
                faults.push(source.fault(line, rule, format!("`{layer}` must not know `{to}`")));
            }
        }
    }
    faults
}

fn arrows_in_manifests(source: &Source) -> Vec<Fault> {
    let Some(layer) = source.layer().filter(|_| source.path.ends_with("/Cargo.toml")) else {
        return Vec::new();
    };
    let mut faults = Vec::new();
    for (line, name) in dependencies(source, "dependencies") {
        if forbidden(layer).any(|(_, crate_name)| crate_name == name) {
            let rule = "an arrow between layers points the wrong way";
            faults.push(source.fault(line, rule, format!("`{layer}` must not know `{name}`")));
        }
        if source.is_pure() && DOING.split(' ').any(|doing| doing == name) {
            let rule = "a pure crate depends on a crate that does something";
            let remedy = format!("move what needs `{name}` to `drive` or `web`");
            faults.push(source.fault(line, rule, remedy));
        }
    }
    faults
}

fn workspace_lints(source: &Source) -> Vec<Fault> {
    let manifest = source.path.ends_with("Cargo.toml") && !source.path.starts_with("tests/");
    if manifest && !source.text.contains("[lints]\nworkspace = true") {
        let rule = "a crate does not follow the lints of the workspace";
        return vec![source.fault(1, rule, "add `[lints]` with `workspace = true`")];
    }
    Vec::new()
}

fn unbounded_channels(source: &Source) -> Vec<Fault> {
    let rule = "a channel has no limit";
    let remedy = "use `sync_channel(LIMIT)` or `channel(LIMIT)`, and say what full means";
    let mut faults = Vec::new();
    for (line, code) in source.code_lines().filter(|_| source.is_rust()) {
        let named = words(code)
            .any(|word| matches!(word, "unbounded" | "unbounded_channel" | "UnboundedSender"));
        let compact: String = code.split_whitespace().collect();
        let called = compact.match_indices("mpsc::channel").any(|(at, name)| {
            let after = compact.get(at + name.len()..).unwrap_or_default();
            let arguments = match after.strip_prefix("::<") {
                Some(types) => types.split_once(">(").map_or("", |(_, arguments)| arguments),
                None => after.strip_prefix('(').unwrap_or_default(),
            };
            arguments.starts_with(')')
        });
        let imported =
            compact.contains("std::sync::mpsc::") && words(code).any(|word| word == "channel");
        if named || called || imported {
            faults.push(source.fault(line, rule, remedy));
        }
    }
    faults
}

fn rsip_stays_in_wire(source: &Source) -> Vec<Fault> {
    if !source.is_rust() || source.layer() == Some("wire") {
        return Vec::new();
    }
    let rule = "types of rsip leave the wire layer";
    let named = source.code_lines().filter(|(_, code)| words(code).any(|word| word == "rsip"));
    named.map(|(line, _)| source.fault(line, rule, "use the types of `holdfast_wire`")).collect()
}

fn header(source: &Source) -> Vec<Fault> {
    if source.is_rust() && !source.text.starts_with("//! ") {
        let rule = "a file does not begin with its header";
        let remedy = "say in `//!` lines what it decides and what it refuses to know";
        return vec![source.fault(1, rule, remedy)];
    }
    Vec::new()
}

fn size(source: &Source) -> Vec<Fault> {
    if !source.is_rust() {
        return Vec::new();
    }
    let mut faults = Vec::new();
    let lines = source.text.lines().count();
    if lines > LINES_MAX {
        let remedy = format!("{lines} lines are two ideas: split by idea, not by length");
        faults.push(source.fault(LINES_MAX, "a file is longer than 600 lines", remedy));
    }
    for (line, text) in source.lines() {
        let columns = text.chars().count();
        let limit = if may_be_wide(text) { COLUMNS_WIDE_MAX } else { COLUMNS_MAX };
        if columns > limit {
            let remedy = format!("break it: it has {columns}");
            faults.push(source.fault(line, "a line is longer than 100 columns", remedy));
        }
    }
    faults
}

/// A table, a drawing or a quoted text says less when it is broken.
fn may_be_wide(line: &str) -> bool {
    let comment = line.trim_start();
    let drawn = ["//! |", "/// |", "//!  ", "///  "].iter().any(|start| comment.starts_with(start));
    drawn || line.contains('"')
}

fn later(source: &Source) -> Vec<Fault> {
    let rule = "something is put off";
    let found = source.lines().filter(|(_, text)| words(text).any(|word| LATER.contains(&word)));
    found.map(|(line, _)| source.fault(line, rule, "do it now, or leave it out")).collect()
}

/// A comment that reads like a statement. Documentation (`///`, `//!`) may show code.
fn dead_code(source: &Source) -> Vec<Fault> {
    const STARTS: [&str; 12] = [
        "let ", "if ", "for ", "while ", "match ", "fn ", "pub ", "use ", "self.", "return ",
        "assert", "} else",
    ];
    let rule = "code stands in a comment";
    let mut faults = Vec::new();
    for (line, text) in source.lines().filter(|_| source.is_rust()) {
        let Some(comment) = text.trim_start().strip_prefix("// ") else { continue };
        let comment = comment.trim();
        let statement = comment.ends_with(';') || comment.ends_with('{');
        if statement && STARTS.iter().any(|start| comment.starts_with(start)) {
            faults.push(source.fault(line, rule, "delete it; git remembers"));
        }
    }
    faults
}

/// Every dependency from outside says above what we would otherwise have to write.
fn sentences(source: &Source) -> Vec<Fault> {
    if source.path != "Cargo.toml" {
        return Vec::new();
    }
    let lines: Vec<&str> = source.text.lines().collect();
    let rule = "a dependency gives no reason";
    let mut faults = Vec::new();
    for (line, name) in dependencies(source, "workspace.dependencies") {
        let reason = line.checked_sub(2).and_then(|above| lines.get(above));
        if !name.starts_with("holdfast-") && !reason.is_some_and(|above| above.starts_with("# ")) {
            let remedy = format!("say above `{name}` what we would otherwise have to write");
            faults.push(source.fault(line, rule, remedy));
        }
    }
    faults
}

/// One version of a dependency for all: crates take it from the workspace.
fn versions(source: &Source) -> Vec<Fault> {
    if !source.path.starts_with("src/") || !source.path.ends_with("/Cargo.toml") {
        return Vec::new();
    }
    let rule = "a crate sets a version of its own";
    let mut faults = Vec::new();
    for section in ["dependencies", "dev-dependencies"] {
        for (line, name) in dependencies(source, section) {
            let text = source.text.lines().nth(line - 1).unwrap_or_default();
            if !text.contains("workspace = true") {
                let remedy = format!("write `{name}.workspace = true`; the root has the version");
                faults.push(source.fault(line, rule, remedy));
            }
        }
    }
    faults
}

/// Line and name of each entry of one section of a manifest.
fn dependencies<'s>(source: &'s Source, section: &str) -> Vec<(usize, &'s str)> {
    let header = format!("[{section}]");
    let mut inside = false;
    let mut found = Vec::new();
    for (line, text) in source.lines() {
        if text.starts_with('[') {
            inside = text.trim() == header;
        } else if inside && text.starts_with(|c: char| c.is_ascii_alphanumeric()) {
            let end = text.find(['.', ' ', '=']).unwrap_or(text.len());
            found.push((line, text.get(..end).unwrap_or_default()));
        }
    }
    found
}

/// Identifiers and keywords of a line.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

/// Whether `word` stands in a line as a word of its own; a word may be a path.
fn mentions(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let before = line.get(..at).unwrap_or_default();
        let after = line.get(at + word.len()..).unwrap_or_default();
        !before.ends_with(part) && (!word.ends_with(part) || !after.starts_with(part))
    })
}

/// Rust text with comments, strings and characters blanked; line breaks stay.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let at = |place: usize| chars.get(place).copied().unwrap_or('\0');
    let mut code = String::with_capacity(text.len());
    let mut place = 0;
    while place < chars.len() {
        let end = match at(place) {
            '/' if at(place + 1) == '/' => line_end(&chars, place),
            '/' if at(place + 1) == '*' => comment_end(&chars, place),
            '"' => string_end(&chars, place + 1),
            'r' if !is_word(&chars, place) => raw_end(&chars, place).unwrap_or(place),
            '\'' if at(place + 1) == '\\' => char_end(&chars, place + 2),
            '\'' if at(place + 2) == '\'' => place + 3,
            _ => place,
        };
        if end == place {
            code.push(at(place));
            place += 1;
        }
        while place < end.min(chars.len()) {
            code.push(if at(place) == '\n' { '\n' } else { ' ' });
            place += 1;
        }
    }
    code
}

/// Whether the character before `place` belongs to a word that goes on here. `br` is no word.
fn is_word(chars: &[char], place: usize) -> bool {
    let before = |back: usize| place.checked_sub(back).and_then(|place| chars.get(place)).copied();
    let word = |c: char| c.is_alphanumeric() || c == '_';
    let prefix = before(1) == Some('b') && !before(2).is_some_and(word);
    before(1).is_some_and(word) && !prefix
}

fn line_end(chars: &[char], start: usize) -> usize {
    chars.iter().skip(start).position(|c| *c == '\n').map_or(chars.len(), |found| start + found)
}

fn comment_end(chars: &[char], start: usize) -> usize {
    let mut depth = 0_usize;
    let mut place = start;
    while place < chars.len() {
        let pair = (chars.get(place), chars.get(place + 1));
        if pair == (Some(&'/'), Some(&'*')) {
            depth += 1;
            place += 2;
        } else if pair == (Some(&'*'), Some(&'/')) {
            depth -= 1;
            place += 2;
            if depth == 0 {
                return place;
            }
        } else {
            place += 1;
        }
    }
    place
}

fn string_end(chars: &[char], start: usize) -> usize {
    let mut place = start;
    while let Some(c) = chars.get(place) {
        match c {
            '"' => return place + 1,
            '\\' => place += 2,
            _ => place += 1,
        }
    }
    place
}

fn raw_end(chars: &[char], start: usize) -> Option<usize> {
    let hashes = chars.iter().skip(start + 1).take_while(|c| **c == '#').count();
    let open = start + 1 + hashes;
    if chars.get(open) != Some(&'"') {
        return None;
    }
    let closes = |place: &usize| {
        chars.get(*place) == Some(&'"')
            && (1..=hashes).all(|hash| chars.get(place + hash) == Some(&'#'))
    };
    let close = (open + 1..chars.len()).find(closes)?;
    Some(close + 1 + hashes)
}

fn char_end(chars: &[char], start: usize) -> usize {
    let found = chars.iter().skip(start + 1).position(|c| *c == '\'');
    found.map_or(chars.len(), |found| start + 2 + found)
}

/// Every file of the tree that has rules.
fn tree() -> io::Result<Vec<Source>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut sources = Vec::new();
    for name in ["Cargo.toml", "src", "tests"] {
        gather(root, &root.join(name), &mut sources)?;
    }
    Ok(sources)
}

fn gather(root: &Path, path: &Path, sources: &mut Vec<Source>) -> io::Result<()> {
    let name = path.strip_prefix(root).unwrap_or(path).to_string_lossy();
    if path.is_dir() {
        let mut inside = Vec::new();
        for entry in fs::read_dir(path)? {
            inside.push(entry?.path());
        }
        inside.sort();
        for path in inside.iter().filter(|path| !path.ends_with("target")) {
            gather(root, path, sources)?;
        }
    } else if [".rs", "Cargo.toml", ".js", ".css"].iter().any(|ending| name.ends_with(ending)) {
        sources.push(Source::new(&name, &fs::read_to_string(path)?));
    }
    Ok(())
}

#[test]
fn the_tree_is_tidy() {
    let sources = tree().unwrap();
    assert!(sources.len() > 20, "only {} files were found", sources.len());
    let told: Vec<String> =
        sources.iter().flat_map(faults).map(|fault| fault.to_string()).collect();
    assert!(told.is_empty(), "{} faults:\n{}", told.len(), told.join("\n"));
}

/// Each file breaks one rule in the lines named, and no other.
#[test]
fn each_rule_bites() {
    let lints = "[lints]\nworkspace = true\n";
    let long = format!("//! H.\n{}", "//\n".repeat(LINES_MAX));
    let wide = format!("//! H.\n// {}\n", "x".repeat(COLUMNS_MAX));
    let put_off = format!("//! H.\n// {}: more\n", LATER[0]);
    let drive = format!("{lints}[dependencies]\nholdfast-web.workspace = true\n");
    let pure = format!("{lints}[dependencies]\nserde.workspace = true\nnix.workspace = true\n");
    let own = format!("{lints}[dev-dependencies]\nproptest = \"1\"\n");
    let silent = format!("{lints}[workspace.dependencies]\n# Why.\na = \"1\"\nb = \"1\"\n");
    let samples: [(&str, &str, &str, &[usize]); 16] = [
        ("src/core/a.rs", "//! H.\nuse std::time::Instant;\n", "a pure crate mentions", &[2]),
        (
            "src/wire/a.rs",
            "//! H.\nasync fn f() {}\nuse std::fs;\n",
            "a pure crate mentions",
            &[2, 3],
        ),
        ("src/core/a.rs", "//! H.\nlet m = HashMap::new();\n", "a pure crate mentions", &[2]),
        ("src/base/lib.rs", "//! H.\n", "a pure crate does not switch", &[1]),
        ("src/drive/a.rs", "//! H.\nuse holdfast_web::Page;\n", "an arrow", &[2]),
        ("src/drive/Cargo.toml", &drive, "an arrow", &[4]),
        ("src/core/Cargo.toml", &pure, "a pure crate depends", &[5]),
        ("src/web/Cargo.toml", "[dependencies]\n", "a crate does not follow", &[1]),
        (
            "src/drive/a.rs",
            "//! H.\nlet (a, b) = mpsc::channel();\n",
            "a channel has no limit",
            &[2],
        ),
        ("src/core/a.rs", "//! H.\nuse rsip::Method;\n", "types of rsip", &[2]),
        ("src/web/a.rs", "use axum::Router;\n", "a file does not begin", &[1]),
        ("src/web/a.rs", &long, "a file is longer", &[LINES_MAX]),
        ("src/web/a.rs", &wide, "a line is longer", &[2]),
        ("src/web/a.rs", &put_off, "something is put off", &[2]),
        ("src/web/a.rs", "//! H.\n// let x = 1;\n", "code stands in a comment", &[2]),
        ("Cargo.toml", &silent, "a dependency gives no reason", &[6]),
    ];
    let versions = [("src/core/Cargo.toml", own.as_str(), "a crate sets a version", &[4][..])];
    let mut bitten = BTreeMap::new();
    for (path, text, rule, lines) in samples.into_iter().chain(versions) {
        let told = faults(&Source::new(path, text));
        let at: Vec<usize> = told.iter().map(|fault| fault.line).collect();
        assert_eq!(at, lines, "{path}: {rule}: {told:?}");
        assert!(told.iter().all(|fault| fault.rule.starts_with(rule)), "{rule}: {told:?}");
        bitten.insert(rule, path);
    }
    assert_eq!(bitten.len(), RULES.len() + 1, "a rule has no sample");
}

#[test]
fn what_is_allowed_is_left_alone() {
    let samples = [
        ("src/core/a.rs", "//! No tokio, no HashMap.\nconst A: &str = \"std::fs\"; // a thread\n"),
        ("src/core/a.rs", "//! H.\nuse std::net::{IpAddr, SocketAddr};\nlet threads = operand;\n"),
        (
            "src/drive/a.rs",
            "//! H.\nlet a = oneshot::channel();\nlet b = mpsc::channel::<u8>(9);\n",
        ),
        ("src/drive/a.rs", "//! H.\n/// let x = 1;\nuse std::{fs, thread};\n"),
    ];
    for (path, text) in samples {
        let told: Vec<String> =
            faults(&Source::new(path, text)).iter().map(ToString::to_string).collect();
        assert_eq!(told, Vec::<String>::new());
    }
    let typed = "//! H.\nlet b = mpsc::channel::<u8>();\nuse std::sync::mpsc::{Sender, channel};\n";
    assert_eq!(faults(&Source::new("src/drive/a.rs", typed)).len(), 2);
}

#[test]
fn comments_and_literals_are_blank() {
    let text = "a /* b /* c */ */ d // e\n'f' '\\'' 'g r#\"h\" i\"# br\"j\" \"k\\\"l\" m'n";
    let left: Vec<String> = blank(text).split_whitespace().map(str::to_owned).collect();
    assert_eq!(left, ["a", "d", "'g", "b", "m'n"]);
    assert_eq!(blank(text).lines().count(), 2);
}
