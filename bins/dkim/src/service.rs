//! The questions and their answers; stafett-protocols(7) has them for others.
//!
//! `sign lines…` with the message as descriptor: K, and the lines of its signatures; none where nothing is to be signed.
//! `local` with the message: as `sign`, but nothing is signed that bears a Received field.
//! `seal domain lines…` with the message: K, and the lines of its seal; none where there is nothing to seal.
//! `forward address`: K, and the rewritten sender, the same where it needs no rewriting.
//! `reverse address`: K, and the address that a rewritten one stands for; D where it stands for nothing.
//! Z where something must be mended or tried again.
//!
//! Security stance: remote, which speaks with strangers' servers, may ask `forward` alone. A question is bounded by its packet,
//! a header by its length; what takes long has a thread, of which there are few.

use crate::LOG;
use crate::keyring::Keyring;
use crate::settings::Settings;
use crate::task::{Kind, Named, Task, later, now, refused};
use stafett_address::{Domain, Mailbox};
use stafett_ask::{Answer, Question, Verdict};
use stafett_control::{Control, Watch};
use stafett_signing::{Algorithm, Content, Store};
use stafett_start::renewed;
use stafett_sys::user::Uid;
use std::fs::File;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A message up to this size is signed at once, in bytes: it takes less than two RSA signatures.
const SMALL: u64 = 256 * 1024;
/// Larger ones that are signed at the same time.
const MOST_LARGE: usize = 16;
const DAY: u64 = 24 * 3600;

/// The service.
pub struct Service {
    control: Control,
    watch: Watch,
    settings: Settings,
    keys: Keyring,
    large: Arc<AtomicUsize>,
    /// Who may have senders rewritten and nothing else.
    remote: Option<Uid>,
}

impl Service {
    /// Prepares it, and reads the keys that are named, so that faults are told before anybody asks.
    pub fn new(control: Control, watch: Watch, settings: Settings, remote: Option<Uid>) -> Service {
        let keys = Keyring::new(Store::new(&control));
        let mut service = Service { control, watch, settings, keys, large: Arc::default(), remote };
        service.look();
        service
    }

    fn look(&mut self) {
        for (domain, selector) in self.settings.named_keys() {
            let _ = self.keys.key(domain, selector);
        }
        if self.settings.srs_domain.is_some() && self.settings.rewriter.is_none() {
            LOG.error(
                "control/srsdomain asks for rewritten senders, and control/srssecrets holds no secret; mail that needs it is put off",
            );
        }
    }

    /// What is to be done with a message; an answer where that is nothing.
    fn task(&mut self, question: &mut Question) -> Result<Task, Answer> {
        let file = question.descriptor.take().map(File::from).ok_or_else(not_ours)?;
        let front: Vec<&[u8]> = question.fields.iter().skip(if question.verb() == "seal" { 2 } else { 1 }).map(Vec::as_slice).collect();
        let content = Content::read(&front, &file).map_err(|fault| refused(&fault))?;
        let (kind, wanted) = match question.verb() {
            "local" if content.has("Received") => return Err(Answer::new(Verdict::Ok, "only passed on")),
            "sign" | "local" => {
                let authors = content.author_domains().map_err(|fault| refused(&fault))?;
                let mut wanted: Vec<(String, String)> = Vec::new();
                authors.iter().flat_map(|author| self.settings.keys_for(author)).for_each(|key| {
                    if !wanted.contains(&key) {
                        wanted.push(key);
                    }
                });
                (Kind::Sign, wanted)
            }
            _ => {
                let key = question.text(1).and_then(|domain| self.settings.seal_for(domain)).cloned();
                (Kind::Seal(self.settings.me.clone()), key.into_iter().collect())
            }
        };
        if wanted.is_empty() {
            return Err(Answer::new(Verdict::Ok, "nothing to sign"));
        }
        let keys = self.named(&kind, wanted)?;
        Ok(Task { kind, keys, content, file })
    }

    /// The keys of these names: at least one of several signatures must be had.
    fn named(&mut self, kind: &Kind, wanted: Vec<(String, String)>) -> Result<Vec<Named>, Answer> {
        let mut keys = Vec::new();
        let mut missing = String::new();
        for (domain, selector) in wanted {
            match self.keys.key(&domain, &selector) {
                // few that verify ARC know another algorithm, and those take the chain for broken
                Some(key) if matches!(kind, Kind::Seal(_)) && key.algorithm() != Algorithm::Rsa => {
                    return Err(later(&format!("control/arcseal names the key {selector} of {domain}, which is no RSA key")));
                }
                Some(key) => keys.push(Named { domain, selector, key }),
                None => missing = format!("the key control/dkim/{domain}/{selector} cannot be used"),
            }
        }
        if keys.is_empty() { Err(Answer::new(Verdict::Temporary, missing)) } else { Ok(keys) }
    }

    fn sign(&mut self, mut question: Question) {
        let task = match self.task(&mut question) {
            Ok(task) => task,
            Err(answer) => return question.answer(&answer),
        };
        if task.file.metadata().is_ok_and(|found| found.len() <= SMALL) {
            return question.answer(&task.run());
        }
        if self.large.fetch_add(1, Ordering::Relaxed) >= MOST_LARGE {
            self.large.fetch_sub(1, Ordering::Relaxed);
            return question.answer(&Answer::new(Verdict::Temporary, "too many large messages at once"));
        }
        let large = Arc::clone(&self.large);
        let begun = std::thread::Builder::new().spawn(move || {
            question.answer(&task.run());
            large.fetch_sub(1, Ordering::Relaxed);
        });
        if let Err(error) = begun {
            // the question is gone with the thread, and its caller hears a hang-up
            self.large.fetch_sub(1, Ordering::Relaxed);
            LOG.error(format_args!("unable to start a thread for a large message: {error}"));
        }
    }

    /// The sender with which mail of this one goes on.
    fn forward(&self, address: &str) -> Answer {
        let Ok(mailbox) = Mailbox::parse(address) else { return not_ours() };
        let (Some(rewriter), Some(ours)) = (&self.settings.rewriter, &self.settings.srs_domain) else { return no_secret() };
        let Some(domain) = mailbox.domain().as_name() else { return same(address) };
        let Some(local) = rewriter.forward(mailbox.local(), domain, now() / DAY) else { return same(address) };
        match Domain::parse(ours).and_then(|ours| Mailbox::new(&local, ours)) {
            Ok(rewritten) => Answer::new(Verdict::Ok, "rewritten").with(rewritten.to_string()),
            // it has grown too long for anybody to take
            Err(_) => same(address),
        }
    }

    /// The address that a rewritten one stands for.
    fn reverse(&self, address: &str) -> Answer {
        let Ok(mailbox) = Mailbox::parse(address) else { return not_ours() };
        let (Some(rewriter), Some(ours)) = (&self.settings.rewriter, &self.settings.srs_domain) else { return no_secret() };
        if !mailbox.domain().as_name().is_some_and(|domain| domain.eq_ignore_ascii_case(ours)) {
            return not_ours();
        }
        let (local, domain) = match rewriter.reverse(mailbox.local(), now() / DAY) {
            Ok(found) => found,
            Err(refused) => return Answer::new(Verdict::Permanent, refused.words()),
        };
        match Domain::parse(&domain).and_then(|domain| Mailbox::new(&local, domain)) {
            Ok(found) => Answer::new(Verdict::Ok, "taken back").with(found.to_string()),
            Err(_) => Answer::new(Verdict::Permanent, "is no rewritten address that makes sense"),
        }
    }
}

impl stafett_ask::Service for Service {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced {
            return;
        }
        if let Some(settings) = renewed(LOG, Settings::read(&self.control)) {
            self.settings = settings;
            self.look();
        }
    }

    fn take(&mut self, question: Question) {
        let answer = match (question.verb(), question.text(1)) {
            ("forward", Some(address)) => self.forward(address),
            _ if self.remote == Some(question.uid) && !question.uid.is_root() => not_ours(),
            ("sign" | "local" | "seal", _) => return self.sign(question),
            ("reverse", Some(address)) => self.reverse(address),
            _ => not_ours(),
        };
        question.answer(&answer);
    }
}

fn same(address: &str) -> Answer {
    Answer::new(Verdict::Ok, "as it is").with(address)
}

fn no_secret() -> Answer {
    Answer::new(Verdict::Temporary, "there is no srsdomain with a secret")
}

fn not_ours() -> Answer {
    Answer::new(Verdict::Permanent, "not a question of this service")
}
