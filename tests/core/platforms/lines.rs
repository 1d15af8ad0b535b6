//! What carriers are known to want of a line, one row each, and where that is known from.
//!
//! `assumed` marks what nobody has published in reach of us: the careful reading of the RFCs, which
//! the sheet of the line has to confirm. All others refuse a call that breaks the rule, so the
//! simulated one fails the test.

/// One carrier as a line of it meets the box.
#[derive(Debug)]
pub struct Rules {
    /// The template that a technician writes.
    pub template: &'static str,
    /// What is on the sheet, as lines of the trunk.
    pub sheet: &'static str,
    pub transport: &'static str,
    /// What the target of the sheet is called, with its port.
    pub target: &'static str,
    /// The domain of callers, called parties and the registration; none in static mode.
    pub domain: Option<&'static str>,
    pub account: Option<Account>,
    /// What the numbers of the line begin with.
    pub block: &'static str,
    /// Where it looks for the number of the line.
    pub named_by: &'static str,
    /// Whether numbers in URIs are marked as such.
    pub user_phone: bool,
    /// The header field that has to name a number of the line where a stranger's call goes on.
    pub led_on: &'static str,
    /// The shortest session that it grants, in seconds.
    pub min_se: u32,
    /// Whether its announcements before the answer have to be acknowledged (RFC 3262).
    pub reliable: bool,
    /// What the number of who calls the line looks like.
    pub shows: Shows,
}

/// User name and password of a registration.
#[derive(Debug)]
pub struct Account {
    /// The user of the registered address.
    pub user: &'static str,
    pub login: &'static str,
    pub password: &'static str,
    pub algorithm: &'static str,
    /// Shorter registrations are answered 423.
    pub min_expires: u64,
}

/// How a carrier writes numbers in its own INVITEs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shows {
    /// `+49…`
    Plus,
    /// `0049…`
    Zeros,
}

/// Deutsche Telekom, CompanyFlex. Address, login and outbound proxy: how customers have written
/// them down (repositories pascomnet/documentation, trunk-templates/telekom-companyflex, and others
/// that list `NUMBER.primary.companyflex.de`, `+49199…` and the login with `@tel.t-online.de`).
/// TCP, or TLS on port 5061 with SRTP from other accesses: Telekom, 1TR119 and
/// hilfe.companyflex.de. 403 and 488 about P-Preferred- and P-Asserted-Identity: change history of
/// 1TR119, version 1.4. Its own INVITEs (`user=phone`, the number in To at tel.t-online.de while
/// the Request-URI is the Contact, P-Asserted-Identity with `cpc`, Session-Expires 1800 with Min-SE
/// 900, Record-Route): traces of 2016 in public (pastebin 3h1Pas6D and TYryYsRp). That 900 is also
/// what it grants at least, and that History-Info is what it reads because it says `histinfo`:
/// assumed. Reliable provisional responses: assumed, as usual in the IMS (3GPP TS 24.229 §5.1.3).
pub const COMPANYFLEX: Rules = Rules {
    template: "telekom-companyflex",
    sheet: "targets = ['551234567890.primary.companyflex.de']",
    transport: "TCP",
    target: "551234567890.primary.companyflex.de:5060",
    domain: Some("tel.t-online.de"),
    account: Some(Account {
        user: "+49199296000000612430",
        login: "+49199296000000612430@tel.t-online.de",
        password: "as it is on the sheet",
        algorithm: "MD5",
        min_expires: 60,
    }),
    block: "+4930555",
    named_by: "P-Preferred-Identity",
    user_phone: true,
    led_on: "History-Info",
    min_se: 900,
    reliable: true,
    shows: Shows::Plus,
};

/// Deutsche Telekom, DeutschlandLAN SIP-Trunk in registered mode: `reg.sip-trunk.telekom.de` and
/// `sip-trunk.telekom.de`, TCP alone (OpenSIPS control panel, provider presets of open PBXs:
/// "SIP-Signalisierung nur TCP"). The same platform as the row above: assumed.
pub const TELEKOM_TRUNK: Rules = Rules {
    template: "telekom-sip-trunk",
    sheet: "",
    target: "reg.sip-trunk.telekom.de:5060",
    domain: Some("sip-trunk.telekom.de"),
    account: Some(Account {
        user: "+4919929600000012345",
        login: "+4919929600000012345@sip-trunk.telekom.de",
        password: "as it is on the sheet",
        algorithm: "MD5",
        min_expires: 60,
    }),
    ..COMPANYFLEX
};

/// A1 Telekom Austria, "A1 SIP Guideline – Anschalterichtlinie (Registrierend)", version 4.3 of
/// 2021: devices register, and a call that is led on is an INVITE with Diversion (§6.2.1). That the
/// Diversion has to name a number of the line, since the caller's is not: as other Austrian
/// carriers say (hilfe.telematica.at, "UPRN Diversion Header"). Form of numbers, header of the line's number
/// and the domain: assumed.
pub const A1: Rules = Rules {
    template: "a1",
    sheet: "target = 'sbc.a1.example'\nregistration.domain = 'sip.a1.example'",
    transport: "UDP",
    target: "sbc.a1.example:5060",
    domain: Some("sip.a1.example"),
    account: Some(Account {
        user: "+43155500",
        login: "branch",
        password: "as it is on the sheet",
        algorithm: "MD5",
        min_expires: 60,
    }),
    block: "+431555",
    named_by: "P-Asserted-Identity",
    led_on: "Diversion",
    min_se: 90,
    reliable: false,
    ..COMPANYFLEX
};

/// Swisscom, Smart Business Connect: registration over TLS alone, one for an account, encrypted
/// audio, and its source stays the same during a call (innovaphone, interoperability profiles 14782
/// of December 2024 and 12001). Form of numbers and headers: assumed.
pub const SWISSCOM: Rules = Rules {
    template: "swisscom",
    sheet: "target = 'asbc01.join.example'\npeer_name = 'asbc01.join.example'\n\
            registration.domain = 'join.example'",
    transport: "TLS",
    target: "asbc01.join.example:5061",
    domain: Some("join.example"),
    account: Some(Account {
        user: "+41445550",
        login: "+41445550",
        password: "as it is on the sheet",
        algorithm: "SHA-256",
        min_expires: 60,
    }),
    block: "+4144555",
    named_by: "P-Asserted-Identity",
    led_on: "Diversion",
    min_se: 90,
    reliable: false,
    ..COMPANYFLEX
};

/// Any carrier by SIPconnect in registration mode. As NFON publishes its trunk (nfon.com, leaflet
/// NCONNECT VOICE, B.2 and D): its INVITEs call the registered Contact, the dialled number stands
/// in To as `0049…`; a number of the trunk has to stand in P-Asserted-Identity, also of a withheld
/// call, which has an anonymous From or `Privacy: id`. 403 without one: Swyx, article 360000011599.
/// That short registrations are refused (423): RFC 3261 §10.3 step 7.
pub const REGISTERED: Rules = Rules {
    template: "sip-trunk-registered",
    sheet: "target = 'trunk.carrier.example'\ndial_plan.country = '49'",
    transport: "UDP",
    target: "trunk.carrier.example:5060",
    domain: Some("trunk.carrier.example"),
    account: Some(Account {
        user: "K1234abcd",
        login: "K1234abcd",
        password: "as it is on the sheet",
        algorithm: "MD5",
        min_expires: 1800,
    }),
    block: "+4930555",
    named_by: "P-Asserted-Identity",
    user_phone: false,
    led_on: "Diversion",
    min_se: 90,
    reliable: false,
    shows: Shows::Zeros,
};

/// Any carrier by SIPconnect in static mode: known by addresses, the dialled number in the
/// Request-URI, and in From and Contact the address of the box (assumed for those without a
/// registration).
pub const STATIC: Rules = Rules {
    template: "sip-trunk-static",
    sheet: "target = '10.9.1.1:5060'\nnetworks = ['10.9.1.1']",
    target: "10.9.1.1:5060",
    domain: None,
    account: None,
    shows: Shows::Plus,
    ..REGISTERED
};

pub const ALL: [&Rules; 6] = [&COMPANYFLEX, &TELEKOM_TRUNK, &A1, &SWISSCOM, &REGISTERED, &STATIC];
