//! The command line.

use lexopt::prelude::*;

/// What the command line asks for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// Stay, and serve the connections that are handed over.
    pub resident: bool,
    /// Log faults only.
    pub quiet: bool,
}

/// How the program is called.
pub const USAGE: &str = "usage: stafett-smtpd [-qv] [--resident]";

impl Options {
    /// Reads the arguments of this process. `-v` undoes `-q`; on its own it is the default, and understood for the scripts
    /// that have it.
    ///
    /// # Errors
    /// When there is an argument that we do not know.
    pub fn read() -> Result<Self, lexopt::Error> {
        let mut options = Self::default();
        let mut arguments = lexopt::Parser::from_env();
        while let Some(argument) = arguments.next()? {
            match argument {
                Long("resident") => options.resident = true,
                Short('q') => options.quiet = true,
                Short('v') => options.quiet = false,
                other => return Err(other.unexpected()),
            }
        }
        Ok(options)
    }
}
