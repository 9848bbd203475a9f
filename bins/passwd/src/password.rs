//! A password, from the terminal (asked for twice, without echo) or the first line of standard input.

use crate::Failure;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use stafett_verifiers::{LONGEST, prepared};
use std::io::{self, BufRead, IsTerminal, Read, Stdin, Write};

/// The password in the form in which it is compared.
///
/// # Errors
/// When there is none, or it cannot be one.
pub fn read(name: &str) -> Result<String, Failure> {
    let input = io::stdin();
    let failed = |error: io::Error| Failure::Passing(format!("unable to read the password: {error}"));
    let line = match input.is_terminal() {
        true => {
            let first = asked(&input, &format!("Password of {name}: ")).map_err(failed)?;
            if asked(&input, "Once more: ").map_err(failed)? != first {
                return Err(Failure::Refused("the two differ, nothing was changed".to_owned()));
            }
            first
        }
        false => line(&input).map_err(failed)?,
    };
    let unfit = "the password is empty, longer than 1024 bytes, no UTF-8, or holds characters that no password may hold (RFC 4013)";
    prepared(&line).map(|password| password.into_owned()).ok_or_else(|| Failure::Lasting(unfit.to_owned()))
}

fn line(input: &Stdin) -> io::Result<Vec<u8>> {
    let mut line = Vec::new();
    // one more than fits shows that it does not
    input.lock().take(LONGEST as u64 + 2).read_until(b'\n', &mut line)?;
    let end = line.iter().position(|byte| matches!(byte, b'\r' | b'\n')).unwrap_or(line.len());
    line.truncate(end);
    Ok(line)
}

fn asked(input: &Stdin, prompt: &str) -> io::Result<Vec<u8>> {
    let mut screen = io::stderr();
    write!(screen, "{prompt}")?;
    let usual = tcgetattr(input)?;
    let mut silent: Termios = usual.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    tcsetattr(input, OptionalActions::Flush, &silent)?;
    let line = line(input);
    tcsetattr(input, OptionalActions::Flush, &usual)?;
    writeln!(screen)?;
    line
}
