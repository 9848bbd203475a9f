//! What a run script says: which program of qmail it starts, through which others, and with what.
//!
//! What: the programs in front of it (softlimit, env, envdir, setuidgid, tcpserver, rblsmtpd …) are taken off one by one, and
//! what their options mean is noted. Security stance: values come from the script's text and from files that it prints with
//! cat(1) or head(1); nothing is executed. How it fails: what cannot be read stands in [`Found::left`] with its line.
//! Known limits: programs that it does not know end the reading.

use crate::arguments::{base, name_of, options};
use crate::shell::{Command, Piece, Word, parse, plain};
use std::collections::HashMap;
use std::path::PathBuf;

/// What was found in one script.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The program of qmail that it starts: the name without its directory; with all its arguments.
    pub program: Vec<String>,
    /// Where tcpserver or sslserver listens: address, port.
    pub listens: Option<(String, String)>,
    /// Whether TLS comes before the first word.
    pub tls: bool,
    /// `-c`: connections at once, unless it is the control file's.
    pub limit: Option<String>,
    /// `-C`: connections at once from one address.
    pub per_address: Option<String>,
    /// `-x`: the rules.
    pub rules: Option<PathBuf>,
    /// Variables that it sets for the program.
    pub variables: Vec<(usize, String, String)>,
    /// What rblsmtpd is to ask, as lines of dnsbllist.
    pub lists: Vec<String>,
    /// Another script that it runs.
    pub runs: Option<PathBuf>,
    /// What is not taken: the line and why.
    pub left: Vec<(usize, String)>,
}

/// Programs before the one that matters which change nothing of it: the letters of options with a value, and how many words
/// follow the options.
const WRAPPERS: &[(&str, &str, usize)] = &[
    ("argv0", "", 1),
    ("exec", "", 0),
    ("fixcrio", "", 0),
    ("nice", "n", 0),
    ("nohup", "", 0),
    ("pgrphack", "", 0),
    ("recordio", "", 0),
    ("setlock", "", 1),
    ("setsid", "", 0),
];

/// Options of tcpserver and sslserver with a value.
const LISTENER: &str = "bBcCgluxtikVe";

/// Reads scripts.
pub struct Scripts<'a> {
    /// Finds the file that a script names.
    pub find: &'a dyn Fn(&str) -> PathBuf,
}

impl Scripts<'_> {
    /// Reads one.
    pub fn read(&self, text: &str) -> Found {
        // Scripts put qmail's directory in front of what PATH was.
        let values = HashMap::from([("PATH".to_owned(), String::new())]);
        let mut reading = Reading { scripts: self, values, found: Found::default() };
        for command in parse(text) {
            reading.command(&command);
        }
        reading.found
    }
}

struct Reading<'a> {
    scripts: &'a Scripts<'a>,
    values: HashMap<String, String>,
    found: Found,
}

impl Reading<'_> {
    fn command(&mut self, command: &Command) {
        let Command { line, words, is_conditional } = command;
        let first = words.first().and_then(|word| self.value(word)).unwrap_or_default();
        if *is_conditional {
            if !matches!(first.as_str(), "echo" | "exit" | "[" | "test" | "sleep" | "mkdir" | "chown" | "chmod") {
                self.leave(*line, format!("\"{first}\" stands under a condition"));
            }
            return;
        }
        let mut rest = &words[..];
        if first == "export" {
            rest = rest.get(1..).unwrap_or_default();
        }
        let is_assignment = |word: &Word| matches!(word.first(), Some(Piece::Text(text)) if name_of(text).is_some());
        let leading = rest.iter().take_while(|word| is_assignment(word)).count();
        let (assignments, program) = rest.split_at(leading);
        for word in assignments {
            self.assign(*line, word, first == "export" || !program.is_empty());
        }
        if first == "export" {
            program.iter().for_each(|word| self.export(*line, word));
        }
        if program.is_empty()
            || matches!(first.as_str(), "echo" | "ulimit" | "umask" | "cd" | "[" | "test" | "export" | "set" | "sleep" | "mkdir")
        {
            return;
        }
        match program.iter().map(|word| self.value(word)).collect::<Option<Vec<_>>>() {
            Some(program) => self.program(*line, program),
            None => self.half_known(*line, program),
        }
    }

    /// A command of which a word is unknown: that word becomes `?`, which no option means.
    fn half_known(&mut self, line: usize, program: &[Word]) {
        let shown: Vec<String> = program.iter().map(|word| self.value(word).unwrap_or_else(|| "?".to_owned())).collect();
        self.leave(
            line,
            "a word of it cannot be known without running the script; see whether what is said of it below is right".to_owned(),
        );
        self.program(line, shown);
    }

    /// `NAME=value; export NAME`, as the Bourne shell wants it.
    fn export(&mut self, line: usize, word: &Word) {
        let Some(name) = plain(word).filter(|name| *name != "PATH") else { return };
        match self.values.get(name) {
            Some(value) => self.found.variables.push((line, name.to_owned(), value.clone())),
            None => self.leave(line, format!("the value of {name} cannot be known without running the script")),
        }
    }

    fn assign(&mut self, line: usize, word: &Word, is_exported: bool) {
        let Some(whole) = self.value(word) else {
            if let Some(Piece::Text(text)) = word.first().filter(|_| is_exported) {
                let name = text.split('=').next().unwrap_or_default();
                self.leave(line, format!("the value of {name} cannot be known without running the script"));
            }
            return;
        };
        let Some((name, value)) = whole.split_once('=') else { return };
        self.values.insert(name.to_owned(), value.to_owned());
        if is_exported && name != "PATH" {
            self.found.variables.push((line, name.to_owned(), value.to_owned()));
        }
    }

    /// The text of a word; `None` where that cannot be known.
    fn value(&self, word: &Word) -> Option<String> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Some(text.clone()),
            Piece::Variable(name) => self.values.get(name).cloned(),
            Piece::Output(command) => self.output(command),
        };
        word.iter().map(piece).collect()
    }

    /// What cat, head and id print.
    fn output(&self, command: &str) -> Option<String> {
        let words: Vec<&str> = command.split_whitespace().collect();
        let (file, is_first) = match &words[..] {
            ["cat", file] => (file, false),
            ["head", "-1" | "-n1", file] | ["head", "-n", "1", file] => (file, true),
            ["id", "-u" | "-g", user] => return Some((*user).to_owned()),
            ["hostname"] => return Some("?".to_owned()),
            _ => return None,
        };
        let text = std::fs::read_to_string((self.scripts.find)(file.trim_matches('"'))).ok()?;
        let kept = if is_first { text.lines().next().unwrap_or_default() } else { text.trim_end_matches('\n') };
        Some(kept.to_owned())
    }

    fn program(&mut self, line: usize, mut words: Vec<String>) {
        while let Some(name) = words.first().map(|word| base(word).to_owned()) {
            words.remove(0);
            let Some(left) = self.wrapper(line, &name, words.clone()) else {
                return self.last(line, name, words);
            };
            words = left;
        }
    }

    /// Takes a program off the front; `None` when it is not one that runs another.
    fn wrapper(&mut self, line: usize, name: &str, words: Vec<String>) -> Option<Vec<String>> {
        if let Some((_, valued, arguments)) = WRAPPERS.iter().find(|(known, ..)| *known == name) {
            let (_, rest) = options(words, valued);
            return Some(rest.into_iter().skip(*arguments).collect());
        }
        match name {
            "env" => Some(self.env(line, words)),
            "envdir" => Some(self.envdir(line, words)),
            "softlimit" => {
                self.leave(line, "softlimit: our programs bound their own memory, and a limit made for qmail's would hit them".to_owned());
                Some(options(words, "adcfmlnoprst").1)
            }
            "setuidgid" | "envuidgid" => {
                self.leave_user(line, words.first());
                Some(words.into_iter().skip(1).collect())
            }
            "chpst" => {
                let (options, rest) = options(words, "uUbe/ndolmfcrt");
                options.iter().filter(|(option, _)| *option == 'u').for_each(|(_, user)| self.leave_user(line, user.as_ref()));
                Some(rest)
            }
            "tcpserver" | "sslserver" | "tcpserver4" | "tcpserver6" | "stafett-tcpserver" => Some(self.listener(line, name, words)),
            "rblsmtpd" => Some(self.block_lists(line, words)),
            _ => None,
        }
    }

    fn env(&mut self, line: usize, words: Vec<String>) -> Vec<String> {
        let mut rest = words.into_iter().skip_while(|word| matches!(word.as_str(), "-" | "-i")).peekable();
        while let Some(assignment) = rest.next_if(|word| name_of(word).is_some()) {
            let (name, value) = assignment.split_once('=').unwrap_or_default();
            if name != "PATH" {
                self.found.variables.push((line, name.to_owned(), value.to_owned()));
            }
        }
        rest.collect()
    }

    fn envdir(&mut self, line: usize, words: Vec<String>) -> Vec<String> {
        let (_, mut rest) = options(words, "");
        if rest.is_empty() {
            return rest;
        }
        let directory = (self.scripts.find)(&rest.remove(0));
        let Ok(names) = stafett_site::content::names(&directory) else {
            self.leave(line, format!("envdir: {} cannot be read", directory.display()));
            return rest;
        };
        for name in names.iter().filter_map(|name| name.to_str()) {
            let text = std::fs::read_to_string(directory.join(name)).unwrap_or_default();
            let value = text.lines().next().unwrap_or_default().trim_end().to_owned();
            self.found.variables.push((line, name.to_owned(), value));
        }
        rest
    }

    fn listener(&mut self, line: usize, name: &str, words: Vec<String>) -> Vec<String> {
        let (options, mut rest) = options(words, LISTENER);
        for (option, value) in options {
            match (option, value) {
                ('c', Some(value)) => self.found.limit = Some(value),
                ('C', Some(value)) => self.found.per_address = Some(value),
                ('x', Some(value)) => self.found.rules = Some((self.scripts.find)(&value)),
                ('u', user @ Some(_)) => self.leave_user(line, user.as_ref()),
                ('p', _) => self.leave(line, "tcpserver -p: what is made of the names of clients is said in control/reversedns".to_owned()),
                ('B', _) => self.leave(line, "tcpserver -B: the greeting is in control/smtpgreeting".to_owned()),
                _ => {}
            }
        }
        self.found.tls |= name == "sslserver";
        if rest.len() >= 2 {
            let program = rest.split_off(2);
            self.found.listens = rest.first().cloned().zip(rest.get(1).cloned());
            return program;
        }
        rest
    }

    /// rblsmtpd(1): `-r zone` refuses for now, for good behind `-b`; `-a zone` accepts.
    fn block_lists(&mut self, line: usize, words: Vec<String>) -> Vec<String> {
        let (options, rest) = options(words, "rat");
        let mut for_good = false;
        for (option, value) in options {
            match (option, value) {
                ('b', _) => for_good = true,
                ('B', _) => for_good = false,
                ('r', Some(zone)) => self.found.lists.push(format!("{}{zone}", if for_good { "-" } else { "" })),
                ('a', Some(zone)) => self.found.lists.push(format!("+{zone}")),
                ('c', _) => self.leave(line, "rblsmtpd -c: a list that does not answer is always left out for a while".to_owned()),
                _ => {}
            }
        }
        rest
    }

    fn last(&mut self, line: usize, name: String, arguments: Vec<String>) {
        if name == "rc" {
            self.found.runs = Some((self.scripts.find)("/var/qmail/rc"));
            return;
        }
        if !name.starts_with("qmail-") && name != "multilog" && name != "svlogd" {
            return self.leave(line, format!("the program {name} is not known; what it does must be found among what Stafett has"));
        }
        if self.found.program.is_empty() {
            self.found.program = std::iter::once(name).chain(arguments).collect();
        }
    }

    fn leave_user(&mut self, line: usize, user: Option<&String>) {
        let user = user.map_or("?", String::as_str);
        self.leave(line, format!("user {user}: each service of the instance has a user of its own (stafett-setup --user-prefix)"));
    }

    fn leave(&mut self, line: usize, reason: String) {
        if !self.found.left.iter().any(|(_, known)| *known == reason) {
            self.found.left.push((line, reason));
        }
    }
}

#[cfg(test)]
#[path = "script_test.rs"]
mod script_test;
