//! The trunks, below the health line: each target with its addresses, and the switch.

use holdfast_core::dialect::matrix::{By, HoldForm, Presence};
use holdfast_core::peer::picture::{
    AddressView, BandwidthView, NameView, PhoneView, PhonesView, TargetView, TestCallView,
    TrunkView,
};
use holdfast_core::sip::extension::Proof;
use holdfast_core::view::SiteView;
use maud::{Markup, html};

use super::icon::Mood;
use super::table::columns;
use super::times::Times;

/// The table; nothing when no call can go out anyway.
pub(crate) fn fragment(view: &SiteView, times: &mut Times) -> Markup {
    html! {
        @if !view.trunks.is_empty() {
            table.trunks {
                thead { tr {
                    (columns(&[
                        "Trunk and target", "Address", "State", "OPTIONS to it", "Last failure",
                    ]))
                    th scope="col" { span.hidden { "Orders" } }
                } }
                tbody {
                    @for trunk in &view.trunks {
                        @for target in &trunk.targets { (rows(trunk, target, times)) }
                    }
                }
            }
            @for trunk in &view.trunks {
                @if let Some(view) = &trunk.phones { (phones(trunk, view, times)) }
            }
            h3 { "What each platform can do" }
            (matrix(view, times))
        }
    }
}

fn phones(trunk: &TrunkView, view: &PhonesView, times: &mut Times) -> Markup {
    html! {
        h3 { "Phones of " (trunk.name) }
        p { (view.says) "." }
        table.trunks {
            thead { tr {
                (columns(&["Phone", "State", "For", "Password here"]))
            } }
            tbody {
                @for phone in &view.phones {
                    tr {
                        th scope="row" { (phone.account) }
                        td { (standing(phone)) }
                        td {
                            @if let Some(span) = phone.for_ms {
                                (times.since(format!("phone-{}", phone.account), span))
                            }
                        }
                        td { (proof(phone.proof)) }
                    }
                }
            }
        }
    }
}

fn standing(phone: &PhoneView) -> Markup {
    match phone.state.as_str() {
        "through" => Mood::Good.word("registered at the PBX"),
        "taken_over" => Mood::Warn.word("taken over by this box"),
        "refused" => Mood::Bad.word("refused by the PBX"),
        _away => html! { "not registered" },
    }
}

fn proof(proof: Proof) -> Markup {
    match proof {
        Proof::Untested => html! { "not seen in use yet" },
        Proof::Right => Mood::Good.word("that of the PBX"),
        Proof::Wrong => Mood::Bad.word("not that of the PBX: could not be taken over"),
    }
}

fn matrix(view: &SiteView, times: &mut Times) -> Markup {
    html! {
        table.trunks {
            thead { tr {
                (columns(&[
                    "Trunk", "Held party hears", "Blind transfer", "Attended transfer",
                    "Busy is known by", "Message lamp", "Audio", "OPTIONS from it",
                ]))
            } }
            tbody {
                @for trunk in &view.trunks {
                    @let can = &trunk.capabilities;
                    tr {
                        th scope="row" {
                            b { (trunk.name) } " " (can.platform) " "
                            a href=(format!("/trunks/{}/doctor", trunk.name)) { "Doctor" }
                            @if can.certified == Some(false) {
                                " " (Mood::Warn.word("not certified"))
                            }
                        }
                        td { (held(can.hold)) }
                        td { (by(can.blind_transfer)) }
                        td { (by(can.attended_transfer)) }
                        td { (presence(can.presence)) }
                        td { @if can.message_waiting { "yes" } @else { "no" } }
                        td { (bandwidth(trunk.bandwidth)) }
                        td {
                            @match trunk.asked_us_ms {
                                Some(ago) => {
                                    (times.since(format!("asked-{}", trunk.name), ago)) " ago"
                                }
                                None => "none yet",
                            }
                        }
                    }
                }
            }
        }
    }
}

fn bandwidth(BandwidthView { used_kbps, most_kbps }: BandwidthView) -> String {
    match most_kbps {
        0 => format!("{used_kbps} kbit/s"),
        most => format!("{used_kbps} of {most} kbit/s"),
    }
}

const fn held(form: HoldForm) -> &'static str {
    match form {
        HoldForm::Music => "music of this box",
        HoldForm::Inactive => "what its own side plays",
    }
}

const fn by(who: By) -> &'static str {
    match who {
        By::Box => "by this box",
        By::FarSide => "by the far side alone",
    }
}

const fn presence(source: Presence) -> &'static str {
    match source {
        Presence::OwnCalls => "calls over this box, and 486",
    }
}

fn rows(trunk: &TrunkView, target: &TargetView, times: &mut Times) -> Markup {
    html! {
        @if target.addresses.is_empty() {
            tr {
                (head(trunk, target, times))
                td colspan="4" { "no address" }
                td { (switch(trunk, target)) }
            }
        }
        @for (place, address) in target.addresses.iter().enumerate() {
            tr {
                @if place == 0 { (head(trunk, target, times)) } @else { td {} }
                (cells(trunk, address, times))
                td { @if place == 0 { (switch(trunk, target)) } }
            }
        }
    }
}

fn head(trunk: &TrunkView, target: &TargetView, times: &mut Times) -> Markup {
    let key = format!("name-{}-{}", trunk.name, target.target);
    html! {
        th scope="row" {
            b { (trunk.name) } " " (target.target)
            @match &target.name {
                None | Some(NameView::Fresh { .. }) => {}
                Some(NameView::Asking) => { span.says { " is being looked up" } }
                Some(NameView::Stale { age_ms, why }) => {
                    span.says { " as known for " (times.since(key.clone(), *age_ms)) ": " (why) }
                }
                Some(NameView::Unknown { why }) => { span.says { " " (why) } }
            }
            @if let Some(test) = &trunk.test_call { (test_call(&key, test, times)) }
        }
    }
}

fn test_call(key: &str, test: &TestCallView, times: &mut Times) -> Markup {
    html! {
        span.says {
            " test call: "
            @match test.alive {
                Some(true) => (Mood::Good.word(&test.says)),
                Some(false) => (Mood::Bad.word(&test.says)),
                None => (test.says),
            }
            @if let Some(ago) = test.ago_ms {
                ", " (times.since(format!("test-{key}"), ago)) " ago"
            }
        }
    }
}

fn cells(trunk: &TrunkView, address: &AddressView, times: &mut Times) -> Markup {
    let mood = match address.state.as_str() {
        "up" => Mood::Good,
        "suspect" | "blocked" => Mood::Warn,
        "down" => Mood::Bad,
        _untried_or_off => Mood::Off,
    };
    let key = format!("address-{}-{}-{}", trunk.name, address.address, address.state);
    html! {
        td { (address.address) }
        td { (mood.word(&address.state)) " " (times.since(key, address.for_ms)) }
        td {
            @if let (Some(status), Some(took)) = (address.answer, address.round_trip_ms) {
                (status) " in " (took) " ms"
            } @else { "no answer yet" }
        }
        td { (address.failure.as_deref().unwrap_or_default()) }
    }
}

fn switch(trunk: &TrunkView, target: &TargetView) -> Markup {
    let id = format!("target-{}-{}", trunk.name, target.target);
    html! {
        @if target.off {
            button.wanted data-order="target_on" data-trunk=(trunk.name)
                data-target=(target.target) id=(id) { "Switch on" }
        } @else {
            button.quiet data-order="target_off" data-trunk=(trunk.name)
                data-target=(target.target) id=(id) { "Switch off" }
        }
    }
}
