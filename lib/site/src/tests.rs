use crate::listeners;
use crate::settings::{Settings, Users};
use stafett_instance::tree::{Port, listener_kind};
use std::path::PathBuf;

#[test]
fn settings_are_read_back() {
    for users in [Users::Single, Users::Separate("relay".into())] {
        let mut settings = Settings::new(users, PathBuf::from("/opt/with blank/bin"));
        settings.copied = true;
        settings.addresses = vec!["::1".into(), "192.0.2.1".into()];
        settings.with.insert("metrics".into());
        (settings.submission, settings.submissions) = (Some(587), Some(465));
        settings.written.insert("service/send/run".into(), 0x0102_03ff);
        assert_eq!(Settings::parse(&settings.text()), Ok(settings));
    }
    assert_eq!(Settings::parse("port 25\nwhat ever\n"), Err((2, "has an unknown key")));
    assert_eq!(Settings::parse("with odd\n"), Err((1, "names a service that this version does not know")));
}

#[test]
fn listeners_are_named_by_their_port_and_address() {
    let mut settings = Settings::new(Users::Single, PathBuf::new());
    settings.addresses = vec!["::1".into(), "192.0.2.1".into()];
    settings.submissions = Some(465);
    let all = listeners::all(&settings);
    let shown: Vec<String> = all.iter().map(|one| format!("{} {} {}", one.name, one.address, one.port)).collect();
    let wanted = ["tcpserver ::1 25", "tcpserver2 192.0.2.1 25", "tcpserver-submissions ::1 465", "tcpserver-submissions2 192.0.2.1 465"];
    assert_eq!(shown, wanted);
    assert!(all.iter().all(|one| listener_kind(&one.name) == Some(one.kind)));
    assert_eq!(listener_kind("tcpserver-submission"), Some(Port::Submission));
    assert_eq!((listener_kind("tcpserver-imap"), listener_kind("smtpd")), (None, None));
}
