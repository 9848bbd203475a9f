//! What is of this host: control/locals, virtualdomains, percenthack and envnoathost, in the order of qmail-send(8).
//!
//! An address becomes one of a user here, `local@domain` with the local part that the look-up of users gets, or one of
//! elsewhere, which is another than before where a `%` stood for `@`.
//! Security stance: whoever decides about a recipient (smtpd) and whoever delivers it (send) ask here, with the same files.
//! Known limits: domains are compared in lower case as they are written; an IDN stands in the files as it comes in mail.

use stafett_address::{from_program, to_program};
use stafett_control::{Control, Error, rows};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// The files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Locals {
    domains: HashSet<String>,
    virtual_domains: HashMap<String, String>,
    percent: HashSet<String>,
    /// The domain of an address without one.
    no_host: String,
    /// What stands behind what is prepended.
    divider: String,
    /// What divides the name of a user from an extension.
    breaks: String,
}

/// Where an address is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place<'a> {
    /// With a user of this host.
    Here(Cow<'a, str>),
    /// With another host.
    Elsewhere(Cow<'a, str>),
}

impl Locals {
    /// Nothing is of this host; an address without a domain is at `no_host`, and `divider` stands behind what is prepended.
    pub fn new(no_host: &str, divider: char) -> Locals {
        Locals { no_host: no_host.to_owned(), divider: divider.to_string(), breaks: divider.to_string(), ..Locals::default() }
    }

    /// Reads the files of an instance. One without the service local has nothing of this host.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn read(control: &Control) -> Result<Locals, Error> {
        let me = control.line(&rows::ME)?.unwrap_or_default();
        if !control.directory().parent().is_some_and(|root| root.join("run/local").is_dir()) {
            return Ok(Locals::new(&me, '-'));
        }
        let breaks = control.list(&rows::BREAKCHAR)?.unwrap_or_default();
        Locals::of_files(control, breaks.first().map_or("-", |item| item.value.as_str()))
    }

    /// Reads the files of a qmail, which has no other character than `-` before an extension.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn of_qmail(control: &Control) -> Result<Locals, Error> {
        Locals::of_files(control, "-")
    }

    fn of_files(control: &Control, breaks: &str) -> Result<Locals, Error> {
        let me = control.line(&rows::ME)?.unwrap_or_default();
        let no_host = control.line(&rows::ENVNOATHOST)?.unwrap_or_else(|| me.clone());
        let mut locals = Locals::new(&no_host, breaks.chars().next().unwrap_or('-'));
        breaks.clone_into(&mut locals.breaks);
        match control.list(&rows::LOCALS)? {
            Some(domains) => domains.iter().for_each(|item| locals.insert(&item.value)),
            None => locals.insert(&me),
        }
        for item in control.map(&rows::VIRTUALDOMAINS)?.unwrap_or_default() {
            locals.insert_virtual(&item.value.0, item.value.1.trim());
        }
        control.list(&rows::PERCENTHACK)?.unwrap_or_default().iter().for_each(|item| locals.insert_percent(&item.value));
        Ok(locals)
    }

    /// Adds a line of control/locals.
    pub fn insert(&mut self, domain: &str) {
        self.domains.insert(domain.to_ascii_lowercase());
    }

    /// Adds a line of control/virtualdomains; the last one for a key counts.
    pub fn insert_virtual(&mut self, key: &str, prepend: &str) {
        self.virtual_domains.insert(key.to_ascii_lowercase(), prepend.to_owned());
    }

    /// Adds a line of control/percenthack.
    pub fn insert_percent(&mut self, domain: &str) {
        self.percent.insert(domain.to_ascii_lowercase());
    }

    /// Whether nothing is of this host, whatever the address.
    pub fn are_none(&self) -> bool {
        self.domains.is_empty() && self.virtual_domains.is_empty()
    }

    /// Where an address is, and how it reads there.
    pub fn place<'a>(&self, address: &'a str) -> Place<'a> {
        if self.are_none() && self.percent.is_empty() {
            return Place::Elsewhere(Cow::Borrowed(address));
        }
        let address = self.without_percent(self.whole(address));
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        let domain = domain.to_ascii_lowercase();
        if self.domains.contains(&domain) {
            return Place::Here(here(address));
        }
        match self.prepended(local, &domain) {
            Some(prepend) if !prepend.is_empty() => Place::Here(Cow::Owned(format!("{prepend}{}{}", self.divider, here(address)))),
            _ => Place::Elsewhere(address),
        }
    }

    /// Whom the local part of an address of this host belongs to, as far as that shows: what stands before the first break, or all.
    pub fn user<'a>(&self, address: &'a str) -> &'a str {
        let local = address.rsplit_once('@').map_or(address, |(local, _)| local);
        match local.find(|c| self.breaks.contains(c)) {
            Some(end) if end > 0 => local.get(..end).unwrap_or(local),
            _ => local,
        }
    }

    /// An address with a domain.
    fn whole<'a>(&self, address: &'a str) -> Cow<'a, str> {
        match address.rsplit_once('@') {
            Some((_, domain)) if !domain.is_empty() => Cow::Borrowed(address),
            Some((local, _)) => Cow::Owned(format!("{local}@{}", self.no_host)),
            None => Cow::Owned(format!("{address}@{}", self.no_host)),
        }
    }

    fn without_percent<'a>(&self, mut address: Cow<'a, str>) -> Cow<'a, str> {
        while let Some(behind) = self.behind_percent(&address) {
            address = Cow::Owned(behind);
        }
        address
    }

    /// What the last % of a local part makes of an address; quotes belong around what is a local part then.
    fn behind_percent(&self, address: &str) -> Option<String> {
        if self.percent.is_empty() {
            return None;
        }
        let raw = to_program(address);
        let (local, domain) = raw.rsplit_once('@')?;
        let (before, behind) = local.rsplit_once('%').filter(|_| self.percent.contains(&domain.to_ascii_lowercase()))?;
        Some(from_program(&format!("{before}@{behind}")).into_owned())
    }

    /// By the address, the domain, each suffix, the empty key.
    fn prepended(&self, local: &str, domain: &str) -> Option<&String> {
        if self.virtual_domains.is_empty() {
            return None;
        }
        let whole = to_program(&format!("{local}@{domain}")).to_ascii_lowercase();
        let suffixes = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot..));
        [whole.as_str(), domain].into_iter().chain(suffixes).chain([""]).find_map(|key| self.virtual_domains.get(key))
    }
}

/// Users know their local parts without the quotes of SMTP.
fn here(address: Cow<'_, str>) -> Cow<'_, str> {
    match address {
        Cow::Borrowed(text) => to_program(text),
        Cow::Owned(text) => Cow::Owned(to_program(&text).into_owned()),
    }
}

#[cfg(test)]
#[path = "locals_test.rs"]
mod locals_test;
