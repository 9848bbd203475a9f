//! AUTH in the dialogue: when it may come, and what comes of an exchange.

use std::time::Duration;

use stafett_control::form::auth::Mechanism;
use stafett_smtp::Reply;

use super::{Dialogue, State, Step, out_of_order};
use crate::account::Account;
use crate::auth::{self, Exchange, Progress, Wrong};
use crate::checks::{self, Context};
use crate::refusal::Refusal;
use crate::services::Services;

/// After so many wrong passwords a connection ends.
const MOST_WRONG: u32 = 5;

/// The longest that a wrong password makes wait.
const LONGEST_DELAY: Duration = Duration::from_secs(60);

impl<R> Dialogue<'_, R> {
    /// A line came that is longer than any may be; RFC 4954 §6 for what was one of AUTH.
    pub fn too_long(&mut self) -> Step<R> {
        match self.exchange.take() {
            Some(_) => Step::Say(Reply::new(500, (5, 5, 6), "authentication exchange line is too long")),
            None => Step::Say(Reply::new(500, (5, 5, 2), "line too long")),
        }
    }

    /// RFC 4954 §4.
    pub(super) fn authenticate(&mut self, mechanism: &str, message: Option<&str>, services: &mut dyn Services) -> Step<R> {
        if let Some(step) = self.out_of_place() {
            return step;
        }
        let (offered, session) = (&self.policy.settings.auth, &self.session);
        let found = Mechanism::by_name(mechanism).filter(|mechanism| offered.usable(session).any(|usable| usable == *mechanism));
        let Some(mechanism) = found else {
            return Step::Say(Reply::new(504, (5, 5, 4), "that mechanism is not available"));
        };
        let (exchange, prompt) = Exchange::begin(mechanism);
        match message {
            None => self.challenge(exchange, prompt),
            Some("=") => self.advance(exchange, b"", services),
            Some(message) => match auth::decoded(message.as_bytes()) {
                Ok(message) => self.advance(exchange, &message, services),
                Err(unread) => Step::Say(unread.reply()),
            },
        }
    }

    /// What a client hears that cannot log in now.
    fn out_of_place(&self) -> Option<Step<R>> {
        let (offered, session) = (&self.policy.settings.auth, &self.session);
        if !offered.is_on {
            return Some(Step::Say(Reply::new(502, (5, 5, 1), "command not implemented")));
        }
        if !session.greeted.as_ref().is_some_and(|greeted| greeted.extended) {
            return Some(out_of_order("say EHLO first"));
        }
        if session.account.is_some() {
            return Some(out_of_order("you have logged in already"));
        }
        if !matches!(self.state, State::Idle) {
            return Some(out_of_order("not in the middle of a transaction"));
        }
        if !offered.may_be_heard(self.policy.client, session) {
            return Some(Step::Say(Reply::new(538, (5, 7, 11), "encryption required, issue a STARTTLS command first")));
        }
        None
    }

    fn challenge(&mut self, exchange: Exchange, message: &[u8]) -> Step<R> {
        self.exchange = Some(exchange);
        Step::Say(auth::challenge(message))
    }

    pub(super) fn advance(&mut self, exchange: Exchange, message: &[u8], services: &mut dyn Services) -> Step<R> {
        let mut context = Context { policy: self.policy, session: &mut self.session, services };
        match exchange.take(message, &mut context) {
            Progress::Challenge(exchange, message) => self.challenge(exchange, &message),
            Progress::Refused(refusal, Wrong(false)) => Step::Refuse(refusal),
            Progress::Refused(refusal, Wrong(true)) => self.wrong_password(refusal),
            Progress::Proved(account, mechanism) => self.enter(*account, mechanism, services),
        }
    }

    fn enter(&mut self, account: Account, mechanism: Mechanism, services: &mut dyn Services) -> Step<R> {
        match checks::authenticated(&mut Context { policy: self.policy, session: &mut self.session, services }, account) {
            Ok(()) => {
                self.session.mechanism = Some(mechanism);
                Step::Authenticated { reply: Reply::new(235, (2, 7, 0), "authentication successful"), mechanism }
            }
            Err(refusal) => Step::Refuse(refusal),
        }
    }

    /// Each one makes wait longer; too many end the connection.
    fn wrong_password(&mut self, mut refusal: Box<Refusal>) -> Step<R> {
        self.session.wrong_passwords += 1;
        if self.session.wrong_passwords >= MOST_WRONG {
            refusal.reply = Reply::new(421, (4, 7, 0), "too many wrong passwords");
        }
        let delay = self.policy.settings.auth.delay.saturating_mul(self.session.wrong_passwords);
        Step::RefuseLate(refusal, delay.min(LONGEST_DELAY))
    }

    /// The client is taken for one that knows the password of this account: for who explains what it would hear, and may ask
    /// stafett-auth without one.
    pub fn suppose(&mut self, name: &str, services: &mut dyn Services) -> Step<R> {
        if let Some(step) = self.out_of_place() {
            return step;
        }
        let mut context = Context { policy: self.policy, session: &mut self.session, services };
        match auth::described(name, &mut context) {
            Progress::Proved(account, mechanism) => self.enter(*account, mechanism, services),
            Progress::Refused(refusal, _) => Step::Refuse(refusal),
            Progress::Challenge(..) => out_of_order("nothing is asked of who explains"),
        }
    }

    /// The account that the client has logged in with.
    pub fn account(&self) -> Option<&Account> {
        self.session.account.as_ref()
    }

    /// The mechanisms that the client may use now, with blanks between.
    pub(super) fn mechanisms(&self) -> String {
        let (offered, session) = (&self.policy.settings.auth, &self.session);
        if !offered.is_on || session.account.is_some() || !offered.may_be_heard(self.policy.client, session) {
            return String::new();
        }
        offered.usable(session).map(Mechanism::name).collect::<Vec<_>>().join(" ")
    }
}
