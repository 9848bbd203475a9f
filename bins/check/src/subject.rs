//! The instance that is judged: its files as far as they can be read.
//!
//! A file that does not parse was found before; here it counts as absent, so that one fault gives
//! one finding.

use stafett_address::Domain;
use stafett_control::{Control, Form, Item, Pair, Setting, compiled, rows};
use stafett_instance::Instance;
use stafett_log::Failure;
use stafett_route::{Listed, Locals, Place, RcptHosts, SmtpRoutes};
use stafett_site::{Finding, Findings, Plan};
use stafett_wire::delivery::{Destination, Kind};
use std::path::{Path, PathBuf};

/// What is judged.
#[derive(Debug)]
pub struct Subject {
    /// Its directory.
    pub root: PathBuf,
    /// Its control files.
    pub control: Control,
    /// What it was told; `None` where that is missing or broken.
    pub plan: Option<Plan>,
    /// control/me, in lower case.
    pub me: Option<String>,
}

impl Subject {
    /// Opens the instance in `directory`, or the one that STAFETT names.
    ///
    /// # Errors
    /// When there is no such directory, or it has no control/.
    pub fn open(directory: Option<&Path>, findings: &mut Findings) -> Result<Subject, Failure> {
        let instance = match directory {
            Some(directory) => Instance::at(directory),
            None => Instance::from_environment(),
        };
        let instance = instance.map_err(Failure::lasting)?;
        let (root, control) = (instance.root().to_path_buf(), Control::new(instance.control()));
        if !control.directory().is_dir() {
            return Err(Failure::lasting(format_args!(
                "{} is no instance: it has no directory control/; name one that stafett-setup made",
                root.display()
            )));
        }
        let plan =
            Plan::of_existing(&root).map_err(|failure| findings.push(Finding::error(stafett_instance::tree::SETTINGS, failure.text))).ok();
        let me = control.line(&rows::ME).ok().flatten().map(|me| me.to_lowercase());
        Ok(Subject { root, control, plan, me })
    }

    /// The first line of a file.
    pub fn line(&self, row: &Setting) -> Option<String> {
        self.control.line(row).ok().flatten()
    }

    /// The first line of a file that is `me` where it is absent.
    pub fn or_me(&self, row: &Setting) -> Option<String> {
        self.line(row).or_else(|| self.me.clone())
    }

    /// The number in a file.
    pub fn number(&self, row: &Setting) -> Option<u64> {
        self.control.integer(row).ok().flatten()
    }

    /// The number in a file, or the one that its row's default begins with.
    pub fn effective(&self, row: &Setting) -> u64 {
        let digits = row.default.chars().take_while(char::is_ascii_digit).collect::<String>();
        self.number(row).or_else(|| digits.parse().ok()).unwrap_or_default()
    }

    /// The lines of a list.
    pub fn list(&self, row: &Setting) -> Vec<Item<String>> {
        self.control.list(row).ok().flatten().unwrap_or_default()
    }

    /// The counted lines of a list or map, the keys of a map in lower case.
    pub fn lines(&self, row: &Setting) -> Vec<Item<String>> {
        let Form::Map(_) = row.form else { return self.list(row) };
        let pairs = self.control.map(row).ok().flatten().unwrap_or_default();
        pairs.into_iter().map(|item| Item { line: item.line, value: format!("{}:{}", item.value.0, item.value.1) }).collect()
    }

    /// The lines of smtproutes.
    pub fn routes(&self) -> Vec<Item<Pair>> {
        self.control.map(&rows::SMTPROUTES).ok().flatten().unwrap_or_default()
    }

    /// The lines of rcpthosts and morercpthosts.cdb, to ask.
    pub fn rcpthosts(&self) -> RcptHosts {
        let mut hosts = RcptHosts::new();
        for item in self.list(&rows::RCPTHOSTS) {
            let _ = hosts.insert(item.line, &item.value);
        }
        hosts.set_table(self.control.compiled(&rows::MORERCPTHOSTS).ok().flatten().and_then(|path| compiled::open(&path).ok()));
        hosts
    }

    /// Whether mail for `domain` is accepted from everybody.
    pub fn accepts(&self, hosts: &RcptHosts, domain: &str) -> bool {
        let Ok(domain) = Domain::parse(domain) else { return false };
        hosts.look_up(&domain).is_ok_and(|listed| listed != Listed::Nowhere)
    }

    /// Whether mail for a domain is delivered to users of this host.
    pub fn is_here(&self, domain: &str) -> bool {
        let address = format!("postmaster@{domain}");
        Locals::read(&self.control).is_ok_and(|locals| matches!(locals.place(&address), Place::Here(_)))
    }

    /// Whether a line of smtproutes is meant for `domain`: one that names it, or one that gives a relay to all.
    pub fn is_routed(&self, domain: &str) -> bool {
        let domain = domain.to_lowercase();
        self.routes().iter().any(|item| {
            let (key, value) = &item.value;
            let named = *key == domain || (key.starts_with('.') && domain.ends_with(key.as_str()));
            named || (key.is_empty() && relay(value).is_some())
        })
    }
}

/// The relay that the value of a route names; `None` where MX records decide, or where it does not parse.
pub fn relay(value: &str) -> Option<Destination> {
    let mut routes = SmtpRoutes::new();
    routes.insert("", value).ok()?;
    Some(routes.destination("a.example")).filter(|destination| destination.kind != Kind::Mx)
}
