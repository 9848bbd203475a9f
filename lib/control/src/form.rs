//! The forms that a control file can have, and what fits each.

pub mod account;
pub mod auth;
pub mod blocklist;
pub mod callout;
pub mod dkim;
pub mod etrn;
pub mod greylist;
pub mod helo;
pub mod https;
pub mod limits;
pub mod limitstore;
pub mod local;
pub mod masquerade;
pub mod milter;
pub mod network;
pub mod outgoing;
pub mod recipients;
pub mod route;
pub mod smtpauth;
pub mod span;
pub mod tap;
pub mod tls;
pub mod who;

/// One control file: everything that is known about it, in one place.
#[derive(Debug)]
pub struct Setting {
    /// The file's name in control/.
    pub name: &'static str,
    /// What the file must look like.
    pub form: Form,
    /// What counts when the file is absent, in words for the manual page.
    pub default: &'static str,
    /// The programs that read it, without `stafett-`.
    pub readers: &'static [&'static str],
    /// What it does, full sentences for the sample and the manual page. No line above 78 bytes
    /// is needed here; the writers of both fold it.
    pub text: &'static str,
    /// An example of its content, as it stands commented out in the sample.
    pub example: &'static str,
}

/// What a control file must look like. A function that judges a line begins its reason with the
/// part that is wrong in quotes, so that a caret can be put below it ([`crate::Excerpt`]), and ends
/// it with `; ` and what to do.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// The first line counts, trailing blank space stripped.
    Line,
    /// The first line is the name of a host or domain.
    Host,
    /// The first line is a whole number in these bounds.
    Integer {
        /// The smallest allowed value.
        least: u64,
        /// The largest allowed value.
        most: u64,
        /// What is counted, such as `bytes` or `seconds`.
        unit: &'static str,
    },
    /// Each line counts but blank lines and lines that start with `#`; the function judges one.
    List(fn(&str) -> Result<(), String>),
    /// As `List`, each line `key:value`; the function judges both.
    Map(fn(&str, &str) -> Result<(), String>),
    /// A directory; the words say what lies in it.
    Directory(&'static str),
    /// A compiled table that a program of the given name makes.
    Compiled(&'static str),
}

/// A domain, or `.domain` for all that is below it.
pub fn domain_or_suffix(text: &str) -> Result<(), String> {
    host(text.strip_prefix('.').unwrap_or(text))
}

/// The name of a host or domain: letters, digits, `-`, `_` and dots, or UTF-8; 253 bytes at most
/// (RFC 1035 section 2.3.4, RFC 5890).
pub fn host(text: &str) -> Result<(), String> {
    let label = |part: &str| {
        !part.is_empty() && part.len() <= 63 && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_' || !c.is_ascii())
    };
    if text.len() <= 253 && text.split('.').all(label) { Ok(()) } else { Err(format!("\"{text}\" is not the name of a host or domain")) }
}

/// `user@domain` or `@domain`, as in badmailfrom.
pub fn address_or_domain(text: &str) -> Result<(), String> {
    match text.rsplit_once('@') {
        Some((_, domain)) => host(domain),
        None => Err(format!("\"{text}\" is neither an address nor @domain; write user@domain or @domain")),
    }
}

/// As [`address_or_domain`], or `@.domain` for all below it, or a network of clients, as in badmailfrom.
pub fn bad_sender(text: &str) -> Result<(), String> {
    let is_network = !text.contains('@') && (text.contains('/') || text.parse::<std::net::IpAddr>().is_ok());
    match text.strip_prefix("@.") {
        _ if is_network => network::network(text),
        Some(domain) => host(domain),
        None => address_or_domain(text).map_err(|reason| match reason.split_once("; ") {
            Some((reason, _)) => format!("{reason}; write user@domain, @domain, @.domain or a network such as 192.0.2.0/24"),
            None => reason,
        }),
    }
}

/// How much the reverse name of a client must be worth, as in reversedns; `all` behind it for those we know too.
pub fn reverse_word(text: &str) -> Result<(), String> {
    match text.strip_suffix(" all").map_or(text, str::trim_end) {
        "none" | "warn" | "require" | "confirm" => Ok(()),
        _ => Err(format!("\"{text}\" is not known; write none, warn, require or confirm, and all behind it if it concerns everybody")),
    }
}

/// Whether the domain of a sender must be able to have mail, as in senderdomain.
pub fn sender_word(text: &str) -> Result<(), String> {
    match text {
        "none" | "warn" | "require" => Ok(()),
        _ => Err(format!("\"{text}\" is not known; write none, warn or require")),
    }
}

/// One line of concurrencydest: `domain:connections:messages:rate`, each number optional.
pub fn limits(domain: &str, rest: &str) -> Result<(), String> {
    key_or_all(domain)?;
    parse_limits(rest).map(drop)
}

/// Connections at once, messages of one connection, messages a minute; `None` where nothing is said.
pub fn parse_limits(rest: &str) -> Result<[Option<u32>; 3], String> {
    let mut numbers = [None; 3];
    let mut parts = rest.split(':');
    for number in &mut numbers {
        *number = match parts.next() {
            None | Some("") => None,
            Some(text) => Some(text.parse().ok().filter(|n| *n > 0).ok_or_else(|| format!("\"{text}\" is not a number above 0"))?),
        };
    }
    match parts.next() {
        None => Ok(numbers),
        Some(more) => Err(format!("\"{more}\" is one number too many; write domain:connections:messages:rate")),
    }
}

/// One line of queuelifetimes: `domain:seconds`.
pub fn lifetime(domain: &str, rest: &str) -> Result<(), String> {
    key_or_all(domain)?;
    let fits = rest.bytes().all(|byte| byte.is_ascii_digit()) && rest.parse::<u64>().is_ok_and(|seconds| seconds <= 365 * 24 * 3600);
    if fits { Ok(()) } else { Err(format!("\"{rest}\" is not a number of seconds from 0 to a year")) }
}

fn key_or_all(domain: &str) -> Result<(), String> {
    if domain.is_empty() { Ok(()) } else { domain_or_suffix(domain) }
}

/// A name server: an IP address, with a port behind a colon if it is not 53 (`[v6]:port`); `trusted` may stand behind it.
pub fn name_server(text: &str) -> Result<(), String> {
    let text = text.strip_suffix(" trusted").map_or(text, str::trim_end);
    let plain = text.parse::<std::net::IpAddr>().is_ok();
    if plain || text.parse::<std::net::SocketAddr>().is_ok() {
        Ok(())
    } else {
        Err(format!("\"{text}\" is not the address of a name server; write 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53"))
    }
}

/// Where numbers are told: an address of loopback and a port, `127.0.0.1:9825` or `[::1]:9825`.
pub fn loopback_place(text: &str) -> Result<(), String> {
    match text.parse::<std::net::SocketAddr>() {
        Ok(address) if address.ip().is_loopback() => Ok(()),
        Ok(_) => Err(format!("\"{text}\" is not on loopback; write 127.0.0.1:port, or put a proxy in front that asks for a password")),
        Err(_) => Err(format!("\"{text}\" is not an address and a port; write 127.0.0.1:9825 or [::1]:9825")),
    }
}

/// One line of tlsclients: `sha256:` and the 64 hexadecimal digits of a certificate's fingerprint.
pub fn fingerprint(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix("sha256:").unwrap_or_default();
    if digits.len() == 64 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!(
            "\"{text}\" is not a fingerprint; write sha256: and 64 hexadecimal digits, as openssl x509 -fingerprint -sha256 prints them without colons"
        ))
    }
}
