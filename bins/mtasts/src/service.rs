//! The questions of stafett-remote and of the admin.

use std::time::Duration;

use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_control::form::https::Sts as Rule;
use stafett_control::{Control, Watch};
use stafett_start::renewed;
use stafett_sts::question::{FAILED, POLICY};
use stafett_sts::{Known, names};
use stafett_sys::user::Uid;

use crate::settings::Settings;
use crate::worker::Shared;

/// Verb of the admin's order to forget a domain.
pub const FORGET: &str = "forget";

/// The service.
#[derive(Debug)]
pub struct Sts {
    /// The control files.
    pub control: Control,
    /// Tells when they change.
    pub watch: Watch,
    /// What the threads share.
    pub shared: Shared,
}

impl Service for Sts {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced && !self.shared.settings().reach.are_stale() {
            return;
        }
        if let Some(settings) = renewed(self.shared.log, Settings::read(&self.control)) {
            self.shared.set(settings);
        }
    }

    fn take(&mut self, question: Question) {
        let Some(domain) = question.text(1).map(names::canonical) else { return nonsense(question, "no domain was named") };
        // An address in brackets, say, has no policy.
        let Some(domain) = domain else { return question.answer(&Known::nothing("that is no domain that can have a policy").answer()) };
        match question.verb() {
            POLICY => self.policy(question, &domain),
            FAILED => {
                self.shared.lock().failed(&domain);
                self.shared.work();
                question.answer(&Answer::new(Verdict::Ok, "the record will be looked at again"));
            }
            FORGET if may_order(question.uid) => {
                let words = if self.shared.lock().forget(&domain) { "forgotten" } else { "nothing was known" };
                question.answer(&Answer::new(Verdict::Ok, words));
            }
            FORGET => nonsense(question, "only root may say that"),
            _ => nonsense(question, "that is no question"),
        }
    }

    fn rest(&mut self) -> Option<Duration> {
        let rest = self.shared.lock().rest();
        self.shared.work();
        Some(rest)
    }
}

impl Sts {
    fn policy(&self, question: Question, domain: &str) {
        let rule = self.shared.settings().rule(domain);
        if rule == Rule::Off {
            return question.answer(&Known::nothing("control/mtasts does not have this domain asked").answer());
        }
        self.shared.lock().take(question, domain, rule == Rule::Test);
        self.shared.work();
    }
}

fn nonsense(question: Question, what: &str) {
    question.answer(&Answer::new(Verdict::Temporary, what));
}

/// Our own user and root; stafett-remote asks and gives no orders.
fn may_order(uid: Uid) -> bool {
    uid.is_root() || uid == Uid::effective()
}
