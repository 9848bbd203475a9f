//! The families that are told; stafett-metrics(8) lists them.

use crate::ask::Numbers;
use crate::queue::{AGES, Queue, State};
use crate::supervise::Services;
use crate::tallies::Tallies;
use crate::text::{Dialect, Family, Kind, Text};
use Kind::{Counter, Gauge, Histogram, Info};

/// What is known at one time.
#[derive(Debug)]
pub struct Report<'a> {
    /// The queue, if it can be read.
    pub queue: Option<&'a Queue>,
    /// What queued says.
    pub queued: &'a Numbers,
    /// What send says.
    pub send: &'a Numbers,
    /// The supervisors' words.
    pub services: &'a Services,
    /// The logs' sums; `None` where nobody follows them.
    pub tallies: Option<&'a Tallies>,
    /// When this program began, seconds since 1970.
    pub begun: u64,
    /// How long the last look took, in seconds.
    pub look: f64,
}

/// What send counts: its name for it, and the family.
const SEND: &[(&str, Family)] = &[
    ("messages", ("stafett_send_messages", Gauge, "", "Messages that stafett-send works on.")),
    ("running", ("stafett_send_deliveries_running", Gauge, "", "Deliveries under way.")),
    ("connections", ("stafett_send_connections", Gauge, "", "Delivery connections.")),
    ("concurrency", ("stafett_send_connections_limit", Gauge, "", "Delivery connections at most (control/concurrencyremote).")),
    ("destinations", ("stafett_send_destinations", Gauge, "", "Destinations that are known.")),
    (
        "destinations_down",
        ("stafett_send_destinations_down", Gauge, "", "Destinations that could not be reached and are left alone for a while."),
    ),
    ("messages_ended_total", ("stafett_send_messages_ended", Counter, "", "Messages that left the queue since stafett-send began.")),
];

/// What send counts by outcome.
const OUTCOMES: &[(&str, &str)] = &[("success", "deliveries_total"), ("deferral", "deferrals_total"), ("failure", "failures_total")];

impl Report<'_> {
    /// The whole text.
    pub fn text(&self, dialect: Dialect) -> String {
        let mut text = Text::new(dialect);
        self.itself(&mut text);
        if let Some(queue) = self.queue {
            tell_queue(&mut text, queue);
        }
        self.tell_queued(&mut text);
        self.tell_send(&mut text);
        self.tell_services(&mut text);
        if let Some(tallies) = self.tallies {
            tell_tallies(&mut text, tallies);
        }
        text.finish()
    }

    fn itself(&self, text: &mut Text) {
        text.family(("stafett_build", Info, "", "The version of stafett-metrics."));
        text.sample(&[("version", env!("CARGO_PKG_VERSION"))], 1);
        text.single(
            ("stafett_metrics_start_time_seconds", Gauge, "seconds", "When stafett-metrics began to count lines of logs, since 1970."),
            self.begun,
        );
        text.single(
            ("stafett_metrics_look_seconds", Gauge, "seconds", "How long the last look at queue, logs and services took."),
            format_args!("{:.6}", self.look),
        );
        text.single(("stafett_queue_readable", Gauge, "", "Whether the queue's directories can be read."), u8::from(self.queue.is_some()));
    }

    fn tell_queued(&self, text: &mut Text) {
        let queued = self.queued;
        let (Some(accepted), Some(bytes), Some(syncs)) = (queued.number("accepted"), queued.number("bytes"), queued.number("fsync_count"))
        else {
            return;
        };
        text.single(("stafett_queued_messages_accepted", Counter, "", "Messages made durable since stafett-queued began."), accepted);
        text.single(("stafett_queued_accepted_bytes", Counter, "bytes", "Their bytes."), bytes);
        text.family(("stafett_queued_messages_refused", Counter, "", "Messages not taken since stafett-queued began, by reason."));
        queued.beginning("refused_").for_each(|(reason, count)| text.sample(&[("reason", reason)], count));
        let mut classes: Vec<(u64, u64)> =
            queued.beginning("fsync_to_").filter_map(|(bound, count)| Some((bound.parse().ok()?, count))).collect();
        classes.sort_unstable();
        let named: Vec<(String, u64)> = classes.into_iter().map(|(micros, count)| (seconds(micros), count)).collect();
        let named: Vec<(&str, u64)> = named.iter().map(|(bound, count)| (bound.as_str(), *count)).collect();
        text.family(("stafett_queued_fsync_seconds", Histogram, "seconds", "How long the disk took to make a message durable."));
        text.histogram(&named, syncs, seconds(queued.number("fsync_micros").unwrap_or_default()));
    }

    fn tell_send(&self, text: &mut Text) {
        for (name, family) in SEND {
            if let Some(number) = self.send.number(name) {
                text.single(*family, number);
            }
        }
        if self.send.are_there() {
            text.family(("stafett_send_deliveries", Counter, "", "Ended deliveries since stafett-send began, by outcome."));
            let known = OUTCOMES.iter().filter_map(|(outcome, name)| Some((outcome, self.send.number(name)?)));
            known.for_each(|(outcome, number)| text.sample(&[("outcome", outcome)], number));
        }
    }

    fn tell_services(&self, text: &mut Text) {
        text.family(("stafett_service_answers", Gauge, "", "Whether the service answers questions on its socket."));
        text.sample(&[("service", "queued")], u8::from(self.queued.are_there()));
        text.sample(&[("service", "send")], u8::from(self.send.are_there()));
        if self.services.known.is_empty() {
            return;
        }
        text.family(("stafett_service_up", Gauge, "", "Whether the service runs, by the word of its supervisor."));
        self.services.known.iter().for_each(|(name, service)| text.sample(&[("service", name)], u8::from(service.status.up)));
        text.family(("stafett_service_uptime_seconds", Gauge, "seconds", "How long the service has run; 0 while it is down."));
        self.services
            .known
            .iter()
            .for_each(|(name, service)| text.sample(&[("service", name)], format_args!("{:.3}", service.status.uptime())));
        text.family(("stafett_service_restarts", Counter, "", "How often the service was started anew since stafett-metrics began."));
        self.services.known.iter().for_each(|(name, service)| text.sample(&[("service", name)], service.restarts));
    }
}

fn tell_queue(text: &mut Text, queue: &Queue) {
    let mut by_state = |family: Family, value: &dyn Fn(&State) -> Option<u64>| {
        text.family(family);
        let known = queue.states().into_iter().filter_map(|(name, state)| Some((name, value(state)?)));
        known.for_each(|(name, value)| text.sample(&[("state", name)], value));
    };
    by_state(("stafett_queue_messages", Gauge, "", "Messages by state."), &|state| Some(state.messages));
    by_state(("stafett_queue_bytes", Gauge, "bytes", "Their bytes, without envelopes."), &|state| Some(state.bytes));
    by_state(("stafett_queue_oldest_birth_seconds", Gauge, "seconds", "When the oldest message was accepted, since 1970."), &|state| {
        state.oldest
    });
    text.family((
        "stafett_queue_messages_by_age",
        Gauge,
        "",
        "Messages by state and by the time since they were accepted, each counted once.",
    ));
    for (name, state) in queue.states() {
        for ((age, _), count) in AGES.iter().zip(state.ages) {
            text.sample(&[("state", name), ("age", age)], count);
        }
    }
    if let Some(due) = queue.due {
        text.single(("stafett_queue_messages_due", Gauge, "", "Waiting messages whose next attempt is due."), due);
    }
    text.single(("stafett_queue_damaged", Gauge, "", "Damaged files that were set aside."), queue.damaged);
    text.single(("stafett_queue_strange_files", Gauge, "", "Files in the queue whose names are no message's."), queue.odd);
    text.single(("stafett_queue_free_bytes", Gauge, "bytes", "What can still be written to the queue's file system."), queue.free);
    text.single(("stafett_queue_seen_seconds", Gauge, "seconds", "When the queue was looked at, since 1970."), queue.seen);
}

fn tell_tallies(text: &mut Text, tallies: &Tallies) {
    text.single(
        ("stafett_smtpd_messages_accepted", Counter, "", "Messages that clients were told are accepted, from the log."),
        tallies.smtpd.accepted,
    );
    text.family(("stafett_smtpd_refusals", Counter, "", "Commands and messages refused, by the rule that decided, from the log."));
    tallies.smtpd.refused.each().for_each(|([rule], count)| text.sample(&[("rule", rule)], count));
    text.family(("stafett_smtpd_sessions", Counter, "", "Sessions by how they ended, from the log."));
    tallies.smtpd.ended.each().for_each(|([end], count)| text.sample(&[("end", end)], count));
    text.family((
        "stafett_deliveries",
        Counter,
        "",
        "Ended deliveries by kind of route, top-level domain of the recipient and outcome, from the log.",
    ));
    for ([route, top, outcome], count) in tallies.send.outcomes.each() {
        text.sample(&[("route", route), ("top", top), ("outcome", outcome)], count);
    }
    text.family(("stafett_tcpserver_connections", Gauge, "", "Connections of clients, from the log."));
    let known = tallies.listeners.iter().filter_map(|(name, listener)| Some((name, listener.status?)));
    known.for_each(|(name, (now, _))| text.sample(&[("listener", name)], now));
    text.family(("stafett_tcpserver_connections_limit", Gauge, "", "Connections of clients at most."));
    let known = tallies.listeners.iter().filter_map(|(name, listener)| Some((name, listener.status?)));
    known.for_each(|(name, (_, limit))| text.sample(&[("listener", name)], limit));
    text.family(("stafett_tcpserver_connections_admitted", Counter, "", "Connections that were let in, from the log."));
    tallies.listeners.iter().for_each(|(name, listener)| text.sample(&[("listener", name)], listener.admitted));
    text.family(("stafett_tcpserver_connections_denied", Counter, "", "Connections that were turned away, from the log."));
    tallies.listeners.iter().for_each(|(name, listener)| text.sample(&[("listener", name)], listener.denied));
}

/// Microseconds in seconds, without zeros at the end.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    let short = text.trim_end_matches('0');
    if short.ends_with('.') { format!("{short}0") } else { short.to_owned() }
}
