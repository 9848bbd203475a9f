//! The lines of control/authmechanisms and control/authsource.

/// How clients log in, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// SCRAM-SHA-256-PLUS (RFC 7677), bound to the TLS connection.
    ScramPlus,
    /// SCRAM-SHA-256 (RFC 7677).
    Scram,
    /// PLAIN (RFC 4616).
    Plain,
    /// LOGIN (draft-murchison-sasl-login).
    Login,
}

/// All of them.
pub const MECHANISMS: &[Mechanism] = &[Mechanism::ScramPlus, Mechanism::Scram, Mechanism::Plain, Mechanism::Login];

/// Those that are offered where nothing is said. Not the one that binds: some clients choose it and cannot bind.
pub const USUAL: &[Mechanism] = &[Mechanism::Scram, Mechanism::Plain, Mechanism::Login];

impl Mechanism {
    /// Its name in EHLO and AUTH.
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramPlus => "SCRAM-SHA-256-PLUS",
            Mechanism::Scram => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }

    /// The one of that name, in any case.
    pub fn by_name(name: &str) -> Option<Mechanism> {
        MECHANISMS.iter().copied().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

/// Who knows the passwords that control/accounts does not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A program of the checkpassword protocol with its arguments.
    Program(Vec<String>),
    /// The socket of Dovecot's auth service.
    Dovecot(String),
}

impl Source {
    /// Reads a line.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(line: &str) -> Result<Source, String> {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            ["checkpassword", program, ..] if program.starts_with('/') => {
                Ok(Source::Program(words.iter().skip(1).map(|word| (*word).to_owned()).collect()))
            }
            ["dovecot", path] if path.starts_with('/') => Ok(Source::Dovecot(path.to_owned())),
            _ => {
                Err(format!("\"{line}\" names nobody who knows passwords; write checkpassword /path/of/program or dovecot /path/of/socket"))
            }
        }
    }
}

/// Judges a line of authmechanisms.
///
/// # Errors
/// A sentence that says what to write.
pub fn mechanism(line: &str) -> Result<(), String> {
    let known = || MECHANISMS.iter().map(|mechanism| mechanism.name()).collect::<Vec<_>>().join(", ");
    Mechanism::by_name(line).map(drop).ok_or_else(|| format!("\"{line}\" is not known; write one of {}", known()))
}

/// Judges a line of authsource.
///
/// # Errors
/// As [`Source::parse`].
pub fn source(line: &str) -> Result<(), String> {
    Source::parse(line).map(drop)
}
