//! stafett-users: compiles users/assign into users/cdb, and says whose a local part is.
//!
//! What: `stafett-users [DIR]` as qmail-newu(8); `stafett-users [DIR] --whose LOCAL` asks as a delivery would.
//! Security stance: run by the admin on the admin's files; nothing here comes from a peer.
//! How it fails: 100 for usage and for a file that is none, named by its line; 111 for what cannot be read or written. The table is
//! replaced whole or not at all.
//! Known limits: dot-qmail files are not looked at; stafett-local(8) with -n does that.

use lexopt::prelude::*;
use stafett_control::{Control, rows};
use stafett_instance::Instance;
use stafett_local_users::{Breaks, TABLE, Users, parse, prepare, write};
use stafett_log::{Failure, Log};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-users");
const USAGE: &str = "usage: stafett-users [DIR] [--whose LOCALPART]";
/// The text form of the table, below the instance.
const ASSIGN: &str = "users/assign";

fn main() -> ExitCode {
    LOG.end(run().map(|()| ExitCode::SUCCESS))
}

fn run() -> Result<(), Failure> {
    let (directory, local) = arguments()?;
    let found = directory.map_or_else(Instance::from_environment, Instance::at);
    let instance = found.map_err(Failure::lasting)?;
    match local {
        Some(local) => tell(&instance, &local),
        None => compile(&instance),
    }
}

fn arguments() -> Result<(Option<PathBuf>, Option<String>), Failure> {
    let usage = |error: lexopt::Error| Failure::lasting(format_args!("{error}; {USAGE}"));
    let (mut directory, mut local) = (None, None);
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("whose") => local = Some(parser.value().and_then(|value| value.string()).map_err(usage)?),
            Value(value) if directory.is_none() => directory = Some(PathBuf::from(value)),
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok((directory, local))
}

fn compile(instance: &Instance) -> Result<(), Failure> {
    let path = instance.root().join(ASSIGN);
    let text = std::fs::read(&path).map_err(|error| Failure::temporary(format_args!("unable to read {}: {error}", path.display())))?;
    let text =
        String::from_utf8(text).map_err(|_| Failure::lasting(format_args!("{}: holds bytes that are no UTF-8 text", path.display())))?;
    let entries = parse(&text).map_err(|bad| Failure::lasting(format_args!("unable to compile {}:{bad}", path.display())))?;
    let table = instance.root().join(TABLE);
    let temporary = table.with_extension("tmp");
    write(&entries, &table, &temporary)
        .map_err(|error| Failure::temporary(format_args!("unable to write {} by way of {}: {error}", table.display(), temporary.display())))
}

fn tell(instance: &Instance, local: &str) -> Result<(), Failure> {
    let control = Control::new(instance.control());
    let lines = control.list(&rows::BREAKCHAR).map_err(Failure::lasting)?.unwrap_or_default();
    let breaks = Breaks::new(lines.first().map_or("", |item| item.value.as_str()));
    prepare().map_err(|error| Failure::temporary(format_args!("unable to ask the user database: {error}")))?;
    let owner = Users::new(instance.root(), breaks).find(local).map_err(Failure::temporary)?;
    let owner =
        owner.ok_or_else(|| Failure::lasting(format_args!("\"{local}\" belongs to nobody, and the instance has no directory alias")))?;
    let text = format!(
        "user {}\nuid {}\ngid {}\nhome {}\ndash {}\nextension {}\n",
        owner.user,
        owner.uid,
        owner.gid,
        owner.home.display(),
        owner.dash,
        owner.ext
    );
    let written = std::io::stdout().write_all(text.as_bytes());
    written.map_err(|error| Failure::temporary(format_args!("unable to write: {error}")))
}
