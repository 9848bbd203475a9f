//! What compiled rules do with a client, in the words of tcprulescheck.
//!
//! The client is IP (or TCPREMOTEIP), with the name TCPREMOTEHOST and the ident answer
//! TCPREMOTEINFO where these variables are set.

use crate::Failure;
use stafett_log::safe;
use stafett_ucspi::{Client, Match, Rules};
use std::io::Write;
use std::net::IpAddr;
use std::path::Path;

/// Prints the rule that decides over the client.
pub fn run(cdb: &Path, ip: Option<&str>) -> Result<(), Failure> {
    let variable = |name| std::env::var(name).ok();
    let (host, info) = (variable("TCPREMOTEHOST"), variable("TCPREMOTEINFO"));
    let Some(ip) = ip.map(str::to_owned).or_else(|| variable("TCPREMOTEIP")) else {
        return Err(Failure::lasting("give an IP address or set TCPREMOTEIP"));
    };
    let ip: IpAddr = ip.parse().map_err(|_| Failure::lasting(format_args!("not an IP address: {ip}")))?;
    let client = Client { ip, host: host.as_deref(), info: info.as_deref() };
    let found = Rules::open(cdb).and_then(|rules| rules.look_up(&client));
    let found = found.map_err(|error| Failure::temporary(format_args!("unable to read {}: {error}", cdb.display())))?;
    let printed = std::io::stdout().write_all(words(found.as_ref()).as_bytes());
    printed.map_err(|error| Failure::temporary(format_args!("unable to write the answer: {error}")))
}

fn words(found: Option<&Match>) -> String {
    let Some(found) = found else { return "default:\nallow connection\n".to_owned() };
    let rule = format!("rule {}:\n", safe(found.address().as_bytes()));
    if found.instructions.deny {
        return rule + "deny connection\n";
    }
    let set = found.instructions.variables.iter().map(|(name, value)| format!("set environment variable {}={}\n", safe(name), safe(value)));
    rule + &set.collect::<String>() + "allow connection\n"
}
