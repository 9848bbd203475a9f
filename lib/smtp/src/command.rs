//! A client's command line, parsed once into a typed command.
//!
//! What it does: one table of verbs, each with the function that reads its argument. Lines come without their CR LF.
//!
//! Security stance: a verb that is not in the table is unknown, an argument that does not parse completely is refused;
//! nothing is guessed. Length limits are the reader's business, since only it sees a line that is too long.
//!
//! How it fails: with a [`Fault`], which knows its reply.

use stafett_address::Path;

use crate::Reply;
use crate::parameters::{MailParameters, ParameterFault, RcptParameters};

/// A command that we serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// HELO with the client's name, as it was said.
    Helo(&'a str),
    /// EHLO with the client's name, as it was said.
    Ehlo(&'a str),
    /// MAIL FROM.
    Mail(Path, MailParameters),
    /// RCPT TO.
    Rcpt(Path, RcptParameters),
    /// DATA.
    Data,
    /// BDAT: how many bytes follow, and whether they end the message (RFC 3030).
    Bdat {
        /// Bytes that follow the command line.
        size: u64,
        /// Whether the chunk is the message's last.
        last: bool,
    },
    /// STARTTLS (RFC 3207).
    StartTls,
    /// AUTH: the mechanism's name, and the client's first message in base64 if it came along (RFC 4954).
    Auth(&'a str, Option<&'a str>),
    /// ETRN with what it asks for, as it was said; perhaps nothing (RFC 1985).
    Etrn(&'a str),
    /// RSET.
    Rset,
    /// NOOP.
    Noop,
    /// VRFY.
    Vrfy,
    /// HELP.
    Help,
    /// QUIT.
    Quit,
}

/// Why a line is no command that we serve.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// No such verb.
    Unknown,
    /// A verb that others serve.
    NotImplemented,
    /// The argument breaks the grammar; the words show it.
    Argument(&'static str),
    /// No address where MAIL wants one.
    Sender(stafett_address::Error),
    /// No address where RCPT wants one.
    Recipient(stafett_address::Error),
    /// A parameter that is unknown, doubled or malformed.
    Parameter(ParameterFault),
    /// Bytes that are not UTF-8.
    NotUtf8,
}

type Parse = for<'a> fn(&'a str) -> Result<Command<'a>, Fault>;

/// Every verb we know. Verbs that we know but do not serve are there for their better reply.
const TABLE: &[(&str, Parse)] = &[
    ("MAIL", mail),
    ("RCPT", rcpt),
    ("DATA", |argument| without(argument, Command::Data)),
    ("QUIT", |argument| without(argument, Command::Quit)),
    ("EHLO", |argument| named(argument).map(Command::Ehlo)),
    ("HELO", |argument| named(argument).map(Command::Helo)),
    ("BDAT", bdat),
    ("RSET", |argument| without(argument, Command::Rset)),
    ("NOOP", |_| Ok(Command::Noop)),
    ("VRFY", vrfy),
    ("HELP", |_| Ok(Command::Help)),
    ("EXPN", not_implemented),
    ("STARTTLS", |argument| without(argument, Command::StartTls)),
    ("AUTH", auth),
    ("ETRN", |argument| Ok(Command::Etrn(argument))),
    ("TURN", not_implemented),
    ("SEND", not_implemented),
    ("SOML", not_implemented),
    ("SAML", not_implemented),
];

impl<'a> Command<'a> {
    /// Parses a line without its line end.
    pub fn parse(line: &'a [u8]) -> Result<Self, Fault> {
        let line = std::str::from_utf8(line).map_err(|_| Fault::NotUtf8)?;
        let line = line.trim_end_matches(BLANKS);
        let (verb, argument) = line.split_once(BLANKS).unwrap_or((line, ""));
        let entry = TABLE.iter().find(|(name, _)| name.eq_ignore_ascii_case(verb));
        let (_, parse) = entry.ok_or(Fault::Unknown)?;
        parse(argument.trim_start_matches(BLANKS))
    }
}

impl Fault {
    /// What the client gets to hear.
    pub fn reply(&self) -> Reply {
        match self {
            Self::Unknown => Reply::new(500, (5, 5, 2), "unrecognized command"),
            Self::NotImplemented => Reply::new(502, (5, 5, 1), "command not implemented"),
            Self::Argument(words) => Reply::new(501, (5, 5, 4), *words),
            Self::Sender(error) => Reply::new(501, (5, 1, 7), error.to_string()),
            Self::Recipient(error) => Reply::new(501, (5, 1, 3), error.to_string()),
            Self::Parameter(fault) => fault.reply(),
            Self::NotUtf8 => Reply::new(500, (5, 5, 2), "command is not UTF-8"),
        }
    }
}

const BLANKS: [char; 2] = [' ', '\t'];

fn mail(argument: &str) -> Result<Command<'_>, Fault> {
    let path = strip_keyword(argument, "FROM:").ok_or(Fault::Argument("syntax: MAIL FROM:<address>"))?;
    let (path, rest) = Path::take(path).map_err(Fault::Sender)?;
    let parameters = MailParameters::parse(rest).map_err(Fault::Parameter)?;
    Ok(Command::Mail(path, parameters))
}

fn rcpt(argument: &str) -> Result<Command<'_>, Fault> {
    let path = strip_keyword(argument, "TO:").ok_or(Fault::Argument("syntax: RCPT TO:<address>"))?;
    let (path, rest) = Path::take(path).map_err(Fault::Recipient)?;
    let parameters = RcptParameters::parse(rest).map_err(Fault::Parameter)?;
    Ok(Command::Rcpt(path, parameters))
}

fn bdat(argument: &str) -> Result<Command<'_>, Fault> {
    let mut words = argument.split(BLANKS).filter(|word| !word.is_empty());
    let size = words.next().filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()));
    let size = size.and_then(|digits| digits.parse().ok());
    let last = words.next();
    let complete = words.next().is_none() && last.is_none_or(|word| word.eq_ignore_ascii_case("LAST"));
    match size {
        Some(size) if complete => Ok(Command::Bdat { size, last: last.is_some() }),
        _ => Err(Fault::Argument("syntax: BDAT size [LAST]")),
    }
}

fn auth(argument: &str) -> Result<Command<'_>, Fault> {
    let mut words = argument.split(BLANKS).filter(|word| !word.is_empty());
    match (words.next(), words.next(), words.next()) {
        (Some(mechanism), first, None) => Ok(Command::Auth(mechanism, first)),
        _ => Err(Fault::Argument("syntax: AUTH mechanism [initial-response]")),
    }
}

fn vrfy(argument: &str) -> Result<Command<'_>, Fault> {
    if argument.is_empty() { Err(Fault::Argument("syntax: VRFY address")) } else { Ok(Command::Vrfy) }
}

fn named(argument: &str) -> Result<&str, Fault> {
    if argument.is_empty() { Err(Fault::Argument("syntax: EHLO hostname")) } else { Ok(argument) }
}

fn without<'a>(argument: &str, command: Command<'a>) -> Result<Command<'a>, Fault> {
    if argument.is_empty() { Ok(command) } else { Err(Fault::Argument("no argument allowed")) }
}

fn not_implemented(_: &str) -> Result<Command<'_>, Fault> {
    Err(Fault::NotImplemented)
}

fn strip_keyword<'a>(argument: &'a str, keyword: &str) -> Option<&'a str> {
    let (front, rest) = argument.split_at_checked(keyword.len())?;
    front.eq_ignore_ascii_case(keyword).then_some(rest)
}
