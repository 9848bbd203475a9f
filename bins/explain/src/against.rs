//! Replays the decisions of logs against other control files.
//!
//! What it does: each decision that a log tells of is taken twice, by the instance's own control files and by the others.
//! Where the two differ, the others would have changed it, and it is listed with both. Equal ones are told once, with
//! their number.
//!
//! Known limits: services are not asked, because what they said then is past; a decision that depends on them is counted,
//! not judged. Of an accepted message the log names the first recipient alone.

use crate::line::{self, Decision, Login};
use crate::listener::Ground;
use crate::options;
use crate::voice::Listener;
use crate::{Failure, dialogue};
use stafett_ask::Answer;
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
        if before.asked || after.asked || self.logged_in.contains(&decision.pid) {
            self.asked += 1;
        } else if before.refused != after.refused {
            let line = told(decision, before, after);
            let times = self.times.entry(line.clone()).or_insert(0);
            *times += 1;
            if *times == 1 {
                self.differing.push(line);
            }
        }
    }
}

fn told(decision: &Decision, before: &Verdict, after: &Verdict) -> String {
    let say = |verdict: &Verdict| match &verdict.refused {
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

    fn ask(&mut self, _: Service, _: &[&[u8]], _: Option<BorrowedFd<'_>>, _: Duration) -> io::Result<Answer> {
        self.verdict.asked = true;
        Err(io::Error::other("what a service said then is past"))
    }

    fn run(&mut self, _: &str, _: &stafett_ucspi::Environment, _: Duration) -> io::Result<i32> {
        self.verdict.asked = true;
        Err(io::Error::other("what a program said then is past"))
    }

    fn complain(&mut self, _text: &str) {}

    fn explains(&self) -> bool {
        true
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
