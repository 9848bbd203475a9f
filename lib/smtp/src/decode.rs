//! Message data as a client sends it: the machine behind DATA, and the check behind BDAT.
//!
//! Security stance: one sequence ends a message, CR LF `.` CR LF (the first CR LF being that of the DATA command or of the
//! line before). A bare CR or a bare LF anywhere makes the whole message refusable, never silently mended, and does not
//! move the machine to the start of a line: whatever another server may take for the end of a message, here it is text of
//! a message that will be refused. So sender and receiver cannot disagree about where a message ends.
//!
//! How it fails: [`Flaw`] is remembered, output stops, and the machine runs on to the true end, so that the dialogue goes on
//! in step. Everything else, NUL included, is data and passes untouched.

use memchr::memchr2;

/// What makes a message refusable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flaw {
    /// CR without LF after it.
    BareCr,
    /// LF without CR before it.
    BareLf,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// After CR LF, and at the beginning.
    LineStart,
    /// Inside a line.
    Text,
    /// After a CR in a line.
    Cr,
    /// After a dot that begins a line; it is not part of the message.
    Dot,
    /// After such a dot and CR; neither is part of the message.
    DotCr,
    /// After the end of the message.
    Ended,
}

/// Decodes the data of one message after DATA.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    flaw: Option<Flaw>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { state: State::LineStart, flaw: None }
    }
}

impl Decoder {
    /// For a message whose first byte comes next.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes bytes as they came, hands on the message's bytes in slices, and tells how many were used.
    /// All are used unless the message ended; what follows then is the next command.
    pub fn feed<'a>(&mut self, input: &'a [u8], mut keep: impl FnMut(&'a [u8])) -> usize {
        let mut kept_to = 0;
        let mut at = 0;
        while let Some(&byte) = input.get(at) {
            match self.state {
                State::LineStart if byte == b'.' => {
                    self.hand_on(input, kept_to, at, &mut keep);
                    at += 1;
                    kept_to = at;
                    self.state = State::Dot;
                }
                State::Dot if byte == b'\r' => {
                    at += 1;
                    kept_to = at;
                    self.state = State::DotCr;
                }
                State::DotCr if byte == b'\n' => {
                    self.state = State::Ended;
                    return at + 1;
                }
                State::Cr if byte == b'\n' => {
                    at += 1;
                    self.state = State::LineStart;
                }
                State::Cr | State::DotCr => {
                    self.note(Flaw::BareCr);
                    self.state = State::Text;
                }
                State::LineStart | State::Dot | State::Text => at = self.skip_text(input, at),
                State::Ended => return at,
            }
        }
        self.hand_on(input, kept_to, at, &mut keep);
        at
    }

    /// Whether the end of the message has come.
    pub fn is_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// What is wrong with the message, as far as it has come.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Runs to just behind the next CR or LF.
    fn skip_text(&mut self, input: &[u8], at: usize) -> usize {
        self.state = State::Text;
        let found = input.get(at..).and_then(|rest| memchr2(b'\r', b'\n', rest));
        let Some(end) = found.map(|offset| at + offset) else {
            return input.len();
        };
        match input.get(end) {
            Some(b'\r') => self.state = State::Cr,
            _ => self.note(Flaw::BareLf),
        }
        end + 1
    }

    fn hand_on<'a>(&self, input: &'a [u8], from: usize, to: usize, keep: &mut impl FnMut(&'a [u8])) {
        match input.get(from..to) {
            Some(slice) if self.flaw.is_none() && !slice.is_empty() => keep(slice),
            _ => {}
        }
    }

    fn note(&mut self, flaw: Flaw) {
        self.flaw = self.flaw.or(Some(flaw));
    }
}

/// Checks the line ends of data that comes with its length (BDAT, RFC 3030), across chunks.
#[derive(Debug, Default)]
pub struct LineCheck {
    tail: Tail,
    flaw: Option<Flaw>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Tail {
    #[default]
    LineStart,
    Text,
    Cr,
}

impl LineCheck {
    /// For a message whose first byte comes next.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the message.
    pub fn feed(&mut self, input: &[u8]) {
        let mut rest = input;
        while let Some((&first, after)) = rest.split_first() {
            if self.tail == Tail::Cr {
                self.tail = if first == b'\n' { Tail::LineStart } else { Tail::Text };
                if first == b'\n' {
                    rest = after;
                } else {
                    self.note(Flaw::BareCr);
                }
                continue;
            }
            rest = self.skip_text(rest);
        }
    }

    /// What is wrong with the message, as far as it has come.
    pub fn flaw(&self) -> Option<Flaw> {
        self.flaw
    }

    /// Ends the message: the line end that it lacks, or nothing.
    pub fn finish(&self) -> Result<&'static [u8], Flaw> {
        match (self.flaw, self.tail) {
            (Some(flaw), _) => Err(flaw),
            (None, Tail::Cr) => Err(Flaw::BareCr),
            (None, Tail::Text) => Ok(b"\r\n"),
            (None, Tail::LineStart) => Ok(b""),
        }
    }

    fn skip_text<'a>(&mut self, rest: &'a [u8]) -> &'a [u8] {
        self.tail = Tail::Text;
        let Some(end) = memchr2(b'\r', b'\n', rest) else {
            return &[];
        };
        match rest.get(end) {
            Some(b'\r') => self.tail = Tail::Cr,
            _ => self.note(Flaw::BareLf),
        }
        rest.get(end + 1..).unwrap_or_default()
    }

    fn note(&mut self, flaw: Flaw) {
        self.flaw = self.flaw.or(Some(flaw));
    }
}
