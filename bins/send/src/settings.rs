//! What control/ says to the scheduler.

use stafett_control::{Control, Error, Setting, rows};
use stafett_route::SmtpRoutes;

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this host.
    pub me: String,
    /// Where mail for a domain goes.
    pub routes: SmtpRoutes,
    /// Connections to other hosts at once.
    pub concurrency: usize,
    /// Connections to one destination at once.
    pub concurrency_destination: usize,
    /// Seconds that a message is tried.
    pub lifetime: u64,
    /// How bounces are written.
    pub bounces: Bounces,
}

/// How bounces are written.
#[derive(Clone, Debug)]
pub struct Bounces {
    /// The address in their From line.
    pub from: String,
    /// The largest message that is returned whole, in bytes.
    pub max_bytes: u64,
    /// Who gets double bounces; `None` discards them.
    pub double_to: Option<String>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let me = control.required(&rows::ME)?;
        let or_me = |row: &Setting| Ok(control.line(row)?.unwrap_or_else(|| me.clone()));
        let number = |row: &'static Setting, default: u64| Ok(control.integer(row)?.unwrap_or(default));
        let user = control.line(&rows::BOUNCEFROM)?.unwrap_or_else(|| "MAILER-DAEMON".to_owned());
        let bounces = Bounces {
            from: format!("{user}@{}", or_me(&rows::BOUNCEHOST)?),
            max_bytes: number(&rows::BOUNCEMAXBYTES, 51_200)?,
            double_to: double_to(control, &or_me(&rows::DOUBLEBOUNCEHOST)?)?,
        };
        Ok(Settings {
            routes: routes(control)?,
            concurrency: size(number(&rows::CONCURRENCYREMOTE, 100)?),
            concurrency_destination: size(number(&rows::CONCURRENCYDESTINATION, 20)?),
            lifetime: number(&rows::QUEUELIFETIME, 604_800)?,
            bounces,
            me,
        })
    }
}

fn routes(control: &Control) -> Result<SmtpRoutes, Error> {
    let mut routes = SmtpRoutes::new();
    for item in control.map(&rows::SMTPROUTES)?.unwrap_or_default() {
        let (key, value) = item.value;
        let file = format!("control/{}", rows::SMTPROUTES.name);
        routes.insert(&key, &value).map_err(|bad| Error { file, line: item.line, reason: bad.to_string() })?;
    }
    Ok(routes)
}

/// An absent file means postmaster; an empty first line means that nobody gets them.
fn double_to(control: &Control, host: &str) -> Result<Option<String>, Error> {
    let row = &rows::DOUBLEBOUNCETO;
    match control.line(row)? {
        Some(user) => Ok(Some(format!("{user}@{host}"))),
        None if control.path(row).exists() => Ok(None),
        None => Ok(Some(format!("postmaster@{host}"))),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
