//! Reads OpenMetrics 1.0.0 as strictly as its text says, for judging what the program writes.

use std::collections::{BTreeMap, BTreeSet};

/// A page, by the samples' names with their labels as they stand.
#[derive(Debug, Default)]
pub struct Page {
    pub samples: BTreeMap<String, f64>,
    pub families: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
struct Family {
    name: String,
    kind: String,
    unit: String,
    has_help: bool,
    samples: usize,
}

/// Panics at the first fault.
pub fn parse(text: &str) -> Page {
    let body = text.strip_suffix("# EOF\n").expect("the text ends with # EOF and a line end");
    let mut page = Page::default();
    let mut family = Family::default();
    for line in body.split_terminator('\n') {
        assert!(!line.is_empty() && !line.ends_with(' '), "{line:?}");
        match line.strip_prefix("# ") {
            Some(meta) => metadata(meta, &mut family, &mut page),
            None => sample(line, &mut family, &mut page),
        }
    }
    finish(&family);
    page
}

fn metadata(line: &str, family: &mut Family, page: &mut Page) {
    let mut parts = line.splitn(3, ' ');
    let (word, name, value) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().expect("a value"));
    assert!(is_name(name), "{line}");
    if word == "TYPE" {
        finish(family);
        *family = Family { name: name.to_owned(), kind: value.to_owned(), ..Family::default() };
        assert!(page.families.insert(name.to_owned(), value.to_owned()).is_none(), "{name} comes twice");
        for ending in ["_total", "_bucket", "_count", "_sum", "_info", "_created"] {
            assert!(!name.ends_with(ending), "{name}: the name of a family must not end so");
        }
        return;
    }
    assert_eq!(family.name, name, "metadata of another family");
    assert_eq!(family.samples, 0, "metadata behind samples");
    match word {
        "UNIT" => value.clone_into(&mut family.unit),
        "HELP" => {
            assert!(value.ends_with('.') && !value.replace("\\\\", "").replace("\\n", "").contains('\\'), "{line}");
            family.has_help = true;
        }
        _ => panic!("{line}"),
    }
}

fn finish(family: &Family) {
    let Family { name, kind, unit, has_help, .. } = family;
    if name.is_empty() {
        return;
    }
    assert!(has_help, "{name} has no HELP");
    assert!(unit.is_empty() || name.ends_with(&format!("_{unit}")), "{name} {unit}");
    for base in ["seconds", "bytes"] {
        assert!(!name.ends_with(base) || unit == base, "{name} does not tell its unit");
    }
    assert!(["gauge", "counter", "histogram", "info"].contains(&kind.as_str()), "{name} {kind}");
}

fn sample(line: &str, family: &mut Family, page: &mut Page) {
    let (series, value) = line.rsplit_once(' ').unwrap();
    let value: f64 = value.parse().unwrap_or_else(|_| panic!("{line}"));
    let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| (name, labels.strip_suffix('}').expect(line)));
    let labels = labels_of(labels);
    let suffix = name.strip_prefix(family.name.as_str()).unwrap_or_else(|| panic!("{line}: not of {}", family.name));
    let fits = match family.kind.as_str() {
        "gauge" => suffix.is_empty(),
        "counter" => suffix == "_total" && value >= 0.0,
        "info" => suffix == "_info" && value == 1.0,
        _ => histogram(suffix, &labels, value, family, page),
    };
    assert!(fits, "{line}: not as a {} is", family.kind);
    assert!(family.kind == "histogram" || !labels.contains_key("le"), "{line}");
    assert!(page.samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
    family.samples += 1;
}

/// Classes grow, and the last one is the count.
fn histogram(suffix: &str, labels: &BTreeMap<String, String>, value: f64, family: &Family, page: &Page) -> bool {
    let classes = page.samples.iter().filter(|(series, _)| series.starts_with(&format!("{}_bucket{{", family.name)));
    let largest = classes.map(|(_, value)| *value).fold(0.0, f64::max);
    match suffix {
        "_bucket" => labels.len() == 1 && value >= largest && (labels["le"] == "+Inf" || labels["le"].contains('.')),
        "_count" => value == largest && page.samples.contains_key(&format!("{}_bucket{{le=\"+Inf\"}}", family.name)),
        "_sum" => value >= 0.0,
        _ => false,
    }
}

fn labels_of(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (name, behind) = rest.split_once("=\"").expect(text);
        assert!(is_name(name) && !name.contains(':'), "{text}");
        let (mut value, mut characters) = (String::new(), behind.char_indices());
        let end = loop {
            match characters.next().expect(text) {
                (at, '"') => break at,
                (_, '\\') => match characters.next().expect(text).1 {
                    'n' => value.push('\n'),
                    escaped @ ('\\' | '"') => value.push(escaped),
                    _ => panic!("{text}"),
                },
                (_, character) => value.push(character),
            }
        };
        assert!(found.insert(name.to_owned(), value).is_none(), "{text}");
        rest = &behind[end + 1..];
        rest = rest.strip_prefix(',').unwrap_or_else(|| {
            assert!(rest.is_empty(), "{text}");
            rest
        });
    }
    found
}

fn is_name(name: &str) -> bool {
    let allowed: BTreeSet<char> = ('a'..='z').chain('A'..='Z').chain('0'..='9').chain(['_', ':']).collect();
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_') && name.chars().all(|one| allowed.contains(&one))
}

#[test]
fn the_parser_finds_faults() {
    parse("# TYPE a counter\n# HELP a A.\na_total{b=\"c\\\"\\n,}\"} 1\n# EOF\n");
    let bad = [
        "# TYPE a counter\n# HELP a A.\na_total 1\n",
        "# TYPE a counter\n# HELP a A.\na 1\n# EOF\n",
        "# TYPE a counter\na_total 1\n# EOF\n",
        "# TYPE a gauge\n# HELP a A.\na 1\na 2\n# EOF\n",
        "# TYPE a gauge\n# HELP a A.\nb 1\n# EOF\n",
        "# TYPE a gauge\n# HELP a A.\na{b=\"\\x\"} 1\n# EOF\n",
        "# TYPE a_seconds gauge\n# HELP a_seconds A.\na_seconds 1\n# EOF\n",
        "# TYPE a_total counter\n# HELP a_total A.\na_total_total 1\n# EOF\n",
    ];
    for text in bad {
        assert!(std::panic::catch_unwind(|| parse(text)).is_err(), "{text}");
    }
}
