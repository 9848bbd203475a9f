//! One delivery from the command line, as qmail-local(8): the message on standard input, what was done on standard output.
//!
//! Security stance: it runs as whoever calls it, but not as root. How it fails: 111 to try again, 100 for good, 99 is not given
//! on: it is a matter between a dot-qmail file and its program.

use crate::options::Once;
use crate::recipient::{self, Content, Delivery, Stop, Work};
use crate::settings::breaks;
use stafett_address::from_program;
use stafett_control::Control;
use stafett_envelope::{Envelope, Recipient};
use stafett_instance::DEFAULT;
use stafett_local_users::Owner;
use stafett_sys::user::{Gid, Uid};
use stafett_sys::{descriptor, privilege, process};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::process::ExitCode;

const TEMPORARY: u8 = 111;
const PERMANENT: u8 = 100;

/// Delivers; what it has to say goes to standard output.
pub fn run(once: Once) -> ExitCode {
    let work = if once.only_tell { Work::Tell } else { Work::Do };
    let done = delivery(once).and_then(|delivery| recipient::carry_out(&delivery, recipient::prepare(&delivery, work)?, work));
    let (text, code) = match done {
        Ok(done) => (done.sum(), ExitCode::SUCCESS),
        Err(Stop::Later(text)) => (text + "\n", ExitCode::from(TEMPORARY)),
        Err(Stop::Never(text)) => (text + "\n", ExitCode::from(PERMANENT)),
    };
    let _ = io::stdout().write_all(text.as_bytes());
    code
}

fn delivery(once: Once) -> Result<Delivery, Stop> {
    privilege::unprivileged().map_err(|error| Stop::Later(format!("Unable to deliver: {error}. (#4.3.0)")))?;
    process::keep_files_private();
    let root = PathBuf::from(std::env::var_os("STAFETT").unwrap_or_else(|| DEFAULT.into()));
    // What would be done does not hang on the message, and nobody may be there to write one.
    let message = if once.only_tell { File::open("/dev/null").map(|nothing| (nothing.into(), 0)) } else { standard_input() };
    let (file, size) = message.map_err(|error| Stop::Later(format!("Unable to read message: {error}. (#4.3.0)")))?;
    let breaks = breaks(&Control::new(root.join("control"))).map_err(|error| Stop::Later(format!("Unable to use {error}. (#4.3.5)")))?;
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let owner = Owner { user: once.user, uid, gid, home: once.home, dash: once.dash, ext: once.ext };
    let recipients = vec![Recipient::new(format!("{}@{}", once.local, once.domain))];
    Ok(Delivery {
        owner,
        local: once.local,
        host: once.domain,
        envelope: Envelope { sender: from_program(&once.sender).into_owned(), eight_bit: true, recipients, ..Envelope::default() },
        content: Content::new(std::iter::empty(), file, size),
        default_delivery: once.default_delivery,
        breaks,
        root,
        report: None,
    })
}

/// The message as a file that can be read more than once: itself, or a copy of what comes through a pipe.
fn standard_input() -> io::Result<(OwnedFd, u64)> {
    let input = File::from(descriptor::inherited(0)?);
    let found = input.metadata()?;
    if found.is_file() {
        return Ok((input.into(), found.len()));
    }
    let mut copy = File::from(rustix::fs::memfd_create("message", rustix::fs::MemfdFlags::CLOEXEC)?);
    let size = io::copy(&mut &input, &mut copy)?;
    Ok((copy.into(), size))
}
