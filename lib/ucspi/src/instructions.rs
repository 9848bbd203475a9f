//! What a rule says, and its form inside the cdb: NUL-terminated items `D` and `+NAME=value`.
//!
//! Security stance: a value that is not exactly of that form is refused, not skipped over, for a
//! damaged deny must not become an allow.

/// Whether a client may enter, and the variables that its session gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Instructions {
    /// The connection is to be dropped.
    pub deny: bool,
    /// Names and values, in the order of the rule.
    pub variables: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Instructions {
    /// The value that the cdb holds.
    pub fn encode(&self) -> Vec<u8> {
        let mut value = Vec::new();
        if self.deny {
            value.extend_from_slice(b"D\0");
        }
        for (name, text) in &self.variables {
            for part in [b"+".as_slice(), name, b"=", text, b"\0"] {
                value.extend_from_slice(part);
            }
        }
        value
    }

    /// Reads a value of a cdb; `None` when it is damaged or of another program.
    pub fn decode(value: &[u8]) -> Option<Instructions> {
        let mut instructions = Instructions::default();
        for item in items(value)? {
            match item.split_first()? {
                (b'D', []) => instructions.deny = true,
                (b'+', variable) => instructions.variables.push(split(variable)?),
                _ => return None,
            }
        }
        Some(instructions)
    }
}

fn items(value: &[u8]) -> Option<impl Iterator<Item = &[u8]>> {
    let terminated = match value {
        [] => value,
        _ => value.strip_suffix(b"\0")?,
    };
    Some(terminated.split(|byte| *byte == 0).filter(|_| !value.is_empty()))
}

fn split(variable: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let at = variable.iter().position(|byte| *byte == b'=')?;
    Some((variable.get(..at)?.to_vec(), variable.get(at + 1..)?.to_vec()))
}
