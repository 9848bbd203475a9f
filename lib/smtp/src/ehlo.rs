//! EHLO keywords (RFC 5321 §4.1.1.1): what we offer, and what another server offers us.

use crate::{Reply, Response};

/// What varies in our offer.
#[derive(Clone, Debug, Default)]
pub struct Offer {
    /// The largest message taken, in bytes; 0 = no fixed limit, said as plain `SIZE 0` (RFC 1870 §3).
    pub size: u64,
    /// Whether STARTTLS is offered (RFC 3207).
    pub starttls: bool,
    /// Whether REQUIRETLS is offered (RFC 8689 §2: under TLS alone).
    pub require_tls: bool,
    /// Whether ETRN is offered (RFC 1985).
    pub etrn: bool,
    /// The mechanisms of AUTH, with blanks between (RFC 4954); empty where it is not offered.
    pub auth: String,
}

impl Offer {
    /// The reply to EHLO, the host's name first.
    pub fn reply(&self, host: &str) -> Reply {
        let reply = Reply::plain(250, host.to_owned());
        let reply = if self.starttls { reply.line("STARTTLS") } else { reply };
        let reply = if self.require_tls { reply.line("REQUIRETLS") } else { reply };
        let reply = if self.auth.is_empty() { reply } else { reply.line(format!("AUTH {}", self.auth)) };
        let reply = if self.etrn { reply.line("ETRN") } else { reply };
        reply
            .line("PIPELINING")
            .line(format!("SIZE {}", self.size))
            .line("8BITMIME")
            .line("SMTPUTF8")
            .line("CHUNKING")
            .line("DSN")
            .line("ENHANCEDSTATUSCODES")
            .line("HELP")
    }

    /// The reply to HELP: the commands that go with this offer.
    pub fn help(&self) -> Reply {
        let optional = [(self.starttls, " STARTTLS"), (!self.auth.is_empty(), " AUTH"), (self.etrn, " ETRN")];
        let offered: String = optional.into_iter().filter_map(|(is_offered, command)| is_offered.then_some(command)).collect();
        Reply::new(214, (2, 0, 0), format!("HELO EHLO{offered} MAIL RCPT DATA BDAT RSET NOOP VRFY HELP QUIT"))
    }
}

/// What a server can do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// PIPELINING (RFC 2920).
    pub pipelining: bool,
    /// SIZE (RFC 1870); the limit in bytes where the server names one above 0.
    pub size: Option<Option<u64>>,
    /// 8BITMIME (RFC 6152).
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// CHUNKING (RFC 3030).
    pub chunking: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// ENHANCEDSTATUSCODES (RFC 2034).
    pub enhanced_codes: bool,
    /// STARTTLS (RFC 3207).
    pub starttls: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// AUTH mechanisms, upper case (RFC 4954).
    pub auth: Vec<String>,
}

impl Capabilities {
    /// Reads the lines of a reply to EHLO; the first line is the server's name. Unknown and odd lines are passed over.
    pub fn parse(response: &Response) -> Self {
        let mut capabilities = Self::default();
        for line in response.lines().skip(1) {
            capabilities.learn(&String::from_utf8_lossy(line));
        }
        capabilities
    }

    /// Whether a message of so many bytes is within the limit that the server named.
    pub fn takes_size(&self, bytes: u64) -> bool {
        self.size.flatten().is_none_or(|limit| bytes <= limit)
    }

    fn learn(&mut self, line: &str) {
        // `AUTH=LOGIN` is an old misspelling that still occurs
        let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
        let keyword = words.next().unwrap_or_default().to_ascii_uppercase();
        match keyword.as_str() {
            "PIPELINING" => self.pipelining = true,
            "SIZE" => self.size = Some(words.next().and_then(limit)),
            "8BITMIME" => self.eight_bit = true,
            "SMTPUTF8" => self.utf8 = true,
            "CHUNKING" => self.chunking = true,
            "DSN" => self.dsn = true,
            "ENHANCEDSTATUSCODES" => self.enhanced_codes = true,
            "STARTTLS" => self.starttls = true,
            "REQUIRETLS" => self.require_tls = true,
            "AUTH" => self.auth.extend(words.map(str::to_ascii_uppercase)),
            _ => {}
        }
    }
}

/// 0 and nonsense both mean that no limit is known.
fn limit(word: &str) -> Option<u64> {
    word.parse().ok().filter(|&bytes| bytes > 0)
}
