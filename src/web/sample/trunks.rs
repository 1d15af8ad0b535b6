//! The trunks of the pictures.

use holdfast_base::{EndpointName, TrunkName};
use holdfast_core::dialect::matrix::{By, Capabilities, HoldForm, Presence};
use holdfast_core::peer::picture::{
    AddressView, BandwidthView, NameView, PhoneView, PhonesView, RegistrationView, TargetView,
    TestCallView, TrunkView,
};
use holdfast_core::sip::extension::Proof;
use holdfast_core::view::HealthState;

/// Two trunks of which much can be said.
pub(super) fn trunks() -> Vec<TrunkView> {
    let address =
        |address: &str, state: &str, answer: Option<u16>, failure: Option<&str>| AddressView {
            address: address.to_owned(),
            state: state.to_owned(),
            for_ms: 4_210_000,
            answer,
            answer_age_ms: answer.map(|_| 21_000),
            round_trip_ms: answer.map(|_| 41),
            failure: failure.map(str::to_owned),
            failure_age_ms: failure.map(|_| 12_000),
        };
    let target = |target: &str, off, name, addresses| TargetView {
        target: target.to_owned(),
        off,
        name,
        addresses,
    };
    let dead = address("203.0.113.6:5060", "down", None, Some("OPTIONS was not answered"));
    let off = address("203.0.113.7:5060", "off", Some(200), None);
    let stale = NameView::Stale { age_ms: 400_000, why: "request timed out".to_owned() };
    vec![
        TrunkView {
            name: TrunkName::new("carrier"),
            state: HealthState::Good,
            says: "answers in 41 ms".to_owned(),
            capabilities: capabilities("carrier", None),
            asked_us_ms: Some(12_000),
            targets: vec![
                target(
                    "sip.example.org",
                    false,
                    Some(NameView::Fresh { age_ms: 20_000, ttl_ms: 40_000 }),
                    vec![address("203.0.113.5:5060", "up", Some(200), None)],
                ),
                target("203.0.113.7", true, None, vec![off]),
            ],
            registration: Some(RegistrationView {
                registered: true,
                says: "+4930123456 is registered at 203.0.113.5:5060".to_owned(),
                left_ms: Some(240_000),
            }),
            bandwidth: BandwidthView { used_kbps: 240, most_kbps: 2000 },
            phones: None,
            test_call: None,
        },
        TrunkView {
            name: TrunkName::new("teams"),
            state: HealthState::Down,
            says: "no answer since 09:12:40".to_owned(),
            capabilities: capabilities("teams-via-sbc", Some(true)),
            asked_us_ms: None,
            targets: vec![
                target("sbc.example.org:5060", false, Some(stale), vec![dead]),
                target("sbc2.example.org", false, Some(NameView::Asking), vec![]),
                target(
                    "sbc3.example.org",
                    false,
                    Some(NameView::Unknown { why: "no such name".to_owned() }),
                    vec![],
                ),
            ],
            registration: None,
            bandwidth: BandwidthView::default(),
            phones: Some(PhonesView::of(vec![
                phone("2001", "through", Some(61_000), Proof::Right),
                phone("2002", "taken_over", Some(5_000), Proof::Untested),
                phone("2003", "away", None, Proof::Wrong),
            ])),
            test_call: Some(TestCallView {
                says: "came to nothing: 504".to_owned(),
                alive: Some(false),
                ago_ms: Some(31_000),
            }),
        },
    ]
}

fn phone(account: &str, state: &str, for_ms: Option<u64>, proof: Proof) -> PhoneView {
    PhoneView { account: EndpointName::new(account), state: state.to_owned(), for_ms, proof }
}

fn capabilities(platform: &str, certified: Option<bool>) -> Capabilities {
    let teams = certified.is_some();
    Capabilities {
        platform: platform.to_owned(),
        certified,
        hold: if teams { HoldForm::Inactive } else { HoldForm::Music },
        blind_transfer: By::FarSide,
        attended_transfer: if teams { By::Box } else { By::FarSide },
        presence: Presence::OwnCalls,
        message_waiting: false,
    }
}
