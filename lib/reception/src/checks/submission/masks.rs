//! control/masquerade: addresses that take the place of others.

use stafett_address::{Domain, Mailbox};
use stafett_control::form::masquerade::Masquerade;
use stafett_control::{Control, Error, Item, rows};

use crate::settings::fault;

/// The lines of the file; the first that fits counts.
#[derive(Clone, Debug, Default)]
pub struct Masquerades(Vec<Item<(Masquerade, Domain)>>);

impl Masquerades {
    /// Reads the file.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Masquerades, Error> {
        let parse = |item: Item<String>| {
            let file = rows::MASQUERADE.name;
            let line = Masquerade::parse(&item.value).map_err(|reason| fault(file, item.line, &item.value, reason))?;
            let domain = Domain::parse(&line.new_domain).map_err(|reason| fault(file, item.line, &item.value, reason))?;
            Ok(Item { line: item.line, value: (line, domain) })
        };
        control.list(&rows::MASQUERADE)?.unwrap_or_default().into_iter().map(parse).collect::<Result<_, _>>().map(Masquerades)
    }

    /// Whether there is no line.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What an address becomes, and the line that says so; nothing where it stays.
    pub fn of(&self, mailbox: &Mailbox) -> Option<(usize, Mailbox)> {
        let domain = mailbox.domain().to_string();
        let found = self.0.iter().find(|item| item.value.0.fits(mailbox.local(), &domain))?;
        let (line, new_domain) = &found.value;
        let local = line.new_local.as_deref().unwrap_or(mailbox.local());
        Mailbox::new(local, new_domain.clone()).ok().map(|masked| (found.line, masked))
    }
}
