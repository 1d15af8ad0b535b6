//! The torture messages of RFC 4475 at the door of the core: what the parser lets in, and what
//! `admit::examine` then says to it.
//!
//! The messages lie beside the checkout; where they are absent the test says so and passes.

#![allow(clippy::print_stderr, reason = "a test that skips says so")]
#![allow(clippy::expect_used, reason = "a test may die of what it did not expect")]
#![allow(clippy::indexing_slicing, reason = "a field that is absent from JSON reads as null")]

use holdfast_core::sip::admit::examine;
use holdfast_wire::sip::Message;
use std::fs;
use std::path::Path;

/// What happens to one torture message at this door: `accepted`, `drop`, or a status.
fn fate(bytes: &[u8]) -> String {
    match Message::parse(bytes) {
        Ok(Message::Response(_)) => "drop".to_owned(), // to the table, which knows no such branch
        Ok(Message::Request(request)) => match examine(&request) {
            Ok(()) => "accepted".to_owned(),
            Err(response) => response.status.to_string(),
        },
        Err(error) => {
            error.answerable.map_or("drop".to_owned(), |response| response.status.to_string())
        }
    }
}

/// Whether the manifest allows this fate. What is accepted here is decided further in, and
/// passes where the manifest leaves the answer open or hopes for a 200.
fn allowed(entry: &serde_json::Value, fate: &str) -> bool {
    let (preferred, allowed) = (&entry["preferred"], &entry["allowed"]);
    let lists = |field: &serde_json::Value, wanted: &str| {
        let all = field.as_array().map_or(&[][..], Vec::as_slice);
        all.iter().any(|one| one.to_string().trim_matches('"') == wanted)
    };
    let listed = lists(preferred, fate) || lists(allowed, fate) || allowed == "any";
    match fate {
        "accepted" => preferred == "any" || allowed == "any" || lists(preferred, "200"),
        "drop" => listed || preferred == "none",
        "400" => listed, // a message that must be understood is never malformed
        _ => listed || preferred == "any",
    }
}

#[test]
fn the_torture_messages_of_rfc_4475_meet_an_allowed_fate() {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut beside = checkout.ancestors().map(|folder| folder.join("shared/torture"));
    let Some(folder) = beside.find(|folder| folder.join("manifest.json").exists()) else {
        eprintln!("skipped: no shared/torture beside the checkout");
        return;
    };
    let manifest = fs::read(folder.join("manifest.json")).expect("a manifest");
    let manifest: Vec<serde_json::Value> = serde_json::from_slice(&manifest).expect("JSON");
    let mut wrong = Vec::new();
    for entry in &manifest {
        let file = entry["file"].as_str().expect("a file name");
        let fate = fate(&fs::read(folder.join(file)).expect(file));
        if !allowed(entry, &fate) {
            wrong.push(format!("{}: {fate}, but {entry}", entry["name"]));
        }
    }
    assert!(manifest.len() > 40 && wrong.is_empty(), "{}", wrong.join("\n"));
}
