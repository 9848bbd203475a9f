//! Header fields, and the tags in the values of those that sign.

/// A header field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its name as written, blank space behind it stripped.
    pub(crate) name: Vec<u8>,
    /// What stands behind the colon.
    pub(crate) value: Vec<u8>,
}

impl Field {
    pub(crate) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// As it is signed.
    pub(crate) fn canonical(&self) -> Vec<u8> {
        crate::canonical::field(&self.name, &self.value)
    }

    /// The value of a tag (RFC 6376 section 3.2).
    pub(crate) fn tag(&self, wanted: &str) -> Option<String> {
        let text = String::from_utf8_lossy(&self.value);
        let tag = |part: &str| part.split_once('=').map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()));
        text.split(';').filter_map(tag).find(|(name, _)| name == wanted).map(|(_, value)| value)
    }
}

/// The fields of a header without the empty line behind it; what is no field is passed over.
pub(crate) fn fields(header: &[u8]) -> Vec<Field> {
    let mut fields = Vec::new();
    let mut rest = header;
    while !rest.is_empty() {
        let mut end = line_end(rest, 0);
        while matches!(rest.get(end), Some(b' ' | b'\t')) {
            end = line_end(rest, end);
        }
        let (one, more) = rest.split_at(end);
        rest = more;
        fields.extend(field(one));
    }
    fields
}

fn field(text: &[u8]) -> Option<Field> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let (name, value) = text.split_at(colon);
    let name = name.trim_ascii_end();
    let is_name = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    is_name.then(|| Field { name: name.to_vec(), value: value.get(1..).unwrap_or_default().to_vec() })
}

fn line_end(text: &[u8], from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    rest.iter().position(|byte| *byte == b'\n').map_or(text.len(), |at| from + at + 1)
}
