//! The place of a media thread among all that want the processor.
//!
//! A packet of audio that waits for a compiler, a backup or our own index is late, and 20 ms later
//! there is the next one. So the media threads go before every ordinary thread of the machine
//! (sched(7), `SCHED_RR`). They nap between rounds, and the kernel leaves 5 % of each second to the
//! others whatever happens (`sched_rt_runtime_us`).

use thread_priority::{
    RealtimeThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};
use tracing::warn;

/// The lowest that there is: before everything that is not real time, behind whatever else of the
/// machine is.
const PRIORITY: ThreadPriority = ThreadPriority::Min;
const POLICY: ThreadSchedulePolicy =
    ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::RoundRobin);

/// Asks for the present thread. False, with a word in the log, when the system refuses: audio goes
/// on, and is as good as the machine is idle.
pub fn raise() -> bool {
    match set_thread_priority_and_policy(thread_native_id(), PRIORITY, POLICY) {
        Ok(()) => true,
        Err(refusal) => {
            warn!(?refusal, "no real-time priority for audio: see LimitRTPRIO= or ulimit -r");
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{POLICY, raise};
    use thread_priority::{
        NormalThreadSchedulePolicy, ThreadSchedulePolicy, thread_native_id,
        thread_schedule_policy_param,
    };

    #[test]
    fn a_thread_goes_first_or_is_told_that_it_does_not() {
        let told = std::thread::spawn(|| {
            let granted = raise();
            let (policy, parameters) =
                thread_schedule_policy_param(thread_native_id()).expect("a policy");
            (granted, policy, parameters.sched_priority)
        });
        let (granted, policy, priority) = told.join().expect("a thread");
        let normal = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);
        assert_eq!((policy, priority), if granted { (POLICY, 1) } else { (normal, 0) });
    }
}
