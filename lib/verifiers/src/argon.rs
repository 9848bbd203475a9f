//! argon2id (RFC 9106), in the words of its reference program: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.

use crate::{bare, from_bare, random};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use std::fmt;

/// What is made: 19 MiB, two passes, about 27 ms.
const MEMORY: u32 = 19 * 1024;
const PASSES: u32 = 2;
/// What is borne in a line, in KiB, and passes.
const MOST_MEMORY: u32 = 256 * 1024;
const MOST_PASSES: u32 = 16;
const MOST_LANES: u32 = 16;
const SALT: usize = 16;
const HASH: usize = 32;

/// A verifier for passwords in the clear.
#[derive(Clone, PartialEq, Eq)]
pub struct Argon2id {
    memory: u32,
    passes: u32,
    lanes: u32,
    salt: Vec<u8>,
    hash: Vec<u8>,
}

/// The memory that is worked in, kept from one password to the next.
#[derive(Default)]
pub struct Workplace(Vec<Block>);

impl fmt::Debug for Workplace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Workplace")
    }
}

impl fmt::Debug for Argon2id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Argon2id")
    }
}

impl Argon2id {
    /// That of a password.
    ///
    /// # Errors
    /// When the system gives no random numbers.
    pub fn of(password: &str, workplace: &mut Workplace) -> Result<Argon2id, String> {
        let mut made = Argon2id { memory: MEMORY, passes: PASSES, lanes: 1, salt: random::<SALT>()?.to_vec(), hash: vec![0; HASH] };
        made.hash = made.hash_of(password, workplace).ok_or("unable to compute argon2id")?;
        Ok(made)
    }

    /// One that no password fits and that takes as long as another.
    pub fn of_nobody() -> Argon2id {
        Argon2id { memory: MEMORY, passes: PASSES, lanes: 1, salt: vec![0; SALT], hash: vec![0; HASH] }
    }

    /// The memory in KiB, the passes and the lanes that a password takes.
    pub fn cost(&self) -> (u32, u32, u32) {
        (self.memory, self.passes, self.lanes)
    }

    /// Reads what stands behind `$argon2id$`.
    pub(crate) fn parse(text: &str) -> Result<Argon2id, String> {
        let wrong = || "a verifier of argon2id is damaged; set the password anew with stafett-passwd".to_owned();
        let parts: Vec<&str> = text.split('$').collect();
        let ["v=19", cost, salt, hash] = parts[..] else { return Err(wrong()) };
        let mut numbers = cost.split(',').zip(["m=", "t=", "p="]).map(|(part, name)| part.strip_prefix(name)?.parse::<u32>().ok());
        let mut next = || numbers.next().flatten().ok_or_else(wrong);
        let (memory, passes, lanes) = (next()?, next()?, next()?);
        let salt = from_bare(salt).filter(|salt| (8..=64).contains(&salt.len())).ok_or_else(wrong)?;
        let hash = from_bare(hash).filter(|hash| (16..=64).contains(&hash.len())).ok_or_else(wrong)?;
        if cost.split(',').count() != 3 || memory > MOST_MEMORY || passes > MOST_PASSES || lanes > MOST_LANES {
            return Err(format!("a verifier of argon2id asks for more than m={MOST_MEMORY},t={MOST_PASSES},p={MOST_LANES}"));
        }
        Params::new(memory, passes, lanes, Some(hash.len())).map_err(|_| wrong())?;
        Ok(Argon2id { memory, passes, lanes, salt, hash })
    }

    /// Whether a password is the one.
    pub fn fits(&self, password: &str, workplace: &mut Workplace) -> bool {
        self.hash_of(password, workplace).is_some_and(|hash| crate::scram::same(&hash, &self.hash))
    }

    fn hash_of(&self, password: &str, workplace: &mut Workplace) -> Option<Vec<u8>> {
        let params = Params::new(self.memory, self.passes, self.lanes, Some(self.hash.len())).ok()?;
        let blocks = params.block_count();
        workplace.0.resize(blocks.max(workplace.0.len()), Block::default());
        let place = workplace.0.get_mut(..blocks)?;
        let mut hash = vec![0; self.hash.len()];
        let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon.hash_password_into_with_memory(password.as_bytes(), &self.salt, &mut hash, place).ok()?;
        Some(hash)
    }
}

impl fmt::Display for Argon2id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Argon2id { memory, passes, lanes, salt, hash } = self;
        write!(f, "$argon2id$v=19$m={memory},t={passes},p={lanes}${}${}", bare(salt), bare(hash))
    }
}
