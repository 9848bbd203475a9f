//! Clients that are named by somebody in front of us: the header of a proxy, and what follows XCLIENT.
//!
//! How it fails: a listed proxy that sends no header, a wrong one, or none in time is told 421 and logged; nobody is taken
//! for it.

use std::time::{Duration, Instant};

use stafett_reception::client::Client;
use stafett_reception::front::Introduction;
use stafett_reception::front::proxy::{self, Header, Malformed};
use stafett_reception::settings::Settings;
use stafett_smtp::Reply;
use stafett_sys::process::Pid;

use crate::channel::{Channel, End};
use crate::conversation::Surroundings;

/// How long a proxy may take for its header, which it sends at once.
const PATIENCE: Duration = Duration::from_secs(10);

/// The client that a proxy announces; nothing when the connection is over.
pub fn announced(channel: &mut Channel, settings: &Settings, proxy: &Client, around: &Surroundings) -> Option<Client> {
    let client = match header(channel) {
        Ok(Header::Client(who)) => settings.fronts.introduced(proxy, &who, &around.base),
        Ok(Header::Nobody) => settings.fronts.alone(proxy, &around.base),
        Err(reason) => Err(reason),
    };
    admit(channel, proxy, client, "proxy", around)
}

/// The client that another has named by XCLIENT; nothing when the connection is over.
pub fn named(channel: &mut Channel, settings: &Settings, front: &Client, who: &Introduction, around: &Surroundings) -> Option<Client> {
    let client = settings.fronts.introduced(front, who, &around.base);
    admit(channel, front, client, "xclient", around)
}

fn admit(channel: &mut Channel, front: &Client, client: Result<Client, String>, way: &str, around: &Surroundings) -> Option<Client> {
    match client {
        Ok(client) => {
            if !around.quiet {
                around.log.line(format_args!("front {} client {} by {way} pid {}", front.address(), client.address(), Pid::own()));
            }
            Some(client)
        }
        Err(reason) => {
            around
                .log
                .error(format_args!("turning away a client of {}, which is in control/proxies or xclient: {reason}", front.address()));
            // the other side may be gone already
            let _ = channel.say(&Reply::new(421, (4, 3, 0), "your proxy and this service do not understand each other, try again later"));
            let _ = channel.flush();
            channel.linger();
            None
        }
    }
}

fn header(channel: &mut Channel) -> Result<Header, String> {
    let until = Instant::now() + PATIENCE;
    loop {
        let input = channel.more(until).map_err(|end| missing(&end))?;
        match proxy::parse(input) {
            Ok(Some((header, length))) => {
                channel.consume(length);
                return Ok(header);
            }
            Ok(None) => {}
            Err(Malformed(reason)) => return Err(reason.to_owned()),
        }
    }
}

fn missing(end: &End) -> String {
    match end {
        End::Closed => "it closed the connection before its PROXY header".to_owned(),
        End::Failed(error) => format!("the connection failed before its PROXY header: {error}"),
        _ => "its PROXY header did not come in time".to_owned(),
    }
}
