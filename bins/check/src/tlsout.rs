//! TLS towards other hosts: are the certificates there that lines ask to be shown, and the authorities that must vouch?

use crate::point::{at_line, at_value};
use crate::subject::Subject;
use stafett_control::form::Setting;
use stafett_control::form::route::split_words;
use stafett_control::form::tls::{Level, SYSTEM_LISTS, TlsTerms};
use stafett_control::{Item, Pair, rows};
use stafett_site::{Findings, Weight};
use std::path::{Path, PathBuf};

/// Judges tlsdestinations, tlsauthorities, and the words of routes.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let mut all: Vec<(&Setting, Item<Pair>, TlsTerms)> = Vec::new();
    for item in subject.control.map(&rows::TLSDESTINATIONS).ok().flatten().unwrap_or_default() {
        let terms = TlsTerms::parse(&item.value.1);
        all.extend(terms.ok().map(|terms| (&rows::TLSDESTINATIONS, item, terms)));
    }
    for item in subject.routes() {
        let terms = TlsTerms::of_route(split_words(&item.value.1).1.into_iter());
        all.extend(terms.ok().flatten().map(|terms| (&rows::SMTPROUTES, item, terms)));
    }
    for (row, item, terms) in &all {
        if let Some(name) = &terms.certificate {
            shown(subject, row, item, name, findings);
        }
    }
    let file = subject.line(&rows::TLSAUTHORITIES).filter(|path| !path.is_empty()).map(PathBuf::from);
    if let Some(path) = file.filter(|path| !path.is_file()) {
        let text = format!("{} is no file, so stafett-remote does not start", path.display());
        let finding = at_value(Weight::Error, &subject.control, &rows::TLSAUTHORITIES, text);
        return findings.push(finding.remedy("name a file of PEM text, or remove this one and install ca-certificates"));
    }
    let has_none = !subject.control.path(&rows::TLSAUTHORITIES).exists() && !SYSTEM_LISTS.iter().any(|path| Path::new(path).exists());
    if let Some((row, item, _)) = all.iter().find(|(_, _, terms)| has_none && terms.level == Level::Verify) {
        let text = "this system has no list of authorities, so nobody can be verified and the mail waits";
        let finding = at_line(Weight::Error, &subject.control, row, item, "verify", text);
        findings.push(finding.remedy("install ca-certificates, or name a file in tlsauthorities"));
    }
}

fn shown(subject: &Subject, row: &Setting, item: &Item<Pair>, name: &str, findings: &mut Findings) {
    let place = subject.control.path(&rows::CLIENTCERTS).join(name);
    if ["cert.pem", "key.pem"].iter().all(|file| place.join(file).exists()) {
        return;
    }
    let text = format!("there is no control/clientcerts/{name} with cert.pem and key.pem, so mail that needs it waits");
    let finding = at_line(Weight::Error, &subject.control, row, item, name, text);
    findings.push(finding.remedy("put certificate and key there and run stafett-setup, or correct the name"));
}
