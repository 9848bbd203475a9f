//! The files of service/, log/ and dot/ that are generated: run scripts, variables, sizes of logs, short names.
//!
//! The scripts are the templates in service/templates with names put in, quoted for sh(1). Each
//! works under runsv and under supervise.

use crate::{Plan, listeners};
use stafett_control::{Setting, rows};
use stafett_instance::DOT;
use stafett_instance::people::Role;
use stafett_instance::tree::{self, Listener, Supervised};
use std::path::PathBuf;

const HEAD: &str = include_str!("../../../service/templates/head");
const GATE: &str = include_str!("../../../service/templates/gate");
const COMMON: &str = include_str!("../../../service/templates/common");
const LISTENER: &str = include_str!("../../../service/templates/listener");
const LOG: &str = include_str!("../../../service/templates/log");

/// Bytes of one log file, and how many old ones are kept: 200 MB a service at most.
const LOG_SIZE: &str = "10000000";
const LOG_COUNT: &str = "20";

/// A file as it is generated.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Generated {
    /// Below the instance.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Whether it is a script.
    pub executable: bool,
}

/// All generated files of an instance.
pub fn all(plan: &Plan) -> Vec<Generated> {
    let mut files = Vec::new();
    for one in plan.listeners() {
        files.push(script(format!("service/{}/run", one.name), listener(plan, &one)));
        files.push(variable(&one.name, "HANDOFF", &plan.root.join("run/smtpd/socket").to_string_lossy()));
        files.extend(listeners::variables(one.kind).iter().map(|(name, value)| variable(&one.name, name, value)));
    }
    for service in plan.services().into_iter().filter(|service| service.name != tree::LISTENER) {
        files.push(script(format!("service/{}/run", service.name), common(plan, service)));
    }
    for name in tree::service_names(&plan.listener_names(), &plan.services()) {
        files.push(variable(&name, "STAFETT", &plan.root.to_string_lossy()));
        files.push(script(format!("service/{name}/log/run"), log(plan, &name)));
        files.push(Generated {
            path: format!("log/{name}/config").into(),
            text: format!("s{LOG_SIZE}\nn{LOG_COUNT}\n"),
            executable: false,
        });
    }
    if tree::delivers(&plan.services()) {
        files.extend(tree::DOT_PROGRAMS.iter().map(|name| script(format!("{DOT}/{name}"), dot(plan, name))));
    }
    files
}

/// A program of dot-qmail files under its short name. A script and no link, so that it goes where the programs go.
fn dot(plan: &Plan, name: &str) -> String {
    let program = plan.bin().join("stafett-dot");
    format!(
        "#!/bin/sh\n# Written by stafett-setup; {name}(1) of stafett-dot(1).\nexec {} {name} \"$@\"\n",
        quoted(&program.to_string_lossy())
    )
}

fn common(plan: &Plan, service: &Supervised) -> String {
    let (program, arguments) = service.command.split_once(' ').unwrap_or((service.command, ""));
    let user = plan.prefix().map(|prefix| service.role.user(prefix));
    let text = COMMON
        .replace("@PROGRAM@", &quoted(&plan.bin().join(program).to_string_lossy()))
        .replace("@ARGUMENTS@", &preceded(" ", arguments))
        .replace("@CHPST_USER@", &preceded(" -u ", user.as_deref().unwrap_or_default()))
        .replace("@SETUIDGID@", &preceded(" setuidgid ", user.as_deref().unwrap_or_default()));
    format!("{HEAD}{}{text}", gate(plan, service.name))
}

fn listener(plan: &Plan, listener: &Listener) -> String {
    let user = plan.prefix().map(|prefix| Role::Smtpd.user(prefix)).unwrap_or_default();
    let text = LISTENER
        .replace("@BIN@", &quoted(&plan.bin().to_string_lossy()))
        .replace("@CONTROL@", &quoted(&plan.root.join("control").to_string_lossy()))
        .replace("@ADDRESS@", &listener.address)
        .replace("@PORT@", &listener.port.to_string())
        .replace("@CONCURRENCYINCOMING@", number(&rows::CONCURRENCYINCOMING))
        .replace("@CONCURRENCYPERIP@", number(&rows::CONCURRENCYPERIP))
        .replace("@USER_OPTION@", if user.is_empty() { "" } else { " -U" })
        .replace("@CHPST_USER@", &preceded(" -U ", &user))
        .replace("@ENVUIDGID@", &preceded(" envuidgid ", &user));
    format!("{HEAD}{}{text}", gate(plan, &listener.name))
}

/// Keeps a service from starting on control files that are wrong.
fn gate(plan: &Plan, name: &str) -> String {
    GATE.replace("@CHECK@", &quoted(&plan.bin().join("stafett-check").to_string_lossy()))
        .replace("@SERVICE@", name)
        .replace("@ROOT@", &quoted(&plan.root.to_string_lossy()))
}

fn log(plan: &Plan, name: &str) -> String {
    let user = plan.prefix().map(|prefix| Role::Log.user(prefix)).unwrap_or_default();
    let text = LOG
        .replace("@DIRECTORY@", &quoted(&plan.root.join("log").join(name).to_string_lossy()))
        .replace("@SIZE@", LOG_SIZE)
        .replace("@COUNT@", LOG_COUNT)
        .replace("@CHPST_USER@", &if user.is_empty() { String::new() } else { format!(" chpst -u {user}") })
        .replace("@SETUIDGID@", &preceded(" setuidgid ", &user));
    format!("{HEAD}{text}")
}

/// The number that a row's default begins with.
fn number(row: &Setting) -> &'static str {
    let end = row.default.find(|c: char| !c.is_ascii_digit()).unwrap_or(row.default.len());
    row.default.get(..end).unwrap_or_default()
}

/// A word for sh(1).
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

fn preceded(before: &str, word: &str) -> String {
    if word.is_empty() { String::new() } else { format!("{before}{word}") }
}

fn script(path: impl Into<PathBuf>, text: String) -> Generated {
    Generated { path: path.into(), text, executable: true }
}

fn variable(service: &str, name: &str, value: &str) -> Generated {
    Generated { path: format!("service/{service}/env/{name}").into(), text: format!("{value}\n"), executable: false }
}
