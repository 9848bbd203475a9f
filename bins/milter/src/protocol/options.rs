//! What we and a filter agree upon first: which changes it may make, which steps it wants to see and to answer.

use super::{Malformed, frame, number, text};

/// The version that we speak.
const VERSION: u32 = 6;
/// The command, and its answer.
pub const NEGOTIATE: u8 = b'O';

/// Changes that a filter may make (SMFIF_*).
pub mod actions {
    /// Header fields may be added or inserted.
    pub const ADD_HEADER: u32 = 0x01;
    /// The body may be replaced.
    pub const BODY: u32 = 0x02;
    /// Recipients may be added.
    pub const ADD_RECIPIENT: u32 = 0x04;
    /// Recipients may be removed.
    pub const REMOVE_RECIPIENT: u32 = 0x08;
    /// Header fields may be changed or removed.
    pub const CHANGE_HEADER: u32 = 0x10;
    /// The message may be held.
    pub const QUARANTINE: u32 = 0x20;
    /// The sender may be changed.
    pub const SENDER: u32 = 0x40;
    /// Recipients may be added with parameters.
    pub const ADD_RECIPIENT_WITH: u32 = 0x80;
    /// The filter may say which macros it wants.
    pub const MACROS: u32 = 0x100;
    /// All of them.
    pub const ALL: u32 =
        ADD_HEADER | BODY | ADD_RECIPIENT | REMOVE_RECIPIENT | CHANGE_HEADER | QUARANTINE | SENDER | ADD_RECIPIENT_WITH | MACROS;
}

/// Steps that a filter does not want to see (SMFIP_NO*), or sees without answering (SMFIP_NR_*).
pub mod steps {
    /// The connection is not wanted.
    pub const NO_CONNECT: u32 = 0x01;
    /// HELO is not wanted.
    pub const NO_HELO: u32 = 0x02;
    /// MAIL is not wanted.
    pub const NO_MAIL: u32 = 0x04;
    /// RCPT is not wanted.
    pub const NO_RCPT: u32 = 0x08;
    /// The body is not wanted.
    pub const NO_BODY: u32 = 0x10;
    /// Header fields are not wanted.
    pub const NO_HEADER: u32 = 0x20;
    /// The end of the header is not wanted.
    pub const NO_END_OF_HEADER: u32 = 0x40;
    /// Header fields are not answered.
    pub const SILENT_HEADER: u32 = 0x80;
    /// Commands that we do not know are not wanted; we never tell of any.
    pub const NO_UNKNOWN: u32 = 0x100;
    /// DATA is not wanted.
    pub const NO_DATA: u32 = 0x200;
    /// We understand when the rest of the body is not wanted.
    pub const SKIP: u32 = 0x400;
    /// The connection is not answered.
    pub const SILENT_CONNECT: u32 = 0x1000;
    /// HELO is not answered.
    pub const SILENT_HELO: u32 = 0x2000;
    /// MAIL is not answered.
    pub const SILENT_MAIL: u32 = 0x4000;
    /// RCPT is not answered.
    pub const SILENT_RCPT: u32 = 0x8000;
    /// DATA is not answered.
    pub const SILENT_DATA: u32 = 0x1_0000;
    /// Commands that we do not know are not answered.
    pub const SILENT_UNKNOWN: u32 = 0x2_0000;
    /// The end of the header is not answered.
    pub const SILENT_END_OF_HEADER: u32 = 0x4_0000;
    /// The body is not answered.
    pub const SILENT_BODY: u32 = 0x8_0000;
    /// Values of header fields begin with the blank behind the colon, in both directions.
    pub const LEADING_SPACE: u32 = 0x10_0000;
    /// All that we can do. Recipients that were refused are never told (0x800).
    pub const ALL: u32 = 0x7f // every NO_ up to the end of the header
        | SILENT_HEADER
        | NO_UNKNOWN
        | NO_DATA
        | SKIP
        | SILENT_CONNECT
        | SILENT_HELO
        | SILENT_MAIL
        | SILENT_RCPT
        | SILENT_DATA
        | SILENT_UNKNOWN
        | SILENT_END_OF_HEADER
        | SILENT_BODY
        | LEADING_SPACE;
}

/// The steps for which a filter may name the macros that it wants (SMFIM_*).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The connection.
    Connect,
    /// HELO.
    Helo,
    /// MAIL.
    Mail,
    /// RCPT.
    Rcpt,
    /// DATA.
    Data,
    /// The end of the header.
    EndOfHeader,
    /// The end of the message.
    End,
}

impl Stage {
    fn from_number(number: u32) -> Option<Stage> {
        use Stage::{Connect, Data, End, EndOfHeader, Helo, Mail, Rcpt};
        let stages = [Connect, Helo, Mail, Rcpt, Data, End, EndOfHeader];
        usize::try_from(number).ok().and_then(|number| stages.get(number).copied())
    }
}

/// What was agreed upon.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreed {
    version: u32,
    actions: u32,
    steps: u32,
    macros: Vec<(Stage, Vec<String>)>,
}

/// Our offer.
pub fn offer() -> Vec<u8> {
    let mut out = Vec::with_capacity(17);
    frame::push(&mut out, NEGOTIATE, &[&VERSION.to_be_bytes(), &actions::ALL.to_be_bytes(), &steps::ALL.to_be_bytes()]);
    out
}

impl Agreed {
    /// Reads a filter's answer. What we did not offer counts as not agreed upon.
    ///
    /// # Errors
    /// When it is none, or of a version that we do not speak.
    pub fn parse(data: &[u8]) -> Result<Agreed, Malformed> {
        let (version, rest) = number(data)?;
        let (actions, rest) = number(rest)?;
        let (steps, mut rest) = number(rest)?;
        if !(2..=VERSION).contains(&version) {
            return Err(Malformed("a version that is not spoken here"));
        }
        let mut agreed = Agreed { version, actions: actions & actions::ALL, steps: steps & steps::ALL, macros: Vec::new() };
        while !rest.is_empty() {
            let (stage, after) = number(rest)?;
            let (names, after) = text(after)?;
            rest = after;
            let stage = Stage::from_number(stage).ok_or(Malformed("macros for a step that does not exist"))?;
            let names = String::from_utf8_lossy(names);
            agreed.macros.push((stage, names.split([' ', '\t', ',']).filter(|name| !name.is_empty()).map(str::to_owned).collect()));
            if agreed.macros.len() > 16 {
                return Err(Malformed("more lists of macros than there are steps"));
            }
        }
        Ok(agreed)
    }

    /// Whether all of these flags were agreed upon.
    pub fn has(&self, flags: u32) -> bool {
        self.steps & flags == flags
    }

    /// Whether DATA is told: since version 4, unless it is not wanted.
    pub fn wants_data(&self) -> bool {
        self.version >= 4 && !self.has(steps::NO_DATA)
    }

    /// Whether it may make one of these changes.
    pub fn may(&self, actions: u32) -> bool {
        self.actions & actions != 0
    }

    /// The macros that it wants at a step, if it has said so.
    pub fn macros(&self, stage: Stage) -> Option<&[String]> {
        self.macros.iter().find(|(of, _)| *of == stage).map(|(_, names)| names.as_slice())
    }
}
