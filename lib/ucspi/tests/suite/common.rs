//! What the tests of the rules share: compiling with ours and with djb's tcprules.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// Compiles `source` with our library.
pub fn compile(source: &str, cdb: &Path) {
    let rules = stafett_ucspi::parse(source.as_bytes()).unwrap_or_else(|error| panic!("{error} in:\n{source}"));
    stafett_ucspi::write(&rules, cdb, &cdb.with_extension("tmp")).unwrap();
}

/// Compiles `source` with djb's tcprules; says whether he takes it.
pub fn compile_with_tcprules(source: &str, cdb: &Path) -> bool {
    let mut child =
        Command::new("tcprules").arg(cdb).arg(cdb.with_extension("djb-tmp")).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(source.as_bytes()).unwrap();
    child.wait().unwrap().success()
}

/// Whether ucspi-tcp is installed. Its absence is an error where the tests run for the project
/// (CI is set), and a printed reason to skip elsewhere.
pub fn have_ucspi_tcp() -> bool {
    let found = std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|dir| dir.join("tcprulescheck").exists()));
    assert!(found || std::env::var_os("CI").is_none(), "the package ucspi-tcp is missing");
    if !found {
        println!("skipped: the package ucspi-tcp is not installed");
    }
    found
}
