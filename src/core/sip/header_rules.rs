//! The header rules of a trunk, applied where messages come in and go out: nothing inside of the
//! box knows that they were there.

use holdfast_config::{Config, Direction, HeaderAction, HeaderRule};
use holdfast_wire::sip::{Header, Headers, Message};

use super::flow::Flow;
use crate::dialect::trunk_on;

/// Changes a message from or to a trunk by its rules.
pub fn apply(config: &Config, flow: &Flow, direction: Direction, message: &mut Message) {
    let Some(rules) = rules(config, flow) else { return };
    let method = match message {
        Message::Request(request) => request.method.as_str().to_owned(),
        Message::Response(response) => match response.headers.cseq() {
            Ok(cseq) => cseq.method.as_str().to_owned(),
            Err(_) => return, // it belongs to nothing
        },
    };
    let headers = match message {
        Message::Request(request) => &mut request.headers,
        Message::Response(response) => &mut response.headers,
    };
    let meant = |rule: &&HeaderRule| {
        rule.direction == direction && (rule.methods.is_empty() || rule.methods.contains(&method))
    };
    rules.iter().filter(meant).for_each(|rule| change(rule, headers));
}

/// A message as it goes out on this way.
#[must_use]
pub fn outgoing(config: &Config, flow: &Flow, bytes: Vec<u8>) -> Vec<u8> {
    if rules(config, flow).is_none() {
        return bytes;
    }
    let Ok(mut message) = Message::parse(&bytes) else { return bytes };
    apply(config, flow, Direction::Out, &mut message);
    message.print()
}

fn rules<'c>(config: &'c Config, flow: &Flow) -> Option<&'c [HeaderRule]> {
    let trunk = trunk_on(config, flow)?;
    (!trunk.headers.is_empty()).then_some(&trunk.headers)
}

fn change(rule: &HeaderRule, headers: &mut Headers) {
    match &rule.action {
        HeaderAction::Add(value) => headers.push(&rule.header, value),
        HeaderAction::Remove(None) => headers.remove(&rule.header),
        HeaderAction::Remove(Some(pattern)) => {
            headers.retain(|line| !line.is(&rule.header) || !pattern.fits(&line.value()));
        }
        HeaderAction::Replace(pattern, by) => headers.rewrite(|line| {
            let value = line.value();
            let fits = line.is(&rule.header) && pattern.fits(&value);
            fits.then(|| Header::new(line.name(), pattern.replace(&value, by)))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::{apply, outgoing};
    use crate::sip::flow::{Flow, Transport};
    use holdfast_base::TrunkName;
    use holdfast_config::{Config, Direction};
    use holdfast_wire::sip::Message;

    const RULES: &str = r#"
[[trunk]]
name = "a"
networks = ["192.0.2.1"]
headers = [
  { direction = "out", methods = ["INVITE"], header = "X-Customer", action = "add", value = "17" },
  { direction = "out", header = "user-agent", action = "remove" },
  { direction = "in", header = "X-Debug", action = "remove", pattern = "^no" },
  { direction = "in", header = "Diversion", action = "replace", pattern = "sip:0([1-9])", value = "sip:+49$1" },
]
"#;

    fn config() -> Config {
        match holdfast_config::read(RULES, "f") {
            Ok((config, _)) => config,
            Err(findings) => panic!("{findings:?}"),
        }
    }

    fn flow(trunk: &str) -> Flow {
        Flow {
            transport: Transport::Udp,
            local: "10.0.0.1:5060".parse().unwrap(),
            remote: "192.0.2.1:5060".parse().unwrap(),
            connection: None,
            trunk: Some(TrunkName::new(trunk).id()),
        }
    }

    fn message(first: &str, method: &str, more: &str) -> Vec<u8> {
        let text = format!(
            "{first}\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nMax-Forwards: 70\r\nFrom: \
             <sip:a@b>;tag=1\r\nTo: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 {method}\r\n{more}\
             Content-Length: 0\r\n\r\n"
        );
        text.into_bytes()
    }

    fn sent(trunk: &str, first: &str, method: &str) -> String {
        let bytes = message(first, method, "User-Agent: Holdfast\r\n");
        String::from_utf8(outgoing(&config(), &flow(trunk), bytes)).unwrap()
    }

    #[test]
    fn what_goes_out_is_changed_for_this_trunk_and_method_alone() {
        let invite = "INVITE sip:c@d SIP/2.0";
        for (trunk, first, method, customer, agent) in [
            ("a", invite, "INVITE", true, false),
            ("a", "SIP/2.0 200 OK", "INVITE", true, false),
            ("a", "BYE sip:c@d SIP/2.0", "BYE", false, false),
            ("b", invite, "INVITE", false, true),
        ] {
            let sent = sent(trunk, first, method);
            assert_eq!(sent.contains("X-Customer: 17\r\n"), customer, "{sent}");
            assert_eq!(sent.contains("User-Agent: "), agent, "{sent}");
        }
    }

    #[test]
    fn what_comes_in_is_rewritten_line_by_line() {
        let more = "Diversion: <sip:030@x>;reason=busy\r\nDiversion: <sip:+4930@x>\r\nX-Debug: \
                    yes\r\nX-Debug: no way\r\n";
        let bytes = message("INVITE sip:c@d SIP/2.0", "INVITE", more);
        let mut read = Message::parse(&bytes).unwrap();
        apply(&config(), &flow("a"), Direction::In, &mut read);
        let Message::Request(request) = read else { panic!("a request") };
        let all = |name: &str| request.headers.all(name).collect::<Vec<_>>();
        assert_eq!(all("Diversion"), ["<sip:+4930@x>;reason=busy", "<sip:+4930@x>"]);
        assert_eq!(all("X-Debug"), ["yes"]);
        assert_eq!(all("X-Customer"), [""; 0]);
    }
}
