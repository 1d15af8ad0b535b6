//! Session timers: what we ask for is what we would grant, and no shorter than there is.

use std::time::Duration;

use super::Check;

/// RFC 4028 §5: the least Min-SE, and the one that holds where none is said.
const MIN_SE_LEAST: Duration = Duration::from_secs(90);

impl Check<'_> {
    pub(super) fn sessions(&mut self) {
        let sip = &self.config.sip;
        self.session("sip", sip.session_expires, sip.min_se);
        for (position, trunk) in self.config.trunks.iter().enumerate() {
            let own = (trunk.session_expires, trunk.min_se);
            if own != (sip.session_expires, sip.min_se) {
                self.session(&format!("trunk[{position}]"), own.0, own.1);
            }
        }
    }

    fn session(&mut self, section: &str, asked: Option<Duration>, least: Duration) {
        if least < MIN_SE_LEAST {
            self.error(
                &format!("{section}.min_se"),
                "session timers are never that short (RFC 4028)",
                "make it at least \"90s\"",
            );
        }
        if asked.is_some_and(|asked| asked < least) {
            self.error(
                &format!("{section}.session_expires"),
                "the session timer that we ask for is shorter than the shortest that we grant",
                "make it at least `min_se`, or \"never\"",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn session_timers_are_no_shorter_than_there_is() {
        for (text, expected) in [
            ("min_se = \"90s\"\nsession_expires = \"90s\"", 0),
            ("min_se = \"2h\"\nsession_expires = \"never\"", 0),
            ("min_se = \"89s\"", 1),
            ("session_expires = \"89s\"", 1),
            ("min_se = \"2h\"", 1),
            ("[[trunk]]\nname = \"a\"\nnetworks = [\"192.0.2.1\"]\nmin_se = \"1h\"", 1),
        ] {
            let told = told(&format!("[sip]\n{text}\n"));
            let ours = told.iter().filter(|line| line.contains("session timer")).count();
            assert_eq!(ours, expected, "{text} {told:?}");
        }
    }
}
