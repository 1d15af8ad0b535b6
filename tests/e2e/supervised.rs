//! A supervisor with a phone that others wrote is let into a conversation that is recorded: who
//! hears which tone, and what stands in the file.

use serde_json::{Value, json};

use crate::api::{Api, Live};
use crate::appliance::{Appliance, config};
use crate::baresip::{Baresip, is_tone};
use crate::lab::{Lab, until, until_true};
use crate::{lacks, tone};

const QUEUE: &str = "greeting = \"\"\nposition_every = \"never\"\nwrap_up = \"0s\"\n\
                     strategy = \"linear\"\nrecord = true";
const CALLER_HERTZ: u32 = 440;
const AGENT_HERTZ: u32 = 880;
const SUPERVISOR_HERTZ: u32 = 1320;
/// Two tenths of a second.
const WINDOW: usize = 1600;
/// Bytes before the samples of a recording.
const HEAD_BYTES: usize = 58;

/// Whether these tones, and no others of the three, are in the samples.
fn are_in(samples: &[i16], wanted: &[u32]) -> bool {
    [CALLER_HERTZ, AGENT_HERTZ, SUPERVISOR_HERTZ].into_iter().all(|hertz| {
        let share = tone::share(samples, f64::from(hertz), tone::RATE);
        if wanted.contains(&hertz) { share > 0.2 } else { share < 0.05 }
    })
}

fn hears(phone: &Baresip, wanted: &[u32]) {
    phone.hears(0, WINDOW, |last| are_in(last, wanted));
}

#[test]
fn a_supervisor_listens_whispers_and_barges_and_the_recording_has_both_sides() {
    if lacks("baresip") {
        return;
    }
    let lab = Lab::new("supervised");
    let phone = "endpoints = [{ account = \"lea\" }]\n";
    let rights = format!("{phone}supervises = {{ queues = [\"desk\"] }}\n");
    let text = config(&lab, &["anna", "lea"], QUEUE).replace(phone, &rights);
    let appliance = Appliance::start(&lab, &text);
    let api = Api::claim(&lab, &appliance);
    let agent = Baresip::agent(&lab, 2, "anna", AGENT_HERTZ);
    until_true("anna is there", || api.get("/api/v1/agents/anna")["selectable"] == true);
    let mut lea = Baresip::agent(&lab, 3, "lea", SUPERVISOR_HERTZ);
    until_true("lea is there", || api.get("/api/v1/agents/lea")["selectable"] == true);
    let mut caller = Baresip::caller(&lab, 4, CALLER_HERTZ);
    caller.dial("desk", &appliance);
    hears(&agent, &[CALLER_HERTZ]);
    hears(&caller, &[AGENT_HERTZ]);

    let call = api.get("/api/v1/calls")[0]["call"].as_u64().expect("a call");
    let path = format!("/api/v1/calls/{call}/supervise");
    let order = |mode: &str| api.order(&path, &json!({"supervisor": "lea", "mode": mode}));
    order("listen");
    hears(&lea, &[CALLER_HERTZ, AGENT_HERTZ]);
    hears(&agent, &[CALLER_HERTZ]);
    hears(&caller, &[AGENT_HERTZ]);
    order("whisper");
    hears(&agent, &[CALLER_HERTZ, SUPERVISOR_HERTZ]);
    hears(&caller, &[AGENT_HERTZ]);
    order("barge");
    hears(&caller, &[AGENT_HERTZ, SUPERVISOR_HERTZ]);
    lea.command("hangup", "");
    hears(&caller, &[AGENT_HERTZ]);
    hears(&agent, &[CALLER_HERTZ]);
    caller.command("hangup", "");
    until_true("nothing is left of the call", || api.live() == Live::default());

    let recordings = || api.get("/api/v1/recordings");
    until_true("the recording is over", || recordings()[0]["running"] == false);
    let name = recordings()[0]["recording"].as_str().map(str::to_owned).expect("a name");
    let wav = api.file(&format!("/api/v1/recordings/{name}/audio.wav"));
    let side = |side: usize| -> Vec<i16> {
        let bytes = wav.iter().skip(HEAD_BYTES + side).step_by(2);
        bytes.map(|byte| tone::from_a_law(*byte)).collect()
    };
    for (samples, hertz) in [(side(0), CALLER_HERTZ), (side(1), AGENT_HERTZ)] {
        // Before the first and behind the last of them that phone said nothing; in between it never
        // stopped, whoever came and went.
        let windows: Vec<&[i16]> = samples.chunks_exact(WINDOW).collect();
        let is_clear = |window: &&[i16]| is_tone(window, f64::from(hertz));
        let first = windows.iter().position(is_clear).expect("the tone");
        let last = windows.iter().rposition(is_clear).expect("the tone");
        let gaps: Vec<usize> = (first..last).filter(|at| !is_clear(&windows[*at])).collect();
        assert!(
            last - first >= 4 && gaps.is_empty(),
            "{hertz} Hz: {first} to {last}, not {gaps:?}"
        );
    }
    let trace = api.page(&format!("/calls/{call}"));
    assert!(trace.contains("has got the recording"), "{trace}");
    api.order(&format!("/api/v1/recordings/{name}/erase"), &Value::Null);
    until("it is erased", || (recordings() == json!([])).then_some(()));
}
