//! One row per control file. A program names the row it reads; the checker, the samples and
//! stafett-control(5) go through [`TABLE`].

use crate::form::blocklist::block_list;
use crate::form::callout::callout;
use crate::form::greylist::greylist;
use crate::form::helo::bad_helo;
use crate::form::limits::limit;
use crate::form::limitstore::store;
use crate::form::milter::milter;
use crate::form::network::network;
use crate::form::outgoing::{outgoing_address, sender_binding};
use crate::form::recipients::recipient;
use crate::form::tap::tap;
use crate::form::{
    Form, Setting, bad_sender, domain_or_suffix, fingerprint, lifetime, limits, loopback_place, name_server, reverse_word, route,
    sender_word,
};

/// Seconds in a week, the longest that most times may be set to.
const YEAR: u64 = 365 * 24 * 3600;

const fn seconds(least: u64, most: u64) -> Form {
    Form::Integer { least, most, unit: "seconds" }
}

/// Every control file that this version reads.
pub static TABLE: &[&Setting] = &[
    &BADHELO,
    &BADMAILFROM,
    &BADRCPTTO,
    &BOUNCEFROM,
    &BOUNCEHOST,
    &BOUNCELIFETIME,
    &BOUNCEMAXBYTES,
    &CALLOUT,
    &CONCURRENCYDEST,
    &CONCURRENCYDESTINATION,
    &CONCURRENCYINCOMING,
    &CONCURRENCYPERIP,
    &CONCURRENCYREMOTE,
    &DATABYTES,
    &DELAYNOTICE,
    &DESTINATIONS,
    &DMARCBEHAVIOR,
    &DNSBLLIST,
    &DNSBLTHRESHOLD,
    &DNSBLTIMEOUT,
    &DOMAINBINDINGS,
    &DOUBLEBOUNCEHOST,
    &DOUBLEBOUNCETO,
    &GREETDELAY,
    &GREYLIST,
    &HELOHOST,
    &HOLDDOMAINS,
    &HOLDREMOTE,
    &LIMITS,
    &LIMITSTORE,
    &LOCALIPHOST,
    &MAXCOMMANDS,
    &MAXERRORS,
    &MAXHOPS,
    &MAXRECIPIENTS,
    &ME,
    &METRICSLISTEN,
    &MILTERS,
    &MORERCPTHOSTS,
    &OUTGOINGIP,
    &PROXIES,
    &QUEUEBACKLOG,
    &QUEUEFREE,
    &QUEUELIFETIME,
    &QUEUELIFETIMES,
    &QUEUESYNC,
    &RCPTHOSTS,
    &RESOLVERS,
    &REVERSEDNS,
    &RHSBLLIST,
    &SENDERDOMAIN,
    &SERVERCERTS,
    &SMTPGREETING,
    &SMTPROUTES,
    &SPFBEHAVIOR,
    &SPFEXP,
    &SPFGUESS,
    &SPFRULES,
    &TAPS,
    &TARPITCOUNT,
    &TARPITDELAY,
    &TCP_SMTP,
    &TCP_SMTP_CDB,
    &TIMEOUTCONNECT,
    &TIMEOUTDELIVERY,
    &TIMEOUTREMOTE,
    &TIMEOUTSESSION,
    &TIMEOUTSMTPD,
    &VALIDRCPTTO,
    &VALIDRCPTTO_CDB,
    &XCLIENT,
    &TLSCLIENTS,
];

/// The name of this host.
pub static ME: Setting = Setting {
    name: "me",
    form: Form::Host,
    default: "none; the file is required",
    readers: &["tcpserver", "smtpd", "queued", "send", "remote", "callout", "verify", "tls", "milter"],
    text: "The full name of this host. It stands in the greeting, in Received lines and in bounces, and is the default of helohost, localiphost, smtpgreeting, bouncehost and doublebouncehost. Write the name on the first line.",
    example: "relay.example.org",
};
/// Domains that are relayed for.
pub static RCPTHOSTS: Setting = Setting {
    name: "rcpthosts",
    form: Form::List(domain_or_suffix),
    default: "none: mail is accepted only from clients with RELAYCLIENT",
    readers: &["smtpd"],
    text: "The domains that mail is accepted for, one a line: domain for exactly that one, .domain for all below it. A recipient in no listed domain is refused unless the client has RELAYCLIENT. When the file is missing, empty or broken, mail is accepted for nobody. An address without @ does not pass.",
    example: "example.org\n.example.org",
};
/// More domains that are relayed for, compiled.
pub static MORERCPTHOSTS: Setting = Setting {
    name: "morercpthosts.cdb",
    form: Form::Compiled("stafett-tcprules --hosts"),
    default: "none",
    readers: &["smtpd"],
    text: "More domains in the form of rcpthosts, for long lists: a cdb whose keys are the domains, as qmail-newmrh makes it, or stafett-tcprules --hosts. It is looked at after rcpthosts.",
    example: "",
};
/// Senders that are refused.
pub static BADMAILFROM: Setting = Setting {
    name: "badmailfrom",
    form: Form::List(bad_sender),
    default: "none",
    readers: &["smtpd"],
    text: "Envelope senders that are refused, one a line: an address, @host for every address at that host, @.domain for all hosts below a domain; and clients whose mail is refused whoever the sender is: an address, or address/bits for a network. The refusal is given at each RCPT. The variable BADMAILFROM adds to it.",
    example: "spammer@example.net\n@example.com\n@.example.com\n192.0.2.0/24",
};
/// Names that clients must not give themselves.
pub static BADHELO: Setting = Setting {
    name: "badhelo",
    form: Form::List(bad_helo),
    default: "none",
    readers: &["smtpd"],
    text: "Names in HELO and EHLO whose clients are refused at each RCPT, one a line: a name, .domain for all names below it, an address in brackets; =me for the names and addresses of this host, =literal for any address, =bare for a name without a dot. A line behind a ! is an exception from all others. Clients with RELAYCLIENT may call themselves what they like.",
    example: "=me\n=bare\nlocalhost.localdomain\n.dynamic.example.net\n!printer",
};
/// Lists of client addresses.
pub static DNSBLLIST: Setting = Setting {
    name: "dnsbllist",
    form: Form::List(block_list),
    default: "none: no list is asked",
    readers: &["smtpd", "dnsbl"],
    text: "DNS lists that are asked for the address of a client, one a line; the first line that hits decides. zone refuses with 451 and the text that the list gives (TXT); -zone refuses with 553. zone:text gives this text, in which %IP% is the client's address. +zone is an allow list: a hit accepts, whatever the lines below say. zone=n, with or without - and text, adds n to a sum (n below 0 takes from it); a sum of dnsblthreshold or more refuses, with 553 when every line that added to it has a -. Only answers in 127.0.0.0/8 are hits; 127.255.255.x says that the list does not serve us, which is logged. A list that does not answer is left out for a while, and the log says so. Needs the service dnsbl (stafett-setup --with dnsbl). Clients with RELAYCLIENT are not looked up.",
    example: "+list.allowed.example.org\n-zen.example.org\nbl.example.net:Blocked, see https://example.net/?ip=%IP%\nmaybe.example.com=3",
};
/// When weights refuse.
pub static DNSBLTHRESHOLD: Setting = Setting {
    name: "dnsblthreshold",
    form: Form::Integer { least: 1, most: 100_000, unit: "points" },
    default: "10",
    readers: &["dnsbl"],
    text: "A client or domain is refused when the lines zone=n of dnsbllist, or of rhsbllist, that hit add up to this number.",
    example: "10",
};
/// Patience with lists.
pub static DNSBLTIMEOUT: Setting = Setting {
    name: "dnsbltimeout",
    form: seconds(1, 60),
    default: "5",
    readers: &["smtpd", "dnsbl"],
    text: "How many seconds all look-ups for one client and sender may take together. A list that has not answered by then is left out for a while.",
    example: "5",
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
/// Names of addresses.
pub static REVERSEDNS: Setting = Setting {
    name: "reversedns",
    form: Form::List(reverse_word),
    default: "none",
    readers: &["smtpd"],
    text: "What a client's address must have in the DNS: none (nothing is asked), warn (asked and logged), require (a PTR record), confirm (a PTR record whose name has this address). A client without is refused at each RCPT. Needs the service dnsbl (stafett-setup --with dnsbl). Clients with RELAYCLIENT are not looked up.",
    example: "confirm",
};
/// Lists of domains.
pub static RHSBLLIST: Setting = Setting {
    name: "rhsbllist",
    form: Form::List(block_list),
    default: "none: no list is asked",
    readers: &["smtpd", "dnsbl"],
    text: "DNS lists that are asked for the domain of the sender and for the name in HELO, in the form of dnsbllist; in a text %DOMAIN% is the name that was asked for and %IP% the client's address. Needs the service dnsbl (stafett-setup --with dnsbl). Clients with RELAYCLIENT are not looked up.",
    example: "-dbl.example.org\nrhsbl.example.net:%DOMAIN% is listed at example.net",
};
/// Senders that could have no answer.
pub static SENDERDOMAIN: Setting = Setting {
    name: "senderdomain",
    form: Form::List(sender_word),
    default: "none",
    readers: &["smtpd"],
    text: "Whether the domain of a sender must be able to have mail: none (nothing is asked), warn (asked and logged), require. A domain that does not exist, has neither MX nor address, or says that it takes no mail (RFC 7505) is refused at each RCPT with 553; one that cannot be looked up now with 451. Needs the service dnsbl (stafett-setup --with dnsbl). Clients with RELAYCLIENT are not looked up.",
    example: "require",
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
/// Rules of the listener, as the admin writes them.
pub static TCP_SMTP: Setting = Setting {
    name: "tcp.smtp",
    form: Form::List(rule),
    default: "none: every client may connect, nobody has RELAYCLIENT",
    readers: &["tcprules"],
    text: "What counts for clients by their address, one rule a line: address:allow or address:deny, behind it variables for smtpd as ,NAME=\"value\". A client with RELAYCLIENT may send to any recipient. Nothing changes until stafett-tcprules has compiled the file into tcp.smtp.cdb.",
    example: "192.0.2.0/24:allow,RELAYCLIENT=\"\"\n2001:db8:1::/48:allow,RELAYCLIENT=\"\"\n198.51.100.7:deny\n:allow",
};
/// Rules of the listener, compiled.
pub static TCP_SMTP_CDB: Setting = Setting {
    name: "tcp.smtp.cdb",
    form: Form::Compiled("stafett-tcprules control/tcp.smtp"),
    default: "none: every client may connect, nobody has RELAYCLIENT",
    readers: &["tcpserver", "smtpd"],
    text: "The rules of tcp.smtp, compiled by stafett-tcprules or by tcprules. The run script of the listener names it to -x. New rules count from the next connection. smtpd looks up in it clients that proxies or xclient have named.",
    example: "",
};
/// Connections at once.
pub static CONCURRENCYINCOMING: Setting = Setting {
    name: "concurrencyincoming",
    form: Form::Integer { least: 1, most: 50_000, unit: "connections" },
    default: "200",
    readers: &["tcpserver"],
    text: "How many connections are served at once. The run script of the listener gives it to -c, so it counts from the next start of that service.",
    example: "200",
};
/// Connections at once from one address.
pub static CONCURRENCYPERIP: Setting = Setting {
    name: "concurrencyperip",
    form: Form::Integer { least: 0, most: 50_000, unit: "connections" },
    default: "50; 0 is no limit",
    readers: &["tcpserver"],
    text: "How many connections one IPv4 address or one IPv6 network of 64 bits may have at once; further ones are told 421. The run script of the listener gives it to -C, so it counts from the next start of that service.",
    example: "50",
};
/// Delivery connections at once.
pub static CONCURRENCYREMOTE: Setting = Setting {
    name: "concurrencyremote",
    form: Form::Integer { least: 0, most: 10_000, unit: "connections" },
    default: "100",
    readers: &["send"],
    text: "How many connections to other hosts are open at once; 0 stops remote delivery.",
    example: "100",
};
/// Delivery connections at once to one destination.
pub static CONCURRENCYDESTINATION: Setting = Setting {
    name: "concurrencydestination",
    form: Form::Integer { least: 1, most: 10_000, unit: "connections" },
    default: "20",
    readers: &["send"],
    text: "How many connections to one destination are open at once, when it answers well. The number in force grows with success and shrinks with failure.",
    example: "20",
};
/// Life of a message in the queue.
pub static QUEUELIFETIME: Setting = Setting {
    name: "queuelifetime",
    form: seconds(0, YEAR),
    default: "604800: a week",
    readers: &["send"],
    text: "How many seconds a message is tried. After that one last attempt is made; what fails then is bounced.",
    example: "604800",
};
/// Life of a message by its recipient's domain.
pub static QUEUELIFETIMES: Setting = Setting {
    name: "queuelifetimes",
    form: Form::Map(lifetime),
    default: "none: queuelifetime for all",
    readers: &["send"],
    text: "How many seconds a recipient is tried, by domain, where that is not queuelifetime: domain:seconds for exactly that domain, .domain:seconds for all below it. The last line for a domain counts.",
    example: "example.org:2592000\n.example.net:86400",
};
/// Life of a bounce.
pub static BOUNCELIFETIME: Setting = Setting {
    name: "bouncelifetime",
    form: seconds(0, YEAR),
    default: "queuelifetime",
    readers: &["send"],
    text: "How many seconds a message without a sender, such as a bounce, is tried.",
    example: "86400",
};
/// When senders hear of delay.
pub static DELAYNOTICE: Setting = Setting {
    name: "delaynotice",
    form: seconds(0, YEAR),
    default: "0: no notices",
    readers: &["send"],
    text: "After so many seconds the sender of a message is told once of each recipient for whom it still waits, at the next attempt that fails for now; 0 tells nobody. A recipient with NOTIFY (RFC 3461) is told of only with DELAY in it.",
    example: "14400",
};
/// Remote delivery stopped.
pub static HOLDREMOTE: Setting = Setting {
    name: "holdremote",
    form: Form::Integer { least: 0, most: 1, unit: "0 (deliver) or 1 (hold)" },
    default: "0",
    readers: &["send"],
    text: "With 1 no delivery is begun; running ones end, mail is accepted and waits. 0 lets it go on.",
    example: "0",
};
/// Domains that are held.
pub static HOLDDOMAINS: Setting = Setting {
    name: "holddomains",
    form: Form::List(domain_or_suffix),
    default: "none",
    readers: &["send"],
    text: "Recipient domains to which nothing is delivered for now, one a line: domain for exactly that one, .domain for all below it. Their mail waits, however old it grows, and goes on when the line is removed.",
    example: "example.org\n.example.net",
};
/// Limits by destination.
pub static CONCURRENCYDEST: Setting = Setting {
    name: "concurrencydest",
    form: Form::Map(limits),
    default: "none: concurrencydestination for all",
    readers: &["send"],
    text: "Limits by destination, domain:connections:messages:rate: connections at once, messages of one connection, messages a minute. A number that is left out has no limit of its own. The domain is that of the recipient, or the relay that smtproutes names for it; .domain stands for all below it, an empty one for all others. The last line for a domain counts.",
    example: "example.org:2:20:60\n.example.net:5",
};
/// When intake slows.
pub static QUEUEBACKLOG: Setting = Setting {
    name: "queuebacklog",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "messages" },
    default: "100000; 0 never slows it",
    readers: &["queued"],
    text: "When more than this many messages lie in queue/new, where those are that were not tried yet, they come faster than they are delivered. Each answer to a new message is then delayed, by up to 2 seconds when there are twice as many. Bounces are not.",
    example: "100000",
};
/// Free space kept.
pub static QUEUEFREE: Setting = Setting {
    name: "queuefree",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "bytes" },
    default: "67108864: 64 MiB",
    readers: &["queued"],
    text: "Messages are refused for now (452) when taking them would leave less than this many bytes on the file system of the queue. When less than twice as many are free, answers to new messages are delayed, by up to 2 seconds.",
    example: "67108864",
};
/// What is synced.
pub static QUEUESYNC: Setting = Setting {
    name: "queuesync",
    form: Form::List(sync_word),
    default: "file on ext4, xfs and btrfs; directory elsewhere",
    readers: &["queued"],
    text: "What is synced before a message is answered with 250: file (the message after its rename, which on ext4, xfs and btrfs makes the name durable too) or directory (the directory as well, for any other file system).",
    example: "directory",
};
/// Routes.
pub static SMTPROUTES: Setting = Setting {
    name: "smtproutes",
    form: Form::Map(route),
    default: "none: MX records",
    readers: &["send", "metrics", "callout"],
    text: "Where mail for a domain goes, domain:relay or domain:relay:port. .domain stands for all below it, an empty domain for all others. The addresses of relay are asked for, not its MX records; an IPv6 address stands in brackets. An empty relay means MX records. A relay that speaks LMTP is written lmtp:relay:port (port 24 when it is left out) or, at a Unix socket, lmtp:unix:/path; a host that is itself called lmtp is still lmtp or lmtp:port. The last line for a domain counts.",
    example: "example.org:mail.internal.example.org\n.example.org:[2001:db8::25]:2525\nusers.example.org:lmtp:unix:/run/dovecot/lmtp\n:smarthost.example.net:587",
};
/// What is done about SPF.
pub static SPFBEHAVIOR: Setting = Setting {
    name: "spfbehavior",
    form: Form::Integer { least: 0, most: 6, unit: "0 (off) to 6 (strictest)" },
    default: "0: SPF is not looked at",
    readers: &["smtpd"],
    text: "What is done about the Sender Policy Framework (RFC 7208), with the numbers of qmail's SPF patch: 0 nothing; 1 only a Received-SPF line is put in front; 2 trouble with the DNS is refused for now; 3 fail is refused; 4 softfail too; 5 neutral too; 6 everything but pass is refused. Each number includes those before it. Clients with RELAYCLIENT are not looked at. The variable SPFBEHAVIOR overrides it. The service verify is needed: stafett-setup --with verify.",
    example: "3",
};
/// What is said to who fails SPF.
pub static SPFEXP: Setting = Setting {
    name: "spfexp",
    form: Form::Line,
    default: "the words of stafett-smtpd(8)",
    readers: &["verify"],
    text: "What is said to a client that fails SPF where the domain says nothing itself; macros as in RFC 7208 section 7.",
    example: "See http://www.example.org/why.html?s=%{S}&ip=%{I}",
};
/// SPF for domains without a record.
pub static SPFGUESS: Setting = Setting {
    name: "spfguess",
    form: Form::Line,
    default: "none: a domain without a record gets none",
    readers: &["verify"],
    text: "Terms of an SPF record that count for a domain that has no record of its own.",
    example: "a/24 mx/24 ptr ?all",
};
/// SPF that lets more pass.
pub static SPFRULES: Setting = Setting {
    name: "spfrules",
    form: Form::Line,
    default: "none",
    readers: &["verify"],
    text: "Terms of an SPF record that are tried when the record of a domain does not let a client pass. Who passes by them passes, such as hosts that forward mail to this relay.",
    example: "ip4:192.0.2.7 include:spf.forwarder.example.net",
};
/// What is done about DMARC.
pub static DMARCBEHAVIOR: Setting = Setting {
    name: "dmarcbehavior",
    form: Form::Integer { least: 0, most: 3, unit: "0 (off) to 3 (policies are followed)" },
    default: "0: messages are not verified",
    readers: &["smtpd"],
    text: "What is done about DKIM, ARC and DMARC (RFC 6376, RFC 8617, RFC 9989): 0 nothing; 1 results are put in front as Authentication-Results, and those that others wrote in our name are removed; 2 trouble with the DNS that leaves DMARC undecided is refused for now; 3 a message that fails, and whose domain publishes p=reject, is refused at its end. p=quarantine changes nothing here; the results tell a filter behind. Each number includes those before it. Clients with RELAYCLIENT are not looked at. The variable DMARCBEHAVIOR overrides it. The service verify is needed: stafett-setup --with verify.",
    example: "3",
};
/// Name servers.
pub static RESOLVERS: Setting = Setting {
    name: "resolvers",
    form: Form::List(name_server),
    default: "the nameserver lines of /etc/resolv.conf, else 127.0.0.1",
    readers: &["remote", "callout", "dnsbl", "verify"],
    text: "The recursive name servers to ask, one a line, with a port behind a colon if it is not 53.",
    example: "127.0.0.1\n[::1]:5353",
};
/// Our name as a client.
pub static HELOHOST: Setting = Setting {
    name: "helohost",
    form: Form::Host,
    default: "me",
    readers: &["remote", "callout"],
    text: "The name that is said in EHLO to other hosts.",
    example: "relay.example.org",
};
/// Patience with connecting.
pub static TIMEOUTCONNECT: Setting = Setting {
    name: "timeoutconnect",
    form: seconds(1, 3600),
    default: "60",
    readers: &["remote", "callout"],
    text: "How many seconds to wait for another host to accept a connection.",
    example: "60",
};
/// Patience with a server.
pub static TIMEOUTREMOTE: Setting = Setting {
    name: "timeoutremote",
    form: seconds(1, 86_400),
    default: "the times of RFC 5321 section 4.5.3.2 for each command",
    readers: &["remote", "callout"],
    text: "How many seconds to wait for each reply of another host.",
    example: "300",
};
/// Patience with a delivery.
pub static TIMEOUTDELIVERY: Setting = Setting {
    name: "timeoutdelivery",
    form: seconds(1, 604_800),
    default: "14400: four hours",
    readers: &["remote", "send", "callout"],
    text: "How many seconds one attempt to deliver a message may take in all, from the first look-up to the last reply. What has no verdict by then is tried again later. The scheduler waits a little longer for the report, in case the process that delivers hangs.",
    example: "14400",
};
/// Where to we may connect.
pub static DESTINATIONS: Setting = Setting {
    name: "destinations",
    form: Form::List(network),
    default: "none: every address",
    readers: &["remote", "callout"],
    text: "The only networks that mail is sent to, one a line: an address, or address/bits. When the file exists, no connection is made to an address outside of them, whatever the DNS, a route or a recipient says; such mail waits, and the reason names this file. A file without a line allows no address at all. Unix sockets are no addresses and not meant.",
    example: "192.0.2.0/24\n2001:db8:5::/48",
};
/// Our address as a client.
pub static OUTGOINGIP: Setting = Setting {
    name: "outgoingip",
    form: Form::List(outgoing_address),
    default: "none: the system chooses",
    readers: &["remote", "callout"],
    text: "Which of this host's addresses connections come from, one a line: an address for all destinations, or domain:address for one, .domain:address for all below it. The domain is that of the recipients, or where smtproutes names a relay, the name of the relay. IPv4 and IPv6 are looked up apart; without a line for its family the system chooses. A line that names a domain goes before domainbindings, a line for all destinations after it.",
    example: "192.0.2.25\n2001:db8::25\nexample.net:192.0.2.26",
};
/// Our address by sender.
pub static DOMAINBINDINGS: Setting = Setting {
    name: "domainbindings",
    form: Form::Map(sender_binding),
    default: "none: outgoingip",
    readers: &["remote", "callout"],
    text: "Which of this host's addresses the mail of a sender's domain comes from, domain:address; .domain stands for all below it, an empty domain for all others and for bounces. The last line for a domain and a family counts. A line of outgoingip that names the destination goes before it.",
    example: "example.org:192.0.2.27\nexample.org:2001:db8::27",
};
/// User name of bounces.
pub static BOUNCEFROM: Setting = Setting {
    name: "bouncefrom",
    form: Form::Line,
    default: "MAILER-DAEMON",
    readers: &["send"],
    text: "The user name in the From line of bounces.",
    example: "MAILER-DAEMON",
};
/// Host name of bounces.
pub static BOUNCEHOST: Setting = Setting {
    name: "bouncehost",
    form: Form::Host,
    default: "me",
    readers: &["send"],
    text: "The host name in the From line of bounces.",
    example: "relay.example.org",
};
/// Largest original in a bounce.
pub static BOUNCEMAXBYTES: Setting = Setting {
    name: "bouncemaxbytes",
    form: Form::Integer { least: 0, most: u64::MAX, unit: "bytes" },
    default: "51200",
    readers: &["send"],
    text: "A message of at most this many bytes is returned whole in its bounce, a larger one with its header alone.",
    example: "51200",
};
/// User that gets double bounces.
pub static DOUBLEBOUNCETO: Setting = Setting {
    name: "doublebounceto",
    form: Form::Line,
    default: "postmaster; an empty first line discards double bounces",
    readers: &["send"],
    text: "The user that receives a bounce which cannot be delivered, at doublebouncehost.",
    example: "postmaster",
};
/// Host that gets double bounces.
pub static DOUBLEBOUNCEHOST: Setting = Setting {
    name: "doublebouncehost",
    form: Form::Host,
    default: "me",
    readers: &["send"],
    text: "The host that receives double bounces. This relay delivers nothing locally: name a host that smtproutes or MX records reach.",
    example: "mail.example.org",
};

/// The shape of a rule; stafett-tcprules judges it in full, with the column of a fault.
fn rule(line: &str) -> Result<(), String> {
    if line.contains(":allow") || line.contains(":deny") {
        Ok(())
    } else {
        Err(format!("\"{line}\" is no rule; write address:allow or address:deny"))
    }
}

fn sync_word(text: &str) -> Result<(), String> {
    match text {
        "file" | "directory" => Ok(()),
        _ => Err(format!("\"{text}\" is neither file nor directory")),
    }
}
/// Where the numbers are told.
pub static METRICSLISTEN: Setting = Setting {
    name: "metricslisten",
    form: Form::List(loopback_place),
    default: "127.0.0.1:9825",
    readers: &["metrics"],
    text: "Where stafett-metrics listens, one a line: an address of loopback and a port, which every user of this host may ask. A file without a line leaves only the socket run/metrics/socket, which the members of the common group may ask. Read when the program starts.",
    example: "127.0.0.1:9826\n[::1]:9826",
};
/// Recipients that are refused.
pub static BADRCPTTO: Setting = Setting {
    name: "badrcptto",
    form: Form::List(recipient),
    default: "none",
    readers: &["smtpd"],
    text: "Recipients that are refused from every client, one a line: an address, or @domain for every address there. With ! or - in front it is not refused, whatever a line for its domain says; an address goes before its domain. Case does not count.",
    example: "former.employee@example.org\n@closed.example.org\n!postmaster@closed.example.org",
};
/// Recipients that there are.
pub static VALIDRCPTTO: Setting = Setting {
    name: "validrcptto",
    form: Form::List(recipient),
    default: "none: every address in rcpthosts",
    readers: &["smtpd"],
    text: "The only recipients that mail is accepted for, one a line: an address, or @domain for every address there. When the file exists, or validrcptto.cdb, every recipient that came in by rcpthosts must be in one of them; a file without a line refuses everybody. With ! or - in front the address or domain is refused; an address goes before its domain. Case does not count. Clients with RELAYCLIENT and the postmaster of this host are not judged by it.",
    example: "info@example.org\n@example.net\n!nobody@example.net",
};
/// Recipients that there are, compiled.
pub static VALIDRCPTTO_CDB: Setting = Setting {
    name: "validrcptto.cdb",
    form: Form::Compiled("stafett-tcprules --recipients"),
    default: "none",
    readers: &["smtpd"],
    text: "More recipients in the form of validrcptto, for long lists: a cdb whose keys are the lines in lower case, as stafett-tcprules --recipients makes it. It is looked at after validrcptto; either of the two files puts the check in force.",
    example: "",
};
/// Whose recipients are asked for.
pub static CALLOUT: Setting = Setting {
    name: "callout",
    form: Form::Map(callout),
    default: "none: no host is asked",
    readers: &["smtpd", "callout"],
    text: "Whether the next host is asked for a recipient before mail for it is accepted, domain:on or domain:off; .domain stands for all below it, an empty domain for all others. Options behind on, with blanks between: yes=SECONDS and no=SECONDS, how long an answer counts (86400, 3600); everybody=SECONDS, how long a host that takes every recipient is not asked for single ones (86400); remember=DAYS, how long a recipient that was there stays valid while its host is away (31); wait=SECONDS for the client (30); connections=NUMBER to one host at once (2); sender=ADDRESS of the question (<>). The instance needs the service callout. Clients with RELAYCLIENT are not judged by it. The last line for a domain counts.",
    example: "example.org:on\n.example.org:on remember=7 wait=20\nlists.example.org:off",
};
/// Who may speak the PROXY protocol.
pub static PROXIES: Setting = Setting {
    name: "proxies",
    form: Form::List(network),
    default: "none: nobody",
    readers: &["smtpd"],
    text: "Networks of proxies that begin each connection with a PROXY header, version 1 or 2, one a line: an address, or address/bits. Such a client must send the header, or it is told 421; the client it names is then judged as if it had connected itself, by its own rule in tcp.smtp.cdb. What the proxy's own rule says does not count for its clients. From anybody else the header is not understood.",
    example: "192.0.2.80\n2001:db8:0:80::/64",
};
/// Who may say XCLIENT.
pub static XCLIENT: Setting = Setting {
    name: "xclient",
    form: Form::List(network),
    default: "none: nobody",
    readers: &["smtpd"],
    text: "Networks of clients that may name another client by the command XCLIENT, one a line: an address, or address/bits. That client is then judged as if it had connected itself, by its own rule in tcp.smtp.cdb. From anybody else the command is refused.",
    example: "192.0.2.81\n2001:db8:0:81::/64",
};
/// How much a client, an account or a sender may do.
pub static LIMITS: Setting = Setting {
    name: "limits",
    form: Form::List(limit),
    default: "none: nothing is counted",
    readers: &["smtpd", "limit"],
    text: "How much each client may do, one limit a line: WHAT per WHOM COUNT. WHAT is connections, messages, recipients, authentications or refusals (recipients refused for good). WHOM is address, network (network/20/56 for other prefix lengths than 24 and 64), account, sender, domain (of the sender), all, connection or message. COUNT is 50/hour, 100/10m, 5/second; 10 at once for connections that are open; a number alone per connection or message. Behind it may stand, in any order: when 18:00-06:00; for CLIENTS; except CLIENTS, each networks, relayclients or authenticated; then later (the usual: refused for now), then refuse, or then lock (the account); and last say TEXT, what the client hears. exempt CLIENTS frees them of all limits. away pass lets mail pass while stafett-limit does not answer, which otherwise is refused for now. Every limit holds; stafett-limit(8) explains how is counted. The service limit is needed (stafett-setup --with limit).",
    example: "# inside: a program gone wild is slowed down\nconnections per account 5/second for 129.27.0.0/16\nmessages per connection 500 for 129.27.0.0/16\n# outside: a stolen password is of little use\nmessages per account 50/hour except 129.27.0.0/16 then lock say too many messages, your account is locked; ask the help desk\nrecipients per message 20 except 129.27.0.0/16\nauthentications per account 150/day when 18:00-06:00 except 129.27.0.0/16\n# strangers\nconnections per address 10 at once except 129.27.0.0/16\nrefusals per network 50/hour except 129.27.0.0/16 say too many unknown users\n# everything is free of limits that comes from here\nexempt 129.187.254.0/23 2001:4ca0:0:103::/64",
};
/// Whose mail has to come twice.
pub static GREYLIST: Setting = Setting {
    name: "greylist",
    form: Form::List(greylist),
    default: "none: no mail is put off; a file without lines means all defaults",
    readers: &["smtpd", "limit"],
    text: "Greylisting: the first mail of a network, sender and recipient that are new together is refused for now, and passes when it comes back. Lines: wait TIME (how long it is refused, 5m), window TIME (how long after its first attempt it may come back, 2d), lifetime TIME (how long what has passed is remembered after its last mail, 36d), network V4 V6 (bits of addresses that count, 24 64), trust NUMBER (after so many that came back, a network passes at once, 5; 0: never), most NUMBER (of triplets that are remembered, 1000000), for RECIPIENTS (only these), exempt clients NETWORKS, exempt senders LIST, exempt recipients LIST (addresses, domains, .domain for all below it), away pass (mail passes while stafett-limit does not answer), say TEXT. Clients with RELAYCLIENT or an account always pass. The service limit is needed (stafett-setup --with limit).",
    example: "wait 5m\nexempt clients 129.187.254.0/23 2001:4ca0:0:103::/64\nexempt senders .example.net\nexempt recipients postmaster@example.org open.example.org",
};
/// Where several machines count together.
pub static LIMITSTORE: Setting = Setting {
    name: "limitstore",
    form: Form::List(store),
    default: "none: each machine counts for itself",
    readers: &["limit"],
    text: "A Redis (6.2 or later) or Valkey server in which several machines share limits and greylist: host:port, /path/of/socket, or redis://user:password@host:port/database. The machines need the same lines in limits and greylist. While the store does not answer each machine counts for itself. A file with a password must not be readable by everybody: give it to the user of limit, mode 0400. Not encrypted.",
    example: "redis://relay:secret@192.0.2.10:6379/0",
};
/// Certificates and keys.
pub static SERVERCERTS: Setting = Setting {
    name: "servercerts",
    form: Form::Directory("for each name a directory with cert.pem and key.pem"),
    default: "none: TLS is not offered",
    readers: &["smtpd", "tls", "tlskeys"],
    text: "The certificates of this host: servercerts/NAME/cert.pem is the certificate for the name and those that vouch for it, its own first, and servercerts/NAME/key.pem its private key. A client that asks for another name, or for none, gets the certificate of me, or the first. Where the directory is there, smtpd offers STARTTLS; the services tls and tlskeys must be part of the instance (stafett-setup --with tls,tlskeys). The key must belong to the user of tlskeys and have mode 400; stafett-setup sees to that. Both files may be changed at any time, and count from the next connection; while they do not belong together the last good pair stays in force.",
    example: "",
};
/// Clients that may relay by certificate.
pub static TLSCLIENTS: Setting = Setting {
    name: "tlsclients",
    form: Form::List(fingerprint),
    default: "none: clients are not asked for a certificate",
    readers: &["smtpd", "tls"],
    text: "Certificates of clients that may send to anywhere, as if their rule had RELAYCLIENT, one fingerprint a line: sha256: and 64 hexadecimal digits. Where the file is there, clients are asked for a certificate under TLS; one that is not listed changes nothing. Authorities and dates do not matter: a line is removed to end what it grants.",
    example: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
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
