//! The options of sendmail(8), as programs have come to use them.

use std::ffi::OsString;

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message (`-bm`).
    Send,
    /// Speak SMTP on standard input and output (`-bs`).
    Dialogue,
    /// Print the queue (`-bp`, mailq).
    Queue,
    /// Rebuild the aliases (`-bi`, newaliases).
    Aliases,
}

/// What the command line says.
#[derive(Debug)]
pub struct Asked {
    /// What to do.
    pub action: Action,
    /// The envelope's sender.
    pub sender: Option<String>,
    /// The sender's name for From.
    pub full_name: Option<String>,
    /// Recipients come from the header, and from the arguments too.
    pub from_header: bool,
    /// Recipients.
    pub recipients: Vec<String>,
}

impl Asked {
    /// The arguments of stafett-inject.
    pub fn for_inject(&self) -> Vec<String> {
        let mut arguments = vec![if self.from_header { "-H" } else { "-a" }.to_owned()];
        if let Some(sender) = &self.sender {
            arguments.extend(["-f".to_owned(), sender.clone()]);
        }
        arguments.push("--".to_owned());
        arguments.extend(self.recipients.iter().cloned());
        arguments
    }
}

/// Options with a value that changes nothing here: what they set is decided by control/ or has no meaning without sendmail.cf.
const WITH_VALUE: &[char] = &['B', 'C', 'D', 'h', 'L', 'O', 'p', 'X'];
/// Those whose value is always in the same argument.
const ATTACHED: &[char] = &['o', 'e', 'd', 'A'];
/// Options without a value that change nothing here.
const PLAIN: &[char] = &['i', 'G', 'm', 'n', 'U', 'v', 'x', 'E'];

/// Reads the command line of the program `name`.
///
/// # Errors
/// With the reason why it is refused.
pub fn parse(name: &str, arguments: impl Iterator<Item = OsString>) -> Result<Asked, String> {
    let action = match name {
        "mailq" => Action::Queue,
        "newaliases" => Action::Aliases,
        _ => Action::Send,
    };
    let mut asked = Asked { action, sender: None, full_name: None, from_header: false, recipients: Vec::new() };
    let mut arguments = arguments.map(|one| one.into_string().map_err(|one| format!("\"{}\" is not UTF-8", one.to_string_lossy())));
    while let Some(argument) = arguments.next().transpose()? {
        match argument.strip_prefix('-') {
            Some("-") => {
                asked.recipients.extend(arguments.by_ref().collect::<Result<Vec<_>, _>>()?);
            }
            Some(letters) if !letters.is_empty() => asked.take(letters, &mut arguments)?,
            _ => asked.recipients.push(argument),
        }
    }
    if asked.action == Action::Send && asked.recipients.is_empty() && !asked.from_header {
        return Err("there are no recipients; name them, or take them from the header with -t".to_owned());
    }
    Ok(asked)
}

impl Asked {
    /// Takes the letters of one argument.
    fn take(&mut self, letters: &str, more: &mut impl Iterator<Item = Result<String, String>>) -> Result<(), String> {
        for (place, letter) in letters.char_indices() {
            let rest = letters.get(place + letter.len_utf8()..).unwrap_or_default();
            let mut value = || match rest {
                "" => more.next().unwrap_or_else(|| Err(format!("-{letter} needs a value"))),
                rest => Ok(rest.to_owned()),
            };
            match letter {
                't' => self.from_header = true,
                letter if PLAIN.contains(&letter) => {}
                'f' | 'r' => return value().map(|sender| self.sender = Some(sender)),
                'F' => return value().map(|name| self.full_name = Some(name)),
                'b' => return value().and_then(|mode| self.mode(&mode)),
                letter if ATTACHED.contains(&letter) => return Ok(()),
                letter if WITH_VALUE.contains(&letter) => return value().map(drop),
                'N' | 'R' | 'V' => {
                    return Err(format!("-{letter} is refused: a notification cannot be asked for on this way; submit by SMTP"));
                }
                'q' => return Err("-q is refused: the queue is run by the service send; qtool flush tries all messages now".to_owned()),
                other => return Err(format!("-{other} is not known (sendmail(8) of stafett-inject(8) lists what is)")),
            }
        }
        Ok(())
    }

    fn mode(&mut self, mode: &str) -> Result<(), String> {
        self.action = match mode {
            "m" => Action::Send,
            "s" => Action::Dialogue,
            "p" => Action::Queue,
            "i" => Action::Aliases,
            "d" | "D" => return Err(format!("-b{mode} is refused: the listener is the service tcpserver, started by its supervisor")),
            "v" | "t" => return Err(format!("-b{mode} is refused: stafett-explain says what becomes of an address")),
            _ => return Err(format!("-b{mode} is not known; -bm, -bs and -bp are")),
        };
        Ok(())
    }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
