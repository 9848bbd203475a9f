//! The first control files of an instance: its name and the rules of its listener.

use crate::files::replace;
use crate::{Failure, LOG, Plan};
use stafett_control::{Control, rows};
use stafett_site::listeners::FIRST_RULES;
use std::io;
use std::path::Path;

/// Judges before anything is made whether control/me will be there.
pub fn needs_me(plan: &Plan, me: Option<&str>) -> Result<(), Failure> {
    let control = Control::new(plan.root.join("control"));
    let known = control.line(&rows::ME).map_err(|error| Failure::lasting(format_args!("{}: {error}", plan.root.display())))?;
    match (known, me) {
        (None, None) => Err(Failure::lasting("the name of this host is missing: --me relay.example.org")),
        (Some(known), Some(asked)) if known != asked => {
            LOG.warning(format_args!("control/me says {known} and is kept; edit it if the name is {asked} now"));
            Ok(())
        }
        _ => Ok(()),
    }
}

/// Writes what is missing. A file that exists is the admin's.
pub fn begin(plan: &Plan, me: Option<&str>, say: &mut impl FnMut(String)) -> Result<(), Failure> {
    let directory = plan.root.join("control");
    if let Some(me) = me
        && is_empty(&directory.join(rows::ME.name))
    {
        put(&directory, rows::ME.name, format!("{me}\n").as_bytes(), say)?;
        if !me.contains('.') {
            LOG.warning(format_args!("--me {me}: this is not a full name; other hosts may refuse mail from it"));
        }
    }
    let (source, compiled) = (rows::TCP_SMTP.name, rows::TCP_SMTP_CDB.name);
    let begun = !directory.join(source).exists() && !directory.join(compiled).exists();
    if begun {
        put(&directory, source, FIRST_RULES.as_bytes(), say)?;
        compile(&directory).map_err(|reason| Failure::temporary(format_args!("unable to make control/{compiled}: {reason}")))?;
        say(format!("wrote control/{compiled}"));
    }
    Ok(())
}

fn compile(directory: &Path) -> Result<(), String> {
    let rules = stafett_ucspi::parse(FIRST_RULES.as_bytes()).map_err(|fault| fault.to_string())?;
    let compiled = directory.join(rows::TCP_SMTP_CDB.name);
    let temporary = directory.join("tcp.smtp.cdb.new");
    stafett_ucspi::write(&rules, &compiled, &temporary).map_err(|error| error.to_string())?;
    set_mode(&compiled).map_err(|error| error.to_string())
}

fn set_mode(path: &Path) -> io::Result<()> {
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

fn put(directory: &Path, name: &str, bytes: &[u8], say: &mut impl FnMut(String)) -> Result<(), Failure> {
    replace(&directory.join(name), bytes, 0o644)
        .map_err(|error| Failure::temporary(format_args!("unable to write control/{name}: {error}")))?;
    say(format!("wrote control/{name}"));
    Ok(())
}

fn is_empty(path: &Path) -> bool {
    std::fs::metadata(path).map_or(true, |found| found.is_file() && found.len() == 0)
}
