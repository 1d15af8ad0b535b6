//! Properties of the readers and printers over generated text: what is well formed survives byte by
//! byte, what is mutated never does harm, and a stream may be cut anywhere.

use super::{Frame, Message, NameAddr, Params, StreamFramer, Uri, Via};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

fn token() -> impl Strategy<Value = String> {
    "[A-Za-z0-9.!%*_+`'~-]{1,12}"
}

fn quoted() -> impl Strategy<Value = String> {
    r#""([ !#-Z\[\]-~äß€]|\\["\\a-z]){0,12}""#
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z0-9]{1,8}(\\.[a-z][a-z0-9-]{1,5}){0,2}",
        any::<[u8; 4]>().prop_map(|ip| std::net::Ipv4Addr::from(ip).to_string()),
        any::<[u8; 16]>().prop_map(|ip| format!("[{}]", std::net::Ipv6Addr::from(ip))),
    ]
}

fn port() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), any::<u16>().prop_map(|port| format!(":{port}"))]
}

fn params() -> impl Strategy<Value = String> {
    let value = prop_oneof![
        Just(String::new()),
        token().prop_map(|value| format!("={value}")),
        quoted().prop_map(|value| format!("={value}")),
        Just("=".to_owned()),
    ];
    let param = (token(), value).prop_map(|(name, value)| format!(";{name}{value}"));
    vec(param, 0..4).prop_map(|params| params.concat())
}

fn uri() -> impl Strategy<Value = String> {
    let user = "([A-Za-z0-9;?/&=+$,_.!~*'()#-]|%[0-9A-F]{2}){1,16}(:[a-z0-9%]{0,6})?@";
    let user = prop_oneof![Just(String::new()), user.prop_map(|user| user)];
    let rest =
        "(;[a-zA-Z%0-9]{1,6}(=[a-zA-Z0-9%:\\[\\]/]{0,8})?){0,3}(\\?[a-z]{1,4}=[a-z%0-9&=]{0,9})?";
    let sip = (select(vec!["sip", "sips", "SIP", "Sips"]), user, host(), port(), rest)
        .prop_map(|(scheme, user, host, port, rest)| format!("{scheme}:{user}{host}{port}{rest}"));
    prop_oneof![
        4 => sip,
        1 => "tel:\\+?[0-9().-]{1,15}(;[a-z-]{1,8}=[+a-z0-9.]{1,8}){0,2}",
        1 => "(urn|isbn|soap\\.beep|X1):[!#-;=?-~]{1,20}",
    ]
}

fn name_addr() -> impl Strategy<Value = String> {
    let display = prop_oneof![
        Just(String::new()),
        quoted().prop_map(|display| format!("{display} ")),
        "[A-Za-zäß. '!-]{0,12}",
    ];
    (display, uri(), params())
        .prop_map(|(display, uri, params)| format!("{display}<{uri}>{params}"))
}

fn via() -> impl Strategy<Value = String> {
    (token(), host(), port(), params()).prop_map(|(transport, host, port, params)| {
        format!("SIP/2.0/{transport} {host}{port}{params}")
    })
}

/// Any bytes that stay on their line, with folds.
fn value() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => vec(any::<u8>().prop_filter("line end", |byte| !b"\r\n".contains(byte)), 0..20),
        1 => Just(b"\r\n ".to_vec()),
        1 => Just(b"\n\t".to_vec()),
    ];
    vec(piece, 0..4).prop_map(|pieces| pieces.concat())
}

fn line_end() -> impl Strategy<Value = &'static [u8]> {
    prop_oneof![9 => Just(&b"\r\n"[..]), 1 => Just(&b"\n"[..])]
}

/// A header that means nothing to us, spelt in any way.
fn foreign_line() -> impl Strategy<Value = Vec<u8>> {
    (token(), "[ \t]{0,2}", value(), line_end()).prop_map(|(name, gap, value, end)| {
        [b"X-", name.as_bytes(), gap.as_bytes(), b":", &value, end].concat()
    })
}

/// The headers that every message needs, in any order, mixed with foreign ones.
fn lines(method: &'static str, body: usize) -> impl Strategy<Value = Vec<Vec<u8>>> {
    let line = |names: &[&'static str], value: BoxedStrategy<String>| {
        (select(names.to_vec()), "[ \t]{0,2}", "( |\t|\r\n ){0,2}", value, line_end()).prop_map(
            |(name, before, after, value, end)| {
                [format!("{name}{before}:{after}{value}").as_bytes(), end].concat()
            },
        )
    };
    let needed = (
        line(&["Via", "v", "VIA"], via().boxed()),
        line(&["From", "f"], name_addr().boxed()),
        line(&["To", "t", "tO"], name_addr().boxed()),
        line(&["Call-ID", "i"], token().boxed()),
        line(&["CSeq"], (0..1_u32 << 31).prop_map(move |n| format!("{n}  {method}")).boxed()),
        line(&["Content-Length", "L"], Just(body.to_string()).boxed()),
    );
    (needed, vec(foreign_line(), 0..6))
        .prop_map(|((via, from, to, call_id, cseq, length), foreign)| {
            [vec![via, from, to, call_id, cseq, length], foreign].concat()
        })
        .prop_shuffle()
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let method = select(vec!["INVITE", "OPTIONS", "x-New.Method", "ACK"]);
    (method, vec(any::<u8>(), 0..40)).prop_flat_map(|(method, body)| {
        let start = prop_oneof![
            (uri(), select(vec!["SIP/2.0", "sip/2.0"])).prop_filter_map(
                "no headers in a Request-URI",
                move |(uri, version)| (!uri.contains('?'))
                    .then(|| format!("{method} {uri} {version}"))
            ),
            (100..700_u16, "( [ -~äß]{0,20})?")
                .prop_map(|(code, phrase)| format!("SIP/2.0 {code}{phrase}")),
        ];
        (start, line_end(), lines(method, body.len()), line_end(), Just(body)).prop_map(
            |(start, start_end, lines, head_end, body)| {
                [start.as_bytes(), start_end, &lines.concat(), head_end, &body].concat()
            },
        )
    })
}

/// What may happen to one byte of a message on its way.
#[derive(Clone, Debug)]
enum Mutation {
    Replace(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Truncate(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let byte = || prop_oneof![any::<u8>(), select(b"\r\n \t:;,<>\"\\@/%[]=?".to_vec())];
    prop_oneof![
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        4 => (any::<Index>(), byte()).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        4 => any::<Index>().prop_map(Mutation::Remove),
        1 => any::<Index>().prop_map(Mutation::Truncate),
    ]
}

fn mutated(mut bytes: Vec<u8>, mutations: Vec<Mutation>) -> Vec<u8> {
    for mutation in mutations {
        if bytes.is_empty() {
            return bytes;
        }
        match mutation {
            Mutation::Replace(at, byte) => {
                let at = at.index(bytes.len());
                bytes.splice(at..=at, [byte]);
            }
            Mutation::Insert(at, byte) => bytes.insert(at.index(bytes.len()), byte),
            Mutation::Remove(at) => {
                bytes.remove(at.index(bytes.len()));
            }
            Mutation::Truncate(at) => bytes.truncate(at.index(bytes.len())),
        }
    }
    bytes
}

/// Everything that comes out of a stream, errors included, in pieces of these sizes.
fn frames(mut framer: StreamFramer, stream: &[u8], pieces: &[usize]) -> Vec<String> {
    let mut seen = Vec::new();
    let mut rest = stream;
    let mut pieces = pieces.iter().cycle();
    while !rest.is_empty() {
        let size = pieces.next().copied().unwrap_or(rest.len()).min(rest.len());
        let (piece, behind) = rest.split_at(size);
        rest = behind;
        framer.push(piece);
        loop {
            match framer.next() {
                Ok(Some(frame)) => seen.push(format!("{frame:?}")),
                Ok(None) => break,
                Err(error) => seen.push(format!("{error:?}")),
            }
        }
    }
    seen
}

proptest! {
    // A failure is printed whole and becomes a unit test; nothing is written beside the sources.
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_well_formed_message_prints_its_own_bytes(bytes in message()) {
        let message = Message::parse(&bytes);
        prop_assert!(message.is_ok(), "{message:?}\n{}", String::from_utf8_lossy(&bytes));
        if let Ok(message) = message {
            prop_assert_eq!(message.print(), bytes);
        }
    }

    #[test]
    fn the_call_id_alone_is_that_of_the_message(
        bytes in message(),
        mutations in vec(mutation(), 0..6),
    ) {
        let bytes = mutated(bytes, mutations);
        if let Ok(message) = Message::parse(&bytes) {
            prop_assert_eq!(Message::call_id_in(&bytes), message.headers().call_id().ok());
        }
    }

    #[test]
    fn a_mutated_message_is_refused_or_stable(
        bytes in message(),
        mutations in vec(mutation(), 1..6),
    ) {
        match Message::parse(&mutated(bytes, mutations)) {
            Ok(message) => {
                let printed = message.print();
                prop_assert_eq!(Message::parse(&printed).map(|again| again.print()), Ok(printed));
            }
            Err(error) => {
                let printed = error.answerable.map(|answer| answer.print()).unwrap_or_default();
                prop_assert!(printed.is_empty() || printed.starts_with(b"SIP/2.0 "));
            }
        }
    }

    #[test]
    fn no_bytes_panic(bytes in vec(any::<u8>(), 0..200), text in "\\PC{0,60}") {
        prop_assert!(Message::parse(&bytes).is_err());
        let address = NameAddr::parse(&text);
        if let Ok(address) = address {
            prop_assert_eq!(NameAddr::parse(&address.to_string()), Ok(address));
        }
        if let Ok(uri) = Uri::parse(&text) {
            prop_assert_eq!(uri.to_string(), text);
        }
    }

    #[test]
    fn a_uri_prints_as_it_was_read(text in uri()) {
        let uri = Uri::parse(&text);
        prop_assert_eq!(uri.as_ref().map(ToString::to_string), Ok(text));
        if let Ok(uri) = uri {
            prop_assert!(uri.same_as(&uri));
            let rebuilt = uri.clone().with_param("x-new", Some("1")).without_param("x-new");
            prop_assert!(rebuilt.same_as(&uri), "{} {}", rebuilt, uri);
        }
    }

    #[test]
    fn addresses_vias_and_parameters_survive(
        address in name_addr(),
        via in via(),
        params in params(),
    ) {
        let read = NameAddr::parse(&address);
        prop_assert!(read.is_ok(), "{}", address);
        prop_assert_eq!(read.clone().and_then(|read| NameAddr::parse(&read.to_string())), read);
        prop_assert_eq!(Via::parse(&via).map(|via| via.to_string()), Ok(via));
        prop_assert_eq!(Params::parse(&params).map(|params| params.to_string()), Ok(params));
    }

    #[test]
    fn a_stream_may_be_cut_anywhere(
        messages in vec((message(), "(\r\n){0,3}"), 1..4),
        mutations in vec(mutation(), 0..3),
        pieces in vec(1_usize..60, 1..8),
        opened in any::<bool>(),
    ) {
        let whole: Vec<u8> = messages
            .iter()
            .flat_map(|(message, gap)| [message.as_slice(), gap.as_bytes()].concat())
            .collect();
        let framer =
            || if opened { StreamFramer::for_opened() } else { StreamFramer::for_accepted() };
        let stream = mutated(whole.clone(), mutations.clone());
        prop_assert_eq!(
            frames(framer(), &stream, &pieces),
            frames(framer(), &stream, &[stream.len().max(1)])
        );
        if mutations.is_empty() {
            let seen = frames(framer(), &whole, &pieces);
            let expected: Vec<String> = messages
                .iter()
                .map(|(message, _)| format!("{:?}", Frame::Message(message.clone())))
                .collect();
            let cut: Vec<String> =
                seen.into_iter().filter(|frame| frame.starts_with("Message")).collect();
            prop_assert_eq!(cut, expected);
        }
    }
}
