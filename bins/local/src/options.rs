//! The command line: the resident service, or one delivery as qmail-local(8) has it.

use std::ffi::OsString;
use std::path::PathBuf;

/// What the program was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Options {
    /// To serve.
    Resident,
    /// To deliver what is on standard input.
    Once(Once),
}

/// The arguments of qmail-local.
#[derive(Debug, PartialEq, Eq)]
pub struct Once {
    /// Only say what would be done.
    pub only_tell: bool,
    /// Whom the mail is for.
    pub user: String,
    /// Its home.
    pub home: PathBuf,
    /// The local part.
    pub local: String,
    /// What stands before the extension.
    pub dash: String,
    /// The extension.
    pub ext: String,
    /// The domain.
    pub domain: String,
    /// The sender.
    pub sender: String,
    /// What counts without a dot-qmail file.
    pub default_delivery: String,
}

/// How it is called.
pub const USAGE: &str = "usage: stafett-local --resident | stafett-local [-nN] user homedir local dash ext domain sender defaultdelivery";

/// Reads the arguments, the program's name left out.
///
/// # Errors
/// What is wrong with them.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Options, String> {
    let mut words = Vec::new();
    for argument in arguments {
        words.push(argument.into_string().map_err(|word| format!("{} is no text", word.display()))?);
    }
    if words == ["--resident"] {
        return Ok(Options::Resident);
    }
    let mut only_tell = false;
    let flags = words.iter().take_while(|word| matches!(word.as_str(), "-n" | "-N")).count();
    words.drain(..flags).for_each(|flag| only_tell = flag == "-n");
    if words.first().is_some_and(|word| word == "--") {
        words.remove(0);
    }
    let count = words.len();
    let all: Result<[String; 8], _> = words.try_into();
    let [user, home, local, dash, ext, domain, sender, default_delivery] =
        all.map_err(|_| format!("{count} arguments in place of eight"))?;
    if !home.starts_with('/') {
        return Err(format!("the home \"{home}\" does not begin with /"));
    }
    Ok(Options::Once(Once { only_tell, user, home: home.into(), local, dash, ext, domain, sender, default_delivery }))
}
