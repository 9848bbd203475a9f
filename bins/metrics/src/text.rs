//! The text that a scraper reads: families of samples, in OpenMetrics 1.0.0 or in the older
//! format 0.0.4 of Prometheus.
//!
//! Security stance: label values are escaped here alone; names are constants of this program.
//! Known limits: no exemplars and no time stamps; a family is written once, all samples in a row.

use std::fmt::{Display, Write};

/// Which format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// OpenMetrics 1.0.0.
    OpenMetrics,
    /// Prometheus' text format 0.0.4.
    Classic,
}

impl Dialect {
    /// The value of Content-Type.
    pub fn content_type(self) -> &'static str {
        match self {
            Dialect::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Dialect::Classic => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// What a family's values mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows until its source starts anew.
    Counter,
    /// Counts of observations by size.
    Histogram,
    /// A constant 1 whose labels matter.
    Info,
}

/// A family: its name without a suffix that its kind adds, kind, unit (the last word of the name;
/// empty for none), and what it is.
pub type Family = (&'static str, Kind, &'static str, &'static str);

/// A text in the making.
#[derive(Debug)]
pub struct Text {
    dialect: Dialect,
    out: String,
    name: &'static str,
    suffix: &'static str,
}

impl Text {
    /// An empty text.
    pub fn new(dialect: Dialect) -> Text {
        Text { dialect, out: String::with_capacity(16 * 1024), name: "", suffix: "" }
    }

    /// Begins a family; its samples follow.
    pub fn family(&mut self, (name, kind, unit, help): Family) {
        self.name = name;
        self.suffix = match kind {
            Kind::Counter => "_total",
            Kind::Info => "_info",
            Kind::Gauge | Kind::Histogram => "",
        };
        // The older format has the suffix in the family's name and knows neither infos nor units.
        let (shown, word) = match (self.dialect, kind) {
            (Dialect::Classic, Kind::Info) => (self.suffix, "gauge"),
            (Dialect::Classic, _) => (self.suffix, word(kind)),
            (Dialect::OpenMetrics, _) => ("", word(kind)),
        };
        let _ = writeln!(self.out, "# TYPE {name}{shown} {word}");
        if self.dialect == Dialect::OpenMetrics && !unit.is_empty() {
            let _ = writeln!(self.out, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.out, "# HELP {name}{shown} {}", escaped(help, false));
    }

    /// A sample of the family that was begun last.
    pub fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.write(self.suffix, labels, value);
    }

    /// A family of one sample without labels.
    pub fn single(&mut self, family: Family, value: impl Display) {
        self.family(family);
        self.sample(&[], value);
    }

    /// The samples of a histogram: the upper ends of its classes, how many observations each class
    /// has (not counted together), how many there are in all, and their sum.
    pub fn histogram(&mut self, classes: &[(&str, u64)], count: u64, sum: impl Display) {
        let mut below = 0;
        for (bound, observations) in classes {
            below += observations;
            self.write("_bucket", &[("le", bound)], below);
        }
        // The numbers come one after the other, so that one may be newer than the next.
        let count = count.max(below);
        self.write("_bucket", &[("le", "+Inf")], count);
        self.write("_sum", &[], sum);
        self.write("_count", &[], count);
    }

    /// The whole text.
    pub fn finish(mut self) -> String {
        if self.dialect == Dialect::OpenMetrics {
            self.out.push_str("# EOF\n");
        }
        self.out
    }

    fn write(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.out, "{}{suffix}", self.name);
        for (index, (name, text)) in labels.iter().enumerate() {
            let _ = write!(self.out, "{}{name}=\"{}\"", if index == 0 { '{' } else { ',' }, escaped(text, true));
        }
        let _ = writeln!(self.out, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::Gauge => "gauge",
        Kind::Counter => "counter",
        Kind::Histogram => "histogram",
        Kind::Info => "info",
    }
}

fn escaped(text: &str, quotes: bool) -> String {
    let text = text.replace('\\', "\\\\").replace('\n', "\\n");
    if quotes { text.replace('"', "\\\"") } else { text }
}

#[cfg(test)]
#[path = "text_test.rs"]
mod tests;
