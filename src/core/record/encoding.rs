//! How the present state of something alive is written in the recovery journal: MessagePack with
//! the names of fields, so that a newer program reads what an older one wrote. A call is written
//! at each of its steps, and text as JSON took a tenth of the work of a call.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The value for the journal. Never fails for our own types.
#[must_use]
pub fn encoded<T: Serialize + ?Sized>(value: &T) -> Option<Vec<u8>> {
    rmp_serde::to_vec_named(value).ok()
}

/// What the journal holds; none when it can not be read as that.
#[must_use]
pub fn decoded<T: DeserializeOwned>(value: &[u8]) -> Option<T> {
    rmp_serde::from_slice(value).ok()
}

#[cfg(test)]
mod tests {
    use super::{decoded, encoded};
    use std::net::SocketAddr;

    #[test]
    fn what_is_written_is_read() {
        let state: (Vec<SocketAddr>, Option<u64>, String) =
            (vec!["[2001:db8::1]:5060".parse().unwrap()], Some(7), "\"\u{0}ä".to_owned());
        assert_eq!(decoded(&encoded(&state).unwrap()), Some(state));
    }

    #[test]
    fn what_is_damaged_is_nothing() {
        let whole = encoded(&("call", 17_u64)).unwrap();
        for cut in 0..whole.len() {
            assert_eq!(decoded::<(String, u64)>(whole.get(..cut).unwrap()), None);
        }
        assert_eq!(decoded::<(String, u64)>(b"{\"call\":17}"), None);
    }
}
