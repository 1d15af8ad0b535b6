//! RTCP: what a report says, and building one (RFC 3550 §6).
//!
//! A compound is checked as a whole first (RFC 3550 A.2); only the kinds that we understand are
//! then read by the `rtcp` crate, the rest (APP, XR, feedback) is stepped over, because a packet
//! that we do not understand must not hide the ones behind it.

use rtcp::goodbye::Goodbye;
use rtcp::header::HEADER_LENGTH;
use rtcp::packet::Packet;
use rtcp::receiver_report::ReceiverReport;
use rtcp::reception_report::ReceptionReport;
use rtcp::sender_report::SenderReport;

/// Largest RTCP datagram that is read. Ours have 100 bytes; a conference sends a few hundred.
pub const RTCP_BYTES_MAX: usize = super::DATAGRAM_BYTES_MAX;
/// Packet types (RFC 3550 §12.1).
const SENDER_REPORT: u8 = 200;
const RECEIVER_REPORT: u8 = 201;
const SOURCE_DESCRIPTION: u8 = 202;
const GOODBYE: u8 = 203;
/// Item type of the canonical name (RFC 3550 §6.5.1).
const CNAME: u8 = 1;
/// Longest canonical name that one length byte can count.
const CNAME_BYTES_MAX: usize = 255;
/// Bounds of a signed 24-bit loss count (RFC 3550 §6.4.1).
const LOST_MAX: i32 = 0x7f_ffff;
const LOST_MIN: i32 = -0x80_0000;

/// The datagram is no valid RTCP compound; it is counted and dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRtcp;

/// An NTP timestamp: seconds since 1900 in the upper, their fraction in the lower 32 bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct NtpTime(pub u64);

/// What a sender says about its own packets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    /// When the report was made.
    pub at: NtpTime,
    /// The same instant on the clock of its media.
    pub timestamp: u32,
    /// Packets so far, modulo 2³².
    pub packets: u32,
    /// Payload bytes so far, modulo 2³².
    pub octets: u32,
}

/// What a receiver says about one source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Block {
    /// The source that it hears.
    pub ssrc: u32,
    /// Loss since the last report, in 256ths.
    pub fraction_lost: u8,
    /// Loss since the beginning; negative when duplicates came.
    pub lost: i32,
    /// Cycles in the upper, highest sequence number in the lower 16 bits.
    pub highest_sequence: u32,
    /// Interarrival jitter in ticks of the media clock.
    pub jitter_ticks: u32,
    /// Middle 32 bits of the [`NtpTime`] of the last sender report; 0 when none came.
    pub last_report: u32,
    /// Time since then in 65 536ths of a second.
    pub delay: u32,
}

/// One compound, as far as a B2BUA cares.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compound {
    /// Who reports.
    pub ssrc: u32,
    /// Present in a sender report.
    pub sent: Option<Sent>,
    /// What the reporter hears.
    pub blocks: Vec<Block>,
    /// Sources that say goodbye. Not the end of a call: that is for SIP to say.
    pub gone: Vec<u32>,
}

impl Compound {
    /// Reads a compound.
    ///
    /// # Errors
    /// [`NotRtcp`] when any header or length in it is wrong, or no report leads it.
    pub fn parse(datagram: &[u8]) -> Result<Self, NotRtcp> {
        if datagram.len() > RTCP_BYTES_MAX {
            return Err(NotRtcp);
        }
        let mut compound = Self::default();
        let mut rest = datagram;
        while !rest.is_empty() {
            let (kind, packet, behind) = split(rest)?;
            // RFC 3550 §6.1: a compound starts with a sender or receiver report.
            if rest.len() == datagram.len() && !matches!(kind, SENDER_REPORT | RECEIVER_REPORT) {
                return Err(NotRtcp);
            }
            if matches!(kind, SENDER_REPORT | RECEIVER_REPORT | GOODBYE) {
                compound.read(packet)?;
            }
            rest = behind;
        }
        if datagram.is_empty() { Err(NotRtcp) } else { Ok(compound) }
    }

    fn read(&mut self, mut packet: &[u8]) -> Result<(), NotRtcp> {
        for packet in rtcp::packet::unmarshal(&mut packet).map_err(|_| NotRtcp)? {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                self.ssrc = report.ssrc;
                self.sent = Some(Sent {
                    at: NtpTime(report.ntp_time),
                    timestamp: report.rtp_time,
                    packets: report.packet_count,
                    octets: report.octet_count,
                });
                self.blocks.extend(report.reports.iter().map(block));
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.ssrc = report.ssrc;
                self.blocks.extend(report.reports.iter().map(block));
            } else if let Some(goodbye) = packet.downcast_ref::<Goodbye>() {
                self.gone.extend(&goodbye.sources);
            }
        }
        Ok(())
    }

    /// The bytes of this compound with the canonical name that RFC 3550 §6.5.1 demands.
    #[must_use]
    pub fn bytes(&self, cname: &str) -> Vec<u8> {
        let ssrc = self.ssrc;
        let reports = self.blocks.iter().map(reception_report).collect();
        let report: Box<dyn Packet + Send + Sync> = match self.sent {
            Some(Sent { at, timestamp, packets, octets }) => Box::new(SenderReport {
                ssrc,
                ntp_time: at.0,
                rtp_time: timestamp,
                packet_count: packets,
                octet_count: octets,
                reports,
                ..SenderReport::default()
            }),
            None => Box::new(ReceiverReport { ssrc, reports, ..ReceiverReport::default() }),
        };
        // The crate refuses more than 31 blocks; we send one for each source, which is one.
        let mut bytes = rtcp::packet::marshal(&[report]).map_or_else(|_| Vec::new(), Vec::from);
        bytes.extend(source_description(ssrc, cname));
        if !self.gone.is_empty() {
            let goodbye = Goodbye { sources: self.gone.clone(), ..Goodbye::default() };
            let goodbye = rtcp::packet::marshal(&[Box::new(goodbye)]);
            bytes.extend(goodbye.map_or_else(|_| Vec::new(), Vec::from));
        }
        bytes
    }
}

impl NtpTime {
    /// The middle 32 bits, in which delays are measured (RFC 3550 §6.4.1).
    #[must_use]
    pub const fn middle(self) -> u32 {
        let [_, _, a, b, c, d, _, _] = self.0.to_be_bytes();
        u32::from_be_bytes([a, b, c, d])
    }
}

/// One chunk with the canonical name (RFC 3550 §6.5). Our own, because the crate ends the list with
/// a padding count where the RFC asks for null bytes.
fn source_description(ssrc: u32, cname: &str) -> Vec<u8> {
    let name = cname.as_bytes().get(..CNAME_BYTES_MAX).unwrap_or(cname.as_bytes());
    // Source (4), item type and length (2), the name, then one to four null bytes.
    let words = (4 + 2 + name.len()) / 4 + 1;
    let (words, length) = (u8::try_from(words), u8::try_from(name.len()));
    let mut packet = vec![0x81, SOURCE_DESCRIPTION, 0, words.unwrap_or_default()];
    packet.extend(ssrc.to_be_bytes());
    packet.extend([CNAME, length.unwrap_or_default()]);
    packet.extend(name);
    packet.resize(HEADER_LENGTH + usize::from(words.unwrap_or_default()) * 4, 0);
    packet
}

/// Splits the first packet off: its type, its bytes, and what follows (RFC 3550 A.2).
fn split(rest: &[u8]) -> Result<(u8, &[u8], &[u8]), NotRtcp> {
    let &[first, kind, high, low] = rest.first_chunk::<HEADER_LENGTH>().ok_or(NotRtcp)?;
    let words = usize::from(u16::from_be_bytes([high, low]));
    if first >> 6 != 2 {
        return Err(NotRtcp);
    }
    let (packet, behind) = rest.split_at_checked(HEADER_LENGTH + words * 4).ok_or(NotRtcp)?;
    Ok((kind, packet, behind))
}

fn block(report: &ReceptionReport) -> Block {
    // The crate gives the 24 bits of the loss count unsigned; RFC 3550 §6.4.1 has them signed.
    let lost = (report.total_lost << 8).cast_signed() >> 8;
    Block {
        ssrc: report.ssrc,
        fraction_lost: report.fraction_lost,
        lost,
        highest_sequence: report.last_sequence_number,
        jitter_ticks: report.jitter,
        last_report: report.last_sender_report,
        delay: report.delay,
    }
}

fn reception_report(block: &Block) -> ReceptionReport {
    ReceptionReport {
        ssrc: block.ssrc,
        fraction_lost: block.fraction_lost,
        total_lost: block.lost.clamp(LOST_MIN, LOST_MAX).cast_unsigned() & 0xff_ffff,
        last_sequence_number: block.highest_sequence,
        jitter: block.jitter_ticks,
        last_sender_report: block.last_report,
        delay: block.delay,
    }
}

#[cfg(test)]
mod tests {
    use super::{Block, Compound, NotRtcp, NtpTime, Sent};
    use proptest::prelude::*;

    fn blocks() -> impl Strategy<Value = Vec<Block>> {
        let block = (any::<[u32; 5]>(), any::<u8>(), -0x80_0000i32..0x80_0000).prop_map(
            |([ssrc, highest_sequence, jitter_ticks, last_report, delay], fraction_lost, lost)| {
                Block {
                    ssrc,
                    fraction_lost,
                    lost,
                    highest_sequence,
                    jitter_ticks,
                    last_report,
                    delay,
                }
            },
        );
        proptest::collection::vec(block, 0..4)
    }

    fn sent() -> impl Strategy<Value = Option<Sent>> {
        proptest::option::of((any::<u64>(), any::<[u32; 3]>()).prop_map(
            |(at, [timestamp, packets, octets])| Sent {
                at: NtpTime(at),
                timestamp,
                packets,
                octets,
            },
        ))
    }

    #[test]
    fn a_receiver_report_on_the_wire() {
        let compound = Compound { ssrc: 0x0102_0304, ..Compound::default() };
        let name = [0x81, 202, 0, 3, 1, 2, 3, 4, 1, 3, b'b', b'o', b'x', 0, 0, 0];
        assert_eq!(compound.bytes("box"), [&[0x80, 201, 0, 1, 1, 2, 3, 4][..], &name].concat());
    }

    #[test]
    fn a_packet_of_another_kind_does_not_hide_the_goodbye_behind_it() {
        let mut bytes = Compound { ssrc: 7, ..Compound::default() }.bytes("x");
        bytes.extend([0x80, 204, 0, 2, 0, 0, 0, 7, b'a', b'p', b'p', b' ']); // APP
        bytes.extend([0x81, 203, 0, 1, 0, 0, 0, 7]); // BYE
        assert_eq!(Compound::parse(&bytes).map(|compound| compound.gone), Ok(vec![7]));
    }

    #[test]
    fn a_compound_with_a_wrong_length_is_refused_whole() {
        let good = Compound { ssrc: 7, ..Compound::default() }.bytes("x");
        assert!(Compound::parse(&good).is_ok());
        assert_eq!(Compound::parse(&good[..good.len() - 1]), Err(NotRtcp));
        assert_eq!(Compound::parse(&good[8..]), Err(NotRtcp)); // no report in front
        assert_eq!(Compound::parse(&[]), Err(NotRtcp));
        assert_eq!(Compound::parse(&[0x81, 201, 0, 1, 0, 0, 0, 7]), Err(NotRtcp)); // block missing
    }

    #[test]
    fn delays_are_measured_in_the_middle_of_ntp_time() {
        assert_eq!(NtpTime(0x1111_2222_3333_4444).middle(), 0x2222_3333);
    }

    proptest! {
        #[test]
        fn print_then_parse_is_the_identity(
            ssrc in any::<u32>(), sent in sent(), blocks in blocks(),
            gone in proptest::collection::vec(any::<u32>(), 0..3),
        ) {
            let compound = Compound { ssrc, sent, blocks, gone };
            prop_assert_eq!(Compound::parse(&compound.bytes("name")), Ok(compound));
        }

        #[test]
        fn parse_is_total(
            kind in 199u8..208, count in any::<u8>(),
            noise in proptest::collection::vec(any::<u8>(), 0..120),
        ) {
            let words = u8::try_from(noise.len() / 4).expect("small");
            let mut bytes = vec![0x80 | count & 0x3f, kind, 0, words];
            bytes.extend(&noise);
            let _ = Compound::parse(&bytes); // any answer is right, a panic is not
            let _ = Compound::parse(&noise);
        }
    }
}
