use crate::settings::{Settings, Users};
use std::path::PathBuf;

#[test]
fn settings_are_read_back() {
    for users in [Users::Single, Users::Separate("relay".into())] {
        let mut settings = Settings::new(users, PathBuf::from("/opt/with blank/bin"));
        settings.copied = true;
        settings.addresses = vec!["::1".into(), "192.0.2.1".into()];
        settings.with.insert("metrics".into());
        settings.written.insert("service/send/run".into(), 0x0102_03ff);
        assert_eq!(Settings::parse(&settings.text()), Ok(settings));
    }
    assert_eq!(Settings::parse("port 25\nwhat ever\n"), Err((2, "has an unknown key")));
    assert_eq!(Settings::parse("with odd\n"), Err((1, "names a service that this version does not know")));
}
