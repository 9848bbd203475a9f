//! A stub resolver: questions out, checked answers in, one deadline for all of them.
//!
//! What it does: asks recursive servers for A, AAAA, MX, PTR, TXT and TLSA over UDP with EDNS0 (1232 bytes) and
//! over TCP after truncation, follows aliases, and says which of four things it learned: an answer, that the
//! name does not exist, that it has no such record, or a temporary failure with its reason.
//!
//! Security stance: every datagram is hostile. Each question has a socket, port and id of its own; the
//! kernel checks the source (connected sockets), `message` checks id and question, and what does not fit is
//! dropped without ending the wait. Alias chains are bounded, so are sockets and strangers per question.
//!
//! How it fails: never by panic and never later than the deadline. "The server is away" is always
//! [`Outcome::Temporary`], never "no such name".
//!
//! Known limits: no cache (the recursive server has one, and answers carry their TTL), no search list. DNSSEC is validated by
//! the recursive server; its word counts ([`Timed::secure`]) where the way to it is safe: on loopback, or where the admin says so.

mod flight;
mod hosts;
mod link;
mod message;
mod outcome;
mod question;
mod resolver;
mod reverse;
mod servers;
#[cfg(test)]
mod tests;

pub use hosts::{HOSTS_FILE, addresses_in_hosts};
#[doc(hidden)]
pub use message::is_answer;
pub use outcome::{Answer, Failure, Host, Outcome, Reason, Record, Timed};
pub use question::{BadName, Kind, Name, Question};
pub use resolver::{GRACE, Resolver};
pub use reverse::ReverseName;
pub use servers::{BadServer, Chosen, RESOLV_CONF, is_trusted_by_line, parse_server, servers_of_resolv_conf, trusts_servers};
