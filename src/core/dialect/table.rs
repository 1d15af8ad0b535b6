//! The table: one row for each kind of far end, and what each cell rests on.
//!
//! Evidence is one of: the vendor's own documentation, a trace or report that is named, or caution,
//! where nothing is known and the careful choice costs little.

use holdfast_config::{Dialect, Hold, TrunkType};

use holdfast_wire::srtp::Suite;

use super::{Behaviour, Display, Numbers, Proof};
use crate::offer_answer::sdes::SUITES;

/// A far end that keeps to the RFCs: phones, strangers, carriers.
///
/// Held parties hear music of this box, since whoever puts a call on hold here is anchored here and
/// needs no word of the other leg (RFC 7092 §3.1.3). REFER makes the box place calls, which cost
/// money: caution.
pub(super) const PLAIN: Behaviour = Behaviour {
    hold: Hold::Music,
    refer: false,
    refer_replaces: false,
    takes_over: false,
    session_least_s: None,
    numbers: Numbers::AsPlanned,
    user_phone: false,
    display: Display::All,
    alias: false,
    introduced: false,
    proof: Proof::Options,
    suites: SUITES,
};

/// A phone of ours: it belongs to somebody here, who may do with a call what the desk phone can.
pub(super) const PHONE: Behaviour = Behaviour { refer: true, takes_over: true, ..PLAIN };

/// Avaya Aura Session Manager with Communication Manager. Transfers of its stations leave by REFER
/// once "Network Call Redirection" is on for the trunk (Avaya: Administering Avaya Aura
/// Communication Manager, SIP trunk groups), and an attended one names the other dialog by
/// Replaces. Displays of its desk phones are set to one code page a site: caution.
const AVAYA: Behaviour =
    Behaviour { refer: true, refer_replaces: true, display: Display::Ascii, ..PLAIN };

/// Cisco Unified Communications Manager. A SIP trunk there asks for 1800 s and answers less with
/// 422 (service parameters "SIP Session Expires Timer" and "SIP Min-SE Value", both 1800 by
/// default); its transfers are re-INVITEs without an offer, and REFER has to be switched on in the
/// security profile of the trunk.
const CISCO: Behaviour = Behaviour { session_least_s: Some(1800), ..PLAIN };

/// Mitel MiVoice Business and MiVoice 5000. Transfers stay inside of the PBX by re-INVITE. Names on
/// its sets are ASCII in the SIP peer profile: caution.
const MITEL: Behaviour = Behaviour { display: Display::Ascii, ..PLAIN };

/// Skype for Business Server, by its Mediation Server. It sends REFER where the trunk has
/// `EnableReferSupport`, which is so by default (Microsoft: New-CsTrunkConfiguration), takes no
/// INVITE with Replaces from a gateway, and wants numbers in E.164 with user=phone (Microsoft:
/// Understanding normalisation in the Mediation Server). A first offer that holds is answered 488
/// there; ours never does.
const SFB: Behaviour = Behaviour { refer: true, user_phone: true, ..PLAIN };

/// Teams Direct Routing, whoever stands between. Holds are `a=inactive` alone, both numbers begin
/// with a plus, REFER comes only to those who name it and its Replaces is refused on the way back,
/// while its own INVITEs may carry Replaces (Microsoft: Direct Routing, SIP protocol; Plan for
/// media bypass; Call transfer). Its keys are those of AES_CM_128_HMAC_SHA1_80 (Microsoft: Plan
/// Direct Routing, media traffic), so nothing else is offered.
const TEAMS: Behaviour = Behaviour {
    hold: Hold::Inactive,
    takes_over: true,
    numbers: Numbers::WithPlus,
    user_phone: true,
    suites: &[Suite::AesCm128HmacSha1Tag80],
    ..PLAIN
};

/// Teams behind a certified SBC, which answers OPTIONS on its own account although Teams may be
/// dead (every certified SBC does).
const TEAMS_VIA_SBC: Behaviour = Behaviour { proof: Proof::Calls, ..TEAMS };

/// Teams itself: `alias` and X-MS-SBC stand in Microsoft's own traces of OPTIONS.
const TEAMS_DIRECT: Behaviour = Behaviour { alias: true, introduced: true, ..TEAMS };

/// The row of a kind.
pub(super) const fn row(kind: &TrunkType) -> Behaviour {
    match kind {
        TrunkType::Carrier | TrunkType::Sbc | TrunkType::Pbx(Dialect::Generic) => PLAIN,
        TrunkType::Pbx(Dialect::Avaya) => AVAYA,
        TrunkType::Pbx(Dialect::Cisco) => CISCO,
        TrunkType::Pbx(Dialect::Mitel) => MITEL,
        TrunkType::Pbx(Dialect::Sfb) => SFB,
        TrunkType::TeamsViaSbc => TEAMS_VIA_SBC,
        TrunkType::TeamsDirect(_) => TEAMS_DIRECT,
    }
}
