//! Rows: the dialogue of smtpd.

use super::seconds;
use crate::form::etrn::etrn;
use crate::form::milter::milter;
use crate::form::tap::tap;
use crate::form::{Form, Setting};

/// The name of this host.
pub static ME: Setting = Setting {
    name: "me",
    form: Form::Host,
    default: "none; the file is required",
    readers: &[
        "tcpserver",
        "smtpd",
        "queued",
        "inject",
        "send",
        "remote",
        "callout",
        "verify",
        "dkim",
        "tls",
        "milter",
        "auth",
        "mtasts",
        "tlsrpt",
        "metrics",
        "aliases",
        "dot",
    ],
    text: "The full name of this host. It stands in the greeting, in Received lines and in bounces, and is the default of helohost, localiphost, smtpgreeting, bouncehost and doublebouncehost. Write the name on the first line.",
    example: "relay.example.org",
};
/// The wait before the greeting.
pub static GREETDELAY: Setting = Setting {
    name: "greetdelay",
    form: seconds(0, 120),
    default: "0: greet at once",
    readers: &["smtpd"],
    text: "How many seconds a client waits for the greeting. Programs that send spam often talk at once; who does is refused with 554. Clients with RELAYCLIENT are greeted at once. The variable GREETDELAY overrides it.",
    example: "5",
};
/// When replies become slow.
pub static TARPITCOUNT: Setting = Setting {
    name: "tarpitcount",
    form: Form::Integer { least: 0, most: 100_000, unit: "recipients or errors" },
    default: "0: never",
    readers: &["smtpd"],
    text: "When a message has more recipients than this, or a session more errors, each further reply waits for tarpitdelay. 0 means never. The variable TARPITCOUNT overrides it; without it clients with RELAYCLIENT do not wait.",
    example: "50",
};
/// How slow replies become.
pub static TARPITDELAY: Setting = Setting {
    name: "tarpitdelay",
    form: seconds(0, 120),
    default: "5",
    readers: &["smtpd"],
    text: "How many seconds a reply waits, see tarpitcount. The variable TARPITDELAY overrides it.",
    example: "5",
};
/// The largest message.
pub static DATABYTES: Setting = Setting {
    name: "databytes",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "bytes" },
    default: "0: no limit",
    readers: &["smtpd"],
    text: "The largest message that is accepted, in bytes; 0 is no limit. It is offered as SIZE. The variable DATABYTES overrides it.",
    example: "52428800",
};
/// Our name for our own addresses in recipients.
pub static LOCALIPHOST: Setting = Setting {
    name: "localiphost",
    form: Form::Host,
    default: "me",
    readers: &["smtpd"],
    text: "A recipient at [address] is taken as one at this host when the address is the one the client connected to.",
    example: "relay.example.org",
};
/// The text after 220.
pub static SMTPGREETING: Setting = Setting {
    name: "smtpgreeting",
    form: Form::Line,
    default: "me",
    readers: &["smtpd"],
    text: "The greeting behind the code 220. Its first word must be the name of this host.",
    example: "relay.example.org ESMTP, no unsolicited mail",
};
/// Patience with a client.
pub static TIMEOUTSMTPD: Setting = Setting {
    name: "timeoutsmtpd",
    form: seconds(1, 86_400),
    default: "300",
    readers: &["smtpd"],
    text: "How many seconds smtpd waits for the next bytes from a client. RFC 5321 section 4.5.3.2.7 asks for 300 at least.",
    example: "300",
};
/// Who may have the mail of a domain tried.
pub static ETRN: Setting = Setting {
    name: "etrn",
    form: Form::Map(etrn),
    default: "none: ETRN is not offered",
    readers: &["smtpd"],
    text: "Which clients may have the mail that waits here for a domain tried at once (ETRN, RFC 1985), such as the primary MX when it is back: domain:CLIENTS for exactly that domain, .domain:CLIENTS for all below it. CLIENTS are networks, authenticated, people, robots or class:NAME (accounts), relayclients, with blanks between. The mail goes where it goes anyway, never to the client for its asking. Once a minute for each domain; see stafett-secondary(7). The last line for a domain counts.",
    example: "example.org:192.0.2.25 2001:db8::25\n.example.org:authenticated",
};
/// Recipients of one message.
pub static MAXRECIPIENTS: Setting = Setting {
    name: "maxrecipients",
    form: Form::Integer { least: 1, most: 100_000, unit: "recipients" },
    default: "1000",
    readers: &["smtpd"],
    text: "How many recipients one message may have; further ones get 452 and the client sends them in another transaction. RFC 5321 section 4.5.3.1.8 asks for 100 at least. The variable MAXRECIPIENTS overrides it.",
    example: "1000",
};
/// Hops of one message.
pub static MAXHOPS: Setting = Setting {
    name: "maxhops",
    form: Form::Integer { least: 10, most: 1000, unit: "hops" },
    default: "100",
    readers: &["smtpd"],
    text: "A message with this many Received and Delivered-To lines is taken to be looping and is refused.",
    example: "100",
};
/// Commands of one session.
pub static MAXCOMMANDS: Setting = Setting {
    name: "maxcommands",
    form: Form::Integer { least: 10, most: u64::MAX, unit: "commands" },
    default: "100000",
    readers: &["smtpd"],
    text: "How many commands a client may give in one session; then it is told 421.",
    example: "100000",
};
/// Errors of one session.
pub static MAXERRORS: Setting = Setting {
    name: "maxerrors",
    form: Form::Integer { least: 1, most: u64::MAX, unit: "errors" },
    default: "100",
    readers: &["smtpd"],
    text: "How many refusals and errors a client may collect in one session; then it is told 421. Recipients beyond maxrecipients do not count.",
    example: "100",
};
/// The length of a session.
pub static TIMEOUTSESSION: Setting = Setting {
    name: "timeoutsession",
    form: seconds(1, 604_800),
    default: "14400: four hours",
    readers: &["smtpd"],
    text: "How many seconds a session may last in all; then the client is told 421.",
    example: "14400",
};
/// Filters that see messages before they are accepted.
pub static MILTERS: Setting = Setting {
    name: "milters",
    form: Form::List(milter),
    default: "none",
    readers: &["smtpd", "milter"],
    text: "Filters that speak Sendmail's milter protocol and see each message before it is accepted, one a line, in the order in which they are asked; one sees what those before it have changed. A line is a place, unix:/path or inet:host:port (an address, or a name of /etc/hosts), and words behind it. timeout=30: the longest wait for one answer, in seconds. message=120: the longest wait for all answers about one message. away=tempfail: what happens when the filter does not do its work, accept (mail passes without it), tempfail or reject. skip=: clients that it does not see, as a network or the word relayclient, and recipients that it does not see, as user@domain or @domain; a message all of whose recipients are skipped is not shown to it. name=: what the log calls it. The instance needs the service milter (stafett-setup --with milter).",
    example: "unix:/run/opendkim/opendkim.sock name=dkim\ninet:127.0.0.1:11332 timeout=60 away=accept skip=relayclient",
};
/// Copies of mail.
pub static TAPS: Setting = Setting {
    name: "taps",
    form: Form::List(tap),
    default: "none",
    readers: &["queued"],
    text: "Copies of mail, one rule a line: F:pattern:address copies what comes from a sender that fits the pattern to that address, T:pattern:address what is for a recipient that fits, A:pattern:address what either fits. A pattern is a regular expression without regard to case that may match anywhere in the address; ^ and $ stand for its ends, and a dot that means a dot is written \\. Mail of programs, bounces included, is copied too. Whatever becomes of a copy, its sender is not told: a failure stands in the log alone. rcpthosts has no say here.",
    example: "A:.*:log@localhost\nF:@sales\\.example\\.org$:archive@example.org",
};
