//! A line of smtpd's log, stafett-log(5): what was decided about whom.

use std::net::IpAddr;

/// A decision about a recipient, or about a sender before any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// The client.
    pub ip: IpAddr,
    /// What it called itself.
    pub helo: String,
    /// The sender.
    pub from: String,
    /// The recipient.
    pub to: Option<String>,
    /// What refused it; nothing when it was accepted.
    pub rule: Option<String>,
    /// The process that served it.
    pub pid: String,
}

/// What a line says of the account of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// The client of this process has logged in.
    Begun(String),
    /// The session of this process is over.
    Over(String),
}

/// Whether a line tells that a client has logged in, or that its session is over.
pub fn login(line: &str) -> Option<Login> {
    let (_, text) = line.split_once("stafett-smtpd: ")?;
    let pid = text.split_once(" pid ")?.1.split(' ').next()?.to_owned();
    match text.split(' ').next()? {
        "auth" => Some(Login::Begun(pid)),
        "end" => Some(Login::Over(pid)),
        _ => None,
    }
}

/// The decision that a line tells of, whatever stamp stands before it.
pub fn read(line: &str) -> Option<Decision> {
    let start = line.find("stafett-smtpd: ")?;
    let text = line.get(start + "stafett-smtpd: ".len()..)?;
    let rule = match text.split_once(' ')? {
        ("accept", _) => None,
        ("refuse", rest) => Some(rest.split(' ').next()?.replace("rule_", "rule ")),
        _ => return None,
    };
    // the words of a client hold no blank and no end of line; what follows the colon behind the process is the reply
    let words: Vec<&str> = text.split(' ').collect();
    let after = |name: &str| words.iter().position(|word| *word == name).and_then(|at| words.get(at + 1)).copied();
    // an attempt to log in
    if after("mechanism").is_some() {
        return None;
    }
    let pid = after("pid").unwrap_or_default().trim_end_matches(':').to_owned();
    let address = |name: &str| after(name).and_then(|word| word.strip_prefix('<')?.strip_suffix('>')).map(str::to_owned);
    Some(Decision {
        ip: after("client")?.parse().ok()?,
        helo: after("helo")?.to_owned(),
        from: address("from")?,
        to: address("to"),
        rule,
        pid,
    })
}
