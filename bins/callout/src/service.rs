//! The questions of smtpd and of the admin.

use std::sync::Arc;
use std::time::Duration;

use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_control::{Control, Watch};
use stafett_start::renewed;
use stafett_sys::user::Uid;

use crate::answers::{self, Source};
use crate::settings::Settings;
use crate::state::{Inquiry, Next, domain};
use crate::worker::Shared;

/// The longest address, in bytes.
const LONGEST_ADDRESS: usize = 512;
/// How long news may wait to be written.
const BATCH: Duration = Duration::from_secs(1);

/// The service.
#[derive(Debug)]
pub struct Callout {
    /// The control files.
    pub control: Control,
    /// Tells when they change.
    pub watch: Watch,
    /// Their last good copy.
    pub settings: Arc<Settings>,
    /// What the threads share.
    pub shared: Shared,
}

impl Service for Callout {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced && !self.settings.client.are_stale() {
            return;
        }
        if let Some(settings) = renewed(self.shared.log, self.settings.renewed(&self.control)) {
            self.settings = Arc::new(settings);
        }
    }

    fn take(&mut self, question: Question) {
        let address = question.text(1).and_then(canonical);
        match (question.verb(), address) {
            ("recipient", Some(address)) => self.recipient(question, address),
            ("forget", Some(address)) if may_order(question.uid) => {
                let words = if self.shared.lock().forget(&address) { "forgotten" } else { "nothing was known" };
                question.answer(&Answer::new(Verdict::Ok, words));
            }
            ("forget", Some(_)) => question.answer(&answers::nonsense("only root may say that")),
            ("recipient" | "forget", None) => question.answer(&answers::nonsense("that is no address")),
            _ => question.answer(&answers::nonsense("that is no question")),
        }
    }

    fn rest(&mut self) -> Option<Duration> {
        let mut state = self.shared.lock();
        let late = state.expire();
        state.write();
        // Threads note what they find without waking us.
        let batch = state.is_asking().then_some(BATCH);
        [late, batch].into_iter().flatten().min()
    }

    fn end(&mut self) {
        self.shared.lock().write();
    }
}

impl Callout {
    fn recipient(&mut self, question: Question, address: String) {
        let Some(rule) = self.settings.rule(domain(&address)) else {
            return question.answer(&answers::yes(Source::Off, &self.settings.destination(domain(&address))));
        };
        let inquiry = Inquiry { rule: rule.clone(), settings: Arc::clone(&self.settings), address };
        let next = self.shared.lock().take(question, inquiry);
        if let Next::Thread(target) = next {
            self.shared.spawn(target);
        }
    }
}

/// Our own user and root; smtpd asks and gives no orders.
fn may_order(uid: Uid) -> bool {
    uid.is_root() || uid == Uid::effective()
}

/// An address as it is remembered: the domain does not hang on case, the local part does (RFC 5321 §2.4).
fn canonical(text: &str) -> Option<String> {
    let (local, domain) = text.rsplit_once('@')?;
    let fits = text.len() <= LONGEST_ADDRESS && !domain.is_empty() && !text.contains(char::is_control);
    fits.then(|| format!("{local}@{}", domain.to_lowercase()))
}
