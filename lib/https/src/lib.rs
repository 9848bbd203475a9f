//! HTTPS to hosts that strangers name: one request, one answer, all of it bounded.
//!
//! What it does: GET and POST on a connection of their own, over TLS with a certificate that an authority vouches for; the
//! names are asked of the resolvers of control/, and control/httpsproxy may name a proxy to go through.
//!
//! Security stance: hosts are hostile. One deadline covers names, connection, handshake and all bytes; headers and
//! body have a largest size; redirects are not followed, nothing is unpacked, no cookie is kept, no variable of the
//! environment counts. Connections go only where control/destinations allows. A request is sent only after the host has
//! proved its name, so that no name can lead it to a host inside that has no certificate for it.
//!
//! How it fails: [`Failure`], in words and with its kind.
//!
//! Known limits: HTTP/1.1; connections do not come from the addresses of control/outgoingip; revocation is not asked for.

mod failure;
mod names;
mod request;
mod tls;

pub use failure::{Failure, What};
pub use request::{Answer, Https};
