//! Compiles the rules of stafett-tcpserver, and says what compiled rules do with a client.
//!
//! What: `stafett-tcprules CDB TMP < RULES` as djb's tcprules; `stafett-tcprules RULES` writes
//! RULES.cdb; `stafett-tcprules --check CDB [IP]` as his tcprulescheck; `--hosts` and `--recipients CDB TMP < LIST`
//! compile morercpthosts.cdb and validrcptto.cdb.
//! Security stance: run by the admin on the admin's files; nothing here comes from a peer.
//! How it fails: 100 for usage and for rules that are none (named by line and column), 111 for
//! files; the compiled file is replaced whole or not at all.
//! Known limits: only the first fault is named.

mod check;
mod compile;
mod list;

use lexopt::prelude::*;
use stafett_log::{Failure, Log};
use std::path::PathBuf;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-tcprules");
const USAGE: &str = "usage: stafett-tcprules CDB TMP < RULES | stafett-tcprules RULES | stafett-tcprules --check CDB [IP] | \
                     stafett-tcprules --hosts CDB TMP < DOMAINS | stafett-tcprules --recipients CDB TMP < RECIPIENTS";

fn main() -> ExitCode {
    let done = arguments().and_then(|work| match work {
        Work::Compile { source, cdb, temporary } => compile::run(source.as_deref(), &cdb, &temporary),
        Work::List { key, cdb, temporary } => list::run(key, &cdb, &temporary),
        Work::Check { cdb, ip } => check::run(&cdb, ip.as_deref()),
    });
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

enum Work {
    Compile { source: Option<PathBuf>, cdb: PathBuf, temporary: PathBuf },
    List { key: list::Key, cdb: PathBuf, temporary: PathBuf },
    Check { cdb: PathBuf, ip: Option<String> },
}

fn arguments() -> Result<Work, Failure> {
    let mut check = false;
    let mut list: Option<list::Key> = None;
    let mut values = Vec::new();
    let mut parser = lexopt::Parser::from_env();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Long("check") => check = true,
            Long("hosts") => list = Some(stafett_route::rcpthosts::compiled_key),
            Long("recipients") => list = Some(stafett_route::recipients::compiled_key),
            Value(value) => values.push(PathBuf::from(value)),
            other => return Err(usage(other.unexpected())),
        }
    }
    if let Some(key) = list {
        return match (check, &values[..]) {
            (false, [cdb, temporary]) => Ok(Work::List { key, cdb: cdb.clone(), temporary: temporary.clone() }),
            _ => Err(Failure::lasting(USAGE)),
        };
    }
    match (check, &values[..]) {
        (true, [cdb]) => Ok(Work::Check { cdb: cdb.clone(), ip: None }),
        (true, [cdb, ip]) => Ok(Work::Check { cdb: cdb.clone(), ip: Some(ip.to_string_lossy().into_owned()) }),
        (false, [cdb, temporary]) => Ok(Work::Compile { source: None, cdb: cdb.clone(), temporary: temporary.clone() }),
        (false, [source]) => {
            Ok(Work::Compile { source: Some(source.clone()), cdb: suffixed(source, ".cdb"), temporary: suffixed(source, ".cdb.tmp") })
        }
        _ => Err(Failure::lasting(USAGE)),
    }
}

fn usage(error: lexopt::Error) -> Failure {
    Failure::lasting(format_args!("{error}; {USAGE}"))
}

fn suffixed(path: &std::path::Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}
