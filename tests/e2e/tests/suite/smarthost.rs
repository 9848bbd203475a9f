//! A relay that sends everything by way of another one, which wants to know who it is.

use stafett_test_e2e::{Act, Sink, Site, Step, Supervisor, message, transfer, wait_until};
use std::fs;
use std::os::unix::fs::MetadataExt;

/// A server that lets in whoever says PLAIN with `user` and `second-secret`.
fn smart_host() -> Sink {
    Sink::scripted(|step, _| match step {
        Step::Ehlo => Act::Say("250-smart.test\r\n250-PIPELINING\r\n250 AUTH PLAIN".to_owned()),
        Step::Other(line) if line == "AUTH PLAIN AHVzZXIAc2Vjb25kLXNlY3JldA==" => Act::Say("235 2.7.0 welcome".to_owned()),
        Step::Other(line) if line.starts_with("AUTH") => Act::Say("535 5.7.8 you are not who you say".to_owned()),
        _ => Act::Accept,
    })
}

fn output(site: &Site, name: &str, arguments: &[&str]) -> String {
    let output = site.command(name).args(arguments).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

/// Writes the credentials as an admin would, has them given to who needs them, and tries again.
fn write_credentials(site: &Site, text: &str) {
    site.control("smtpauth", text);
    let done = site.setup(&[]);
    assert!(done.status.success(), "{done:?}");
    let (file, door) = (fs::metadata(site.path("control/smtpauth")).unwrap(), fs::metadata(site.path("run/remote")).unwrap());
    assert_eq!((file.uid(), file.mode() & 0o7777), (door.uid(), 0o400));
    output(site, "qtool", &["flush"]);
}

#[test]
fn mail_waits_until_the_smart_host_lets_us_in_and_qstat_says_why() {
    let smart = smart_host();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &format!(":127.0.0.1:{} auth=isp tls=none\n", smart.port()));
    site.start(Supervisor::Runit);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("smart"));
    let shows = |words: &str| {
        assert!(wait_until(30, || output(&site, "qstat", &["-d"]).contains(words)), "{words}: {}", output(&site, "qstat", &["-d"]));
    };
    shows("control/smtpauth has no line isp");
    write_credentials(&site, "isp without-tls:user:first-secret\n");
    shows("it refuses the credentials isp of control/smtpauth. Remote host said: 535 5.7.8 you are not who you say");
    write_credentials(&site, "isp without-tls:user:second-secret\n");
    assert_eq!(smart.messages(1, 30)[0].mail, "<a@sender.test>");
    site.drained(30);
    assert!(!site.logs().contains("-secret"), "{}", site.logs());
}
