//! What the page says, and that others can read it.

use crate::parser::{Page, parse};
use crate::site::{Site, wait_until};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const QUEUED: &str = "Kaccepted 5 bytes 700 refused_full 2 refused_write 0 fsync_count 5 fsync_micros 1250000 fsync_to_500 0 fsync_to_1000 3 fsync_to_250000 1 odd x";
const SEND: &[&str] = &[
    "messages 3",
    "running 2",
    "connections 1",
    "concurrency 100",
    "destinations 4",
    "destinations_down 1",
    "deliveries_total 8",
    "deferrals_total 9",
    "failures_total 10",
    "messages_ended_total 7",
    "new_number_of_a_later_version 1",
];

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// One with something of everything.
fn full() -> Site {
    let site = Site::new();
    site.queued(QUEUED);
    site.send(SEND);
    site.put("new", now(), 1, 10);
    site.put("cur", now() - 4000, 7, 100);
    let held = now() - 500_000;
    site.put("hold", held, 3, 1000);
    fs::write(site.path("queue/bad/x"), "").unwrap();
    fs::write(site.path("queue/new/odd"), "").unwrap();
    site.add("control/smtproutes", "inside.example:192.0.2.1\n");
    site.add("log/smtpd/current", "@400000006921000a00000000 stafett-smtpd: accept 1 before we began\n");
    site.add(
        "log/tcpserver/current",
        "2026-11-21_22:02:59.10144 tcpserver: ok 1 before\n2026-11-21_22:02:59.10144 tcpserver: status: 4/200\n",
    );
    let mut status = (4_611_686_018_427_387_914 + now() - 100).to_be_bytes().to_vec();
    status.extend([0, 0, 0, 0, 77, 0, 0, 0, 0, b'u', 0, 1]);
    fs::write(site.path("service/smtpd/supervise/status"), status).unwrap();
    site
}

fn value(page: &Page, series: &str) -> f64 {
    *page.samples.get(series).unwrap_or_else(|| panic!("{series} is missing of {:#?}", page.samples))
}

fn check(page: &Page, wanted: &[(&str, f64)]) {
    for (series, number) in wanted {
        assert!((value(page, series) - number).abs() < 1e-9, "{series} is {}", value(page, series));
    }
}

const ALWAYS: &[(&str, f64)] = &[
    ("stafett_build_info{version=\"0.1.0\"}", 1.0),
    ("stafett_queue_readable", 1.0),
    ("stafett_queue_messages{state=\"new\"}", 1.0),
    ("stafett_queue_bytes{state=\"waiting\"}", 100.0),
    ("stafett_queue_messages_by_age{state=\"new\",age=\"to_1m\"}", 1.0),
    ("stafett_queue_messages_by_age{state=\"waiting\",age=\"to_6h\"}", 1.0),
    ("stafett_queue_messages_by_age{state=\"held\",age=\"older\"}", 1.0),
    ("stafett_queue_messages_by_age{state=\"held\",age=\"to_4d\"}", 0.0),
    ("stafett_queue_messages_due", 1.0),
    ("stafett_queue_damaged", 1.0),
    ("stafett_queue_strange_files", 1.0),
    ("stafett_queued_messages_accepted_total", 5.0),
    ("stafett_queued_messages_refused_total{reason=\"full\"}", 2.0),
    ("stafett_queued_fsync_seconds_bucket{le=\"0.001\"}", 3.0),
    ("stafett_queued_fsync_seconds_bucket{le=\"0.25\"}", 4.0),
    ("stafett_queued_fsync_seconds_bucket{le=\"+Inf\"}", 5.0),
    ("stafett_queued_fsync_seconds_sum", 1.25),
    ("stafett_send_deliveries_total{outcome=\"deferral\"}", 9.0),
    ("stafett_send_destinations_down", 1.0),
    ("stafett_service_up{service=\"smtpd\"}", 1.0),
    ("stafett_service_answers{service=\"send\"}", 1.0),
];

#[test]
fn one_look_tells_of_everything_but_the_logs() {
    let site = full();
    let output = site.run(&["--once"]);
    assert!(output.status.success(), "{output:?}");
    let page = parse(&String::from_utf8(output.stdout).unwrap());
    check(&page, ALWAYS);
    assert!((100.0..130.0).contains(&value(&page, "stafett_service_uptime_seconds{service=\"smtpd\"}")));
    assert!(!page.families.contains_key("stafett_smtpd_refusals"));
}

#[test]
fn logs_are_counted_from_the_start_on_and_over_rotations() {
    let mut site = full();
    site.start(&[]);
    let page = parse(&site.scrape());
    check(&page, ALWAYS);
    check(&page, &[("stafett_smtpd_messages_accepted_total", 0.0), ("stafett_tcpserver_connections{listener=\"tcpserver\"}", 4.0)]);
    site.add("log/smtpd/current", "@400000006921000a00000000 stafett-smtpd: accept 1 bytes 5\n");
    fs::rename(site.path("log/smtpd/current"), site.path("log/smtpd/@400000006921000b00000000.s")).unwrap();
    site.add("log/smtpd/current", "@400000006921000a00000000 stafett-smtpd: accept 2\n@400000006921000a00000000 stafett-smtpd: refuse control/badmailfrom:7 from <a>\n");
    let deliveries = "2026-11-21_22:02:59.10144 starting delivery 1: msg 1763758000123456 to remote a@inside.example\n2026-11-21_22:02:59.10144 delivery 1: deferral: x\n";
    site.add("log/send/current", deliveries);
    site.add(
        "log/tcpserver/current",
        "2026-11-21_22:02:59.10144 tcpserver: deny 1 x\n2026-11-21_22:02:59.10144 tcpserver: status: 5/200\n",
    );
    wait_until("the lines are counted", || site.scrape().contains("stafett_tcpserver_connections{listener=\"tcpserver\"} 5\n"));
    let wanted = [
        ("stafett_smtpd_messages_accepted_total", 2.0),
        ("stafett_smtpd_refusals_total{rule=\"control/badmailfrom\"}", 1.0),
        ("stafett_deliveries_total{route=\"host\",top=\"example\",outcome=\"deferral\"}", 1.0),
        ("stafett_tcpserver_connections_denied_total{listener=\"tcpserver\"}", 1.0),
        ("stafett_tcpserver_connections_admitted_total{listener=\"tcpserver\"}", 0.0),
        ("stafett_tcpserver_connections_limit{listener=\"tcpserver\"}", 200.0),
    ];
    check(&parse(&site.scrape()), &wanted);
    site.stop();
}

#[test]
fn services_that_are_away_are_told_of_and_nothing_is_made_up() {
    let site = Site::new();
    let page = parse(&String::from_utf8(site.run(&["--once"]).stdout).unwrap());
    check(&page, &[("stafett_service_answers{service=\"queued\"}", 0.0), ("stafett_service_answers{service=\"send\"}", 0.0)]);
    assert!(!page.samples.keys().any(|series| series.starts_with("stafett_queued_") || series.starts_with("stafett_send_")));
    fs::remove_dir(site.path("queue/hold")).unwrap();
    let output = site.run(&["--once"]);
    assert_eq!(output.status.code(), Some(111));
    assert!(String::from_utf8(output.stderr).unwrap().contains("queue/hold"));
}

#[test]
fn a_scrape_takes_less_than_50_milliseconds_with_100000_messages() {
    let mut site = Site::new();
    let first = now() - 300_000;
    (0..100_000).for_each(|number| site.put("cur", first, number, 1));
    site.start(&[]);
    assert!(site.scrape().contains("stafett_queue_messages{state=\"waiting\"} 100000\n"));
    // A look at the queue falls into this time.
    let mut times: Vec<Duration> = (0..60)
        .map(|_| {
            let (begun, others) = (Instant::now(), without_processor(&site));
            site.scrape();
            let time = begun.elapsed().saturating_sub(without_processor(&site) - others);
            std::thread::sleep(Duration::from_millis(100));
            time
        })
        .collect();
    times.sort();
    assert!(times[56] < Duration::from_millis(50), "{times:?}");
}

/// How long the thread that serves, and this one, were ready to run while others had the processors (schedstat, its second number).
fn without_processor(site: &Site) -> Duration {
    let pid = site.pid();
    let files = [format!("/proc/{pid}/task/{pid}/schedstat"), "/proc/thread-self/schedstat".to_owned()];
    let waits = files.map(|file| fs::read_to_string(file).unwrap().split(' ').nth(1).unwrap().parse::<u64>().unwrap());
    Duration::from_nanos(waits.iter().sum())
}

#[test]
fn the_manual_page_names_every_family() {
    let mut site = full();
    site.start(&[]);
    let manual = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../man/stafett-metrics.8")).unwrap();
    let words: Vec<&str> = manual.split([' ', '\n']).collect();
    for (name, kind) in parse(&site.scrape()).families {
        let shown = match kind.as_str() {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name,
        };
        assert!(words.contains(&shown.as_str()), "man/stafett-metrics.8 lacks {shown}");
    }
}

/// Where tests/run has laid it out, or where it is installed.
fn promtool() -> Option<PathBuf> {
    let laid_out = std::env::var_os("STAFETT_TEST_PEERS").map(|peers| PathBuf::from(peers).join("usr/bin"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = laid_out.into_iter().chain(std::env::split_paths(&path)).map(|one| one.join("promtool")).find(|one| one.is_file());
    if found.is_none() {
        let reason = "what promtool says of the page of numbers: left out: it is not there (Debian package prometheus)";
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "{reason}");
        eprintln!("{reason}");
        // tests/run prints these at its end.
        if let Some(file) = std::env::var_os("STAFETT_TEST_SKIPS") {
            writeln!(fs::OpenOptions::new().append(true).create(true).open(file).unwrap(), "{reason}").unwrap();
        }
    }
    found
}

fn judge(promtool: &Path, arguments: &[&Path], input: &str) {
    let mut child =
        Command::new(promtool).args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{input}");
}

#[test]
fn prometheus_own_checker_finds_nothing_wrong() {
    let Some(promtool) = promtool() else { return };
    let mut site = full();
    site.start(&[]);
    site.add("log/smtpd/current", "@400000006921000a00000000 stafett-smtpd: refuse control/badmailfrom:7 from <a>\n");
    wait_until("the line is counted", || site.scrape().contains("stafett_smtpd_refusals_total{rule=\"control/badmailfrom\"} 1\n"));
    let classic = site.ask("GET /metrics HTTP/1.1\r\nAccept: text/plain;version=0.0.4\r\n\r\n");
    judge(&promtool, &[Path::new("check"), Path::new("metrics")], classic.split_once("\r\n\r\n").unwrap().1);
    // It lints the older format alone; its reader of OpenMetrics wants time stamps.
    let stamped: String =
        site.scrape().lines().map(|line| if line.starts_with('#') { format!("{line}\n") } else { format!("{line} {}\n", now()) }).collect();
    let (input, blocks) = (site.path("stamped"), site.path("blocks"));
    fs::write(&input, stamped).unwrap();
    judge(&promtool, &[Path::new("tsdb"), Path::new("create-blocks-from"), Path::new("openmetrics"), &input, &blocks], "");
}
