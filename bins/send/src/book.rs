//! The scheduler's log, in qmail's lines (qmail-log(5), stafett-log(5)), written once per turn of
//! the loop.

use stafett_log::{Log, safe};
use stafett_queue_store::Id;
use stafett_sys::user::Uid;
use std::fmt::{Display, Write as _};
use std::io::Write as _;

/// Lines that are gathered before they are written.
#[derive(Debug)]
pub struct Book {
    log: Log,
    text: String,
    running: Option<(usize, usize)>,
    totals: Totals,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default)]
pub struct Totals {
    /// Recipients delivered.
    pub successes: u64,
    /// Attempts that failed for now.
    pub deferrals: u64,
    /// Recipients failed for good.
    pub failures: u64,
    /// Messages of which nothing is left.
    pub ended: u64,
}

impl Book {
    /// A book of the program that `log` speaks for.
    pub fn new(log: Log) -> Book {
        Book { log, text: String::new(), running: None, totals: Totals::default() }
    }

    /// A message is seen for the first time.
    pub fn new_message(&mut self, id: Id, bytes: u64, sender: &str, uid: u32) {
        let sender = word(sender);
        let _ = write!(self.text, "new msg {id}\ninfo msg {id}: bytes {bytes} from <{sender}> qp {id} uid {uid}\n");
    }

    /// A delivery begins.
    pub fn starting(&mut self, delivery: u64, id: Id, channel: &str, address: &str) {
        let address = word(address);
        let _ = writeln!(self.text, "starting delivery {delivery}: msg {id} to {channel} {address}");
    }

    /// A delivery has ended; `how` is success, failure or deferral.
    pub fn ended(&mut self, delivery: u64, how: &str, text: &str) {
        match how {
            "success" => self.totals.successes += 1,
            "deferral" => self.totals.deferrals += 1,
            _ => self.totals.failures += 1,
        }
        let text = word(text);
        let _ = writeln!(self.text, "delivery {delivery}: {how}: {text}");
    }

    /// How many deliveries run, of how many at most, to users of this host and to other hosts. Only a change is worth a line.
    pub fn status(&mut self, local: (usize, usize), remote: (usize, usize)) {
        if self.running.replace((local.0, remote.0)) != Some((local.0, remote.0)) {
            let _ = writeln!(self.text, "status: local {}/{} remote {}/{}", local.0, local.1, remote.0, remote.1);
        }
    }

    /// A bounce was queued.
    pub fn bounced(&mut self, id: Id, bounce: &str) {
        let _ = writeln!(self.text, "bounce msg {id} qp {}", word(bounce));
    }

    /// A bounce of a bounce is dropped.
    pub fn discarded(&mut self, id: Id) {
        let _ = writeln!(self.text, "triple bounce: discarding bounce/{id}");
    }

    /// Nothing is left of a message.
    pub fn end_message(&mut self, id: Id) {
        self.totals.ended += 1;
        let _ = writeln!(self.text, "end msg {id}");
    }

    /// A delivery whose message may have been delivered before.
    pub fn possible_duplicate(&mut self, id: Id, why: &str) {
        let _ = writeln!(self.text, "possible duplicate: msg {id}: {why}");
    }

    /// The admin did something with a message.
    pub fn admin(&mut self, who: Uid, what: &str, id: Id) {
        let _ = writeln!(self.text, "admin uid {who}: {} msg {id}", safe(what.as_bytes()));
    }

    /// The admin ended the pauses of destinations, or of all when none is named.
    pub fn admin_flush(&mut self, who: Uid, names: &[String]) {
        if names.is_empty() {
            let _ = writeln!(self.text, "admin uid {who}: flush all");
        }
        for name in names {
            let _ = writeln!(self.text, "admin uid {who}: flush {}", word(name));
        }
    }

    /// A client asked for the mail of a domain; how much of it waits, where that is known.
    pub fn etrn(&mut self, node: &str, client: &str, count: Option<usize>) {
        let count = count.map_or("some".to_owned(), |count| count.to_string());
        let _ = writeln!(self.text, "etrn {} from {}: {count} messages", word(node), word(client));
    }

    /// What the admin did while no scheduler ran.
    pub fn noted(&mut self, line: &str) {
        let _ = writeln!(self.text, "{}", safe(line.as_bytes()));
    }

    /// What has happened since the start.
    pub fn totals(&self) -> Totals {
        self.totals
    }

    /// All that waits was found on disk; so many messages.
    pub fn queue_read(&mut self, messages: usize) {
        let _ = writeln!(self.text, "status: queue read: {messages} messages wait");
    }

    /// The scheduler ends.
    pub fn exiting(&mut self) {
        self.text.push_str("status: exiting\n");
    }

    /// A complaint, after what was gathered so far.
    pub fn error(&mut self, text: impl Display) {
        self.flush();
        self.log.error(text);
    }

    /// Writes what was gathered.
    pub fn flush(&mut self) {
        if !self.text.is_empty() {
            let _ = std::io::stderr().write_all(self.text.as_bytes());
            self.text.clear();
        }
    }
}

/// One word for a log line, as qmail has it: blanks become `_` too, so that fields stay fields.
fn word(text: &str) -> String {
    safe(text.as_bytes()).to_string().replace(' ', "_")
}
