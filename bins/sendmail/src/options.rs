//! The options of sendmail(8), as programs have come to use them.

use std::ffi::OsString;

/// What to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send a message (`-bm`).
    Send,
    /// Speak SMTP on standard input and output (`-bs`).
    Dialogue,
    /// Print the queue (`-bp`, mailq).
    Queue,
    /// Rebuild the aliases (`-bi`, newaliases).
    Aliases,
    /// Try messages of the queue now (`-q`): the arguments of qtool.
    Retry(Vec<String>),
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
    /// What the sender wants to hear of the message: variables of stafett-queue(8) and their values.
    pub wishes: Vec<(&'static str, String)>,
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
const WITH_VALUE: &[char] = &['A', 'B', 'C', 'D', 'e', 'h', 'L', 'O', 'o', 'p', 'X'];
/// Those whose value is always in the same argument.
const ATTACHED: &[char] = &['d'];
/// Options without a value that change nothing here.
const PLAIN: &[char] = &['i', 'G', 'm', 'n', 'U', 'v', 'x', 'E'];
/// The longest name of a transaction, in bytes (RFC 3461 section 4.4).
const LONGEST_ENVID: usize = 100;

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
    let mut asked = Asked { action, sender: None, full_name: None, from_header: false, wishes: Vec::new(), recipients: Vec::new() };
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
                'N' => return value().and_then(|words| notify(&words)).map(|words| self.wishes.push(("DSNNOTIFY", words))),
                'R' => return value().and_then(|word| ret(&word)).map(|word| self.wishes.push(("DSNRET", word))),
                'V' => return value().and_then(|name| envid(&name)).map(|name| self.wishes.push(("DSNENVID", name))),
                'I' => self.action = Action::Aliases,
                'q' => return self.run_queue(rest),
                'Q' => return Err("-Q is refused: qtool hold and release do that, with a message's id".to_owned()),
                other => return Err(format!("-{other} is not known; stafett-sendmail(8) lists what is")),
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
            "h" | "H" | "P" => return Err(format!("-b{mode} is refused: qstat -d and qstat say that")),
            _ => return Err(format!("-b{mode} is not known; -bm, -bs, -bp and -bi are")),
        };
        Ok(())
    }

    /// `-q`, `-qIid`, `-qRrecipient`, `-qSsender`; with a time it would be a service.
    fn run_queue(&mut self, which: &str) -> Result<(), String> {
        let retry = |option: &str, value: String| vec!["retry".to_owned(), option.to_owned(), value];
        let words = match which.split_at_checked(1) {
            None | Some(("f", "")) => vec!["flush".to_owned()],
            Some(("I", id)) if !id.is_empty() => vec!["retry".to_owned(), id.to_owned()],
            Some(("R", to)) if !to.is_empty() => retry("--to", format!("*{to}*")),
            Some(("S", from)) if !from.is_empty() => retry("--from", format!("*{from}*")),
            _ => return Err(format!("-q{which} is refused: the queue is run by the service send; -q tries all messages now")),
        };
        self.action = Action::Retry(words);
        Ok(())
    }
}

/// When a notification is wanted (RFC 3461 section 4.1).
fn notify(words: &str) -> Result<String, String> {
    let words = words.to_ascii_uppercase();
    let fits = words == "NEVER" || words.split(',').all(|word| matches!(word, "SUCCESS" | "FAILURE" | "DELAY"));
    if fits { Ok(words) } else { Err(format!("-N {words} is not known; write never, or success, failure and delay with commas between")) }
}

/// What a notification is to return (RFC 3461 section 4.3).
fn ret(word: &str) -> Result<String, String> {
    match word.to_ascii_uppercase().as_str() {
        "FULL" => Ok("FULL".to_owned()),
        "HDRS" => Ok("HDRS".to_owned()),
        _ => Err(format!("-R {word} is not known; write full or hdrs")),
    }
}

/// The sender's name for this transaction, in xtext (RFC 3461 section 4.4): as it stands if it is that, otherwise written so.
fn envid(name: &str) -> Result<String, String> {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'=';
    let is_escape = |part: &str| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(is_hex));
    let is_xtext = name.bytes().all(is_plain) && name.split('+').skip(1).all(is_escape);
    let plain = |byte: u8| if is_plain(byte) && byte != b'+' { char::from(byte).to_string() } else { format!("+{byte:02X}") };
    let text: String = if is_xtext { name.to_owned() } else { name.bytes().map(plain).collect() };
    let fits = !text.is_empty() && text.len() <= LONGEST_ENVID;
    if fits { Ok(text) } else { Err(format!("-V needs a name of 1 to {LONGEST_ENVID} letters")) }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
