use super::{first_fault, translate};
use crate::ground::Ground;
use crate::report::Report;
use stafett_control::rows;

#[test]
fn credentials_go_into_a_file_of_their_own() {
    let both = translate(
        "# ours\na.example:relay.example:587|me|pa|ss word\nb.example:relay.example:587|me|pa|ss word\n:[192.0.2.1]\n.c.example:other.example|you|x\n",
    );
    assert_eq!(
        both.routes,
        "# ours\na.example:relay.example:587 auth=relay1\nb.example:relay.example:587 auth=relay1\n:[192.0.2.1]\n.c.example:other.example auth=relay2\n"
    );
    assert_eq!(both.accounts, "relay1:me:pa|ss word\nrelay2:you:x\n");
    for (row, text) in [(&rows::SMTPROUTES, &both.routes), (&rows::SMTPAUTH, &both.accounts)] {
        let lines: Vec<String> = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect();
        assert_eq!(first_fault(row, &lines), None);
    }
}

#[test]
fn a_user_name_that_would_be_cut_is_left() {
    let home = tempfile::tempdir().unwrap();
    std::fs::create_dir(home.path().join("control")).unwrap();
    let mut ground = Ground::new(home.path(), &home.path().join("instance"), false, false).unwrap();
    let mut take = |line: &str| {
        let mut report = Report::new(false);
        std::fs::write(home.path().join("control/smtproutes"), format!("a.example:b.example\n{line}\n")).unwrap();
        super::take(&mut ground, &mut report).unwrap();
        report.lines
    };
    assert_eq!(
        take(":relay.example:587|a:b|c"),
        ["not taken control/smtproutes:2: its user name holds a colon, which ends a user name in smtpauth"]
    );
    assert_eq!(take(":relay.example:587|a|b:c").len(), 3);
}
