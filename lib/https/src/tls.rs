//! TLS on a connection that stands, with our authorities and our provider.

use std::fmt;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use ureq::Error;
use ureq::unversioned::transport::time::Instant;
use ureq::unversioned::transport::{Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, TransportAdapter};

/// Puts TLS on connections.
pub(crate) struct Tls(Arc<ClientConfig>);

impl Tls {
    /// By these authorities.
    pub(crate) fn new(authorities: Arc<RootCertStore>) -> Result<Tls, rustls::Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        Ok(Tls(Arc::new(builder.with_root_certificates(authorities).with_no_client_auth())))
    }

    fn wrap(&self, details: &ConnectionDetails, transport: Box<dyn Transport>) -> Result<Wrapped, Error> {
        let host = details.uri.host().unwrap_or_default().to_owned();
        let name = ServerName::try_from(host).map_err(|_| Error::HostNotFound)?;
        let mut connection = ClientConnection::new(Arc::clone(&self.0), name).map_err(std::io::Error::other)?;
        let mut socket = TransportAdapter::new(transport, Arc::clone(&details.current_time));
        socket.set_timeout(left(details));
        connection.complete_io(&mut socket)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Wrapped { buffers, stream: StreamOwned::new(connection, socket) })
    }
}

/// The time to connect began with the connection.
fn left(details: &ConnectionDetails) -> NextTimeout {
    let mut timeout = details.timeout;
    if let (Some(after), Instant::Exact(begin), Instant::Exact(now)) = (timeout.not_zero(), details.now, (details.current_time)()) {
        let gone = now.duration_since(begin);
        timeout.after = after.saturating_sub(gone).max(Duration::from_millis(1)).into();
    }
    timeout
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Wrapped>;

    /// The way to a proxy comes by here too, without TLS.
    fn connect(&self, details: &ConnectionDetails, below: Option<In>) -> Result<Option<Self::Out>, Error> {
        match below {
            None => Err(Error::ConnectionFailed),
            Some(transport) if !details.needs_tls() || transport.is_tls() => Ok(Some(Either::A(transport))),
            Some(transport) => Ok(Some(Either::B(self.wrap(details, transport.boxed())?))),
        }
    }
}

/// A connection under TLS.
pub(crate) struct Wrapped {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl fmt::Debug for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wrapped")
    }
}

impl Transport for Wrapped {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.stream.sock.set_timeout(timeout);
        let output = self.buffers.output().get(..amount).unwrap_or_default();
        self.stream.write_all(output)?;
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.stream.sock.set_timeout(timeout);
        let count = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.sock.get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
