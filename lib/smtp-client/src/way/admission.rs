//! Whether a host that has greeted us may have the mail: it promises what the sender requires, and lets us in.

use stafett_wire::delivery::Kind;

use super::Way;
use crate::judgement::{self, NoSession};
use crate::login::{self, Denied};
use crate::opening::take_leave;
use crate::session::Session;
use crate::tls::Secrecy;

impl Way<'_> {
    /// The session, where it takes MAIL now; where it does not, why is remembered.
    pub(super) fn admit(&mut self, session: Session) -> Result<Option<Session>, NoSession> {
        self.promised(session).map_or(Ok(None), |session| self.log_in(session))
    }

    /// The session, if it can have a message whose sender requires TLS all the way, or nobody wants that.
    fn promised(&mut self, mut session: Session) -> Option<Session> {
        let is_elsewhere = self.destination.kind != Kind::LmtpSocket;
        if self.policy.secrecy != Secrecy::Required || !is_elsewhere || session.is_verified && session.server.require_tls {
            return Some(session);
        }
        self.lacks_promise |= session.is_verified;
        let reason = if session.is_verified { "it does not offer REQUIRETLS" } else { "its certificate is not verified" };
        self.reasons.push(judgement::host_does_not_fit(&session.place, reason));
        take_leave(&mut session.peer);
        None
    }

    /// Says who we are where the route has credentials. Credentials that are refused would be so at each host.
    fn log_in(&mut self, mut session: Session) -> Result<Option<Session>, NoSession> {
        let Some(account) = self.account else { return Ok(Some(session)) };
        let Session { peer, place, server, .. } = &mut session;
        let is_private = peer.tls().is_some();
        match login::log_in(peer, place, server, account, is_private, &self.settings.patience) {
            Ok(()) => return Ok(Some(session)),
            Err(Denied::Lost(trouble)) => self.reasons.push(judgement::host_fails(place, &trouble)),
            Err(Denied::Wrong(reply)) => {
                let refused = judgement::credentials_refused(place, &account.name, &reply);
                take_leave(&mut session.peer);
                return Err(refused);
            }
            Err(Denied::Here(reason)) => {
                self.reasons.push(judgement::host_does_not_fit(place, &reason));
                take_leave(&mut session.peer);
            }
        }
        self.is_away = true;
        Ok(None)
    }
}
