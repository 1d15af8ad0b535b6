//! Typed views of the header fields that every call needs, read on demand.

use super::{
    CSeq, ContentType, Fault, Headers, NameAddr, ParseError, RAck, Replaces, SessionExpires,
    Valued, Via, lex,
};
use std::borrow::Cow;

impl Headers {
    /// The topmost Via.
    ///
    /// # Errors
    /// When there is none or it is malformed.
    pub fn via(&self) -> Result<Via, ParseError> {
        let line = self.get("Via").ok_or(Fault::Missing("Via"))?;
        Via::parse(lex::split_list(&line, b',').next().ok_or(Fault::Via)?)
    }

    /// Every Via, topmost first.
    ///
    /// # Errors
    /// When one is malformed.
    pub fn vias(&self) -> Result<Vec<Via>, ParseError> {
        self.list("Via").iter().map(|via| Via::parse(via)).collect()
    }

    /// From.
    ///
    /// # Errors
    /// When it is missing, doubled or malformed.
    pub fn from(&self) -> Result<NameAddr, ParseError> {
        self.address("From")
    }

    /// To.
    ///
    /// # Errors
    /// When it is missing, doubled or malformed.
    pub fn to(&self) -> Result<NameAddr, ParseError> {
        self.address("To")
    }

    /// A field that holds one address and stands once, such as Refer-To or Referred-By.
    ///
    /// # Errors
    /// When it is missing, doubled or malformed.
    pub fn address(&self, name: &'static str) -> Result<NameAddr, ParseError> {
        let value = self.single(name)?;
        NameAddr::parse(&value).map_err(|_| Fault::Address(name).into())
    }

    /// A field that lists addresses: Route, Record-Route, P-Asserted-Identity, Path, Diversion.
    ///
    /// # Errors
    /// When one of them is malformed.
    pub fn routes(&self, name: &'static str) -> Result<Vec<NameAddr>, ParseError> {
        self.list(name)
            .iter()
            .map(|element| NameAddr::parse(element).map_err(|_| Fault::Address(name).into()))
            .collect()
    }

    /// Every Contact.
    ///
    /// # Errors
    /// When one is malformed, or is the `*` of [`Headers::has_star_contact`].
    pub fn contacts(&self) -> Result<Vec<NameAddr>, ParseError> {
        self.routes("Contact")
    }

    /// The first Contact, when there is one.
    ///
    /// # Errors
    /// When it is malformed.
    pub fn contact(&self) -> Result<Option<NameAddr>, ParseError> {
        self.contacts().map(|contacts| contacts.into_iter().next())
    }

    /// Whether Contact is `*`: all bindings are to go (RFC 3261 §10.2.2).
    #[must_use]
    pub fn has_star_contact(&self) -> bool {
        self.list("Contact") == ["*"]
    }

    /// CSeq.
    ///
    /// # Errors
    /// When it is missing, doubled or malformed.
    pub fn cseq(&self) -> Result<CSeq, ParseError> {
        CSeq::parse(&self.single("CSeq")?)
    }

    /// Call-ID.
    ///
    /// # Errors
    /// When it is missing, doubled or empty.
    pub fn call_id(&self) -> Result<Cow<'_, str>, ParseError> {
        let value = self.single("Call-ID")?;
        if value.is_empty() { Err(Fault::Header("Call-ID").into()) } else { Ok(value) }
    }

    /// Max-Forwards, when it is there.
    ///
    /// # Errors
    /// When it is doubled or not a number from 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, ParseError> {
        self.optional("Max-Forwards", |text| {
            lex::number(text).ok_or(Fault::Number("Max-Forwards").into())
        })
    }

    /// Expires in seconds, when it is there.
    ///
    /// # Errors
    /// When it is doubled or not a number below 2³².
    pub fn expires(&self) -> Result<Option<u32>, ParseError> {
        self.seconds("Expires")
    }

    /// A field of seconds, such as Min-Expires or Min-SE; parameters and comments behind the number
    /// (Retry-After has them) do not count.
    ///
    /// # Errors
    /// When it is doubled or not a number below 2³².
    pub fn seconds(&self, name: &'static str) -> Result<Option<u32>, ParseError> {
        self.optional(name, |text| {
            let number = text.split([';', '(', ' ', '\t']).next().unwrap_or_default();
            lex::number(number).ok_or(Fault::Number(name).into())
        })
    }

    /// Content-Type, when it is there.
    ///
    /// # Errors
    /// When it is doubled or malformed.
    pub fn content_type(&self) -> Result<Option<ContentType>, ParseError> {
        self.optional("Content-Type", ContentType::parse)
    }

    /// RAck, when it is there.
    ///
    /// # Errors
    /// When it is doubled or malformed.
    pub fn rack(&self) -> Result<Option<RAck>, ParseError> {
        self.optional("RAck", RAck::parse)
    }

    /// RSeq, when it is there.
    ///
    /// # Errors
    /// When it is doubled or not a number below 2³².
    pub fn rseq(&self) -> Result<Option<u32>, ParseError> {
        self.seconds("RSeq")
    }

    /// Session-Expires, when it is there.
    ///
    /// # Errors
    /// When it is doubled or malformed.
    pub fn session_expires(&self) -> Result<Option<SessionExpires>, ParseError> {
        self.optional("Session-Expires", SessionExpires::parse)
    }

    /// Replaces, when it is there.
    ///
    /// # Errors
    /// When it is doubled or malformed.
    pub fn replaces(&self) -> Result<Option<Replaces>, ParseError> {
        self.optional("Replaces", Replaces::parse)
    }

    /// A word with parameters that stands once: Event, Subscription-State, Content-Disposition.
    ///
    /// # Errors
    /// When it is doubled or malformed.
    pub fn valued(&self, name: &'static str) -> Result<Option<Valued>, ParseError> {
        self.optional(name, Valued::parse)
    }

    fn optional<T>(
        &self,
        name: &'static str,
        parse: impl FnOnce(&str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        if self.has(name) { parse(&self.single(name)?).map(Some) } else { Ok(None) }
    }
}
