//! What is recorded has to be decoded, and a notice without a recording promises what is not done.

use super::Check;

impl Check<'_> {
    pub(super) fn recording(&mut self) {
        for (position, queue) in self.config.queues.iter().enumerate() {
            let path = |key: &str| format!("queue[{position}].{key}");
            if queue.recording.always && self.config.media.transcoded_max == 0 {
                let what = "nothing can be recorded: what is said has to be decoded, and \
                            `media.transcoded_max` is 0";
                self.warn(&path("record"), what, "raise `media.transcoded_max`");
            }
            if queue.recording.notice.is_some() && !queue.recording.always {
                let what = "callers are not told this, since the queue is not recorded";
                self.warn(&path("record_notice"), what, "write record = true, or take it away");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::told;

    #[test]
    fn what_is_said_of_recording_can_be_kept() {
        let queue = "[[queue]]\nname = \"q\"\nmembers = [\"a\"]\n[[agent]]\nname = \"a\"\n\
                     endpoints = [{ account = \"a\" }]\n[[account]]\nname = \"a\"\n";
        let with = |head: &str, keys: &str| {
            told(&format!("{head}{}", queue.replace("members", &format!("{keys}\nmembers"))))
        };
        assert_eq!(with("", "record = true\nrecord_notice = \"c\""), Vec::<String>::new());
        let none = with("[media]\ntranscoded_max = 0\n", "record = true");
        assert!(none.iter().any(|line| line.contains("has to be decoded")), "{none:?}");
        let promised = with("", "record_notice = \"c\"");
        assert!(promised.iter().any(|line| line.contains("are not told")), "{promised:?}");
    }
}
