//! Requests.

use std::time::Duration;

use stafett_control::{Control, Error, rows};
use stafett_smtp_client::Reach;
use ureq::config::Config;
use ureq::unversioned::transport::{ConnectProxyConnector, Connector, TcpConnector};
use ureq::{Agent, Proxy};

use crate::failure::Failure;
use crate::names::Names;
use crate::tls::Tls;

/// The largest header of an answer, in bytes.
const LARGEST_HEADER: usize = 16 * 1024;
/// The largest answer to what is posted, in bytes.
const LARGEST_REPLY: u64 = 4096;

/// What a host has answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status (RFC 9110 §15).
    pub status: u16,
    /// The media type in lower case, without parameters; empty where there is none.
    pub media_type: String,
    /// The content.
    pub body: Vec<u8>,
}

/// The way out by HTTPS, as control/ says.
#[derive(Clone, Debug)]
pub struct Https(Agent);

impl Https {
    /// Reads httpsproxy; names, networks and authorities are those of `reach`.
    ///
    /// # Errors
    /// When one of them cannot be used.
    pub fn new(control: &Control, reach: &Reach) -> Result<Https, Error> {
        let fault = |file: &str, reason: String| Error { file: format!("control/{file}"), line: 1, reason };
        let place = control.list(&rows::HTTPSPROXY)?.and_then(|lines| lines.into_iter().next());
        let proxy = place.map(|place| Proxy::new(&format!("http://{}", place.value))).transpose();
        let proxy = proxy.map_err(|_| fault(rows::HTTPSPROXY.name, "is no host:port; write host:port".to_owned()))?;
        let tls = Tls::new(reach.authorities.store()).map_err(|error| fault(rows::TLSAUTHORITIES.name, error.to_string()))?;
        let connector = ().chain(ConnectProxyConnector::default()).chain(TcpConnector::default()).chain(tls);
        let names = Names { dns: reach.resolver.clone(), allowed: reach.allowed.clone() };
        Ok(Https(Agent::with_parts(config(proxy), connector, names)))
    }

    /// What is at `url`, if it is all there `within` that time and has no more than `largest` bytes.
    ///
    /// # Errors
    /// Why there is nothing. A status that is no success is not an error.
    pub fn get(&self, url: &str, largest: usize, within: Duration) -> Result<Answer, Failure> {
        let request = self.0.get(url).config().timeout_global(Some(within)).build();
        read(request.call()?, largest as u64)
    }

    /// Posts `body` to `url`.
    ///
    /// # Errors
    /// As [`Https::get`].
    pub fn post(&self, url: &str, media_type: &str, body: &[u8], within: Duration) -> Result<Answer, Failure> {
        let request = self.0.post(url).config().timeout_global(Some(within)).build();
        let response = request.header("content-type", media_type).send(body)?;
        let status = response.status().as_u16();
        // What a host adds to its status is of no interest, and nothing to fail for.
        Ok(read(response, LARGEST_REPLY).unwrap_or(Answer { status, media_type: String::new(), body: Vec::new() }))
    }
}

/// Each request has its own connection, and nothing of the environment counts.
fn config(proxy: Option<Proxy>) -> Config {
    let config = Config::builder().https_only(true).http_status_as_error(false).max_redirects(0).max_redirects_will_error(false);
    let config = config.proxy(proxy).max_idle_connections(0).max_response_header_size(LARGEST_HEADER);
    config.user_agent("stafett").accept("*/*").build()
}

fn read(mut response: ureq::http::Response<ureq::Body>, largest: u64) -> Result<Answer, Failure> {
    let status = response.status().as_u16();
    let media_type = response.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let body = response.body_mut().with_config().limit(largest).read_to_vec()?;
    Ok(Answer { status, media_type, body })
}
