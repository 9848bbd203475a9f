//! Looks at everything every few seconds, on a thread of its own, and leaves the finished text for the
//! server: no scrape waits for a disk or for another service.
//!
//! The queue is looked at as often as costs a fiftieth of a processor, every [`EVERY`] at most.
//! How it fails: what cannot be read is left out of the text; that it is so is said once.

use crate::LOG;
use crate::ask::Numbers;
use crate::queue::{self, Queue};
use crate::report::Report;
use crate::routes::Routes;
use crate::supervise::Services;
use crate::tail::Tail;
use crate::tallies::Tallies;
use crate::text::Dialect;
use stafett_control::Control;
use stafett_instance::{Instance, tree};
use stafett_queue_store::Store;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often everything is looked at.
pub const EVERY: Duration = Duration::from_secs(5);
/// How much longer than a look at the queue takes the next one is put off.
const REST: u32 = 50;
/// Listeners that are followed, at most.
const MOST_LISTENERS: usize = 16;

/// The text in both formats.
#[derive(Debug, Default)]
pub struct Pages {
    openmetrics: String,
    classic: String,
}

impl Pages {
    /// The page of a format.
    pub fn page(&self, dialect: Dialect) -> &str {
        match dialect {
            Dialect::OpenMetrics => &self.openmetrics,
            Dialect::Classic => &self.classic,
        }
    }
}

/// Where the collector leaves its pages.
#[derive(Debug, Default)]
pub struct Desk(Mutex<Arc<Pages>>);

impl Desk {
    /// The newest pages.
    pub fn pages(&self) -> Arc<Pages> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Leaves newer ones.
    pub fn put(&self, pages: Pages) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(pages);
    }
}

/// What is remembered from one look to the next.
#[derive(Debug)]
pub struct Collector {
    instance: Instance,
    control: Control,
    store: Store,
    queue: Option<Queue>,
    queue_again: Instant,
    queue_failed: bool,
    services: Services,
    tallies: Tallies,
    routes: Routes,
    smtpd: Tail,
    send: Tail,
    listeners: BTreeMap<String, Tail>,
    begun: u64,
}

impl Collector {
    /// Begins at the ends of the logs.
    ///
    /// # Errors
    /// When the queue cannot be opened.
    pub fn new(instance: Instance) -> std::io::Result<Collector> {
        let store = Store::open(&instance.queue())?;
        let log = instance.root().join("log");
        let mut collector = Collector {
            control: Control::new(instance.control()),
            store,
            queue: None,
            queue_again: Instant::now(),
            queue_failed: false,
            services: Services::default(),
            tallies: Tallies::default(),
            routes: Routes::none(),
            smtpd: Tail::at_end(&log.join("smtpd"), &mut |_| {}),
            send: Tail::at_end(&log.join("send"), &mut |_| {}),
            listeners: BTreeMap::new(),
            begun: queue::now(),
            instance,
        };
        collector.find_listeners(&log);
        Ok(collector)
    }

    /// Looks at everything and leaves the pages, for ever.
    pub fn run(mut self, desk: &Desk) {
        loop {
            desk.put(self.look());
            std::thread::sleep(EVERY);
        }
    }

    /// Looks at everything.
    pub fn look(&mut self) -> Pages {
        let begun = Instant::now();
        self.look_at_queue();
        self.follow_logs();
        self.services.look(&self.instance.root().join("service"));
        let (queued, send) = (Numbers::of_queued(&self.instance), Numbers::of_send(&self.instance));
        let look = begun.elapsed().as_secs_f64();
        let report = self.report(&queued, &send, Some(&self.tallies), look);
        Pages { openmetrics: report.text(Dialect::OpenMetrics), classic: report.text(Dialect::Classic) }
    }

    /// One look, without the logs, whose lines are counted only while somebody follows them.
    pub fn once(&mut self, dialect: Dialect) -> String {
        let begun = Instant::now();
        self.look_at_queue();
        self.services.look(&self.instance.root().join("service"));
        let (queued, send) = (Numbers::of_queued(&self.instance), Numbers::of_send(&self.instance));
        self.report(&queued, &send, None, begun.elapsed().as_secs_f64()).text(dialect)
    }

    fn report<'a>(&'a self, queued: &'a Numbers, send: &'a Numbers, tallies: Option<&'a Tallies>, look: f64) -> Report<'a> {
        Report { queue: self.queue.as_ref(), queued, send, services: &self.services, tallies, begun: self.begun, look }
    }

    fn look_at_queue(&mut self) {
        let begun = Instant::now();
        if begun < self.queue_again {
            return;
        }
        match Queue::look(&self.store, self.queue.as_ref()) {
            Ok(queue) => {
                self.queue = Some(queue);
                self.queue_failed = false;
            }
            Err(error) => {
                self.queue = None;
                if !std::mem::replace(&mut self.queue_failed, true) {
                    LOG.error(format_args!(
                        "unable to look at {}: {error}; be in the group of that directory",
                        self.store.root().display()
                    ));
                }
            }
        }
        self.queue_again = Instant::now() + begun.elapsed() * REST;
    }

    fn follow_logs(&mut self) {
        let Tallies { smtpd, send, listeners } = &mut self.tallies;
        self.smtpd.read(&mut |line| smtpd.take(line));
        self.routes.refresh(&self.control);
        let routes = &self.routes;
        self.send.read(&mut |line| send.take(line, routes));
        for (name, tail) in &mut self.listeners {
            let listener = listeners.entry(name.clone()).or_default();
            tail.read(&mut |line| listener.take(line));
        }
        let log = self.instance.root().join("log");
        self.find_listeners(&log);
    }

    /// A listener that comes later is followed from then on.
    fn find_listeners(&mut self, log: &Path) {
        for entry in std::fs::read_dir(log).into_iter().flatten().flatten() {
            let Ok(name) = entry.file_name().into_string() else { continue };
            if name.starts_with(tree::LISTENER) && !self.listeners.contains_key(&name) && self.listeners.len() < MOST_LISTENERS {
                let listener = self.tallies.listeners.entry(name.clone()).or_default();
                let tail = Tail::at_end(&entry.path(), &mut |line| listener.take_status(line));
                self.listeners.insert(name, tail);
            }
        }
    }
}
