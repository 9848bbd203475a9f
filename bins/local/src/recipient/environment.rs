//! The variables that a program of a dot-qmail file gets (qmail-command(8)).
//!
//! Security stance: addresses come from strangers. None holds a control character, and none is handed to a shell as a word of
//! a command. A value that an old shell would take for a function (it begins with `()`) is not handed over at all: the
//! delivery fails.

use super::Delivery;
use stafett_address::to_program;
use stafett_envelope::{Envelope, Ret};
use stafett_instance::DOT;
use stafett_message::date;
use std::time::SystemTime;

/// Where programs are looked for, behind the instance's own (stafett-dot(1)).
const PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// The variables.
#[derive(Clone, Debug)]
pub struct Variables(Vec<(&'static str, String)>);

impl Variables {
    /// Those of a delivery with this new sender; `default` is what stands for `default` in the name of the file.
    pub fn new(delivery: &Delivery, new_sender: &str, default: Option<&str>) -> Variables {
        let (owner, sender) = (&delivery.owner, to_program(&delivery.envelope.sender));
        let mut all = vec![
            ("PATH", format!("{}:{PATH}", delivery.root.join(DOT).display())),
            ("STAFETT", delivery.root.display().to_string()),
            ("SHELL", "/bin/sh".to_owned()),
            ("USER", owner.user.clone()),
            ("LOGNAME", owner.user.clone()),
            ("HOME", owner.home.display().to_string()),
            ("SENDER", sender.to_string()),
            ("NEWSENDER", to_program(new_sender).into_owned()),
            ("RECIPIENT", delivery.address()),
            ("LOCAL", delivery.local.clone()),
            ("HOST", delivery.host.clone()),
            ("DTLINE", format!("{}\n", delivery.delivered_to())),
            ("RPLINE", format!("{}\n", delivery.return_path())),
            ("UFLINE", from_line(&sender, SystemTime::now())),
        ];
        all.extend(["HOST2", "HOST3", "HOST4"].into_iter().zip(hosts(&delivery.host)));
        all.push(("EXT", owner.ext.clone()));
        let breaks = delivery.breaks.positions(&owner.ext);
        let after = |number: usize| breaks.get(number).and_then(|at| owner.ext.get(at + 1..)).unwrap_or_default().to_owned();
        all.extend(["EXT2", "EXT3", "EXT4"].into_iter().enumerate().map(|(number, name)| (name, after(number))));
        all.extend(default.map(|default| ("DEFAULT", default.to_owned())));
        all.extend(wishes(&delivery.envelope));
        all.extend(std::env::var("TZ").ok().map(|zone| ("TZ", zone)));
        Variables(all)
    }

    /// The name of a variable whose value must not reach a shell.
    pub fn dangerous(&self) -> Option<&'static str> {
        self.0.iter().find(|(_, value)| value.starts_with("()")).map(|(name, _)| *name)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &(&'static str, String)> {
        self.0.iter()
    }
}

/// What the sender asked for, by the names that SMTP has for it (RFC 3461, RFC 8689). Not those that stafett-queue takes: what a
/// program writes itself is nobody else's message.
fn wishes(envelope: &Envelope) -> impl Iterator<Item = (&'static str, String)> {
    let recipient = envelope.recipients.first();
    let ret = envelope.ret.map(|ret| match ret {
        Ret::Full => "FULL".to_owned(),
        Ret::Headers => "HDRS".to_owned(),
    });
    let notify = recipient.and_then(|recipient| recipient.notify.clone());
    let orcpt = recipient.and_then(|recipient| recipient.orcpt.clone());
    let require_tls = envelope.require_tls.then(|| "yes".to_owned());
    let all = [("NOTIFY", notify), ("ORCPT", orcpt), ("RET", ret), ("ENVID", envelope.envid.clone()), ("REQUIRETLS", require_tls)];
    all.into_iter().filter_map(|(name, value)| Some((name, value?)))
}

/// What stands before the last dot, before the last two, before the last three.
fn hosts(host: &str) -> [String; 3] {
    let mut rest = host;
    [(); 3].map(|()| {
        rest = rest.rsplit_once('.').map_or(rest, |(before, _)| before);
        rest.to_owned()
    })
}

/// The line that divides messages in an mbox, with its end: sender and time (mbox(5)).
pub fn from_line(sender: &str, time: SystemTime) -> String {
    let sender = if sender.is_empty() { "MAILER-DAEMON".to_owned() } else { sender.replace(char::is_whitespace, "-") };
    format!("From {sender} {}\n", date_in_mbox(time))
}

/// `Thu Nov 13 22:13:20 2003`, from `Thu, 13 Nov 2003 22:13:20 +0000`.
fn date_in_mbox(time: SystemTime) -> String {
    let date = date(time);
    let words: Vec<&str> = date.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    match &words[..] {
        [weekday, day, month, year, clock, ..] => format!("{weekday} {month} {:>2} {clock} {year}", day.trim_start_matches('0')),
        _ => date.clone(),
    }
}

#[cfg(test)]
#[path = "environment_test.rs"]
mod environment_test;
