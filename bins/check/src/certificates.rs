//! Certificates and their keys: does each pair belong together, is it in date, and is it for its name?

use crate::subject::Subject;
use rustls::client::verify_server_name;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use stafett_certificates::Store;
use stafett_site::{Finding, Findings};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use x509_cert::Certificate;
use x509_cert::der::Decode;

/// How long before its end a certificate is warned of.
const AHEAD: Duration = Duration::from_secs(30 * 24 * 3600);
const DAY: u64 = 24 * 3600;

/// Judges all of them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let store = Store::new(&subject.control);
    let names = match store.names() {
        Ok(names) => names,
        // said where control files are judged
        Err(_) => return,
    };
    if names.is_empty() && store.directory().is_dir() {
        let finding = Finding::warning("control/servercerts", "holds no certificate, so TLS is offered and no handshake succeeds");
        findings.push(finding.remedy("make NAME/cert.pem and NAME/key.pem in it, or remove the directory"));
    }
    names.iter().for_each(|name| one(&store, name, findings));
}

fn one(store: &Store, name: &str, findings: &mut Findings) {
    let place = format!("control/servercerts/{name}/cert.pem");
    let chain = match store.chain(name) {
        Ok(chain) => chain,
        Err(reason) => return findings.push(Finding::error(&place, reason).remedy("write the certificate there as PEM text")),
    };
    if let Some(certificate) = chain.first() {
        dates(&place, certificate, findings);
        subject_name(&place, name, certificate, findings);
    }
    pair(store, name, chain, findings);
}

fn dates(place: &str, certificate: &CertificateDer<'_>, findings: &mut Findings) {
    let parsed = match Certificate::from_der(certificate) {
        Ok(parsed) => parsed,
        Err(error) => return findings.push(Finding::error(place, format_args!("is no certificate that can be read: {error}"))),
    };
    let validity = parsed.tbs_certificate().validity();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (begins, ends) = (validity.not_before.to_unix_duration(), validity.not_after.to_unix_duration());
    let finding = if now >= ends {
        Finding::error(place, format_args!("has expired {} days ago", (now - ends).as_secs() / DAY))
    } else if now < begins {
        Finding::error(place, format_args!("is not valid for another {} days", 1 + (begins - now).as_secs() / DAY))
    } else if ends - now < AHEAD {
        Finding::warning(place, format_args!("expires in {} days", (ends - now).as_secs() / DAY))
    } else {
        return;
    };
    findings.push(finding.remedy("renew it; the new one counts from the next connection"));
}

fn subject_name(place: &str, name: &str, certificate: &CertificateDer<'_>, findings: &mut Findings) {
    let parsed = ParsedCertificate::try_from(certificate);
    let fits = parsed.and_then(|parsed| match ServerName::try_from(name) {
        Ok(server) => verify_server_name(&parsed, &server),
        Err(_) => Ok(()),
    });
    if fits.is_err() {
        let finding = Finding::warning(place, format_args!("is not for the name {name}, so clients that check will not accept it"));
        findings.push(finding.remedy("have one made for that name, or rename the directory"));
    }
}

fn pair(store: &Store, name: &str, chain: Vec<CertificateDer<'static>>, findings: &mut Findings) {
    let place = format!("control/servercerts/{name}/key.pem");
    let key = match store.private_key(name) {
        Ok(key) => key,
        // an admin who is not root may not see it; owner and mode are judged with the tree
        Err(_) if std::fs::File::open(store.key(name)).is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied) => return,
        Err(reason) => return findings.push(Finding::error(place, reason).remedy("write the key there as PEM text, for its owner alone")),
    };
    match any_supported_type(&key).map(|key| CertifiedKey::new(chain, Arc::clone(&key)).keys_match()) {
        Ok(Ok(())) => {}
        Ok(Err(_)) => {
            let finding = Finding::error(place, "does not belong to the certificate beside it");
            findings.push(finding.remedy("put the key there that the certificate was made for"));
        }
        Err(error) => findings.push(Finding::error(place, format_args!("is no key that can be used: {error}"))),
    }
}
