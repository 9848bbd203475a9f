//! A program of the checkpassword protocol (cr.yp.to/checkpwd/interface.html).
//!
//! What it does: gives the program name, password and a time stamp on descriptor 3, NUL behind each, and
//! /bin/true as what it is to run when the password is right; its exit code is the answer.
//!
//! Security stance: the password goes through a pipe alone, never into arguments or variables. What the program writes is
//! not read and not logged. It has the rights of this service and cannot gain others.
//!
//! How it fails: a program that cannot be run, takes too long or ends otherwise is a temporary failure.

use crate::external::PATIENCE;
use crate::request::Request;
use stafett_sys::process::{self, Ending, Pid};
use stafett_sys::signal::Signal;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

/// The longest input, in bytes.
const LONGEST: usize = 512;
/// Puts standard input where the protocol wants it.
const ARRANGE: &str = "exec 3<&0 </dev/null \"$@\"";

/// Asks it; the account's name where the password is right.
///
/// # Errors
/// A sentence about what went wrong.
pub fn ask(words: &[String], name: &str, request: &Request) -> Result<Option<String>, String> {
    let stamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()).to_string();
    let input =
        [name.as_bytes(), &request.password, stamp.as_bytes()].iter().flat_map(|part| [part, &b"\0"[..]].concat()).collect::<Vec<u8>>();
    if input.len() > LONGEST {
        return Ok(None);
    }
    let program = words.first().map_or("", String::as_str);
    let failed = |error: io::Error| format!("{program}: {error}");
    let mut child = start(words, request).map_err(failed)?;
    if let Some(mut pipe) = child.stdin.take() {
        // one that ends without reading says so with its exit code
        let _ = pipe.write_all(&input);
    }
    let pid = Pid(i32::try_from(child.id()).unwrap_or_default());
    match process::wait_within(pid, PATIENCE).map_err(failed)? {
        Some(Ending::Exited(0)) => Ok(Some(name.to_owned())),
        Some(Ending::Exited(1)) => Ok(None),
        Some(Ending::Exited(code)) => Err(format!("{program} has exited {code}; {}", meaning(code))),
        Some(Ending::Killed(signal)) => Err(format!("{program} was ended by signal {signal}")),
        None => {
            // it may have ended just now
            let _ = process::kill(pid, Signal::Kill);
            let _ = process::wait_for(pid);
            Err(format!("{program} takes too long"))
        }
    }
}

fn start(words: &[String], request: &Request) -> io::Result<Child> {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", ARRANGE, "sh"]).args(words).arg("/bin/true");
    command.env_clear().env("PATH", "/usr/local/bin:/usr/bin:/bin").env("PROTO", "TCP");
    if let Some(ip) = request.ip {
        command.env("TCPREMOTEIP", ip.to_string());
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").spawn()
}

fn meaning(code: i32) -> &'static str {
    match code {
        2 => "it takes itself for misused",
        111 => "it has a temporary problem",
        126 | 127 => "it cannot be run; this service may have to be restarted to be allowed to",
        _ => "checkpassword programs exit 0, 1, 2 or 111",
    }
}
