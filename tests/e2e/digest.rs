//! Digest credentials with MD5 (RFC 2617 §3.2.2), as the phones on most desks make them.

use md5::{Digest, Md5};

/// The value of an `Authorization` header that answers a challenge.
pub fn credentials(challenge: &str, method: &str, uri: &str, user: &str, password: &str) -> String {
    let realm = parameter(challenge, "realm");
    let nonce = parameter(challenge, "nonce");
    let ha1 = hex(&format!("{user}:{realm}:{password}"));
    let ha2 = hex(&format!("{method}:{uri}"));
    let (count, ours) = ("00000001", "0a4f113b");
    let response = hex(&format!("{ha1}:{nonce}:{count}:{ours}:auth:{ha2}"));
    format!(
        "Digest username=\"{user}\", realm=\"{realm}\", nonce=\"{nonce}\", uri=\"{uri}\", \
         response=\"{response}\", algorithm=MD5, qop=auth, nc={count}, cnonce=\"{ours}\""
    )
}

fn parameter(challenge: &str, name: &str) -> String {
    let value =
        challenge.split_once(&format!("{name}=\"")).and_then(|(_, rest)| rest.split_once('"'));
    value.unwrap_or_else(|| panic!("no {name} in {challenge}")).0.to_owned()
}

fn hex(text: &str) -> String {
    Md5::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The example of RFC 2617 §3.5.
#[test]
fn the_example_of_the_standard_comes_out() {
    let challenge = "Digest realm=\"testrealm@host.com\", qop=\"auth,auth-int\", \
                     nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
    let told = credentials(challenge, "GET", "/dir/index.html", "Mufasa", "Circle Of Life");
    assert!(told.contains("response=\"6629fae49393a05397450978507c4ef1\""), "{told}");
}
