//! URIs, addresses and flows in the journal: URIs as the very text that they had on the wire, flows
//! without what ends with the process.

use holdfast_wire::sip::{NameAddr, Uri};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::sip::flow::Flow;

/// One URI, for `#[serde(with = "as_text::uri")]`.
pub(super) mod uri {
    use super::{Deserialize, Deserializer, Error, Serializer, Uri};

    pub(in crate::sip) fn serialize<S: Serializer>(uri: &Uri, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(uri.as_str())
    }

    pub(in crate::sip) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Uri, D::Error> {
        let text = String::deserialize(from)?;
        Uri::parse(&text).map_err(|error| D::Error::custom(error.fault()))
    }
}

/// A list of addresses, for `#[serde(with = "as_text::addresses")]`.
pub(super) mod addresses {
    use super::{Deserialize, Deserializer, Error, NameAddr, Serialize, Serializer};

    pub(in crate::sip) fn serialize<S: Serializer>(
        addresses: &[NameAddr],
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let texts: Vec<String> = addresses.iter().map(NameAddr::to_string).collect();
        texts.serialize(to)
    }

    pub(in crate::sip) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Vec<NameAddr>, D::Error> {
        let texts = Vec::<String>::deserialize(from)?;
        let parsed = texts.iter().map(|text| NameAddr::parse(text));
        parsed.collect::<Result<_, _>>().map_err(|error| D::Error::custom(error.fault()))
    }
}

/// A flow without its connection, for `#[serde(serialize_with = "as_text::lasting")]`: connections
/// do not outlive the process, and the next one gives their numbers to others.
pub(super) fn lasting<S: Serializer>(flow: &Flow, to: S) -> Result<S::Ok, S::Error> {
    Flow { connection: None, ..*flow }.serialize(to)
}
