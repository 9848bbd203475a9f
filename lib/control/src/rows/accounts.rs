//! Rows: who may log in, and how.

use crate::form::account::account;
use crate::form::auth::{mechanism, source};
use crate::form::network::network;
use crate::form::{Form, Setting};

/// Accounts.
pub static ACCOUNTS: Setting = Setting {
    name: "accounts",
    form: Form::List(account),
    default: "none: smtpd does not offer AUTH",
    readers: &["auth", "passwd", "smtpd"],
    text: "The accounts of clients that log in, one a line: NAME:VERIFIERS:WORDS. stafett-passwd(8) writes this file; words may be changed with an editor too. The verifiers tell whether a password is right, and are secrets: the file must belong to root and to the group of the service auth, with mode 640; stafett-setup sees to that. Words: role=person (the usual) or role=robot; status=locked; networks=NETWORK,NETWORK, from where alone it may log in; senders=ADDRESS,@DOMAIN, what it may send from, * for anything, where nothing is said NAME, or NAME at me; rewrite=ADDRESS, what takes the place of any other sender; limits=CLASS,CLASS, its names in limits. An account without verifiers is one of authsource. Where the file is there, smtpd offers AUTH; the service auth must be part of the instance (stafett-setup --with auth).",
    example: "alice:$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$R3CqYPvGkI4rHQyJzbTjEYGmSGRvDsgfl1zP8h5u5Ew:role=person senders=alice@example.org,@alice.example\nprinter7::role=robot networks=192.0.2.0/24 senders=printer7@example.org",
};
/// How long a wrong password makes wait.
pub static AUTHDELAY: Setting = Setting {
    name: "authdelay",
    form: Form::Integer { least: 0, most: 60, unit: "seconds" },
    default: "3",
    readers: &["smtpd"],
    text: "How long a client waits for the answer to a wrong password, in seconds; as long again for each further one in a connection. It counts from the question, so that the answer does not tell how it was found out; 0 answers at once.",
    example: "3",
};
/// How many wrong passwords are looked at.
pub static AUTHFAILURES: Setting = Setting {
    name: "authfailures",
    form: Form::Integer { least: 0, most: 1_000_000, unit: "passwords" },
    default: "20",
    readers: &["auth"],
    text: "How many wrong passwords may come from one address (one /64 of IPv6) within ten minutes before no more are looked at, and everybody there is told to come back later; except who has given a right password from there lately. 0 sets no limit.",
    example: "20",
};
/// How clients may log in.
pub static AUTHMECHANISMS: Setting = Setting {
    name: "authmechanisms",
    form: Form::List(mechanism),
    default: "SCRAM-SHA-256, PLAIN, LOGIN; with authsource PLAIN, LOGIN",
    readers: &["smtpd"],
    text: "How clients may log in (RFC 4954), one mechanism a line, in the order in which EHLO offers them: PLAIN, LOGIN, SCRAM-SHA-256, SCRAM-SHA-256-PLUS (offered under TLS). The last one, which is bound to the TLS connection or to the certificate, must be listed to be offered: programs with GNU SASL 2.2, such as Debian's mutt, choose it wherever it is offered, know no binding, and give up. Accounts of authsource can use PLAIN and LOGIN alone.",
    example: "SCRAM-SHA-256-PLUS\nSCRAM-SHA-256\nPLAIN\nLOGIN",
};
/// Who may log in without TLS.
pub static AUTHPLAIN: Setting = Setting {
    name: "authplain",
    form: Form::List(network),
    default: "none: AUTH is offered under TLS alone",
    readers: &["smtpd"],
    text: "Networks whose clients may log in without TLS, one a line: an address, or address/bits. Whoever listens between them and this host sees their passwords.",
    example: "127.0.0.1\n::1",
};
/// Another one who knows passwords.
pub static AUTHSOURCE: Setting = Setting {
    name: "authsource",
    form: Form::List(source),
    default: "none: accounts alone",
    readers: &["auth", "smtpd"],
    text: "Who tells whether a password is right for an account that has no verifier in accounts; one line. checkpassword PROGRAM ARGUMENT...: a program of that protocol (cr.yp.to/checkpwd.html), which runs as the user of the service auth and cannot gain other rights. dovecot PATH: the socket of Dovecot's auth service, which its user must be able to open. What accounts says about such an account holds as well (status, role, networks, senders); one that is not there is a person.",
    example: "dovecot /run/dovecot/auth-stafett",
};
