//! The picture of the site for the page, the API and the metrics.

use holdfast_base::Now;
use holdfast_config::Trunk;

use super::Site;
use super::ledger::{self, day_of};
use crate::call::Call;
use crate::call::audio::UNPROTECTED;
use crate::call::leg::Leg;
use crate::call::origin::Origin;
use crate::media::order::StreamCounters;
use crate::peer::picture::{BandwidthView, PhonesView, TrunkView};
use crate::record::event::Subject;
use crate::view::{
    CallView, HealthState, HealthView, LegView, QueueView, SiteView, Totals, TransferView,
};

impl Site {
    /// What people may see now.
    #[must_use]
    pub fn view(&self, now: Now) -> SiteView {
        SiteView {
            at: now.wall,
            site: self.config.site.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            up_ms: millis(now.mono.since(self.started.mono)),
            config_hash: self.config.hash(),
            draining_since: self.drain.since(),
            health: self.health(now),
            trunks: self.trunks(now),
            abuse: self.guard.view(now.mono),
            queues: self.queues(now),
            agents: self.queue.agents(now.mono),
            calls: self.calls.values().map(|call| self.call_view(now, call)).collect(),
            cdrs: self.ledger.cdrs.iter().cloned().collect(),
            totals: self.totals(),
        }
    }

    fn trunks(&self, now: Now) -> Vec<TrunkView> {
        let mut views = self.peers.view(now);
        for view in &mut views {
            view.registration = self.registrations.view(now, &self.config, &view.name);
            let most_kbps = self.config.trunk(&view.name).map_or(0, |trunk| trunk.max_bandwidth);
            let used_kbps = self.bit_rate_on(Some(&view.name)).in_kilobits();
            view.bandwidth = BandwidthView { used_kbps, most_kbps };
            view.phones = self.phones_of(now, &view.name);
        }
        views
    }

    /// Under how many names parts of calls can be found: none when no call is left.
    #[must_use]
    pub fn names_known(&self) -> usize {
        self.directory.len()
    }

    fn queues(&self, now: Now) -> Vec<QueueView> {
        let mut views = self.queue.queues(now.mono);
        for view in &mut views {
            view.today = self.ledger.folds.kpi.during(&view.name, day_of(now));
        }
        views
    }

    fn health(&self, now: Now) -> Vec<HealthView> {
        let part = |part: &str, good: bool, says: String| HealthView {
            part: part.to_owned(),
            state: if good { HealthState::Good } else { HealthState::Down },
            says,
        };
        let log = if self.drivers.log {
            "everything that happened is on disk".to_owned()
        } else {
            "the disk does not take what happens: free space or replace it; calls go on".to_owned()
        };
        let free = self.ports.free(now.mono);
        let media = if self.drivers.media {
            let open = self.directory.streams().len();
            let used = self.bit_rate_on(None).in_kilobits();
            let said = format!("{open} streams open, {free} port pairs free");
            let said = match self.config.sip.max_bandwidth {
                0 => said,
                most => format!("{said}, {used} of {most} kbit/s in use"),
            };
            let said = match self.transcoding.in_use() {
                0 => said,
                calls => format!("{said}, {calls} calls transcoded"),
            };
            match self.ports.left_out(now.mono) {
                0 => said,
                others => format!("{said}, {others} in use by other programs"),
            }
        } else {
            "a media thread does not move: restart the service".to_owned()
        };
        let phones = self.registrar.len();
        let sip = format!("{phones} of {} phones registered", self.config.accounts.len());
        let mut all = vec![
            part("SIP", true, sip),
            part("Log", self.drivers.log, log),
            part("Media", self.drivers.media && free > 0, media),
        ];
        if !self.drivers.real_time {
            let says = "audio waits for other programs of this machine: the system grants no \
                        real-time priority (LimitRTPRIO= of the unit, or ulimit -r)";
            let (part, state) = ("Real time".to_owned(), HealthState::Degraded);
            all.push(HealthView { part, state, says: says.to_owned() });
        }
        if self.load.is_late() {
            let waits = self.load.longest().as_millis();
            let says = format!("messages wait for {waits} ms: new calls are refused for now");
            let state = HealthState::Degraded;
            all.push(HealthView { part: "Load".to_owned(), state, says });
        }
        all.extend(self.encryption());
        all.extend(self.drain.health(self.calls.len()));
        all.extend(self.peers.health(now));
        all.extend(self.misfits.health(now.mono));
        all.extend(self.transcoding.health());
        all.extend(self.logins.health());
        all.extend(self.registrations.health(now, &self.config));
        all.extend(self.config.trunks.iter().filter_map(|trunk| {
            let PhonesView { says, state, phones: _ } = self.phones_of(now, &trunk.name)?;
            Some(HealthView { part: format!("Phones of PBX {}", trunk.name), state, says })
        }));
        let ledger::Totals { ungated, call_panics, states_too_large, .. } = self.ledger.totals;
        if ungated + call_panics + states_too_large > 0 {
            let says = format!(
                "{ungated} messages left before their record was on disk, {call_panics} calls \
                 ended by a fault, {states_too_large} states were too large for the journal"
            );
            let state = HealthState::Degraded;
            all.push(HealthView { part: "Faults".to_owned(), state, says });
        }
        all.extend(self.certificates.iter().map(|certificate| certificate.health(now.wall)));
        all
    }

    fn call_view(&self, now: Now, call: &Call) -> CallView {
        CallView {
            call: call.id(),
            from: call.called_by().masked(),
            to: self.dialled(call.dialled()),
            emergency: call.is_emergency(),
            state: call.state_name().to_owned(),
            for_ms: millis(now.mono.since(call.arrived().mono)),
            transfer: call
                .transfer_asked()
                .map(|(by, to)| TransferView { by: by.masked(), to: self.dialled(to) }),
            supervised: self.supervised(call),
            supervisors: self.supervisors(call),
            legs: call.legs().map(|leg| self.leg_view(leg)).collect(),
        }
    }

    /// A number of our own is nobody's secret, and tells one line from the other.
    fn dialled(&self, dialled: &Subject) -> String {
        let numbers = self.config.numbers.iter().map(|number| &number.dialled);
        let routed = self.config.routes.iter().flat_map(|route| &route.called);
        let own = numbers.chain(routed).any(|number| *number == dialled.0);
        if own { dialled.0.clone() } else { dialled.masked() }
    }

    fn leg_view(&self, leg: &Leg) -> LegView {
        let audio = self.directory.stream(leg.audio().stream());
        LegView {
            leg: leg.id(),
            with: leg.party().masked(),
            state: leg.state_name().to_owned(),
            codec: leg.audio().codec_name(),
            crypto: leg.audio().crypto_name().or_else(|| self.clear_unasked(leg)),
            media: audio.map_or_else(StreamCounters::default, |known| known.counters),
        }
    }

    /// Of audio in the clear over a trunk that nobody has allowed that.
    fn clear_unasked(&self, leg: &Leg) -> Option<String> {
        let Origin::Trunk(name) = leg.origin() else { return None };
        let clear = self.config.trunk(name).is_some_and(Trunk::is_clear_unasked);
        (clear && leg.audio().codec_name().is_some()).then(|| UNPROTECTED.to_owned())
    }

    /// The trunks that nobody has allowed to be in the clear.
    fn encryption(&self) -> Option<HealthView> {
        let clear = self.config.trunks.iter().filter(|trunk| trunk.is_clear_unasked());
        let names: Vec<&str> = clear.map(|trunk| trunk.name.as_str()).collect();
        let names = (!names.is_empty()).then(|| names.join(", "))?;
        let says = format!(
            "calls over {names} are not encrypted: set `transport = \"tls\"` there, or write \
             `media_encryption = \"off\"` where the other side can do no better"
        );
        let part = "Encryption".to_owned();
        Some(HealthView { part, state: HealthState::Degraded, says })
    }

    fn totals(&self) -> Totals {
        let totals = &self.ledger.totals;
        let count = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
        Totals {
            calls: totals.calls,
            calls_refused: totals.calls_refused,
            calls_refused_late: totals.calls_refused_late,
            input_wait_ms: millis(self.load.longest()),
            cdrs: totals.cdrs,
            sip_received: totals.sip_received,
            sip_sent: totals.sip_sent,
            sip_malformed: totals.sip_malformed,
            ungated: totals.ungated,
            reaper_fixups: self.queue.reaper_fixups(),
            live_transactions: count(self.transactions.len()),
            live_legs: count(self.calls.values().map(|call| call.legs().count()).sum()),
            live_streams: count(self.directory.streams().len()),
        }
    }
}

fn millis(span: std::time::Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
