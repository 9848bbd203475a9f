//! What every service of an instance does before it serves: it makes sure that it is nobody of power, opens and watches
//! control/, finds out who may call, and locks itself in.
//!
//! Security stance: each step can only take power away; a service that cannot take one does not begin. How it fails: a
//! sentence that says what could not be done and why. Known limits: the order of the steps is the caller's to choose.

use stafett_control::{Control, Watch};
use stafett_instance::{Instance, Service};
use stafett_log::{Failure, Log};
use stafett_sys::privilege::{self, Dropped};
use stafett_sys::sandbox::{Enforced, Sandbox};
use stafett_sys::user::Uid;
use std::fmt::Display;

/// For programs that take no arguments.
///
/// # Errors
/// When there is one.
pub fn no_arguments(program: &str) -> Result<(), Failure> {
    match std::env::args_os().nth(1) {
        None => Ok(()),
        Some(argument) => Err(Failure::lasting(format_args!(
            "unexpected argument {argument:?}; usage: {program} (no arguments; the variable STAFETT names the instance)"
        ))),
    }
}

/// The proof that this process has no power to lose: [`lock_in`] asks for it.
///
/// # Errors
/// When it is root, or could become root.
pub fn unprivileged() -> Result<Dropped, String> {
    privilege::unprivileged().map_err(|error| error.to_string())
}

/// The instance that the variable STAFETT names.
///
/// # Errors
/// When there is none.
pub fn instance() -> Result<Instance, String> {
    Instance::from_environment().map_err(|error| error.to_string())
}

/// control/, and word of its changes.
///
/// # Errors
/// When it cannot be watched.
pub fn control(instance: &Instance) -> Result<(Control, Watch), String> {
    let control = Control::new(instance.control());
    let watch = Watch::new(control.directory()).map_err(|error| format!("unable to watch {}: {error}", control.directory().display()))?;
    Ok((control, watch))
}

/// The user that `service` runs as, who may call.
///
/// # Errors
/// When its directory below run/ is missing.
pub fn caller(instance: &Instance, service: Service) -> Result<Uid, String> {
    instance.owner_of(service).map_err(|error| format!("unable to find the owner of {}: {error}", instance.run(service).display()))
}

/// From here on only what `sandbox` names can be reached. A kernel that cannot see to that is told of, and no reason to give up.
///
/// # Errors
/// When a rule of it cannot be set up.
pub fn lock_in(log: Log, sandbox: Sandbox, proof: Dropped) -> Result<(), String> {
    if sandbox.enforce(proof).map_err(unable("enter the sandbox"))? != Enforced::Fully {
        log.note("this kernel enforces landlock only in part or not at all; only users and modes protect the files");
    }
    Ok(())
}

/// What was read anew from control/; where that failed the admin is told, and the caller goes on with what it has.
pub fn renewed<S, E: Display>(log: Log, read: Result<S, E>) -> Option<S> {
    read.map_err(|error| log.error(format_args!("{error} (the last good copy stays in force)"))).ok()
}

/// A sentence for an error: `unable to VERB OBJECT: reason`.
pub fn unable<E: Display>(what: impl Display) -> impl Fn(E) -> String {
    move |error| format!("unable to {what}: {error}")
}
