//! Reading messages as text, so that a fault of the box's own parser can not hide itself.

/// The first line.
pub fn start(message: &str) -> &str {
    message.lines().next().unwrap_or_default()
}

/// The method of a request.
pub fn method(message: &str) -> &str {
    start(message).split(' ').next().unwrap_or_default()
}

/// The status of a response.
pub fn status(message: &str) -> Option<u16> {
    start(message).strip_prefix("SIP/2.0 ")?.get(..3)?.parse().ok()
}

/// Every value of a header field.
pub fn headers<'m>(message: &'m str, name: &str) -> Vec<&'m str> {
    let head = message.split("\r\n\r\n").next().unwrap_or_default();
    let named = |line: &'m str| {
        let (field, value) = line.split_once(':')?;
        field.trim().eq_ignore_ascii_case(name).then_some(value.trim())
    };
    head.split("\r\n").skip(1).filter_map(named).collect()
}

/// The first value of a header field; empty without one.
pub fn header<'m>(message: &'m str, name: &str) -> &'m str {
    headers(message, name).first().copied().unwrap_or_default()
}

/// The body.
pub fn body(message: &str) -> &str {
    message.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

/// Number and method of CSeq.
pub fn cseq(message: &str) -> (u32, &str) {
    let (number, method) = header(message, "CSeq").split_once(' ').unwrap_or_default();
    (number.parse().unwrap_or(0), method)
}

/// The URI between the brackets.
pub fn uri(address: &str) -> &str {
    let inside = address.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inside.map_or(address, |(uri, _)| uri)
}

/// User (empty without one) and host with port of a SIP URI.
pub fn user_and_host(uri: &str) -> (&str, &str) {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.split([';', '?']).next().unwrap_or_default();
    rest.split_once('@').unwrap_or(("", rest))
}

/// The direction of a description.
pub fn direction(message: &str) -> &str {
    let known = ["sendrecv", "sendonly", "recvonly", "inactive"];
    let lines = body(message).lines().filter_map(|line| line.trim().strip_prefix("a="));
    lines.into_iter().find(|value| known.contains(value)).unwrap_or("sendrecv")
}
