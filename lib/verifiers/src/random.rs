//! Random numbers of the system.

use ring::rand::{SecureRandom, SystemRandom};

/// So many random bytes.
///
/// # Errors
/// When the system gives none.
pub fn random<const SIZE: usize>() -> Result<[u8; SIZE], String> {
    let mut bytes = [0; SIZE];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "unable to get random numbers from the system".to_owned())?;
    Ok(bytes)
}
