//! Sends the reports of past days, on threads of its own.
//!
//! Each domain with counts is asked where it wants its report; it is done with when one place has it, or when it wants none.
//! What could not be sent is tried again until the day has been over for a day (RFC 8460 §5.5), then the counts are removed.
//! Security stance: places are named by strangers: few for each domain, one deadline each, no place that failed twice in one run,
//! and none that had its share of reports, lest many domains of a stranger bury somebody in them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use stafett_dns::{Kind, Outcome, Question, Record};
use stafett_envelope::{Envelope, Recipient};
use stafett_log::{Log, safe};
use stafett_sts::record::{Place, report_places};
use stafett_wire::injector::{Answer, Injector};

use crate::calendar::{DAY, Day, seconds};
use crate::journal::{self, Kept};
use crate::letter::letter;
use crate::report::{Author, Report};
use crate::settings::Settings;
use crate::shares::Shares;

/// Domains that are worked on at once.
const THREADS: usize = 4;
/// How long a record is waited for.
const RECORD: Duration = Duration::from_secs(15);
/// How long a host may take to be told.
const POST: Duration = Duration::from_secs(30);
/// How long queued may take for a message.
const QUEUED: Duration = Duration::from_secs(60);
/// Failures of a host in one run before it is left alone.
const MOST_FAILURES: usize = 2;
/// The media type of a report (RFC 8460 §6.4).
const MEDIA_TYPE: &str = "application/tlsrpt+gzip";

/// What is needed to report; cheap to clone.
#[derive(Clone, Debug)]
pub struct Reporter {
    /// The program's voice.
    pub log: Log,
    /// Where counts lie.
    pub directory: PathBuf,
    /// The socket of queued.
    pub queue: PathBuf,
    /// The control files' last good copy.
    pub settings: Arc<Mutex<Arc<Settings>>>,
}

/// Only one run at a time.
static RUN: Mutex<()> = Mutex::new(());

/// The reports of one day.
struct Round<'a> {
    reporter: &'a Reporter,
    settings: &'a Settings,
    author: &'a Author,
    day: Day,
    path: PathBuf,
    kept: Kept,
    failures: Mutex<HashMap<String, usize>>,
    shares: Shares,
}

impl Reporter {
    /// The settings of now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&locked(&self.settings))
    }

    /// Replaces the settings.
    pub fn set(&self, settings: Settings) {
        *locked(&self.settings) = Arc::new(settings);
    }

    /// Sends the reports of these days, unless that is under way.
    pub fn start(&self, days: Vec<Day>) {
        let reporter = self.clone();
        let thread = std::thread::Builder::new().name("reporter".to_owned());
        let started = thread.spawn(move || {
            if let Ok(_run) = RUN.try_lock() {
                days.into_iter().for_each(|day| reporter.report(day));
            }
        });
        if let Err(error) = started {
            self.log.error(format_args!("unable to start a thread: {error}"));
        }
    }

    fn report(&self, day: Day) {
        let path = journal::path(&self.directory, day);
        let is_over = seconds() > day.end() + DAY;
        let settings = self.settings();
        let left = match (journal::read(&path), &settings.author) {
            (Ok(kept), Some(author)) => {
                let (failures, shares) = (Mutex::default(), Shares::default());
                Round { reporter: self, settings: &settings, author, day, path: path.clone(), kept, failures, shares }.run()
            }
            (Ok(kept), None) => kept.tally.domains().len(),
            (Err(error), _) => return self.log.error(format_args!("unable to read {}: {error}", path.display())),
        };
        if left > 0 && is_over {
            self.log.warning(format_args!("reports of {day} for {left} domains were not sent within a day and are given up"));
        }
        if left == 0 || is_over {
            self.remove(&path);
        }
    }

    fn remove(&self, path: &Path) {
        if let Err(error) = std::fs::remove_file(path) {
            self.log.error(format_args!("unable to remove {}: {error}", path.display()));
        }
    }
}

impl Round<'_> {
    /// Works on all domains that are not done with; how many are left.
    fn run(self) -> usize {
        let open: Vec<String> = self.kept.tally.domains().into_iter().filter(|domain| !self.kept.done.contains(domain)).collect();
        let (next, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..THREADS.min(open.len()) {
                scope.spawn(|| {
                    while let Some(domain) = open.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if !self.tell(domain) {
                            left.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        left.into_inner()
    }

    /// Tells a domain; whether it is done with.
    fn tell(&self, domain: &str) -> bool {
        let places = match self.places(domain) {
            Ok(places) => places,
            Err(reason) => {
                self.reporter.log.note(format_args!("report {} for {domain}: unable to find out who wants it: {reason}", self.day));
                return false;
            }
        };
        let report = Report::new(self.author, domain, self.day, &self.kept.tally.of(domain));
        let is_told = places.is_empty() || self.send(&report, &places);
        if is_told && let Err(error) = journal::done(&self.path, domain) {
            self.reporter.log.error(format_args!("unable to write {}: {error}", self.path.display()));
        }
        is_told
    }

    fn places(&self, domain: &str) -> Result<Vec<Place>, String> {
        let Ok(question) = Question::new(&format!("_smtp._tls.{domain}"), Kind::Txt) else { return Ok(Vec::new()) };
        match self.settings.reach.resolver.ask(&question, RECORD) {
            Outcome::Answer(answer) => Ok(report_places(answer.records.iter().filter_map(|record| match record {
                Record::Txt(text) => Some(&text[..]),
                _ => None,
            }))),
            Outcome::NoSuchName | Outcome::NoData => Ok(Vec::new()),
            Outcome::Temporary(failure) => Err(failure.to_string()),
        }
    }

    /// Whether one of the places has taken it.
    fn send(&self, report: &Report, places: &[Place]) -> bool {
        let (log, day, domain) = (&self.reporter.log, self.day, &report.domain);
        let Ok(zipped) = report.zipped() else { return false };
        let mut is_told = false;
        for place in places {
            let (to, sent) = match place {
                Place::Mail(to) | Place::Post(to) if !self.shares.take(place) => (to, Err("it has had its share for this hour".to_owned())),
                Place::Mail(to) => (to, self.mail(report, &zipped, to)),
                Place::Post(url) => (url, self.post(&zipped, url)),
            };
            let to = safe(to.as_bytes());
            match sent {
                Ok(how) => {
                    is_told = true;
                    log.line(format_args!("report {day} for {domain} to {to}: {how}"));
                }
                Err(reason) => log.warning(format_args!("report {day} for {domain} to {to}: not sent: {}", safe(reason.as_bytes()))),
            }
        }
        is_told
    }

    fn mail(&self, report: &Report, zipped: &[u8], to: &str) -> Result<String, String> {
        let envelope = Envelope {
            sender: self.author.address.clone(),
            origin: format!("tlsrpt {}", report.domain),
            recipients: vec![Recipient::new(to)],
            ..Envelope::default()
        };
        let away = |error: std::io::Error| format!("unable to queue it: {error}");
        let mut injector = Injector::connect(&self.reporter.queue, QUEUED).map_err(away)?;
        injector.envelope(&envelope);
        injector.data(letter(self.author, report, zipped, to).as_bytes());
        match injector.finish().map_err(away)? {
            Answer::Accepted(id) => Ok(format!("queued as {id}")),
            Answer::Temporary(reason) | Answer::Permanent(reason) => Err(format!("unable to queue it: {reason}")),
        }
    }

    fn post(&self, zipped: &[u8], url: &str) -> Result<String, String> {
        let host = url.split('/').nth(2).unwrap_or_default().to_ascii_lowercase();
        if locked(&self.failures).get(&host).is_some_and(|failures| *failures >= MOST_FAILURES) {
            return Err("the host has failed before".to_owned());
        }
        let posted = match self.settings.https.post(url, MEDIA_TYPE, zipped, POST) {
            Ok(answer) if (200..300).contains(&answer.status) => Ok(format!("taken with status {}", answer.status)),
            Ok(answer) => Err(format!("refused with status {}", answer.status)),
            Err(failure) => Err(failure.words),
        };
        if posted.is_err() {
            *locked(&self.failures).entry(host).or_insert(0) += 1;
        }
        posted
    }
}

/// A holder of the lock that died in the midst of it left nothing half done that matters.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
