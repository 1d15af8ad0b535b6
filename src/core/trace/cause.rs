//! The Reason of a message in words: SIP statuses and causes of Q.850 (RFC 3326).

use holdfast_wire::sip::{Message, Valued};

/// The reasons that a message gives, in words, the most telling first.
#[must_use]
pub fn reasons(message: &Message) -> Vec<String> {
    let read = |text: String| Valued::parse(&text).ok();
    let mut reasons: Vec<Valued> =
        message.headers().list("Reason").into_iter().filter_map(read).collect();
    reasons.sort_by_key(|reason| !reason.is("Q.850"));
    reasons.iter().map(in_words).collect()
}

fn in_words(reason: &Valued) -> String {
    let cause = reason.params.value("cause").map(|cause| cause.trim().to_owned());
    let number = cause.as_ref().and_then(|cause| cause.parse::<u16>().ok());
    let known = number.filter(|_| reason.is("Q.850")).and_then(q850).map(str::to_owned);
    let told = reason.params.value("text").map(|text| text.trim_matches('"').to_owned());
    let words = known.or(told).map(|words| format!(" ({words})")).unwrap_or_default();
    match cause {
        Some(cause) => format!("{} cause {cause}{words}", reason.value),
        None => format!("{}{words}", reason.value),
    }
}

/// A cause of ITU-T Q.850 §2.2.7 in plain words.
#[must_use]
pub const fn q850(cause: u16) -> Option<&'static str> {
    Some(match cause {
        1 => "the number is not assigned",
        2 | 3 => "there is no route to the number",
        16 => "normal clearing",
        17 => "the party is busy",
        18 => "the party does not react",
        19 => "it alerted and nobody answered",
        20 => "the subscriber is absent",
        21 => "the call was rejected",
        22 => "the number has changed",
        26 => "another device was chosen",
        27 => "the destination is out of order",
        28 => "the number is not complete or not valid",
        29 => "a facility was rejected",
        31 => "normal, without a closer reason",
        34 => "no channel is free",
        38 => "the network is out of order",
        41 => "a temporary failure",
        42 => "the switch is congested",
        44 => "the channel asked for is not free",
        47 => "no resource is free",
        50 => "the facility is not subscribed",
        55 | 57 | 58 => "such calls are not allowed or not possible now",
        63 => "the service is not available",
        65 => "the kind of call is not supported",
        79 => "the service is not implemented",
        88 => "the destination is not compatible",
        102 => "a timer ran out",
        111 => "a protocol error",
        127 => "interworking, without a closer reason",
        _unknown => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::reasons;
    use holdfast_wire::sip::Message;

    #[test]
    fn the_cause_of_the_telephone_network_comes_first_and_in_words() {
        let told = |reason: &str| {
            let text = format!(
                "BYE sip:b@c SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
                 To: <sip:b@c>;tag=2\r\nCall-ID: x\r\nCSeq: 2 BYE\r\n{reason}Content-Length: 0\r\n\r\n"
            );
            reasons(&Message::parse(text.as_bytes()).unwrap())
        };
        assert_eq!(
            told("Reason: SIP;cause=200;text=\"Call completed elsewhere\", Q.850;cause=34\r\n"),
            ["Q.850 cause 34 (no channel is free)", "SIP cause 200 (Call completed elsewhere)"]
        );
        assert_eq!(told("Reason: q.850 ; cause=99 ; text=\"Odd\"\r\n"), ["q.850 cause 99 (Odd)"]);
        assert_eq!(told("Reason: SIP\r\nReason: ;\r\n"), ["SIP"]);
        assert_eq!(told(""), [""; 0]);
    }
}
