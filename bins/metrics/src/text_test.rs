use super::{Dialect, Kind, Text};

fn sample_text(dialect: Dialect) -> String {
    let mut text = Text::new(dialect);
    text.single(("a_bytes", Kind::Counter, "bytes", "What it\\is."), 3);
    text.family(("b", Kind::Gauge, "", "More."));
    text.sample(&[("x", "a\"b\\c\nd"), ("y", "")], 1.5);
    text.family(("c_seconds", Kind::Histogram, "seconds", "Times."));
    text.histogram(&[("0.1", 2), ("1", 3)], 6, "0.75");
    text.family(("d", Kind::Info, "", "Built."));
    text.sample(&[("version", "1")], 1);
    text.finish()
}

#[test]
fn openmetrics_names_families_without_suffix() {
    let wanted = concat!(
        "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes What it\\\\is.\na_bytes_total 3\n",
        "# TYPE b gauge\n# HELP b More.\nb{x=\"a\\\"b\\\\c\\nd\",y=\"\"} 1.5\n",
        "# TYPE c_seconds histogram\n# UNIT c_seconds seconds\n# HELP c_seconds Times.\n",
        "c_seconds_bucket{le=\"0.1\"} 2\nc_seconds_bucket{le=\"1\"} 5\nc_seconds_bucket{le=\"+Inf\"} 6\nc_seconds_sum 0.75\nc_seconds_count 6\n",
        "# TYPE d info\n# HELP d Built.\nd_info{version=\"1\"} 1\n# EOF\n",
    );
    assert_eq!(sample_text(Dialect::OpenMetrics), wanted);
}

#[test]
fn the_older_format_names_them_with_it() {
    let text = sample_text(Dialect::Classic);
    assert!(text.starts_with("# TYPE a_bytes_total counter\n# HELP a_bytes_total What it\\\\is.\na_bytes_total 3\n"), "{text}");
    assert!(text.ends_with("# TYPE d_info gauge\n# HELP d_info Built.\nd_info{version=\"1\"} 1\n"), "{text}");
    assert!(!text.contains("UNIT") && !text.contains("EOF"));
}

#[test]
fn a_histogram_whose_total_is_older_than_its_classes_stays_in_order() {
    let mut text = Text::new(Dialect::OpenMetrics);
    text.family(("c_seconds", Kind::Histogram, "seconds", "Times."));
    text.histogram(&[("0.1", 7)], 6, 1);
    assert!(text.finish().contains("le=\"+Inf\"} 7\n"));
}
