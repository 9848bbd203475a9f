//! The questions of stafett-smtpd: is there a mailbox for this recipient?
//!
//! The same look-up as a delivery's, by a process that becomes the recipient before it looks into a home. One that need not
//! stays root and answers the next question too.
//! Security stance: smtpd speaks for strangers. It may ask and no more; the answer is a letter and words that tell nothing of
//! the users. How it fails: what cannot be told now is "later", and so is what takes too long: its process is ended.

use crate::aliases;
use crate::answer::{Answer, Outcome};
use crate::apart::{Apart, Limit, Task};
use crate::order::become_owner;
use crate::recipient::{self, Content, Delivery, Stop};
use crate::settings::Settings;
use stafett_envelope::Envelope;
use stafett_handoff::{Conversation, MOST_STRINGS};
use stafett_local_users::{ALIAS, Owner, Users};
use stafett_log::{Log, safe};
use stafett_sys::descriptor::forget;
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket;
use stafett_wire::Verdict;
use stafett_wire::netstring::{all, push};
use std::collections::HashSet;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// What an answer may take; a look-up that hangs must not fill the table of processes.
const LIMIT: Limit = Limit { what: "The look-up", patience: Duration::from_secs(30), reason: "more than 30 seconds" };

/// There is a mailbox.
const FOUND: (Verdict, &str) = (Verdict::Ok, "");
/// How long one conversation lasts at most; whoever has more to ask begins another, which meets what has changed meanwhile.
const LONGEST: Duration = Duration::from_secs(1);
/// How long the next question is waited for: whoever asks about the recipients of one message does so without a pause, and a
/// session that goes on with something else must not keep two processes from the others.
const PAUSE: Duration = Duration::from_millis(100);
/// Recipients that are known for the rest of a conversation, at most: a session often has one for all of its messages.
const MOST_KNOWN: usize = 100;
/// The bytes of a question at most that is not the first.
const LARGEST: usize = 4096;

/// Answers the questions of one conversation; the exit code of the process.
pub fn serve(settings: &Settings, root: &Path, log: Log, apart: &mut Apart, mut conversation: Conversation) -> i32 {
    let until = Instant::now() + LONGEST;
    let users = Users::new(root, settings.breaks.clone());
    let mut question = std::mem::take(&mut conversation.strings);
    let mut judge = Judge { settings, root, log, users, apart, conversation: &conversation, known: HashSet::new() };
    loop {
        let (verdict, text) = judge.answer(&question);
        let mut packet = Vec::new();
        push(&mut packet, &[verdict.letter()]);
        push(&mut packet, text.as_bytes());
        // A caller that is gone has no use for it.
        if socket::send_packet(&conversation.descriptor, &packet, None).is_err() {
            return 1;
        }
        match next(&conversation, until) {
            Some(another) => question = another,
            None => return 0,
        }
    }
}

/// The next question. What is asked when none is taken any more finds the conversation closed, and is asked in another.
fn next(conversation: &Conversation, until: Instant) -> Option<Vec<Vec<u8>>> {
    let Conversation { descriptor, lifeline, .. } = conversation;
    let left = until.saturating_duration_since(Instant::now()).min(PAUSE);
    let (question, end) = poll::wait_two((descriptor.as_fd(), Interest::Read), Some(lifeline.as_fd()), Some(left)).ok()?;
    if end.any() || !question.any() {
        return None;
    }
    let mut buffer = [0; LARGEST];
    let length = socket::receive_packet(descriptor, &mut buffer).ok()?.length;
    let strings = all(buffer.get(..length).filter(|packet| !packet.is_empty())?, MOST_STRINGS).ok()?;
    Some(strings.into_iter().map(<[u8]>::to_vec).collect())
}

/// Who answers.
struct Judge<'a> {
    settings: &'a Settings,
    root: &'a Path,
    log: Log,
    users: Users,
    apart: &'a mut Apart,
    conversation: &'a Conversation,
    /// Recipients that were found.
    known: HashSet<String>,
}

impl Judge<'_> {
    fn answer(&mut self, question: &[Vec<u8>]) -> (Verdict, &'static str) {
        let address = match question {
            [verb, address] if verb == b"recipient" => std::str::from_utf8(address).ok(),
            _ => None,
        };
        match address.filter(|address| address.contains('@')) {
            Some(address) if self.known.contains(address) => FOUND,
            Some(address) => self.judge(address),
            None => (Verdict::Temporary, "451 4.3.0 that is no question"),
        }
    }

    /// The process of a user says what it found; this one, which no user can stop, keeps its time.
    fn judge(&mut self, address: &str) -> (Verdict, &'static str) {
        let Judge { settings, root, log, users, apart, conversation, .. } = self;
        let Conversation { descriptor, lifeline, .. } = conversation;
        let own = || [descriptor, lifeline].into_iter().try_for_each(forget);
        let task = Task { key: b"", packet: address.as_bytes(), files: &[] };
        let found = apart.carry_out(LIMIT, descriptor.as_fd(), task, own, |address, _, report| {
            look_up(settings, root, users, &String::from_utf8_lossy(address), report)
        });
        let found = found.first;
        match found.verdict {
            Verdict::Ok => {
                if self.known.len() < MOST_KNOWN {
                    self.known.insert(address.to_owned());
                }
                FOUND
            }
            Verdict::Permanent => (Verdict::Permanent, "550 5.1.1 sorry, no mailbox here by that name (#5.1.1)"),
            Verdict::Temporary => {
                let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
                let (local, reason) = (safe(local.as_bytes()), safe(found.text.as_bytes()));
                log.error(format_args!("unable to tell whether there is a mailbox for {local}: {reason}"));
                (Verdict::Temporary, "451 4.3.0 unable to look up that recipient, try again later")
            }
        }
    }
}

fn look_up(settings: &Settings, root: &Path, users: &Users, address: &str, report: &OwnedFd) -> Answer {
    let (local, host) = address.rsplit_once('@').unwrap_or_default();
    match users.find(local) {
        Ok(None) => Answer::More(Outcome::never("")),
        // A user has mail without any file; nothing of the user's is looked at.
        Ok(Some(owner)) if owner.dash.is_empty() => Answer::More(Outcome::done("")),
        Ok(Some(owner)) => Answer::Last(match look_into(settings, root, owner, (local, host), report) {
            Ok(true) => Outcome::done(""),
            Ok(false) => Outcome::never(""),
            Err(reason) => Outcome::later(reason),
        }),
        Err(trouble) => Answer::Last(Outcome::later(trouble.text)),
    }
}

/// Looks for a file for the extension, as the owner.
fn look_into(settings: &Settings, root: &Path, owner: Owner, (local, host): (&str, &str), report: &OwnedFd) -> Result<bool, String> {
    // While its word counts.
    socket::send_packet(report, &Answer::Leaves.encode(), None).map_err(|error| error.to_string())?;
    become_owner(&owner).map_err(|error| format!("unable to become user {}: {error}", owner.user))?;
    let nothing = report.try_clone().map_err(|error| error.to_string())?;
    let delivery = Delivery {
        owner,
        local: local.to_owned(),
        host: host.to_owned(),
        envelope: Envelope::default(),
        content: Content::new(std::iter::empty(), nothing, 0),
        default_delivery: String::new(),
        breaks: settings.breaks.clone(),
        root: root.to_path_buf(),
        report: None,
    };
    let words = |(Stop::Later(text) | Stop::Never(text))| text;
    if settings.aliases.is_empty() || delivery.owner.home != root.join(ALIAS) || !recipient::is_for_anybody(&delivery).map_err(words)? {
        return recipient::exists(&delivery).map_err(words);
    }
    aliases::hold(&settings.aliases, &delivery.owner.ext, host)
}

#[cfg(test)]
#[path = "question_test.rs"]
mod question_test;
