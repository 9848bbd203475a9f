use super::{first_fault, translate};
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
