//! The system users and groups of an instance, made where they are missing.
//!
//! Security stance: the users get no home, no password and no shell. Names that exist are taken as
//! they are, but never one with the number 0 or two roles with one number.

use crate::{Failure, Plan};
use stafett_instance::people::People;
use stafett_instance::tree;
use stafett_sys::user::{Account, Uid, group_by_name};
use std::path::Path;
use std::process::{Command, Stdio};

/// The users of the instance; `made` is told each that had to be created.
pub fn ensure(plan: &Plan, made: &mut impl FnMut(String)) -> Result<People, Failure> {
    let Err(missing) = plan.people()? else { return complete(plan) };
    let prefix = plan.prefix().unwrap_or_default();
    if !Uid::effective().is_root() {
        return Err(Failure::lasting(format_args!("the users {} do not exist; run this as root", missing.join(", "))));
    }
    let roles = tree::roles(&plan.services());
    for group in std::iter::once(prefix.to_owned()).chain(roles.iter().map(|role| role.group(prefix))) {
        if look_up(group_by_name(&group), &group)?.is_none() {
            run(add_group(&group), &group)?;
            made(format!("made the group {group}"));
        }
    }
    for identity in roles.iter().filter_map(|role| role.identity()) {
        let (name, group) = (identity.role.user(prefix), identity.role.group(prefix));
        if look_up(Account::by_name(&name), &name)?.is_none() {
            run(add_user(&name, &group), &name)?;
            made(format!("made the user {name} ({})", identity.purpose));
        }
    }
    complete(plan)
}

/// The users, now that all must be there.
fn complete(plan: &Plan) -> Result<People, Failure> {
    let people =
        plan.people()?.map_err(|missing| Failure::temporary(format_args!("the users {} are still missing", missing.join(", "))))?;
    if let Some(fault) = people.fault() {
        return Err(Failure::lasting(fault));
    }
    Ok(people)
}

/// useradd(8) of shadow, else the adduser of busybox.
fn add_user(name: &str, group: &str) -> Command {
    let shell = ["/usr/sbin/nologin", "/sbin/nologin"].into_iter().find(|shell| Path::new(shell).exists()).unwrap_or("/bin/false");
    let mut command;
    if installed("useradd") {
        command = Command::new(tool("useradd"));
        command.args([
            "--system",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--comment",
            "Stafett mail relay",
            "--shell",
            shell,
            "--gid",
            group,
            name,
        ]);
    } else {
        command = Command::new(tool("adduser"));
        command.args(["-S", "-D", "-H", "-h", "/nonexistent", "-g", "Stafett mail relay", "-s", shell, "-G", group, name]);
    }
    command
}

fn add_group(name: &str) -> Command {
    let mut command;
    if installed("groupadd") {
        command = Command::new(tool("groupadd"));
        command.args(["--system", name]);
    } else {
        command = Command::new(tool("addgroup"));
        command.args(["-S", name]);
    }
    command
}

fn installed(name: &str) -> bool {
    Path::new(&tool(name)).is_absolute()
}

/// The tool's path: sbin is not in everybody's PATH.
fn tool(name: &str) -> String {
    let places = ["/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    let found = places.iter().map(|place| format!("{place}/{name}")).find(|path| Path::new(path).exists());
    found.unwrap_or_else(|| name.to_owned())
}

fn run(mut command: Command, name: &str) -> Result<(), Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Failure::lasting(format_args!("unable to make {name}: {program}: {error}; make it by hand and run this again")))?;
    if done.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&done.stderr).trim().replace('\n', "; ");
    Err(Failure::temporary(format_args!("unable to make {name}: {program}: {words} ({})", done.status)))
}

fn look_up<T>(found: std::io::Result<Option<T>>, name: &str) -> Result<Option<T>, Failure> {
    found.map_err(|error| Failure::temporary(format_args!("unable to look up {name}: {error}")))
}
