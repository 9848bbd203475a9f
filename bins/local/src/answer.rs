//! What a process that works as a user says of its task: a letter for itself, and of each message a verdict and words.
//!
//! Security stance: it comes from a process of the user's, who may have taken it over. It speaks of that user's messages alone, and
//! all that it can do is to say something wrong of those. One that is asked about many users says that it leaves before it becomes
//! one of them; whatever it says after that, it is asked nothing more.

use stafett_wire::Verdict;
use stafett_wire::delivery::{MOST_ORDERS, Scope};
use stafett_wire::netstring::{all, push};

/// The bytes of an answer at most.
pub const LONGEST: usize = 8192;
/// What of an outcome is not its text, in bytes.
const ROOM: usize = 16;

const LAST: u8 = b'-';
const MORE: u8 = b'+';
const SEVERAL: u8 = b'*';
const FOREIGN: u8 = b'?';
const LEAVES: u8 = b'!';

/// What became of one recipient, and what is learnt by that.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Done, later, never.
    pub verdict: Verdict,
    /// In words.
    pub text: String,
    /// Of the recipient alone; of all users, because the database of users is away; of nobody, for it is trouble of this host.
    pub scope: Scope,
}

impl Outcome {
    /// Done.
    pub fn done(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Ok, text: text.into(), scope: Scope::Message }
    }

    /// To be tried again.
    pub fn later(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Temporary, text: text.into(), scope: Scope::Message }
    }

    /// The same; whose the address is, and whether it can be found out, is not known.
    pub fn unknown(text: impl Into<String>) -> Outcome {
        Outcome { scope: Scope::Own, ..Outcome::later(text) }
    }

    /// The same, and it may have been done.
    pub fn interrupted(text: impl Into<String>) -> Outcome {
        Outcome { scope: Scope::Interrupted, ..Outcome::later(text) }
    }

    /// To be returned.
    pub fn never(text: impl Into<String>) -> Outcome {
        Outcome { verdict: Verdict::Permanent, text: text.into(), scope: Scope::Message }
    }
}

/// What a process says of its task.
#[derive(Debug)]
pub enum Answer {
    /// It goes. Of several messages it has begun the first alone, as below.
    Last(Outcome),
    /// It can take another task with the same key.
    More(Outcome),
    /// The same, and a task may have several messages: what became of the first ones of this, in their order. Any others it has
    /// not begun.
    Several(Vec<Outcome>),
    /// It has become somebody else than this task needs, and has done nothing.
    Foreign,
    /// Said before the answer, by one that does tasks of many: from now on it is this one user's, and no further task is for it.
    Leaves,
}

/// What became of a task.
#[derive(Debug)]
pub struct Outcomes {
    /// That of its first message, if it has any, and of others.
    pub first: Outcome,
    /// That of the messages behind it, in their order. Those that have none were not begun.
    pub rest: Vec<Outcome>,
    /// The next task may have several messages.
    pub takes_several: bool,
}

impl From<Outcome> for Outcomes {
    fn from(first: Outcome) -> Outcomes {
        Outcomes { first, rest: Vec::new(), takes_several: false }
    }
}

impl Outcomes {
    /// Of several messages; nothing when it says nothing of any.
    pub fn of(outcomes: Vec<Outcome>) -> Option<Outcomes> {
        let mut outcomes = outcomes.into_iter();
        Some(Outcomes { first: outcomes.next()?, rest: outcomes.collect(), takes_several: true })
    }

    /// All of these messages fare the same: it is not known what was done.
    pub fn same(outcome: Outcome, messages: usize) -> Outcomes {
        Outcomes { rest: vec![outcome.clone(); messages.saturating_sub(1)], first: outcome, takes_several: false }
    }
}

impl Answer {
    /// The packet: what becomes of the process, then a netstring for each outcome.
    pub fn encode(&self) -> Vec<u8> {
        let (stays, outcomes) = match self {
            Answer::Last(outcome) => (LAST, std::slice::from_ref(outcome)),
            Answer::More(outcome) => (MORE, std::slice::from_ref(outcome)),
            Answer::Several(outcomes) => (SEVERAL, outcomes.as_slice()),
            Answer::Foreign => (FOREIGN, [].as_slice()),
            Answer::Leaves => (LEAVES, [].as_slice()),
        };
        let most = LONGEST / outcomes.len().max(1) - ROOM;
        let mut packet = vec![stays];
        for outcome in outcomes {
            let mut one = vec![outcome.verdict.letter()];
            one.extend_from_slice(outcome.scope.letter());
            one.extend_from_slice(outcome.text.as_bytes());
            one.truncate(most);
            push(&mut packet, &one);
        }
        packet
    }

    /// Reads the packet; nothing when it is none.
    pub fn parse(packet: &[u8]) -> Option<Answer> {
        let (stays, outcomes) = packet.split_first()?;
        let mut outcomes = all(outcomes, MOST_ORDERS).ok()?.into_iter().map(outcome).collect::<Option<Vec<_>>>()?;
        match *stays {
            LAST => outcomes.pop().map(Answer::Last),
            MORE => outcomes.pop().map(Answer::More),
            SEVERAL => Some(Answer::Several(outcomes)),
            FOREIGN => Some(Answer::Foreign),
            LEAVES => Some(Answer::Leaves),
            _ => None,
        }
    }
}

fn outcome(text: &[u8]) -> Option<Outcome> {
    let [letter, scope, words @ ..] = text else { return None };
    let text = String::from_utf8_lossy(words).into_owned();
    Some(Outcome { verdict: Verdict::from_letter(*letter)?, text, scope: Scope::from_letter(&[*scope])? })
}
