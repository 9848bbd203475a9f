//! Rows: who may send, and how much.

use super::seconds;
use crate::form::blocklist::block_list;
use crate::form::greylist::greylist;
use crate::form::helo::bad_helo;
use crate::form::limits::limit;
use crate::form::limitstore::store;
use crate::form::masquerade::masquerade;
use crate::form::{Form, Setting, bad_sender, reverse_word, sender_word};

/// Senders that are refused.
pub static BADMAILFROM: Setting = Setting {
    name: "badmailfrom",
    form: Form::List(bad_sender),
    default: "none",
    readers: &["smtpd"],
    text: "Envelope senders that are refused, one a line: an address, @host for every address at that host, @.domain for all hosts below a domain; and clients whose mail is refused whoever the sender is: an address, or address/bits for a network. The refusal is given at each RCPT. The variable BADMAILFROM adds to it.",
    example: "spammer@example.net\n@example.com\n@.example.com\n192.0.2.0/24",
};
/// Other addresses for automatic mail.
pub static MASQUERADE: Setting = Setting {
    name: "masquerade",
    form: Form::List(masquerade),
    default: "none: senders stay as they are",
    readers: &["smtpd"],
    text: "Addresses that take the place of others in mail of our own clients: those with an account, RELAYCLIENT or a certificate in tlsclients, and those whose rule or listener has the variable MASQUERADE=\"1\", such as hosts of our own network that have not logged in. pattern:address, the first line that fits counts. A pattern is user@host, user@.domain (all hosts below it), user@ (anywhere), @host or @.domain (whoever it is). The address is a whole one, or @domain, which keeps the user. Changed are the envelope sender and the addresses in From, Sender and Reply-To. Addresses of recipients stay.",
    example: "cron@.example.org:it-service@example.org\nroot@:it-service@example.org\n@db.example.org:databases@example.org\n@.intern.example.org:@example.org",
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
/// Names of addresses.
pub static REVERSEDNS: Setting = Setting {
    name: "reversedns",
    form: Form::List(reverse_word),
    default: "none",
    readers: &["smtpd"],
    text: "What a client's address must have in the DNS: none (nothing is asked), warn (asked and logged), require (a PTR record), confirm (a PTR record whose name has this address). A client without is refused at each RCPT. With all behind the word (confirm all) it concerns clients with RELAYCLIENT, a listed certificate or an account too, who otherwise are not looked up. Needs the service dnsbl (stafett-setup --with dnsbl).",
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
    form: Form::Integer { least: 0, most: 4, unit: "0 (off) to 4 (policies are followed, p=quarantine too)" },
    default: "0: messages are not verified",
    readers: &["smtpd"],
    text: "What is done about DKIM, ARC and DMARC (RFC 6376, RFC 8617, RFC 9989): 0 nothing; 1 results are put in front as Authentication-Results, and those that others wrote in our name are removed; 2 trouble with the DNS that leaves DMARC undecided is refused for now; 3 a message that fails, and whose domain publishes p=reject, is refused at its end; 4 one whose domain publishes p=quarantine is held in the queue (queue/hold; qstat shows it, qtool release or delete ends it), which below 4 is accepted, so that the results tell a filter behind. Each number includes those before it. Clients with RELAYCLIENT are not looked at. The variable DMARCBEHAVIOR overrides it. The service verify is needed: stafett-setup --with verify.",
    example: "3",
};
/// How much a client, an account or a sender may do.
pub static LIMITS: Setting = Setting {
    name: "limits",
    form: Form::List(limit),
    default: "none: nothing is counted",
    readers: &["smtpd", "limit"],
    text: "How much each client may do, one limit a line: WHAT per WHOM COUNT. WHAT is connections, messages, recipients, authentications or refusals (recipients refused for good). WHOM is address, network (network/20/56 for other prefix lengths than 24 and 64), account, sender, domain (of the sender), all, connection or message. COUNT is 50/hour, 100/10m, 5/second; 10 at once for connections that are open; a number alone per connection or message. Behind it may stand, in any order: when 18:00-06:00; for CLIENTS; except CLIENTS, each networks, relayclients, authenticated (with an account), people, robots or class:NAME (accounts with limits=NAME in accounts); then later (the usual: refused for now), then refuse, or then lock (the account); and last say TEXT, what the client hears. exempt CLIENTS frees them of all limits. away pass lets mail pass while stafett-limit does not answer, which otherwise is refused for now. Every limit holds; stafett-limit(8) explains how is counted. The service limit is needed (stafett-setup --with limit).",
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
    text: "A Redis (6.2 or later) or Valkey server in which several machines share limits and greylist: host:port, /path/of/socket, or redis://user:password@host:port/database. The machines need the same lines in limits and greylist. While the store does not answer each machine counts for itself. It may hold a password, so the service limit alone may read it: stafett-setup gives it to its user, mode 0400. Not encrypted.",
    example: "redis://relay:secret@192.0.2.10:6379/0",
};
