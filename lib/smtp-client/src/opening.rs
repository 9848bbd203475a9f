//! From a connection to a session: greeting, EHLO, TLS where it is demanded, and EHLO once more.
//!
//! Security stance: what was learned in the clear is forgotten after the handshake (RFC 3207 §4.2). How it fails:
//! [`Useless`], which says whether TLS was the reason.

use std::io::ErrorKind;
use std::time::Duration;

use stafett_smtp::Response;
use stafett_smtp::ehlo::Capabilities;
use stafett_tls_client::{Distrust, Refusal, Trust};

use crate::judgement::{self, Opening as Verdict, Place};
use crate::peer::{Peer, Trouble};
use crate::session::Session;
use crate::settings::Settings;
use crate::tls::{Demand, Need, PolicyType, ResultType};

/// Why a connection is of no use.
#[derive(Debug)]
pub enum Useless {
    /// Nothing that has to do with TLS; a text.
    Host(String),
    /// The TLS that is demanded cannot be had.
    Insecure(Lack),
}

/// What is wrong with a host's TLS.
#[derive(Debug)]
pub struct Lack {
    /// In the words of RFC 8460.
    pub result: ResultType,
    /// In ours.
    pub words: String,
    /// Whether it is the certificate alone: TLS itself works.
    pub is_certificate: bool,
}

/// How a connection is opened.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Names, times, and what TLS needs.
    pub settings: &'a Settings,
    /// LHLO in place of EHLO.
    pub is_lmtp: bool,
    /// What the host must give.
    pub demand: &'a Demand,
    /// Our certificate to show.
    pub identity: Option<&'a str>,
}

impl Opening<'_> {
    /// Takes a connection as far as MAIL, or AUTH before it. The text is for the log, where TLS was offered in vain.
    ///
    /// # Errors
    /// [`Useless`]; the connection is closed.
    pub fn open(&self, mut peer: Peer, place: Place) -> Result<(Session, Option<Lack>), Useless> {
        if self.demand.starts_at_once {
            self.shake_hands(&mut peer)?;
        }
        let greeting = peer.reply(self.settings.patience.opening).map_err(|trouble| fails(&peer, &place, &trouble))?;
        if judgement::greeting(&greeting) != Verdict::GoOn {
            return Err(refuse(peer, &place, "greeting failed", &greeting));
        }
        let mut server = self.introduce(&mut peer, &place)?;
        let mut lack = None;
        if peer.tls().is_none() && self.demand.need != Need::Never {
            lack = self.start_tls(&mut peer, &place, &server)?;
            if peer.tls().is_some() {
                server = self.introduce(&mut peer, &place)?;
            } else if self.demand.need == Need::Always {
                take_leave(&mut peer);
                return Err(Useless::Insecure(lack.unwrap_or_else(|| self.lacks("offers no STARTTLS"))));
            }
        }
        let is_verified = peer.tls().is_some() && self.demand.trust != Trust::Anything;
        let session = Session { peer, place, server, is_lmtp: self.is_lmtp, is_used: false, needs_reset: false, is_verified };
        Ok((session, lack))
    }

    /// Says who we are, and hears what the server can do.
    fn introduce(&self, peer: &mut Peer, place: &Place) -> Result<Capabilities, Useless> {
        let hello = self.say(peer, if self.is_lmtp { "LHLO" } else { "EHLO" }).map_err(|trouble| fails(peer, place, &trouble))?;
        match judgement::hello(&hello, self.is_lmtp) {
            Verdict::GoOn => return Ok(Capabilities::parse(&hello)),
            Verdict::NextHost => return Err(refused(peer, place, "my name was rejected", &hello)),
            Verdict::SayHelo => {}
        }
        let hello = self.say(peer, "HELO").map_err(|trouble| fails(peer, place, &trouble))?;
        match judgement::is_success(&hello) {
            true => Ok(Capabilities::default()),
            false => Err(refused(peer, place, "my name was rejected", &hello)),
        }
    }

    fn say(&self, peer: &mut Peer, verb: &str) -> Result<Response, Trouble> {
        let line = format!("{verb} {}\r\n", self.settings.helo);
        peer.send(line.as_bytes(), self.settings.patience.block)?;
        peer.reply(self.settings.patience.opening)
    }

    /// Asks for TLS. `Ok` without TLS where the server has none: the connection is as good as before.
    fn start_tls(&self, peer: &mut Peer, place: &Place, server: &Capabilities) -> Result<Option<Lack>, Useless> {
        if !server.starttls {
            return Ok(None);
        }
        let patience = &self.settings.patience;
        let asked = peer.send(b"STARTTLS\r\n", patience.block).and_then(|()| peer.reply(patience.opening));
        let answer = asked.map_err(|trouble| fails(peer, place, &trouble))?;
        if judgement::is_closing(&answer) {
            return Err(refused(peer, place, "it closes the connection", &answer));
        }
        if !judgement::is_success(&answer) {
            return Ok(Some(self.lacks(&judgement::said(format_args!("refuses STARTTLS."), &answer))));
        }
        self.shake_hands(peer).map(|()| None)
    }

    fn shake_hands(&self, peer: &mut Peer) -> Result<(), Useless> {
        let Demand { name, trust, .. } = self.demand;
        let means = &self.settings.tls;
        let shaken = peer.start_tls(&means.client, name, trust, self.identity, self.settings.patience.handshake);
        shaken.map(drop).map_err(|refusal| {
            let is_certificate = matches!(refusal, Refusal::Certificate(_));
            Useless::Insecure(Lack { result: self.result_of(&refusal), words: refusal.to_string(), is_certificate })
        })
    }

    fn lacks(&self, words: &str) -> Lack {
        Lack { result: ResultType::StarttlsNotSupported, words: words.to_owned(), is_certificate: false }
    }

    fn result_of(&self, refusal: &Refusal) -> ResultType {
        match refusal {
            Refusal::Certificate(Distrust::Name(_)) => ResultType::CertificateHostMismatch,
            Refusal::Certificate(Distrust::Expired | Distrust::NotYetValid) => ResultType::CertificateExpired,
            Refusal::Certificate(Distrust::Issuer | Distrust::NoAuthorities) => ResultType::CertificateNotTrusted,
            Refusal::Certificate(Distrust::Records) => ResultType::TlsaInvalid,
            Refusal::Certificate(Distrust::Malformed(_)) if self.demand.policy == PolicyType::Sts => ResultType::StsWebpkiInvalid,
            _ => ResultType::ValidationFailure,
        }
    }
}

/// In TLS 1.3 a server judges our side of the handshake after we have gone on.
fn fails(peer: &Peer, place: &Place, trouble: &Trouble) -> Useless {
    match trouble {
        Trouble::Broken(error) if peer.tls().is_some() && error.kind() == ErrorKind::InvalidData => {
            let words = format!("the TLS handshake failed: {error}");
            Useless::Insecure(Lack { result: ResultType::ValidationFailure, words, is_certificate: false })
        }
        _ => Useless::Host(judgement::host_fails(place, trouble)),
    }
}

fn refuse(mut peer: Peer, place: &Place, at: &str, response: &Response) -> Useless {
    refused(&mut peer, place, at, response)
}

fn refused(peer: &mut Peer, place: &Place, at: &str, response: &Response) -> Useless {
    take_leave(peer);
    Useless::Host(judgement::host_refuses(place, at, response))
}

/// Polite, but not worth waiting for: the next host is.
pub fn take_leave(peer: &mut Peer) {
    let _ = peer.send(b"QUIT\r\n", Duration::ZERO);
}
