//! The client at the other end and what the listener's rules say about it.
//!
//! Everything comes from the environment of tcpserver (tcp-environ(5)): addresses and names of both ends, and the variables
//! of the matching rule.
//! Security stance: names that the client's name server or ident server made up are reduced to harmless characters here,
//! before they reach a header, a log or the environment of a program.
//! How it fails: a variable that cannot mean what it should is an error; the client is told 421, for a rule that is not
//! understood must not count as absent.

use std::net::IpAddr;

use stafett_ucspi::{Connection, Environment};

use crate::account::Role;
use crate::badmailfrom::BadMailFrom;

/// The longest BOUNCEMAIL text, in bytes, as with rblsmtpd.
const BOUNCE_TEXT_MAX: usize = 200;

/// The longest name of a client that is kept, in bytes.
const NAME_MAX: usize = 255;

/// One client.
#[derive(Debug)]
pub struct Client {
    /// Its address; none when a program was started by hand.
    pub ip: Option<IpAddr>,
    /// Its name, or `unknown`.
    pub host: String,
    /// What its ident server said.
    pub info: Option<String>,
    /// Our address that it connected to.
    pub local_ip: Option<IpAddr>,
    /// RELAYCLIENT, where SUBMISSION lets it count: it may send to anywhere; the value is appended to each recipient.
    pub relay: Option<String>,
    /// DATABYTES, instead of the control file.
    pub databytes: Option<u64>,
    /// MAXRECIPIENTS, instead of the control file.
    pub max_recipients: Option<u64>,
    /// SPFBEHAVIOR, instead of the control file.
    pub spf_behavior: Option<u64>,
    /// DKIMSIGN: which of its mail is signed.
    pub signs: Signs,
    /// DMARCBEHAVIOR, instead of the control file.
    pub dmarc_behavior: Option<u64>,
    /// BADMAILFROM, beside the control file.
    pub badmailfrom: BadMailFrom,
    /// BOUNCEMAIL, or RBLSMTPD where that is not set: why every recipient is refused.
    pub bounce: Option<Bounce>,
    /// RCPTCHECK: the program that judges recipients.
    pub rcptcheck: Option<String>,
    /// RBLSMTPD is set and empty: block lists are not asked.
    pub is_unlisted: bool,
    /// GREETDELAY, instead of the control file; in seconds.
    pub greet_delay: Option<u64>,
    /// TARPITCOUNT, instead of the control file.
    pub tarpit_count: Option<u64>,
    /// TARPITDELAY, instead of the control file; in seconds.
    pub tarpit_delay: Option<u64>,
    /// UCSPITLS: what the listener says about STARTTLS.
    pub starttls: StartTls,
    /// SMTPS: the connection begins with a TLS handshake.
    pub tls_first: bool,
    /// FORCETLS: mail is taken under TLS alone.
    pub tls_required: bool,
    /// SUBMISSION: the port is for those who have an account.
    pub submission: Option<Submission>,
    /// MASQUERADE: its senders are masked though it need not be known otherwise.
    pub masquerade: bool,
    /// QMAILQUEUE: the program that takes messages instead of queued.
    pub queue_program: Option<String>,
    /// Its rule denies it, which somebody in front of us could not know.
    pub denied: bool,
    /// All variables, for such a program.
    pub environment: Environment,
}

/// What UCSPITLS says, as sslserver(8) and qmail-smtpd(8) have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartTls {
    /// It is not set: control/servercerts decides.
    Unsaid,
    /// `-`: not offered.
    Off,
    /// Empty: offered.
    Offered,
    /// `!`: offered, and required before mail.
    Required,
}

/// What DKIMSIGN says of the mail of a client that may send to anywhere.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Signs {
    /// It is signed as control/dkimsign has it.
    #[default]
    All,
    /// Only what begins with this client: what bears no Received field.
    Own,
    /// None of it.
    None,
}

/// What SUBMISSION says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Whether a relay client needs no account.
    pub relay_client: bool,
    /// Whose accounts may be used here; `None` for all.
    pub role: Option<Role>,
}

/// The text of BOUNCEMAIL or RBLSMTPD.
#[derive(Debug, PartialEq, Eq)]
pub struct Bounce {
    /// Which of them.
    pub rule: &'static str,
    /// Whether it began with `-`: refused for good.
    pub permanent: bool,
    /// Printable, at most 200 bytes.
    pub text: String,
}

impl Client {
    /// Reads the variables.
    ///
    /// # Errors
    /// A sentence that names the variable.
    pub fn from_environment(mut environment: Environment) -> Result<Self, String> {
        let connection = Connection::read_from(&environment).map_err(|error| error.to_string())?;
        let host = connection.remote_host.as_deref().map_or_else(|| "unknown".to_owned(), plain);
        let info = connection.remote_info.as_deref().map(plain);
        if connection.remote_host.is_some() {
            environment.set("TCPREMOTEHOST", &host);
        }
        if let Some(info) = &info {
            environment.set("TCPREMOTEINFO", info);
        }
        let submission = submission(&environment)?;
        Ok(Self {
            ip: connection.remote_ip,
            local_ip: connection.local_ip,
            relay: text(&environment, "RELAYCLIENT")?.filter(|_| submission.is_none_or(|submission| submission.relay_client)),
            databytes: number(&environment, "DATABYTES")?,
            max_recipients: number(&environment, "MAXRECIPIENTS")?,
            spf_behavior: number(&environment, "SPFBEHAVIOR")?,
            signs: signs(&environment)?,
            dmarc_behavior: number(&environment, "DMARCBEHAVIOR")?,
            badmailfrom: badmailfrom(&environment)?,
            rcptcheck: text(&environment, "RCPTCHECK")?.filter(|program| !program.is_empty()),
            bounce: bounce(&environment),
            is_unlisted: environment.value("RBLSMTPD").is_some_and(<[u8]>::is_empty),
            greet_delay: number(&environment, "GREETDELAY")?,
            tarpit_count: number(&environment, "TARPITCOUNT")?,
            tarpit_delay: number(&environment, "TARPITDELAY")?,
            starttls: starttls(&environment)?,
            tls_first: environment.value("SMTPS").is_some_and(|value| !value.is_empty()),
            tls_required: environment.value("FORCETLS").is_some_and(|value| !matches!(value, b"" | b"0")),
            submission,
            masquerade: environment.value("MASQUERADE").is_some_and(|value| !matches!(value, b"" | b"0")),
            queue_program: text(&environment, "QMAILQUEUE")?.filter(|program| !program.is_empty()),
            denied: false,
            host,
            info,
            environment,
        })
    }

    /// The address for logs and headers.
    pub fn address(&self) -> String {
        self.ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())
    }
}

/// Letters, digits and the few marks that names need; anything else becomes `?`. Square brackets too: in the Received
/// field they stand around the address that the kernel told, and nothing else there may look like it.
pub(crate) fn plain(text: &str) -> String {
    let kept = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '.' | '-' | '_' | ':' | '@' | '+' | '/' | '=');
    text.chars().take(NAME_MAX).map(|symbol| if kept(symbol) { symbol } else { '?' }).collect()
}

fn bounce(environment: &Environment) -> Option<Bounce> {
    let set = |name| environment.value(name).filter(|value| !value.is_empty());
    let mail = set("BOUNCEMAIL").map(|value| ("rule BOUNCEMAIL", value));
    let (rule, value) = mail.or_else(|| set("RBLSMTPD").map(|value| ("rule RBLSMTPD", value)))?;
    let permanent = value.starts_with(b"-");
    let words = value.strip_prefix(b"-").unwrap_or(value);
    let printable = |byte: &u8| if *byte == b' ' || byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    Some(Bounce { rule, permanent, text: words.iter().take(BOUNCE_TEXT_MAX).map(printable).collect() })
}

fn badmailfrom(environment: &Environment) -> Result<BadMailFrom, String> {
    let words = text(environment, "BADMAILFROM")?.unwrap_or_default();
    BadMailFrom::from_words(&words).map_err(|error| format!("variable BADMAILFROM does not list addresses: {error}"))
}

fn starttls(environment: &Environment) -> Result<StartTls, String> {
    match environment.value("UCSPITLS") {
        None => Ok(StartTls::Unsaid),
        Some(b"-") => Ok(StartTls::Off),
        Some(b"") => Ok(StartTls::Offered),
        Some(b"!") => Ok(StartTls::Required),
        Some(_) => Err("variable UCSPITLS must be empty (offered), ! (required) or - (off)".to_owned()),
    }
}

fn signs(environment: &Environment) -> Result<Signs, String> {
    let word = text(environment, "DKIMSIGN")?.unwrap_or_default();
    stafett_ucspi::variable(b"DKIMSIGN").map_or(Ok(()), |variable| variable.judge(word.as_bytes()))?;
    Ok(match word.as_str() {
        "0" => Signs::None,
        "own" => Signs::Own,
        _ => Signs::All,
    })
}

/// Empty is as if it were not set.
fn submission(environment: &Environment) -> Result<Option<Submission>, String> {
    let words = text(environment, "SUBMISSION")?.unwrap_or_default();
    stafett_ucspi::variable(b"SUBMISSION").map_or(Ok(()), |variable| variable.judge(words.as_bytes()))?;
    let has = |wanted: &str| words.split_ascii_whitespace().any(|word| word == wanted);
    let role = match (has("person"), has("robot")) {
        (true, false) => Some(Role::Person),
        (false, true) => Some(Role::Robot),
        _ => None,
    };
    Ok((!words.trim().is_empty()).then(|| Submission { relay_client: has("relayclient"), role }))
}

fn number(environment: &Environment, name: &str) -> Result<Option<u64>, String> {
    let Some(value) = text(environment, name)? else { return Ok(None) };
    value.trim().parse().map(Some).map_err(|_| format!("variable {name}=\"{value}\" is not a number"))
}

fn text(environment: &Environment, name: &str) -> Result<Option<String>, String> {
    let Some(value) = environment.value(name) else { return Ok(None) };
    let text = String::from_utf8(value.to_vec()).map_err(|_| format!("variable {name} is not UTF-8 text"))?;
    Ok(Some(text))
}
