//! What watchers see: the documents of RFC 4235 and of RFC 3863 with RFC 4480.
//!
//! Who the other party of a talk is stays out of both: a lamp needs no number, and a caller who
//! withholds it would be shown to the whole office.

use holdfast_base::LegId;
use std::fmt::Write as _;

/// What one account or agent is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pictured {
    /// Its talks, oldest first.
    pub talks: Vec<Talk>,
    /// Whether it can be called.
    pub reachable: bool,
    /// What it does, as far as the queue knows.
    pub activity: Activity,
    /// The same in a word for people; of a mailbox, its summary.
    pub word: String,
}

/// One talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Talk {
    /// Its leg.
    pub leg: LegId,
    /// Whether it was the one who called.
    pub calls: bool,
    /// How far it is.
    pub stage: Stage,
}

/// How far a talk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It calls, and nobody is known to ring.
    Trying,
    /// It rings.
    Early,
    /// They talk.
    Confirmed,
}

/// What somebody does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Nothing that keeps it from a call.
    Free,
    /// It is in a call.
    OnThePhone,
    /// It writes down the last one.
    Busy,
    /// It takes none.
    Away,
}

impl Pictured {
    /// RFC 4235 §4: all talks, in a document of this version.
    pub(super) fn dialogs(&self, version: u32, entity: &str) -> String {
        let entity = escaped(entity);
        let mut text = format!(
            "<?xml version=\"1.0\"?>\r\n<dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" \
             version=\"{version}\" state=\"full\" entity=\"{entity}\">\r\n"
        );
        for Talk { leg, calls, stage } in &self.talks {
            let direction = if *calls { "initiator" } else { "recipient" };
            let state = match stage {
                Stage::Trying => "trying",
                Stage::Early => "early",
                Stage::Confirmed => "confirmed",
            };
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "<dialog id=\"{leg}\" direction=\"{direction}\"><state>{state}</state></dialog>\r\n"
            );
        }
        text + "</dialog-info>\r\n"
    }

    /// RFC 3863 §4, with the activity of RFC 4480 §3.2.
    pub(super) fn presence(&self, entity: &str) -> String {
        let entity = escaped(entity);
        let open = self.reachable && self.activity != Activity::Away;
        let basic = if open { "open" } else { "closed" };
        let activity = match self.activity {
            Activity::Free => "",
            Activity::OnThePhone => "<rpid:on-the-phone/>",
            Activity::Busy => "<rpid:busy/>",
            Activity::Away => "<rpid:away/>",
        };
        let word = escaped(&self.word);
        format!(
            "<?xml version=\"1.0\"?>\r\n<presence xmlns=\"urn:ietf:params:xml:ns:pidf\" \
             xmlns:dm=\"urn:ietf:params:xml:ns:pidf:data-model\" \
             xmlns:rpid=\"urn:ietf:params:xml:ns:pidf:rpid\" entity=\"{entity}\">\r\n\
             <tuple id=\"phone\"><status><basic>{basic}</basic></status>\
             <note>{word}</note></tuple>\r\n\
             <dm:person id=\"person\"><rpid:activities>{activity}</rpid:activities></dm:person>\r\n\
             </presence>\r\n"
        )
    }
}

/// Text within XML.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c if c.is_control() => escaped.push(' '),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::{Activity, Pictured, Stage, Talk};
    use holdfast_base::LegId;

    #[test]
    fn documents_say_what_is_seen_and_no_number() {
        let talk = |leg, calls, stage| Talk { leg: LegId(leg), calls, stage };
        let talks = vec![talk(3, true, Stage::Trying), talk(5, false, Stage::Confirmed)];
        let (activity, word) = (Activity::OnThePhone, "off: <\"lunch\" & more>".to_owned());
        let picture = Pictured { talks, reachable: true, activity, word };
        assert_eq!(
            picture.dialogs(7, "sip:a&b@h"),
            "<?xml version=\"1.0\"?>\r\n\
             <dialog-info xmlns=\"urn:ietf:params:xml:ns:dialog-info\" version=\"7\" \
             state=\"full\" entity=\"sip:a&amp;b@h\">\r\n\
             <dialog id=\"leg-3\" direction=\"initiator\"><state>trying</state></dialog>\r\n\
             <dialog id=\"leg-5\" direction=\"recipient\"><state>confirmed</state></dialog>\r\n\
             </dialog-info>\r\n"
        );
        let presence = picture.presence("sip:anna@h");
        assert!(presence.contains("<basic>open</basic>"), "{presence}");
        assert!(presence.contains("<rpid:on-the-phone/>"), "{presence}");
        let note = "<note>off: &lt;&quot;lunch&quot; &amp; more&gt;</note>";
        assert!(presence.contains(note), "{presence}");
        let away = Pictured { activity: Activity::Away, ..picture };
        assert!(away.presence("sip:anna@h").contains("<basic>closed</basic>"));
    }
}
