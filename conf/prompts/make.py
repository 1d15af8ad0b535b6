#!/usr/bin/env python3
"""Makes the clips of a new box: spoken ones with espeak-ng, music on hold composed below.

    conf/prompts/make.py            writes conf/prompts/*.wav
    conf/prompts/make.py --check    fails when a clip is missing, too loud, too soft or not 8 kHz

Needs espeak-ng (Debian package of that name) and nothing beyond Python's own library. The same
version of espeak-ng gives the same bytes every time. Nothing here is taken from a recording, so
the clips are as free as the script.

All clips are 8000 Hz, A-law, mono: what G.711 carries, so that a call never waits for a
resampler, and half of what 16 bits would take in the binary. Speech is brought to -18 dBFS
(active level), music to -22 dBFS, since it must not be louder than the voice that breaks into it;
no sample comes near the limit of the codec.
"""

import array
import bisect
import math
import pathlib
import struct
import subprocess
import sys
import tempfile
import wave

FOLDER = pathlib.Path(__file__).resolve().parent
RATE = 8000
SPEECH_DBFS = -18.0
MUSIC_DBFS = -22.0
# G.711 clips at +3.17 dBm0, about full scale here; stay clear of it.
PEAK_MAX = 10 ** (-2.0 / 20)

TENS = {30: "thirty", 40: "forty", 50: "fifty", 60: "sixty", 70: "seventy", 80: "eighty",
        90: "ninety"}
ONES = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
        "fifteen sixteen seventeen eighteen nineteen twenty").split()
SPOKEN = {
    "greeting-welcome": "Welcome. Your call will be answered by the next free colleague.",
    "you-are-number": "You are number",
    "in-the-queue": "in the queue.",
    "duty-on": "You are now on duty.",
    "duty-off": "You are now off duty.",
    "beyond-99": "There are at least ninety-nine callers ahead of you.",
    "closed-sorry": "Sorry, nobody can take your call right now.",
    **{f"number-{value}": f"{word}," for value, word in enumerate(ONES)},
    **{f"number-{value}": f"{word}," for value, word in TENS.items()},
}


def low_pass(cutoff_hz, rate, taps=127):
    """A windowed-sinc filter (Blackman)."""
    middle, edge = (taps - 1) / 2, 2 * cutoff_hz / rate
    kernel = []
    for tap in range(taps):
        x = tap - middle
        sinc = edge if x == 0 else math.sin(math.pi * edge * x) / (math.pi * x)
        turn = 2 * math.pi * tap / (taps - 1)
        kernel.append(sinc * (0.42 - 0.5 * math.cos(turn) + 0.08 * math.cos(2 * turn)))
    gain = sum(kernel)
    return [value / gain for value in kernel]


def resample(signal, rate):
    """To 8 kHz: band limited to 3.4 kHz, then read between the samples."""
    kernel = low_pass(3400, rate)
    reach = len(kernel) // 2
    padded = [0.0] * reach + signal + [0.0] * (reach + 1)
    smooth = {}

    def at(position):
        if position not in smooth:
            window = padded[position:position + len(kernel)]
            smooth[position] = sum(a * b for a, b in zip(window, kernel))
        return smooth[position]

    result = []
    for tick in range(int(len(signal) * RATE / rate) - 1):
        place = tick * rate / RATE
        whole, part = int(place), place - int(place)
        result.append(at(whole) * (1 - part) + at(whole + 1) * part)
    return result


def high_pass(signal, cutoff_hz=180):
    """Takes away what a telephone can not carry and only shakes the loudspeaker (biquad)."""
    turn = 2 * math.pi * cutoff_hz / RATE
    alpha, cosine = math.sin(turn) / math.sqrt(2), math.cos(turn)
    a0 = 1 + alpha
    b0, b1 = (1 + cosine) / 2 / a0, -(1 + cosine) / a0
    a1, a2 = -2 * cosine / a0, (1 - alpha) / a0
    x1 = x2 = y1 = y2 = 0.0
    result = []
    for x in signal:
        y = b0 * x + b1 * x1 + b0 * x2 - a1 * y1 - a2 * y2
        x1, x2, y1, y2 = x, x1, y, y1
        result.append(y)
    return result


def active_level(signal):
    """Level in dBFS of the 20 ms frames that are not pauses (above -45 dB of the loudest)."""
    size = RATE // 50
    frames = [signal[at:at + size] for at in range(0, len(signal), size)]
    powers = [sum(x * x for x in frame) / len(frame) for frame in frames]
    floor = max(powers) * 10 ** -4.5
    active = [power for power in powers if power > floor]
    return 10 * math.log10(sum(active) / len(active))


def levelled(signal, dbfs):
    """To the wanted level; peaks above the limit are bent, not cut."""
    gain = 10 ** ((dbfs - active_level(signal)) / 20)
    knee = PEAK_MAX * 0.7
    result = []
    for x in signal:
        x *= gain
        over = abs(x) - knee
        if over > 0:
            room = PEAK_MAX - knee
            x = math.copysign(knee + room * math.tanh(over / room), x)
        result.append(x)
    return result


def a_law(code):
    """The sample that a byte of A-law means (ITU-T G.711, table 1a), in 16 bits."""
    code ^= 0x55
    step, place = code >> 4 & 7, (code & 15) * 16 + 8
    size = place if step == 0 else (place + 256) << step - 1
    return size if code & 0x80 else -size


CODES = sorted((a_law(code), code) for code in range(256))


def encode(sample):
    """The nearest byte."""
    place = bisect.bisect(CODES, (sample, 0))
    near = CODES[max(place - 1, 0):place + 1]
    return min(near, key=lambda pair: abs(pair[0] - sample))[1]


def write(name, signal):
    data = bytes(encode(round(x * 32767)) for x in signal)
    data += bytes(len(data) % 2)
    form = struct.pack("<HHIIHHH", 6, 1, RATE, RATE, 1, 8, 0)
    chunks = b"fmt " + struct.pack("<I", len(form)) + form
    chunks += b"data" + struct.pack("<I", len(data)) + data
    whole = b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks
    (FOLDER / f"{name}.wav").write_bytes(whole)


def clip(name):
    """One of ours: its samples and its rate."""
    whole = (FOLDER / f"{name}.wav").read_bytes()
    form, _, rate = struct.unpack("<HHI", whole[20:28])
    if form != 6:
        raise SystemExit(f"{name}: not A-law; run make.py")
    return [a_law(code) / 32768 for code in whole[46:]], rate


def read(path):
    """What the synthesiser wrote."""
    with wave.open(str(path), "rb") as clip:
        form = (clip.getnchannels(), clip.getsampwidth())
        if form != (1, 2):
            raise SystemExit(f"{path}: not 16 bit mono")
        samples = array.array("h", clip.readframes(clip.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        return [x / 32768 for x in samples], clip.getframerate()


def spoken(text):
    """One sentence, without the silence around it, with soft edges."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "speech.wav"
        command = ["espeak-ng", "-v", "en-gb", "-s", "145", "-p", "42", "-a", "90", "-w"]
        subprocess.run([*command, str(path), text], check=True)
        signal, rate = read(path)
    signal = high_pass(resample(signal, rate))
    floor = max(abs(x) for x in signal) * 0.01
    loud = [at for at, x in enumerate(signal) if abs(x) > floor]
    lead, tail = RATE // 50, RATE // 12
    signal = signal[max(loud[0] - lead, 0):loud[-1] + tail]
    fade = RATE // 100
    for at in range(min(fade, len(signal))):
        signal[at] *= at / fade
        signal[-1 - at] *= at / fade
    return levelled(signal, SPEECH_DBFS)


BEAT = 0.75  # seconds: 80 beats a minute
BARS = 8
# One chord a bar, as semitones above C: root, then the notes of the arpeggio.
CHORDS = {
    "C": (0, (4, 7, 11, 14)), "Am": (9, (12, 16, 19, 23)), "F": (5, (9, 12, 16, 19)),
    "G": (7, (11, 14, 16, 19)), "Em": (4, (7, 11, 14, 19)), "Dm": (2, (5, 9, 12, 16)),
}
FORM = "C Am F G C Em F G".split()
# Which notes of the chord an arpeggio touches, one each half beat.
FIGURE = (0, 1, 2, 3, 2, 1, 2, 1)
# A sparse tune over it: bar, beat in the bar, semitones above C, length in beats.
TUNE = (
    (0, 0, 28, 2), (0, 2, 26, 1), (0, 3, 24, 1), (1, 0, 23, 3), (2, 0, 24, 2), (2, 2, 21, 2),
    (3, 0, 23, 3), (4, 0, 28, 2), (4, 2, 31, 2), (5, 0, 26, 3), (6, 0, 24, 1), (6, 1, 26, 1),
    (6, 2, 28, 2), (7, 0, 26, 3),
)
# Loudness of the harmonics, and how much faster each dies than the first.
STRING = ((1, 1.0, 1.0), (2, 0.45, 1.6), (3, 0.2, 2.3), (4, 0.08, 3.2))
PAD = ((1, 1.0, 1.0), (2, 0.25, 1.0), (3, 0.1, 1.0))


def frequency(semitones, octave):
    """Equal temperament, A = 440 Hz; octave 0 begins at middle C."""
    return 440.0 * 2 ** ((semitones - 9) / 12 + octave)


class Loop:
    """A piece whose end runs into its beginning: what rings on past the end starts over."""

    def __init__(self, seconds):
        self.signal = [0.0] * round(seconds * RATE)

    def pluck(self, start, hertz, loudness, ring):
        """A struck string: at once there, dying away."""
        first, count = round(start * RATE), round(4 * ring * RATE)
        attack = RATE // 125
        for number, part, speed in STRING:
            self._tone(first, count, hertz * number, loudness * part,
                       lambda at, speed=speed: min(at / attack, 1.0)
                       * math.exp(-at * speed / (ring * RATE)))

    def hold(self, start, hertz, loudness, seconds):
        """A held chord note: swelling and fading like breath."""
        first, count = round(start * RATE), round(seconds * RATE)
        for number, part, _ in PAD:
            self._tone(first, count, hertz * number, loudness * part,
                       lambda at: math.sin(math.pi * at / count) ** 2)

    def _tone(self, first, count, hertz, loudness, envelope):
        if hertz > 3200:
            return
        step = 2 * math.pi * hertz / RATE
        for at in range(count):
            place = (first + at) % len(self.signal)
            self.signal[place] += loudness * envelope(at) * math.sin(step * at)


def music():
    loop = Loop(BARS * 4 * BEAT)
    for bar, name in enumerate(FORM):
        root, notes = CHORDS[name]
        start = bar * 4 * BEAT
        # Small loudspeakers carry no low bass: it lies an octave higher than it would.
        loop.pluck(start, frequency(root, -1), 0.55, 1.1)
        loop.pluck(start + 2 * BEAT, frequency(root, -1), 0.35, 0.9)
        for note in notes[:3]:
            # Chords overlap by a beat, so that one melts into the next.
            loop.hold(start - BEAT / 2, frequency(note, 0), 0.13, 5 * BEAT)
        for at, pick in enumerate(FIGURE):
            loudness = 0.30 if at % 4 == 0 else 0.21
            loop.pluck(start + at * BEAT / 2, frequency(notes[pick], 0), loudness, 0.45)
    for bar, beat, note, length in TUNE:
        start = (bar * 4 + beat) * BEAT
        loop.pluck(start, frequency(note, -1), 0.42, 0.35 * length)
    # Filtered twice around, so that the filter has heard the end when the beginning comes.
    size = len(loop.signal)
    return levelled(high_pass(loop.signal * 2)[size:], MUSIC_DBFS)


def check():
    """Prints the figures of every clip; fails when one is not what the box plays."""
    faults = 0
    for name in ["music", *SPOKEN]:
        path = FOLDER / f"{name}.wav"
        if not path.exists():
            print(f"{name}: missing; run make.py")
            faults += 1
            continue
        signal, rate = clip(name)
        level, peak = active_level(signal), max(abs(x) for x in signal)
        wanted = MUSIC_DBFS if name == "music" else SPEECH_DBFS
        right = rate == RATE and abs(level - wanted) < 1.5 and peak <= PEAK_MAX + 0.02  # a step of A-law
        faults += not right
        print(f"{name:18} {len(signal) / rate:6.2f} s  {level:6.1f} dBFS  peak {peak:.2f}"
              f"  {'ok' if right else 'WRONG: run make.py'}")
    return 1 if faults else 0


def main():
    if sys.argv[1:] == ["--check"]:
        return check()
    if sys.argv[1:]:
        print(__doc__)
        return 2
    for name, text in SPOKEN.items():
        write(name, spoken(text))
    write("music", music())
    return check()


if __name__ == "__main__":
    sys.exit(main())
