//! Replays the decisions of logs against other control files.
//!
//! What it does: each decision that a log tells of is taken twice, by the instance's own control files and by the others.
//! Where the two differ, the others would have changed it, and it is listed with both. Equal ones are told once, with
//! their number.
//!
//! Services are not asked, because what they said then is past: none of them objects. A decision that asks them is judged where
//! the instance's own files then say what the log says, and the others something else, or both refuse; otherwise it is counted,
//! not judged.
//!
//! Known limits: of an accepted message the log names the first recipient alone.

use crate::line::{self, Decision, Login};
use crate::listener::Ground;
use crate::options;
use crate::voice::Listener;
use crate::{Failure, dialogue};
use stafett_ask::{Answer, Verdict as Word};
use stafett_instance::{Instance, Service};
use stafett_log::safe;
use stafett_reception::refusal::Refusal;
use stafett_reception::services::Services;
use stafett_smtp::Reply;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How one set of control files decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Verdict {
    /// What refuses, and the reply; nothing when all is accepted.
    refused: Option<(String, String)>,
    /// It hangs on a service.
    asked: bool,
}

/// What the two verdicts on a decision come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Compared {
    Same,
    Differing,
    Unknown,
}

#[derive(Default)]
struct Tally {
    decisions: u64,
    asked: u64,
    /// Listed lines in the order in which they came, and how often.
    differing: Vec<String>,
    times: HashMap<String, u64>,
    /// Processes whose client has an account.
    logged_in: HashSet<String>,
}

/// Lists what would differ; whether nothing would.
///
/// # Errors
/// Control files that smtpd would not start with, or a log that cannot be read.
pub fn replay(instance: &Instance, control: &Path, logs: &[PathBuf], out: &mut impl Write) -> Result<bool, Failure> {
    let (before, after) = (Ground::read(instance, &instance.control())?, Ground::read(instance, control)?);
    let mut tally = Tally::default();
    for log in logs {
        let unreadable = |error: io::Error| Failure::Passing(format!("unable to read {}: {error}", log.display()));
        let file = File::open(log).map_err(unreadable)?;
        for line in BufReader::new(file).split(b'\n') {
            let line = line.map_err(unreadable)?;
            let line = String::from_utf8_lossy(&line);
            tally.follow(line::login(&line));
            if let Some(decision) = line::read(&line) {
                tally.count(&decision, &verdict(&before, &decision)?, &verdict(&after, &decision)?);
            }
        }
    }
    for line in &tally.differing {
        let times = tally.times.get(line).copied().unwrap_or(1);
        writeln!(out, "{line}{}", if times > 1 { format!(" ({times} times)") } else { String::new() })?;
    }
    let changed: u64 = tally.times.values().sum();
    writeln!(out, "{} decisions, {changed} would differ, {} depend on services and were not judged", tally.decisions, tally.asked)?;
    Ok(changed == 0)
}

impl Tally {
    /// Who has logged in is known to stafett-auth, which is not asked.
    fn follow(&mut self, login: Option<Login>) {
        match login {
            Some(Login::Begun(pid)) => drop(self.logged_in.insert(pid)),
            Some(Login::Over(pid)) => drop(self.logged_in.remove(&pid)),
            None => {}
        }
    }

    fn count(&mut self, decision: &Decision, before: &Verdict, after: &Verdict) {
        self.decisions += 1;
        let is_known = !self.logged_in.contains(&decision.pid);
        match if is_known { compared(decision, before, after) } else { Compared::Unknown } {
            Compared::Same => return,
            Compared::Unknown => {
                self.asked += 1;
                return;
            }
            Compared::Differing => {}
        }
        let line = told(decision, before, after);
        let times = self.times.entry(line.clone()).or_insert(0);
        *times += 1;
        if *times == 1 {
            self.differing.push(line);
        }
    }
}

/// What services say later than a refusal is never heard, so that two refusals are certain where the log tells of the first one.
fn compared(decision: &Decision, before: &Verdict, after: &Verdict) -> Compared {
    let is_as_logged = before.refused.as_ref().map(|(rule, _)| rule) == decision.rule.as_ref();
    match (before.refused == after.refused, before.asked || after.asked) {
        (true, false) => Compared::Same,
        (false, false) => Compared::Differing,
        (true, true) if is_as_logged && before.refused.is_some() => Compared::Same,
        (false, true) if is_as_logged => Compared::Differing,
        _ => Compared::Unknown,
    }
}

fn told(decision: &Decision, before: &Verdict, after: &Verdict) -> String {
    let say = |verdict: &Verdict| match &verdict.refused {
        None if verdict.asked => "accept unless a service objects".to_owned(),
        None => "accept".to_owned(),
        Some((rule, reply)) => format!("refuse by {rule} with {reply}"),
    };
    let logged = decision.rule.as_ref().map_or_else(|| "accept".to_owned(), |rule| format!("refuse by {rule}"));
    let to = decision.to.as_ref().map(|to| format!(" to <{to}>")).unwrap_or_default();
    let text = format!("client {} from <{}>{to}: was {logged}; {} -> {}", decision.ip, decision.from, say(before), say(after));
    safe(text.as_bytes()).to_string()
}

fn verdict(ground: &Ground, decision: &Decision) -> Result<Verdict, Failure> {
    let ruled = ground.rule(decision.ip, None, None)?;
    let Some(client) = ruled.client else {
        return Ok(Verdict { refused: Some((ruled.place, "a closed connection".to_owned())), asked: false });
    };
    let described = options::Client {
        ip: decision.ip,
        host: None,
        local_ip: None,
        helo: decision.helo.clone(),
        from: decision.from.clone(),
        to: decision.to.clone().into_iter().collect(),
        size: None,
        tls: false,
        certificate: None,
        account: None,
    };
    let mut silent = Silent::default();
    dialogue::lead(&ground.settings, &client, &described, &mut silent);
    Ok(silent.verdict)
}

/// Keeps the first refusal.
#[derive(Default)]
struct Silent {
    verdict: Verdict,
}

impl Services for Silent {
    fn room(&mut self, _bytes: u64) -> Result<(), Reply> {
        Ok(())
    }

    fn ask(&mut self, service: Service, question: &[&[u8]], _: Option<BorrowedFd<'_>>, _: Duration) -> io::Result<Answer> {
        self.verdict.asked |= self.verdict.refused.is_none();
        Ok(no_objection(service, question))
    }

    fn run(&mut self, _: &str, _: &stafett_ucspi::Environment, _: Duration) -> io::Result<i32> {
        self.verdict.asked |= self.verdict.refused.is_none();
        Ok(0)
    }

    fn complain(&mut self, _text: &str) {}

    fn explains(&self) -> bool {
        true
    }
}

/// The answer of a service that has nothing against anybody (stafett-protocols(7)).
fn no_objection(service: Service, question: &[&[u8]]) -> Answer {
    let yes = Answer::new(Word::Ok, "");
    match service {
        Service::Dnsbl => question.iter().skip(4).fold(yes, |answer, part| answer.with(*part).with("K").with("").with("")),
        Service::Verify => ["pass", "", "", "", "Received-SPF: pass"].into_iter().fold(yes, Answer::with),
        _ => yes,
    }
}

impl Listener for Silent {
    fn command(&mut self, _text: &str) {}

    fn reply(&mut self, reply: &Reply) {
        if reply.is_failure() && self.verdict.refused.is_none() {
            self.verdict.refused = Some(("syntax".to_owned(), reply.one_line()));
        }
    }

    fn refusal(&mut self, refusal: &Refusal) {
        if self.verdict.refused.is_none() {
            self.verdict.refused = Some((refusal.rule.to_string(), refusal.reply.one_line()));
        }
    }

    fn remark(&mut self, _text: &str) {}
}
