//! A report as others read it.

use super::*;
use std::io::Read;

fn count(kind: Kind, result: &str, host: &str) -> Count {
    let text = str::to_owned;
    let (policy, patterns) = match kind {
        Kind::Sts => (vec![text("version: STSv1"), text("mode: testing")], vec![text("*.x.org")]),
        _ => (Vec::new(), Vec::new()),
    };
    Count {
        domain: text("x.org"),
        kind,
        policy,
        patterns,
        result: text(result),
        from: String::new(),
        host: text(host),
        address: String::new(),
        words: text("a \"quote\" \\"),
    }
}

#[test]
fn a_report_sums_up_by_policy() {
    let author = Author { me: "relay.test".to_owned(), address: "tls@relay.test".to_owned() };
    let (good, bad, none) = (count(Kind::Sts, "", ""), count(Kind::Sts, "certificate-expired", "mx.x.org"), count(Kind::None, "", ""));
    let report = Report::new(&author, "x.org", Day::parse("2026-11-21").unwrap(), &[(&good, 5), (&bad, 2), (&none, 1)]);
    let expected = concat!(
        r#"{"organization-name":"relay.test","#,
        r#""date-range":{"start-datetime":"2026-11-21T00:00:00Z","end-datetime":"2026-11-21T23:59:59Z"},"#,
        r#""contact-info":"tls@relay.test","report-id":"2026-11-21.x.org@relay.test","policies":["#,
        r#"{"policy":{"policy-type":"sts","policy-string":["version: STSv1","mode: testing"],"policy-domain":"x.org","mx-host":["*.x.org"]},"#,
        r#""summary":{"total-successful-session-count":5,"total-failure-session-count":2},"#,
        r#""failure-details":[{"result-type":"certificate-expired","receiving-mx-hostname":"mx.x.org","#,
        r#""failure-reason-code":"a \"quote\" \\","failed-session-count":2}]},"#,
        r#"{"policy":{"policy-type":"no-policy-found","policy-domain":"x.org"},"#,
        r#""summary":{"total-successful-session-count":1,"total-failure-session-count":0}}]}"#,
    );
    assert_eq!(report.text, expected);
    assert_eq!(report.file_name(&author), "relay.test!x.org!1795219200!1795305599.json.gz");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&report.zipped().unwrap()[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, expected);
}

#[test]
fn days_are_those_of_the_calendar() {
    let day = Day::parse("2026-11-21").unwrap();
    assert_eq!((day.to_string(), day.begin(), day.end()), ("2026-11-21".to_owned(), 1_795_219_200, 1_795_305_599));
    for bad in ["2026-11-31", "2026-1-1", "x", "2026-11-21.new", "99999999-01-01", "1969-12-31"] {
        assert_eq!(Day::parse(bad), None, "{bad}");
    }
}
