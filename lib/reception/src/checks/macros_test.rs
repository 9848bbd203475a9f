//! What is told of a session, and what is not.

use super::{of_account, of_tls};
use crate::account::Account;
use crate::session::{Session, Tls};
use stafett_ask::{Answer, Verdict};
use stafett_control::form::auth::Mechanism;

#[test]
fn what_is_known_is_told() {
    let mut session = Session::default();
    assert!(of_tls(&session).is_empty() && of_account(&session).is_empty());
    let told =
        ["SSL_PROTOCOL=TLSv1.2", "SSL_CIPHER=X", "SSL_CIPHER_USEKEYSIZE=128", "SSL_CLIENT_S_DN_CN=Größe\n7", "SSL_CLIENT_I_DN_CN=a b"];
    session.tls = Some(Tls::from_variables(told));
    let wanted = ["{tls_version}=TLSv1.2", "{cipher}=X", "{cipher_bits}=128", "{cert_subject}=Größe?7", "{cert_issuer}=a b"];
    assert_eq!(of_tls(&session), wanted);
    session.tls = Some(Tls::from_variables(["SSL_PROTOCOL=TLSv1.3", "SSL_CIPHER_USEKEYSIZE=x"]));
    assert_eq!(of_tls(&session), ["{tls_version}=TLSv1.3", "{cipher}="]);
    session.account = Account::read(&Answer::new(Verdict::Ok, "").with("account=Tim").with("role=robot")).ok();
    session.mechanism = Some(Mechanism::Scram);
    assert_eq!(of_account(&session), ["{auth_type}=SCRAM-SHA-256", "{auth_authen}=tim", "{auth_author}=tim"]);
}
