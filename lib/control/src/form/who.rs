//! Which clients a line means: networks, those with RELAYCLIENT, those who have said who they are, and some of these.

use super::network::Network;
use std::net::IpAddr;

/// Some clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Who {
    /// In this network.
    Network(Network),
    /// With RELAYCLIENT.
    Relay,
    /// With an account.
    Authenticated,
    /// With an account of this class: people, robots, or a name of control/accounts.
    Class(String),
}

/// What is known of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'a> {
    /// Its address; none when a program was started by hand.
    pub ip: Option<IpAddr>,
    /// Whether it has RELAYCLIENT.
    pub relay: bool,
    /// Its account, once it has proved that it is it.
    pub account: Option<&'a str>,
    /// What the account is called besides its name.
    pub classes: &'a [String],
}

impl Who {
    /// Reads a network, `relayclients`, `authenticated`, `people`, `robots` or `class:NAME`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(word: &str) -> Result<Who, String> {
        match word {
            "relayclients" => Ok(Who::Relay),
            "authenticated" => Ok(Who::Authenticated),
            "people" | "robots" => Ok(Who::Class(word.to_owned())),
            _ if word.starts_with("class:") => class(word).map(|name| Who::Class(name.to_owned())),
            _ if word.contains(['.', ':']) => Network::parse(word).map(Who::Network),
            _ => Err(format!(
                "\"{word}\" names no clients; write a network (192.0.2.0/24), relayclients, authenticated, people, robots or class:NAME"
            )),
        }
    }

    /// Whether a client is one of them.
    pub fn is(&self, client: &Client<'_>) -> bool {
        match self {
            Who::Network(network) => client.ip.is_some_and(|ip| network.contains(ip)),
            Who::Relay => client.relay,
            Who::Authenticated => client.account.is_some(),
            Who::Class(name) => client.classes.contains(name),
        }
    }
}

fn class(word: &str) -> Result<&str, String> {
    let name = word.strip_prefix("class:").filter(|name| is_class(name));
    name.ok_or_else(|| format!("\"{word}\" names no accounts; write class: and a name that stands in limits= of control/accounts"))
}

/// Whether some accounts may be called so, beside people and robots.
pub fn is_class(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !matches!(name, "" | "people" | "robots") && name.len() <= 64 && name.bytes().all(fits)
}
