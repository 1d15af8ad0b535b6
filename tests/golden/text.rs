//! Reading SIP as lines: enough for scripts, and independent of the parser under test.

/// The values of a header, one for each of its lines, in their order.
pub fn lines<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    let head = message.split("\r\n\r\n").next().unwrap_or(message);
    head.split("\r\n")
        .filter_map(|line| line.split_once(':'))
        .filter(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.trim())
        .collect()
}

/// The value of a header that must be there.
pub fn header<'a>(message: &'a str, name: &str) -> &'a str {
    let first = lines(message, name).into_iter().next();
    first.unwrap_or_else(|| panic!("no {name} in\n{message}"))
}

/// The start line.
pub fn start(message: &str) -> &str {
    message.split("\r\n").next().unwrap_or_default()
}

/// Whether it is a response.
pub fn is_response(message: &str) -> bool {
    message.starts_with("SIP/2.0 ")
}

/// Number and method of the CSeq.
pub fn cseq(message: &str) -> (u32, &str) {
    let (number, method) = header(message, "CSeq").split_once(' ').expect("number and method");
    (number.parse().expect("a number"), method)
}

/// The URI between the angle brackets.
pub fn uri(value: &str) -> &str {
    let inner = value.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    inner.map_or(value, |(uri, _)| uri)
}
