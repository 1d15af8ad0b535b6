//! WAV files of prompts: mono, 16-bit PCM at 8 or 16 kHz or G.711 at 8 kHz in, 8 kHz samples out,
//! and back.
//!
//! Chunks that we do not know (LIST, fact, cue) are stepped over; a `data` length that runs past
//! the end, as recorders leave it when they are cut off, means "to the end".

use crate::g711::Law;

/// Samples a second of every clip in the box (G.711).
pub const SAMPLES_PER_SECOND: u32 = 8000;
/// Largest file that is read: more than eight minutes at 16 kHz.
pub const WAV_BYTES_MAX: usize = 16 * 1024 * 1024;
/// `wFormatTag` of plain PCM, of the two laws of G.711 (RFC 2361 annex A.3), and of the extended
/// format that wraps PCM.
const FORMAT_PCM: u16 = 1;
const FORMAT_A_LAW: u16 = 6;
const FORMAT_U_LAW: u16 = 7;
const FORMAT_EXTENSIBLE: u16 = 0xfffe;
/// Half-band low-pass for halving the rate: odd taps 1, 3, 5, 7 beside a centre of one half, a
/// windowed sinc (Hamming, 15 taps) in 32 768ths. The taps of one side sum to a quarter.
const HALF_BAND: [i32; 4] = [10_030, -2251, 533, -120];
/// The centre tap, one half in 32 768ths.
const HALF_BAND_CENTRE: i32 = 16_384;

/// Why a file can not be a prompt, in words for a technician.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAPrompt {
    /// Larger than [`WAV_BYTES_MAX`].
    TooLarge,
    /// No RIFF/WAVE file, or cut off before its samples.
    NotWav,
    /// Neither 16-bit PCM nor G.711.
    Encoding,
    /// More than one channel.
    NotMono,
    /// Neither 8 nor 16 kHz.
    Rate(u32),
}

/// Reads a file into samples at 8 kHz.
///
/// # Errors
/// What is wrong with the file.
pub fn read(file: &[u8]) -> Result<Vec<i16>, NotAPrompt> {
    if file.len() > WAV_BYTES_MAX {
        return Err(NotAPrompt::TooLarge);
    }
    let mut rest = match file.split_first_chunk::<12>() {
        Some(([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'A', b'V', b'E'], rest)) => rest,
        Some(_) | None => return Err(NotAPrompt::NotWav),
    };
    let mut form = None;
    while let Some((&[a, b, c, d, s0, s1, s2, s3], body)) = rest.split_first_chunk::<8>() {
        let size = usize::try_from(u32::from_le_bytes([s0, s1, s2, s3])).unwrap_or(usize::MAX);
        let chunk = body.get(..size).unwrap_or(body);
        match (&[a, b, c, d], form) {
            (b"fmt ", _) => form = Some(form_of(chunk)?),
            (b"data", Some(form)) => return Ok(samples_of(chunk, form)),
            (b"data", None) => return Err(NotAPrompt::NotWav),
            (_, _) => {}
        }
        // Chunks are padded to an even length.
        rest = body.get(size.saturating_add(size & 1)..).unwrap_or_default();
    }
    Err(NotAPrompt::NotWav)
}

/// Writes samples at 8 kHz as a file. Samples beyond [`WAV_BYTES_MAX`] are cut.
#[must_use]
pub fn write(samples: &[i16]) -> Vec<u8> {
    let samples = samples.get(..WAV_BYTES_MAX / 2).unwrap_or(samples);
    let bytes = u32::try_from(samples.len() * 2).unwrap_or(u32::MAX);
    let mut file = Vec::with_capacity(44 + samples.len() * 2);
    file.extend(b"RIFF");
    file.extend((36 + bytes).to_le_bytes());
    file.extend(b"WAVEfmt ");
    file.extend(16u32.to_le_bytes());
    file.extend(FORMAT_PCM.to_le_bytes());
    file.extend(1u16.to_le_bytes()); // channels
    file.extend(SAMPLES_PER_SECOND.to_le_bytes());
    file.extend((SAMPLES_PER_SECOND * 2).to_le_bytes()); // bytes a second
    file.extend(2u16.to_le_bytes()); // bytes a sample
    file.extend(16u16.to_le_bytes()); // bits a sample
    file.extend(b"data");
    file.extend(bytes.to_le_bytes());
    file.extend(samples.iter().flat_map(|sample| sample.to_le_bytes()));
    file
}

/// Writes two channels of A-law at 8 kHz, a byte of each in turn, as a file.
#[must_use]
pub fn write_pairs(samples: &[u8]) -> Vec<u8> {
    const HEAD_BYTES: usize = 58;
    let pairs = samples.len() / 2;
    let samples = samples.get(..2 * pairs).unwrap_or(samples);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    let mut file = Vec::with_capacity(HEAD_BYTES + samples.len());
    file.extend(b"RIFF");
    file.extend(count(HEAD_BYTES - 8 + samples.len()));
    file.extend(b"WAVEfmt ");
    file.extend(18u32.to_le_bytes()); // what is not PCM says how much more it says: nothing
    file.extend(FORMAT_A_LAW.to_le_bytes());
    file.extend(2u16.to_le_bytes()); // channels
    file.extend(SAMPLES_PER_SECOND.to_le_bytes());
    file.extend((2 * SAMPLES_PER_SECOND).to_le_bytes()); // bytes a second
    file.extend(2u16.to_le_bytes()); // bytes a pair
    file.extend(8u16.to_le_bytes()); // bits a sample
    file.extend(0u16.to_le_bytes());
    file.extend(b"fact");
    file.extend(4u32.to_le_bytes());
    file.extend(count(pairs));
    file.extend(b"data");
    file.extend(count(samples.len()));
    file.extend_from_slice(samples);
    file
}

#[derive(Clone, Copy)]
enum Form {
    /// 16 bits at 8 kHz.
    Eight,
    /// 16 bits at 16 kHz.
    Sixteen,
    Logarithmic(Law),
}

fn form_of(format: &[u8]) -> Result<Form, NotAPrompt> {
    let &[t0, t1, c0, c1, r0, r1, r2, r3, _, _, _, _, _, _, b0, b1] =
        format.first_chunk::<16>().ok_or(NotAPrompt::NotWav)?;
    let (tag, bits) = (u16::from_le_bytes([t0, t1]), u16::from_le_bytes([b0, b1]));
    let law = match (tag, bits) {
        (FORMAT_PCM | FORMAT_EXTENSIBLE, 16) => None,
        (FORMAT_A_LAW, 8) => Some(Law::A),
        (FORMAT_U_LAW, 8) => Some(Law::Mu),
        (_, _) => return Err(NotAPrompt::Encoding),
    };
    if u16::from_le_bytes([c0, c1]) != 1 {
        return Err(NotAPrompt::NotMono);
    }
    match (u32::from_le_bytes([r0, r1, r2, r3]), law) {
        (8000, None) => Ok(Form::Eight),
        (8000, Some(law)) => Ok(Form::Logarithmic(law)),
        (16_000, None) => Ok(Form::Sixteen),
        (other, _) => Err(NotAPrompt::Rate(other)),
    }
}

fn samples_of(data: &[u8], form: Form) -> Vec<i16> {
    let plain = || data.as_chunks::<2>().0.iter().map(|&pair| i16::from_le_bytes(pair));
    match form {
        Form::Logarithmic(law) => data.iter().map(|&byte| law.decode(byte)).collect(),
        Form::Eight => plain().collect(),
        Form::Sixteen => {
            let samples: Vec<i16> = plain().collect();
            (0..samples.len()).step_by(2).map(|at| halved(&samples, at)).collect()
        }
    }
}

/// One output sample of the half-band filter around `at`; silence beyond both ends.
fn halved(samples: &[i16], at: usize) -> i16 {
    let sample = |place: Option<usize>| {
        place.and_then(|place| samples.get(place)).map_or(0, |&sample| i32::from(sample))
    };
    let sides = HALF_BAND.iter().zip([1usize, 3, 5, 7]).map(|(tap, distance)| {
        tap * (sample(at.checked_sub(distance)) + sample(at.checked_add(distance)))
    });
    let sum = sides.sum::<i32>() + HALF_BAND_CENTRE * sample(Some(at));
    i16::try_from((sum >> 15).clamp(i16::MIN.into(), i16::MAX.into())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{NotAPrompt, WAV_BYTES_MAX, read, write};
    use crate::g711::Law;
    use proptest::prelude::*;

    fn file_at(rate: u32, samples: &[i16]) -> Vec<u8> {
        let mut file = write(samples);
        file[24..28].copy_from_slice(&rate.to_le_bytes());
        file
    }

    #[expect(clippy::cast_possible_truncation, reason = "an amplitude of 8000 fits")]
    fn tone(hertz: f64, rate: f64) -> Vec<i16> {
        let sample = |n: u32| (f64::from(n) * hertz * std::f64::consts::TAU / rate).sin();
        (0..1600).map(|n| (8000.0 * sample(n)) as i16).collect()
    }

    fn loudness(samples: &[i16]) -> f64 {
        let middle = &samples[100..700];
        (middle.iter().map(|&s| f64::from(s).powi(2)).sum::<f64>() / 600.0).sqrt()
    }

    #[test]
    fn what_is_no_prompt_says_why() {
        let good = write(&[1, -1]);
        assert_eq!(read(&good), Ok(vec![1, -1]));
        assert_eq!(read(&file_at(44_100, &[0])), Err(NotAPrompt::Rate(44_100)));
        assert_eq!(read(&good[..40]), Err(NotAPrompt::NotWav));
        assert_eq!(read(b"ID3 not a wave file"), Err(NotAPrompt::NotWav));
        let mut stereo = good.clone();
        stereo[22] = 2;
        assert_eq!(read(&stereo), Err(NotAPrompt::NotMono));
        let mut a_law_in_16_bits = good;
        a_law_in_16_bits[20] = 6;
        assert_eq!(read(&a_law_in_16_bits), Err(NotAPrompt::Encoding));
        assert_eq!(read(&vec![0; WAV_BYTES_MAX + 1]), Err(NotAPrompt::TooLarge));
    }

    #[test]
    fn both_laws_are_read() {
        for (tag, law) in [(6, Law::A), (7, Law::Mu)] {
            let mut file = write(&[0]);
            (file[20], file[34]) = (tag, 8);
            file[44..].copy_from_slice(&[law.encode(1000), law.encode(-9000)]);
            let samples = [law.encode(1000), law.encode(-9000)].map(|byte| law.decode(byte));
            assert_eq!(read(&file), Ok(samples.to_vec()), "{law:?}");
            file[24..28].copy_from_slice(&16_000_u32.to_le_bytes());
            assert_eq!(read(&file), Err(NotAPrompt::Rate(16_000)));
        }
    }

    #[test]
    fn a_chunk_before_the_samples_is_stepped_over_and_a_cut_file_plays_to_its_end() {
        let mut file = write(&[1, 2, 3]);
        file.splice(36..36, *b"LIST\x03\x00\x00\x00abc\x00");
        assert_eq!(read(&file), Ok(vec![1, 2, 3]));
        assert_eq!(read(&file[..file.len() - 2]), Ok(vec![1, 2]));
    }

    #[test]
    fn halving_the_rate_keeps_speech_and_removes_what_would_alias() {
        let speech = read(&file_at(16_000, &tone(1000.0, 16_000.0))).expect("valid");
        let alias = read(&file_at(16_000, &tone(7000.0, 16_000.0))).expect("valid");
        assert_eq!(speech.len(), 800);
        let level = loudness(&speech) / loudness(&tone(1000.0, 8000.0));
        assert!((0.98..1.02).contains(&level), "speech at {level}");
        assert!(loudness(&alias) < 60.0, "alias at {}", loudness(&alias)); // -40 dB
    }

    #[test]
    fn two_channels_of_a_law_say_what_they_are() {
        let file = super::write_pairs(&[1, 2, 3, 4, 5]);
        assert_eq!(file.len(), 58 + 4, "a byte without its pair is none");
        assert_eq!(u32::from_le_bytes(file[4..8].try_into().unwrap()), 54);
        assert_eq!((file[20], file[22], file[32], file[34]), (6, 2, 2, 8));
        assert_eq!((&file[38..42], file[46]), (&b"fact"[..], 2));
        assert_eq!((&file[50..54], &file[58..]), (&b"data"[..], &[1, 2, 3, 4][..]));
    }

    proptest! {
        #[test]
        fn write_then_read_is_the_identity(
            samples in proptest::collection::vec(any::<i16>(), 0..99),
        ) {
            prop_assert_eq!(read(&write(&samples)), Ok(samples));
        }

        #[test]
        fn read_is_total(
            noise in proptest::collection::vec(any::<u8>(), 0..200), keep in 0usize..44,
        ) {
            let mut file = write(&[5; 20]);
            file.truncate(keep);
            file.extend(noise);
            let _ = read(&file); // any answer is right, a panic is not
        }
    }
}
