//! What each platform refuses: a test fails on what the real one would answer by 4xx or by silence.

use super::text::{
    body, cseq, direction, header, headers, method, start, status, uri, user_and_host,
};

/// Whose rules hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Platform {
    /// Anybody who keeps to the RFCs.
    Plain,
    /// Teams Direct Routing, by this name of the box; it names REFER in Allow or it does not.
    Teams { box_name: &'static str, refer: bool },
    /// The certified SBC before Teams.
    Sbc,
    /// Avaya Aura.
    Avaya,
    /// Cisco Unified CM.
    Cisco,
    /// Skype for Business.
    Sfb,
}

/// Looks at one message of the box.
pub fn examine(platform: Platform, message: &str) {
    everybody(message);
    match platform {
        Platform::Plain => {}
        Platform::Teams { box_name, refer } => teams(box_name, refer, message),
        Platform::Sbc => {
            numbers_with_plus(message);
            teams_description(message);
        }
        Platform::Avaya => ascii_display(message),
        Platform::Cisco => cisco(message),
        Platform::Sfb => sfb(message),
    }
}

fn everybody(message: &str) {
    for name in ["Via", "From", "To", "Call-ID", "CSeq"] {
        assert!(!header(message, name).is_empty(), "no {name}: {message}");
    }
    let length: usize = header(message, "Content-Length").parse().expect("a length");
    assert_eq!(length, body(message).len(), "{message}");
    names(message);
}

/// RFC 7989: one Session-ID, of two UUIDs in lower case.
fn names(message: &str) {
    let all = headers(message, "Session-ID");
    assert!(all.len() <= 1, "{message}");
    let Some(both) = all.first() else { return };
    let (sender, receiver) = both.split_once(";remote=").expect("two names");
    for name in [sender, receiver] {
        let digits = name.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'));
        assert!(name.len() == 32 && digits, "{message}");
    }
    assert_ne!(sender, "0".repeat(32), "nobody has sent it: {message}");
}

fn is_first_invite(message: &str) -> bool {
    method(message) == "INVITE" && !header(message, "To").contains("tag=")
}

/// contract 1.2 to 1.7.
fn teams(box_name: &str, refer: bool, message: &str) {
    let is_request = status(message).is_none();
    if is_request {
        let via = header(message, "Via");
        assert!(via.starts_with(&format!("SIP/2.0/TLS {box_name}:5061;")), "{message}");
        assert!(via.contains(";alias"), "{message}");
    }
    no_address(message);
    let forms = matches!(cseq(message).1, "INVITE" | "OPTIONS");
    let final_or_early = status(message).is_none_or(|code| (101..300).contains(&code));
    if forms && final_or_early && method(message) != "ACK" && method(message) != "CANCEL" {
        let contact = uri(header(message, "Contact"));
        let (user, host) = user_and_host(contact);
        assert_eq!(host, format!("{box_name}:5061"), "403, the Contact: {message}");
        assert!(contact.contains(";transport=tls"), "{message}");
        assert_eq!(user.is_empty(), cseq(message).1 == "OPTIONS", "{message}");
        let allow: Vec<&str> = header(message, "Allow").split(", ").collect();
        for needed in ["INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE"] {
            assert!(allow.contains(&needed), "{needed}: {message}");
        }
        assert_eq!(allow.contains(&"REFER"), refer, "{message}");
    }
    if method(message) == "OPTIONS" {
        assert!(!header(message, "X-MS-SBC").is_empty(), "{message}");
        let (user, host) = user_and_host(uri(header(message, "From")));
        assert_eq!((user, host), ("", &*format!("{box_name}:5061")), "{message}");
        let target = start(message).split(' ').nth(1).expect("a URI");
        assert!(target.ends_with(".pstnhub.microsoft.com:5061;transport=tls"), "{message}");
    }
    if is_first_invite(message) {
        let target = start(message).split(' ').nth(1).expect("a URI");
        assert!(target.starts_with("sip:"), "{message}");
        assert!(headers(message, "Replaces").is_empty(), "refused by Teams: {message}");
        // A transfer of its own goes back as it came, parameters and all.
        if headers(message, "Referred-By").is_empty() {
            assert!(
                target.contains(";user=phone") && target.contains(";transport=tls"),
                "{message}"
            );
            numbers_with_plus(message);
        }
    }
    teams_description(message);
    teams_keys(message);
}

/// contract 1.7: audio is RTP/SAVP with one key of the one suite, its lifetime behind it.
fn teams_keys(message: &str) {
    let lines: Vec<&str> = body(message).lines().map(str::trim).collect();
    let Some(audio) = lines.iter().find(|line| line.starts_with("m=audio ")) else { return };
    assert_eq!(audio.split(' ').nth(2), Some("RTP/SAVP"), "488: {message}");
    let keys: Vec<&&str> = lines.iter().filter(|line| line.starts_with("a=crypto:")).collect();
    let [key] = keys[..] else { panic!("488, one key: {message}") };
    let parts: Vec<&str> = key.split(' ').collect();
    let [tag, suite, inline] = parts[..] else { panic!("488, a key: {message}") };
    assert_eq!((tag, suite), ("a=crypto:1", "AES_CM_128_HMAC_SHA1_80"), "488: {message}");
    // 30 bytes are 40 letters.
    assert!(inline.starts_with("inline:") && inline.ends_with("|2^31"), "488: {message}");
    assert_eq!(inline.len(), "inline:".len() + 40 + "|2^31".len(), "488: {message}");
}

fn numbers_with_plus(message: &str) {
    if !is_first_invite(message) {
        return;
    }
    let target = start(message).split(' ').nth(1).expect("a URI");
    assert!(user_and_host(target).0.starts_with('+'), "{message}");
    let (user, host) = user_and_host(uri(header(message, "From")));
    let nobody = host == "anonymous.invalid";
    assert!(nobody || user.starts_with('+'), "{message}");
    assert!(!body(message).is_empty(), "Teams wants an offer: {message}");
}

/// No address stands where Teams looks for a name.
fn no_address(message: &str) {
    for name in ["Via", "Contact", "Record-Route", "From"] {
        // The Vias of a response are Teams' own.
        if name == "Via" && status(message).is_some() || status(message).is_some() && name == "From"
        {
            continue;
        }
        for value in headers(message, name) {
            assert!(!value.contains("10.0.0.1"), "403, an address: {message}");
        }
    }
}

/// contract 1.6 and 1.7: hold is `a=inactive` alone, and nothing unknown stands in a description.
fn teams_description(message: &str) {
    if body(message).is_empty() || !header(message, "Content-Type").starts_with("application/sdp") {
        return;
    }
    assert!(matches!(direction(message), "sendrecv" | "inactive"), "a hold of others: {message}");
    assert!(!body(message).contains("c=IN IP4 0.0.0.0"), "{message}");
    let known = ["rtpmap", "fmtp", "ptime", "sendrecv", "inactive", "rtcp", "crypto"];
    for attribute in body(message).lines().filter_map(|line| line.trim().strip_prefix("a=")) {
        let name = attribute.split(':').next().unwrap_or_default();
        assert!(known.contains(&name), "a={name}: {message}");
    }
}

fn ascii_display(message: &str) {
    assert!(status(message).is_some() || header(message, "From").is_ascii(), "{message}");
}

fn cisco(message: &str) {
    if is_first_invite(message) {
        let expires = header(message, "Session-Expires").split(';').next().unwrap_or_default();
        let expires: u32 = expires.parse().expect("Session-Expires");
        assert!(expires >= 1800, "422: {message}");
    }
}

fn sfb(message: &str) {
    if is_first_invite(message) {
        assert_eq!(direction(message), "sendrecv", "488, a first offer that holds: {message}");
        assert!(start(message).contains(";user=phone"), "{message}");
        assert!(headers(message, "Replaces").is_empty(), "{message}");
    }
}
