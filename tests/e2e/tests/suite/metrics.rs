//! The page of numbers of a whole relay.

use stafett_test_e2e::{
    Client, Signal, Sink, Site, Supervisor, free_port, has, is_root, message, program, run, scratch, signal, skip, transfer, wait_until,
};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// stafett-metrics as an admin would run it: a user who is in the admins' group and nothing else.
struct Metrics {
    child: Child,
    port: u16,
}

impl Metrics {
    fn start(site: &Site) -> Metrics {
        let port = free_port();
        let mut command = Command::new("setpriv");
        if is_root() {
            let group = std::fs::metadata(site.path("queue")).unwrap().gid();
            command.args(["--reuid=65534", &format!("--regid={group}"), "--clear-groups"]);
        }
        command.arg(program("stafett-metrics")).args(["--listen", &format!("127.0.0.1:{port}")]).arg(site.root());
        let metrics = Metrics { child: command.stderr(Stdio::null()).spawn().unwrap(), port };
        assert!(wait_until(10, || TcpStream::connect(("127.0.0.1", port)).is_ok()), "stafett-metrics does not listen");
        metrics
    }

    fn page(&self) -> String {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text
    }

    fn says(&self, line: &str) {
        let line = format!("\n{line}\n");
        assert!(wait_until(20, || self.page().contains(&line)), "no line {line:?} in\n{}", self.page());
    }
}

impl Drop for Metrics {
    fn drop(&mut self) {
        signal(i32::try_from(self.child.id()).unwrap(), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

#[test]
fn what_the_relay_does_is_told_in_numbers() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let metrics = Metrics::start(&site);
    (0..3).for_each(|number| drop(transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("told-{number}")))));
    sink.messages(3, 10);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").saying("250 ");
    client.command("RCPT TO:<b@elsewhere.example>").saying("553 ");
    for line in [
        "stafett_queue_messages{state=\"waiting\"} 0",
        "stafett_queued_messages_accepted_total 3",
        "stafett_queued_fsync_seconds_count 3",
        "stafett_send_deliveries_total{outcome=\"success\"} 3",
        "stafett_send_messages_ended_total 3",
        "stafett_deliveries_total{route=\"host\",top=\"test\",outcome=\"success\"} 3",
        "stafett_smtpd_messages_accepted_total 3",
        "stafett_smtpd_refusals_total{rule=\"control/rcpthosts\"} 1",
        "stafett_tcpserver_connections{listener=\"tcpserver\"} 1",
    ] {
        metrics.says(line);
    }
    let page = metrics.page();
    assert!(page.ends_with("\n# EOF\n") && !page.contains("taken.test") && !page.contains("127.0.0.1"), "{page}");
}

#[test]
fn both_supervisors_say_which_services_run() {
    for supervisor in [Supervisor::Runit, Supervisor::Daemontools] {
        let mut site = Site::new();
        site.start(supervisor);
        let page = || run(Command::new(program("stafett-metrics")).arg("--once").arg(site.root()));
        for service in ["tcpserver", "smtpd", "queued", "send", "remote"] {
            let line = format!("stafett_service_up{{service=\"{service}\"}} 1\n");
            assert!(wait_until(10, || page().contains(&line)), "{supervisor:?}: {line}{}", page());
        }
        assert!(page().contains("stafett_service_answers{service=\"send\"} 1\n"), "{}", page());
        site.stop();
        let page = run(Command::new(program("stafett-metrics")).arg("--once").arg(site.root()));
        assert!(page.contains("stafett_service_answers{service=\"send\"} 0\n"), "{page}");
        assert!(page.contains("stafett_service_up{service=\"smtpd\"} 0\n"), "{supervisor:?}: {page}");
    }
}

/// The service that stafett-setup makes, asked by curl at both of its places.
#[test]
fn as_a_service_it_serves_at_its_socket_and_at_its_port() {
    if has("curl").is_none() {
        return skip("metrics", "curl is not installed");
    }
    for supervisor in [Supervisor::Runit, Supervisor::Daemontools] {
        let (sink, mut site, port) = (Sink::new(), Site::new(), free_port());
        let made = site.setup(&["--with", "metrics"]);
        assert!(made.status.success(), "{made:?}");
        site.control("rcpthosts", "taken.test\n");
        site.control("smtproutes", &sink.route());
        site.control("metricslisten", &format!("127.0.0.1:{port}\n"));
        site.start(supervisor);
        let (socket, url) = (site.path("run/metrics/socket"), format!("http://127.0.0.1:{port}/metrics"));
        let curl = |arguments: &[&std::ffi::OsStr]| {
            let output = Command::new("curl").args(["-s", "--max-time", "10"]).args(arguments).output().unwrap();
            String::from_utf8(output.stdout).unwrap()
        };
        let by_socket = || curl(&["--unix-socket".as_ref(), socket.as_ref(), "http://relay/metrics".as_ref()]);
        let by_port = || curl(&[url.as_ref()]);
        let says = |line: &str| {
            let line = format!("{line}\n");
            assert!(wait_until(30, || by_socket().contains(&line) && by_port().contains(&line)), "{line}{}\n{}", by_socket(), site.logs());
        };
        says("stafett_send_deliveries_total{outcome=\"success\"} 0");
        transfer(site.port(), "a@sender.test", "b@taken.test", &message("served"));
        sink.messages(1, 20);
        says("stafett_send_deliveries_total{outcome=\"success\"} 1");
        says("stafett_smtpd_messages_accepted_total 1");
        // Its own user may read all that it tells of, whichever supervisor made the rest.
        for service in ["tcpserver", "smtpd", "queued", "send", "remote", "metrics"] {
            says(&format!("stafett_service_up{{service=\"{service}\"}} 1"));
        }
        let judged = site.command("stafett-check").arg(site.root()).output().unwrap();
        assert!(!String::from_utf8_lossy(&judged.stdout).contains("metrics"), "{judged:?}");
        site.stop();
    }
}

/// Prometheus of Debian, which tests/run lays out.
struct Prometheus {
    child: Child,
    port: u16,
    _place: tempfile::TempDir,
}

impl Prometheus {
    fn watching(target: u16) -> Option<Prometheus> {
        let laid_out = std::env::var_os("STAFETT_TEST_PEERS").map(|peers| PathBuf::from(peers).join("usr/bin/prometheus"));
        let program = laid_out.filter(|program| program.is_file()).or_else(|| has("prometheus"))?;
        let (place, port) = (scratch(), free_port());
        let jobs =
            format!("scrape_configs:\n- job_name: relay\n  scrape_interval: 1s\n  static_configs:\n  - targets: ['127.0.0.1:{target}']\n");
        std::fs::write(place.path().join("config"), jobs).unwrap();
        let mut command = Command::new(program);
        command.args(["--config.file=config", "--storage.tsdb.path=data", &format!("--web.listen-address=127.0.0.1:{port}")]);
        let said = std::fs::File::create(place.path().join("said")).unwrap();
        let child = command.current_dir(place.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap();
        Some(Prometheus { child, port, _place: place })
    }

    /// What it answers to a query by its API; empty while it does not.
    fn asked(&self, query: &str) -> String {
        let mut command = Command::new("curl");
        command.args(["-s", "-G", "--max-time", "10", "--data-urlencode", &format!("query={query}")]);
        let output = command.arg(format!("http://127.0.0.1:{}/api/v1/query", self.port)).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    }

    fn knows(&self, query: &str, value: &str) {
        let wanted = format!(",\"{value}\"]");
        assert!(wait_until(60, || self.asked(query).contains(&wanted)), "{query} is not {value}: {}", self.asked(query));
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        signal(i32::try_from(self.child.id()).unwrap(), Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

#[test]
fn prometheus_itself_scrapes_it() {
    let (sink, mut site, port) = (Sink::new(), Site::new(), free_port());
    let Some(prometheus) = has("curl").and_then(|_| Prometheus::watching(port)) else {
        assert!(std::env::var_os("CI").is_none_or(|ci| ci != "true"), "prometheus or curl is missing; tests/run brings them");
        return skip("prometheus", "prometheus or curl is not there");
    };
    assert!(site.setup(&["--with", "metrics"]).status.success());
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("metricslisten", &format!("127.0.0.1:{port}\n"));
    site.start(Supervisor::Runit);
    prometheus.knows("up", "1");
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("scraped"));
    sink.messages(1, 20);
    prometheus.knows("stafett_queued_messages_accepted_total", "1");
    prometheus.knows("stafett_deliveries_total{outcome=\"success\",route=\"host\",top=\"test\"}", "1");
    prometheus.knows("sum(stafett_service_up)", "6");
    prometheus.knows("histogram_quantile(1, stafett_queued_fsync_seconds_bucket) > bool 0", "1");
    // It takes every sample: none is refused as out of order or twice there.
    prometheus.knows("scrape_samples_scraped - scrape_samples_post_metric_relabeling", "0");
}
