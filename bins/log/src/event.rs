//! What a line of a log says, taken apart (stafett-log(5)).
//!
//! Security stance: senders, recipients and names hold no blanks, as the programs write them, so
//! words keep their places and a client cannot forge a field. How it fails: a line that is none
//! of ours, or was cut, is [`Event::Other`]. Only refers to the line; copies nothing.

/// What a line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// The scheduler sees a message for the first time.
    New(u64),
    /// What the scheduler knows of it.
    Info { id: u64, bytes: u64, sender: &'a str, user: &'a str },
    /// A delivery begins.
    Begin { delivery: u64, id: u64, address: &'a str },
    /// It ended.
    Outcome { delivery: u64, verdict: Verdict, text: &'a str },
    /// The sender of a message was told of its failures, by the message `bounce`.
    Bounce { id: u64, bounce: u64 },
    /// Nobody is told of its failures.
    Discarded(u64),
    /// Nothing is left of it.
    End(u64),
    /// It may have been delivered twice.
    Duplicate { id: u64, why: &'a str },
    /// The admin had something done to a message; `when` tells of what was done while no scheduler ran.
    Admin { id: u64, user: &'a str, what: &'a str, when: &'a str },
    /// The scheduler begins or ends; its deliveries have no outcome.
    Scheduler,
    /// smtpd took a message.
    Accept { id: u64, fields: Fields<'a> },
    /// A rule refused a command or a message.
    Refuse { rule: &'a str, fields: Fields<'a>, reply: &'a str },
    /// A session is over.
    Session { why: &'a str, fields: Fields<'a> },
    /// A connection was accepted, from this address and port, for the process `pid`.
    Connected { pid: u64, address: &'a str, port: &'a str },
    /// A connection was refused by the listener.
    Denied { address: &'a str, why: &'a str },
    /// The process of a connection ended.
    Disconnected { pid: u64 },
    /// So many connections.
    Crowd { running: u64 },
    /// A program complains: `fatal`, `error` or `warning`.
    Complaint { program: &'a str, text: &'a str },
    /// Known, and not about mail.
    Quiet,
    /// Anything else.
    Other,
}

/// How a delivery ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Another host has taken the message.
    Success,
    /// Not now.
    Deferral,
    /// Never.
    Failure,
}

/// The named words of a line of smtpd; empty where a line does not have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fields<'a> {
    /// The size of the message.
    pub bytes: &'a str,
    /// The sender, without `<>`.
    pub from: &'a str,
    /// The (first) recipient, without `<>`.
    pub to: &'a str,
    /// How many recipients.
    pub recipients: &'a str,
    /// The client's address.
    pub client: &'a str,
    /// How it calls itself.
    pub helo: &'a str,
    /// The process.
    pub pid: &'a str,
    /// Messages accepted in the session.
    pub accepted: &'a str,
    /// Commands and messages refused in it.
    pub refused: &'a str,
}

impl<'a> Event<'a> {
    /// Takes a line apart; `line` is without its time.
    pub fn of(line: &'a str) -> Event<'a> {
        scheduler(line).or_else(|| smtpd(line)).or_else(|| listener(line)).or_else(|| any_program(line)).unwrap_or(Event::Other)
    }
}

/// A queue id: 16 digits.
pub fn id(text: &str) -> Option<u64> {
    let is_id = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_id { text.parse().ok() } else { None }
}

/// The queue ids that stand in a line.
pub fn ids(line: &str) -> impl Iterator<Item = u64> {
    line.split(|c: char| !c.is_ascii_digit()).filter_map(id)
}

fn scheduler(line: &str) -> Option<Event<'_>> {
    match line.split_once(' ')? {
        ("delivery", rest) => outcome(rest),
        ("starting", rest) => begin(rest.strip_prefix("delivery ")?),
        ("new", rest) => Some(Event::New(id(rest.strip_prefix("msg ")?)?)),
        ("info", rest) => info(rest.strip_prefix("msg ")?),
        ("end", rest) => Some(Event::End(id(rest.strip_prefix("msg ")?)?)),
        ("bounce", rest) => bounce(rest.strip_prefix("msg ")?),
        ("triple", rest) => Some(Event::Discarded(id(rest.strip_prefix("bounce: discarding bounce/")?)?)),
        ("possible", rest) => duplicate(rest.strip_prefix("duplicate: msg ")?),
        ("admin", rest) => admin(rest.strip_prefix("uid ")?),
        ("status:", "exiting") => Some(Event::Scheduler),
        ("status:", _) => Some(Event::Quiet),
        ("stafett-send:", "status: ready") => Some(Event::Scheduler),
        _ => None,
    }
}

/// `D: success: TEXT`
fn outcome(rest: &str) -> Option<Event<'_>> {
    let (delivery, rest) = rest.split_once(": ")?;
    let (verdict, text) = rest.split_once(": ").unwrap_or((rest.trim_end_matches(':'), ""));
    let verdict = match verdict {
        "success" => Verdict::Success,
        "deferral" => Verdict::Deferral,
        "failure" => Verdict::Failure,
        _ => return None,
    };
    Some(Event::Outcome { delivery: delivery.parse().ok()?, verdict, text })
}

/// `D: msg ID to remote ADDRESS`
fn begin(rest: &str) -> Option<Event<'_>> {
    let (delivery, rest) = rest.split_once(": msg ")?;
    let (message, rest) = rest.split_once(" to ")?;
    let (_, address) = rest.split_once(' ')?;
    Some(Event::Begin { delivery: delivery.parse().ok()?, id: id(message)?, address })
}

/// `ID: bytes N from <SENDER> qp ID uid UID`
fn info(rest: &str) -> Option<Event<'_>> {
    let (message, rest) = rest.split_once(": bytes ")?;
    let (bytes, rest) = rest.split_once(" from ")?;
    let (sender, rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let user = rest.rsplit_once("uid ").map_or("", |(_, user)| user);
    Some(Event::Info { id: id(message)?, bytes: bytes.parse().ok()?, sender: bare(sender), user })
}

/// `ID qp ID`
fn bounce(rest: &str) -> Option<Event<'_>> {
    let (message, bounce) = rest.split_once(" qp ")?;
    Some(Event::Bounce { id: id(message)?, bounce: id(bounce)? })
}

/// `ID: WHY`
fn duplicate(rest: &str) -> Option<Event<'_>> {
    let (message, why) = rest.split_once(": ")?;
    Some(Event::Duplicate { id: id(message)?, why })
}

/// `UID: WHAT msg ID`, `UID: WHAT msg ID at TIME while stopped`, or `UID: flush NAME`
fn admin(rest: &str) -> Option<Event<'_>> {
    let (user, what) = rest.split_once(": ")?;
    match what.rsplit_once(" msg ") {
        Some((what, message)) => {
            let (message, when) = message.split_once(" at ").unwrap_or((message, ""));
            Some(Event::Admin { id: id(message)?, user, what, when: when.split(' ').next().unwrap_or_default() })
        }
        None => Some(Event::Quiet),
    }
}

fn smtpd(line: &str) -> Option<Event<'_>> {
    match line.strip_prefix("stafett-smtpd: ")?.split_once(' ')? {
        ("accept", rest) => {
            let (message, rest) = rest.split_once(' ')?;
            Some(Event::Accept { id: id(message)?, fields: Fields::of(rest) })
        }
        ("refuse", rest) => {
            let (rule, rest) = rest.split_once(' ')?;
            let (fields, reply) = before_reply(rest).unwrap_or((rest, ""));
            Some(Event::Refuse { rule, fields: Fields::of(fields), reply })
        }
        ("end", rest) => {
            let (why, rest) = rest.split_once(' ')?;
            Some(Event::Session { why, fields: Fields::of(rest) })
        }
        _ => None,
    }
}

/// The reply begins behind the last word of ours, `pid P:`. A client's name can end in a colon, but holds no blank.
fn before_reply(rest: &str) -> Option<(&str, &str)> {
    rest.match_indices(": ").map(|(at, _)| (rest.get(..at).unwrap_or_default(), rest.get(at + 2..).unwrap_or_default())).find(
        |(fields, _)| {
            let process = fields.rsplit_once(" pid ").map_or("", |(_, process)| process);
            !process.is_empty() && process.bytes().all(|byte| byte.is_ascii_digit())
        },
    )
}

impl<'a> Fields<'a> {
    /// Names and values in turn. The first value of a name counts.
    fn of(text: &'a str) -> Fields<'a> {
        let mut fields = Fields::default();
        let mut words = text.split(' ');
        while let (Some(name), Some(value)) = (words.next(), words.next()) {
            let place = match name {
                "bytes" => &mut fields.bytes,
                "from" => &mut fields.from,
                "to" => &mut fields.to,
                "recipients" => &mut fields.recipients,
                "client" => &mut fields.client,
                "helo" => &mut fields.helo,
                "pid" => &mut fields.pid,
                "accepted" => &mut fields.accepted,
                "refused" => &mut fields.refused,
                _ => continue,
            };
            if place.is_empty() {
                *place = bare(value);
            }
        }
        fields
    }
}

/// An address without `<>`.
fn bare(word: &str) -> &str {
    word.strip_prefix('<').and_then(|word| word.strip_suffix('>')).unwrap_or(word)
}

fn listener(line: &str) -> Option<Event<'_>> {
    match line.strip_prefix("tcpserver: ")?.split_once(' ')? {
        ("status:", counts) => Some(Event::Crowd { running: counts.split('/').next()?.parse().ok()? }),
        ("pid", _) => Some(Event::Quiet),
        ("ok", rest) => {
            let (pid, rest) = rest.split_once(' ')?;
            let (address, port) = remote(rest.split_once(' ')?.1)?;
            Some(Event::Connected { pid: pid.parse().ok()?, address, port })
        }
        ("deny", rest) => {
            let (_local, rest) = rest.split_once(' ')?.1.split_once(' ')?;
            let (ends, why) = rest.split_once(' ').unwrap_or((rest, ""));
            Some(Event::Denied { address: remote(ends)?.0, why })
        }
        ("end", rest) => Some(Event::Disconnected { pid: rest.split_once(' ')?.0.parse().ok()? }),
        _ => None,
    }
}

/// `rhost:rip:info:rport`, of which only the address may hold colons.
fn remote(ends: &str) -> Option<(&str, &str)> {
    let (_host, rest) = ends.split_once(':')?;
    let (rest, port) = rest.rsplit_once(':')?;
    let (address, _info) = rest.rsplit_once(':')?;
    Some((address, port))
}

/// `PROGRAM: SEVERITY: TEXT` and `PROGRAM: status: ...`.
fn any_program(line: &str) -> Option<Event<'_>> {
    let (program, rest) = line.split_once(": ")?;
    if !program.starts_with("stafett-") && program != "tcpserver" {
        return None;
    }
    match rest.split_once(": ")? {
        ("fatal" | "error" | "warning", text) => Some(Event::Complaint { program, text }),
        ("note" | "status", _) => Some(Event::Quiet),
        _ => None,
    }
}

#[cfg(test)]
#[path = "event_test.rs"]
mod tests;
