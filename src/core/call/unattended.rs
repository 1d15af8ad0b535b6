//! Phones that answer calls of a queue by themselves, for agents who wear a headset.
//!
//! There is a standard (RFC 5373), and desk phones have ways of their own: an INVITE carries the
//! two forms that most of them read, and each phone takes the one that it knows.
//!
//! | form | read by |
//! |---|---|
//! | Call-Info with answer-after=0 | Gigaset, AudioCodes |
//! | Alert-Info with info=alert-autoanswer, delay=0 | Yealink, Snom, Mitel (Aastra), AudioCodes |
//!
//! Evidence: Yealink FAQ 546 and the administrator's guides of T2 to T5; Snom wiki, "Intercom on
//! Desk Phones", with `answer_after_policy`; Gigaset wiki, "FAQ - Auto-answer call"; Aastra release
//! notes 2.1 for `delay`; AudioCodes administrator's manual, which lets answer-after go first. Poly
//! phones take any text that their `voIpProt.SIP.alertInfo` names. A URI has to stand before the
//! parameters (RFC 3261 §20.4, §20.9); it names this box, where nothing is to be fetched.

use holdfast_config::Config;
use holdfast_wire::sip::Header;

use super::io::Target;
use super::words;

/// What asks this phone to answer by itself; nothing where its account does not want that.
pub(super) fn wish(config: &Config, target: &Target) -> Vec<Header> {
    let account = target.account.as_ref();
    let account = config.accounts.iter().find(|known| Some(&known.name) == account);
    if !account.is_some_and(|account| account.auto_answer) {
        return Vec::new();
    }
    let host = words::sent_by(config, &target.flow).host;
    vec![
        Header::new("Call-Info", format_args!("<sip:{host}>;answer-after=0")),
        Header::new("Alert-Info", format_args!("<http://{host}>;info=alert-autoanswer;delay=0")),
    ]
}
