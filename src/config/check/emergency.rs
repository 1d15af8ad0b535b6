//! Emergency numbers lead out, whatever else stands in the file.

use super::Check;

impl Check<'_> {
    pub(super) fn emergency(&mut self) {
        let emergency = &self.config.emergency;
        for (at, name) in emergency.trunks.iter().enumerate() {
            self.must_lead_out(&format!("emergency.trunks[{at}]"), name.as_str());
        }
        match (emergency.numbers.as_slice(), emergency.trunks.as_slice()) {
            ([_, ..], []) => self.error(
                "emergency.numbers",
                "no trunk leads to these numbers",
                "name in `trunks` the lines that reach them, best first",
            ),
            ([], [_, ..]) => self.error(
                "emergency.trunks",
                "no number leads over these trunks",
                "name in `numbers` what is dialled, for example \"112\"",
            ),
            ([], []) | ([_, ..], [_, ..]) => {}
        }
        for (at, number) in emergency.numbers.iter().enumerate() {
            let shadowed = self.config.numbers.iter().any(|known| known.dialled == *number);
            if shadowed {
                self.warn(
                    &format!("emergency.numbers[{at}]"),
                    format!("the [[number]] `{number}` is never reached by phones and trunks"),
                    "take one of the two away",
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn emergency_numbers_lead_out() {
        let trunk = "[[trunk]]\nname = 'a'\nnetworks = ['192.0.2.1']\n";
        assert_eq!(
            told(&format!("[emergency]\nnumbers = ['112']\ntrunks = ['a', 'b']\n{trunk}")),
            [
                "f:3: key `emergency.trunks`: the trunk `a` has no `target`, so no call can go \
                 out; add `target` to the trunk",
                "f:3: key `emergency.trunks`: there is no trunk `b`; did you mean `a`?",
            ]
        );
        assert_eq!(
            told("[emergency]\nnumbers = ['112']\n"),
            ["f:2: key `emergency.numbers`: no trunk leads to these numbers; name in `trunks` \
                 the lines that reach them, best first",]
        );
        let text = format!(
            "[emergency]\nnumbers = ['110']\ntrunks = ['a']\n[[number]]\ndialled = '110'\n\
             to = {{ trunk = 'a' }}\n{trunk}target = '192.0.2.1'\n"
        );
        assert_eq!(
            told(&text),
            ["f:2: warning: key `emergency.numbers`: the [[number]] `110` is never reached by \
                 phones and trunks; take one of the two away",]
        );
    }
}
