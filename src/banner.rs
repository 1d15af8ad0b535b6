//! What a person reads in the terminal.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this file is for the terminal")]

use holdfast::{Examined, Facts, Trouble, Weight};
use std::fmt::Write as _;

/// Prints as it is.
pub fn print(text: &str) {
    print!("{text}");
}

/// Prints why nothing runs.
pub fn print_trouble(trouble: &Trouble) {
    eprintln!("holdfast: {trouble}");
}

/// Where the box listens and what to try first.
pub fn of(facts: &Facts) -> String {
    let mut text = String::new();
    // Writing to a String can not fail.
    let _ = write_facts(&mut text, facts);
    text
}

/// What the doctor has found at a trunk.
pub fn of_trunk(examined: &Examined) -> String {
    let mut text = format!("Trunk {}\n", examined.trunk);
    for finding in &examined.findings {
        let word = match finding.weight {
            Weight::Fault => "FAULT",
            Weight::Doubt => "doubt",
            Weight::Good => "good ",
        };
        // Writing to a String can not fail.
        let _ = writeln!(text, "  {word}  {}", finding.says);
        if !finding.remedy.is_empty() {
            let _ = writeln!(text, "         {}", finding.remedy);
        }
    }
    text
}

fn write_facts(text: &mut String, facts: &Facts) -> std::fmt::Result {
    writeln!(text, "Holdfast {} is ready.", env!("CARGO_PKG_VERSION"))?;
    let sip: Vec<String> =
        facts.sip.iter().map(|(protocol, address)| format!("{protocol} {address}")).collect();
    writeln!(text, "  SIP     {}", sip.join(", "))?;
    let port = facts.page.port();
    let host = if facts.page.ip().is_unspecified() {
        "localhost".to_owned()
    } else {
        match facts.page {
            std::net::SocketAddr::V4(v4) => v4.ip().to_string(),
            std::net::SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        }
    };
    writeln!(text, "  Page    https://{host}:{port}/")?;
    writeln!(text, "          certificate SHA-256 {}", facts.fingerprint)?;
    if let Some(code) = &facts.claim_code {
        writeln!(text, "          claim code {code}")?;
    }
    for (account, password) in &facts.accounts {
        writeln!(text, "  Phone   user {account}, password {password}")?;
    }
    if let Some(queue) = facts.queues.first() {
        writeln!(
            text,
            "  Try     register a phone as above, then call sip:{queue}@HOST from another"
        )?;
    }
    for note in &facts.notes {
        writeln!(text, "  Note    {note}")?;
    }
    Ok(())
}
