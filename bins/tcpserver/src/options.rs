//! The command line: tcpserver's options, those of tcpserver6 and the limit per address.
//!
//! Options end at the host; what follows the port is the program with its arguments, untouched.

use lexopt::prelude::*;
use std::ffi::OsString;
use std::fmt::Display;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::str::FromStr;

/// Printed for a command line that is none.
pub const USAGE: &str = "usage: tcpserver [-1UXpPhHrRoOdDqQv46] [-c limit] [-C limit-per-address] [-x rules.cdb] [-B banner] \
    [-g gid] [-u uid] [-b backlog] [-l localname] [-t timeout] [-I interface] host port program";

/// How much is said on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Nothing (`-q`).
    Nothing,
    /// Errors (`-Q`, the default).
    Errors,
    /// Errors and what happens (`-v`).
    Everything,
}

/// What was asked for.
#[derive(Clone, Debug)]
pub struct Options {
    /// `-q`, `-Q`, `-v`.
    pub verbosity: Verbosity,
    /// `-c`: connections at once.
    pub limit: usize,
    /// `-C`: connections at once from one IPv4 address or IPv6 /64.
    pub limit_per_address: Option<usize>,
    /// `-x`: the compiled rules.
    pub rules: Option<PathBuf>,
    /// `-X`: they need not exist.
    pub rules_optional: bool,
    /// `-B`: what is written to every client first.
    pub banner: Vec<u8>,
    /// `-u`, `-g`, or `-U` with the variables UID and GID.
    pub identity: Identity,
    /// `-1`: print the port.
    pub print_port: bool,
    /// `-b`: connections that the kernel keeps until they are accepted.
    pub backlog: i32,
    /// `-O` (the default): forget IP options.
    pub kill_ip_options: bool,
    /// `-D` (the default here): send at once.
    pub no_delay: bool,
    /// `-h` (the default): look up the client's name.
    pub look_up_host: bool,
    /// `-p`: only a name that leads back to the client counts.
    pub paranoid: bool,
    /// `-l`: our name; looked up otherwise.
    pub local_name: Option<String>,
    /// `-r`: ask the client's ident server.
    pub ident: bool,
    /// `-t`: for how many seconds.
    pub ident_seconds: u64,
    /// `-4`, `-6`.
    pub only_families: Families,
    /// `-I`: the interface of a link-local address.
    pub interface: Option<String>,
    /// Where to listen.
    pub host: String,
    /// A number, or a name of /etc/services.
    pub port: String,
    /// The program and its arguments.
    pub program: Vec<OsString>,
}

/// Who to become.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// `-u`; 0 means nobody else, as with tcpserver.
    pub uid: Option<u32>,
    /// `-g`.
    pub gid: Option<u32>,
}

/// Which families were asked for by option; none of both leaves it to the host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Families {
    /// `-4`.
    pub ipv4: bool,
    /// `-6`.
    pub ipv6: bool,
}

/// A command line that is none, and why.
pub type Misuse = String;

impl Options {
    /// Reads the command line of this process.
    ///
    /// # Errors
    /// When an option is unknown or its value does not fit, or host, port or program are missing.
    pub fn of_process() -> Result<Options, Misuse> {
        let mut parser = lexopt::Parser::from_env();
        parser.set_short_equals(false);
        let mut options = Options::default();
        let host = options.take_all(&mut parser)?;
        let mut rest = parser.raw_args().map_err(text)?;
        options.host = host.into_string().map_err(|_| "the host is not plain text")?;
        let port = rest.next().ok_or("the port is missing")?;
        options.port = port.into_string().map_err(|_| "the port is not plain text")?;
        options.program = rest.collect();
        if options.program.is_empty() {
            return Err("the program is missing".to_owned());
        }
        Ok(options)
    }

    /// Takes the options and returns what follows them: the host.
    fn take_all(&mut self, parser: &mut lexopt::Parser) -> Result<OsString, Misuse> {
        while let Some(argument) = parser.next().map_err(text)? {
            match argument {
                Value(host) => return Ok(host),
                Short(letter) => self.take(letter, parser)?,
                Long(_) => return Err(text(argument.unexpected())),
            }
        }
        Err("the host is missing".to_owned())
    }

    fn take(&mut self, letter: char, parser: &mut lexopt::Parser) -> Result<(), Misuse> {
        match letter {
            'q' => self.verbosity = Verbosity::Nothing,
            'Q' => self.verbosity = Verbosity::Errors,
            'v' => self.verbosity = Verbosity::Everything,
            'c' => self.limit = positive(letter, parser)?,
            'C' => self.limit_per_address = Some(positive(letter, parser)?),
            'x' => self.rules = Some(PathBuf::from(parser.value().map_err(text)?)),
            'X' => self.rules_optional = true,
            'B' => self.banner = parser.value().map_err(text)?.into_vec(),
            'u' => self.identity.uid = Some(number(letter, parser)?),
            'g' => self.identity.gid = Some(number(letter, parser)?),
            'U' => self.identity = Identity::of_variables()?,
            '1' => self.print_port = true,
            'b' => self.backlog = positive(letter, parser)?,
            'o' => self.kill_ip_options = false,
            'O' => self.kill_ip_options = true,
            'd' => self.no_delay = false,
            'D' => self.no_delay = true,
            'h' => self.look_up_host = true,
            'H' => self.look_up_host = false,
            'p' => self.paranoid = true,
            'P' => self.paranoid = false,
            'l' => self.local_name = Some(plain(letter, parser)?),
            'r' => self.ident = true,
            'R' => self.ident = false,
            't' => self.ident_seconds = positive(letter, parser)?,
            '4' => self.only_families.ipv4 = true,
            '6' => self.only_families.ipv6 = true,
            'I' => self.interface = Some(plain(letter, parser)?),
            _ => return Err(format!("there is no option -{letter}")),
        }
        Ok(())
    }
}

impl Default for Options {
    fn default() -> Options {
        Options {
            verbosity: Verbosity::Errors,
            limit: 40,
            limit_per_address: None,
            rules: None,
            rules_optional: false,
            banner: Vec::new(),
            identity: Identity::default(),
            print_port: false,
            backlog: 1024,
            kill_ip_options: true,
            no_delay: true,
            look_up_host: true,
            paranoid: false,
            local_name: None,
            ident: false,
            ident_seconds: 26,
            only_families: Families::default(),
            interface: None,
            host: String::new(),
            port: String::new(),
            program: Vec::new(),
        }
    }
}

impl Identity {
    /// The identity that envuidgid(8) left in UID and GID.
    fn of_variables() -> Result<Identity, Misuse> {
        let variable = |name: &str| {
            let value = std::env::var(name).ok().and_then(|value| value.parse().ok());
            value.map(Some).ok_or_else(|| format!("-U needs the variable {name} to be a number; run tcpserver under envuidgid"))
        };
        Ok(Identity { uid: variable("UID")?, gid: variable("GID")? })
    }
}

fn number<T: FromStr>(letter: char, parser: &mut lexopt::Parser) -> Result<T, Misuse> {
    let value = plain(letter, parser)?;
    value.parse().map_err(|_| format!("-{letter} {value}: not a number that fits"))
}

fn positive<T: FromStr + Default + PartialOrd>(letter: char, parser: &mut lexopt::Parser) -> Result<T, Misuse> {
    let value: T = number(letter, parser)?;
    if value > T::default() { Ok(value) } else { Err(format!("-{letter} needs a number above 0")) }
}

fn plain(letter: char, parser: &mut lexopt::Parser) -> Result<String, Misuse> {
    let value = parser.value().map_err(text)?;
    value.into_string().map_err(|_| format!("the value of -{letter} is not plain text"))
}

fn text(error: impl Display) -> Misuse {
    error.to_string()
}
