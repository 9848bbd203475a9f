//! The characters that begin an extension: control/breakchar.

/// The characters, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breaks(String);

impl Default for Breaks {
    fn default() -> Breaks {
        Breaks("-".to_owned())
    }
}

impl Breaks {
    /// These characters; the usual one where there is none.
    pub fn new(characters: &str) -> Breaks {
        if characters.is_empty() { Breaks::default() } else { Breaks(characters.to_owned()) }
    }

    /// The one that this host writes itself.
    pub fn first(&self) -> char {
        self.0.chars().next().unwrap_or('-')
    }

    /// Whether `character` begins an extension.
    pub fn contains(&self, character: char) -> bool {
        self.0.contains(character)
    }

    /// Where extensions begin in `text`, in bytes, from the first to the last. In dot-qmail files `-` always counts.
    pub fn positions(&self, text: &str) -> Vec<usize> {
        text.char_indices().filter(|(_, c)| *c == '-' || self.contains(*c)).map(|(index, _)| index).collect()
    }
}
