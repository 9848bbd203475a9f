use super::header::{Fault, Missing, Rules, patches};
use super::masks::Masquerades;
use crate::account::{Account, Role, Sender};
use stafett_control::Control;

fn masks(lines: &str) -> Masquerades {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("masquerade"), lines).unwrap();
    Masquerades::read(&Control::new(directory.path())).unwrap()
}

fn account(rewrite: Option<&str>) -> Account {
    let senders = vec![Sender::Address("alice@example.org".into()), Sender::Domain("lists.example.org".into())];
    Account { name: "alice".into(), role: Role::Person, senders, rewrite: rewrite.map(str::to_owned), classes: vec![] }
}

fn missing() -> Option<Missing> {
    Some(Missing { date: "DATE".into(), id: "<ID>".into(), author: "alice@example.org".into() })
}

fn changed(message: &str, rules: &Rules<'_>) -> Result<String, Fault> {
    let mut text = message.to_owned();
    for patch in patches(message.as_bytes(), message.len() as u64, rules)?.into_iter().rev() {
        let place = usize::try_from(patch.range.start).unwrap()..usize::try_from(patch.range.end).unwrap();
        text.replace_range(place, &String::from_utf8(patch.with).unwrap());
    }
    Ok(text)
}

fn own(message: &str, rewrite: Option<&str>) -> Result<String, Fault> {
    let account = account(rewrite);
    let whole = format!("Date: x\r\nMessage-ID: <x>\r\n{message}");
    let done = changed(&whole, &Rules { masks: None, account: Some(&account), missing: missing() });
    done.map(|text| text.strip_prefix("Date: x\r\nMessage-ID: <x>\r\n").map(str::to_owned).unwrap_or(text))
}

#[test]
fn what_is_missing_is_added_and_nothing_else() {
    let rules = Rules { masks: None, account: None, missing: missing() };
    let whole = "Date: x\r\nmessage-id: <x>\r\nFrom: a@b\r\n\r\nDate: none\r\n";
    assert_eq!(changed(whole, &rules).unwrap(), whole);
    let added = "Date: DATE\r\nMessage-ID: <ID>\r\nFrom: <alice@example.org>\r\n";
    for bare in ["", "\r\nbody\r\n", "Subject: x\r\n\r\nbody\r\n", "Subject: x\r\n"] {
        assert_eq!(changed(bare, &rules).unwrap(), format!("{added}{bare}"), "{bare:?}");
    }
    // a message without a header is all body
    assert_eq!(changed("hello world: x\r\n", &rules).unwrap(), format!("{added}\r\nhello world: x\r\n"));
    let nobody = Rules { masks: None, account: None, missing: missing().map(|missing| Missing { author: String::new(), ..missing }) };
    assert_eq!(changed("Subject: x\r\n\r\n", &nobody), Err(Fault::Nobody));
    assert_eq!(patches(b"Subject: x\r\n", 1_000_000, &rules), Err(Fault::TooLong));
}

#[test]
fn an_account_writes_as_itself() {
    for author in [
        "From: alice@example.org\r\n",
        "From: A <ALICE@Example.ORG>, x@lists.example.org\r\n",
        "From: boss@bank.test <alice@example.org>\r\n",
    ] {
        assert_eq!(own(author, None).unwrap(), author, "it stays as it is");
    }
    assert_eq!(own("From: bob@example.org\r\n", None), Err(Fault::NotOwn("bob@example.org".into())));
    assert_eq!(own("From: alice@example.org, bob@example.org\r\n", None), Err(Fault::NotOwn("bob@example.org".into())));
    assert_eq!(own("From: alice@example.org\r\nFROM: alice@example.org\r\n", None), Err(Fault::Several));
    for unclear in
        ["From: alice\r\n", "From: <alice@example.org> <bob@example.org>\r\n", "From:\r\n", "From: a b@example.org\r\n", "From : (\r\n"]
    {
        assert_eq!(own(unclear, None), Err(Fault::Unclear), "{unclear:?}");
    }
    assert_eq!(own("Subject: x\r\n", None).unwrap().lines().next(), Some("From: <alice@example.org>"));
}

#[test]
fn another_author_becomes_the_account_where_it_says_so() {
    let own = |message| own(message, Some("alice@example.org")).unwrap();
    assert_eq!(
        own("From: Bob (x) <bob@example.org>\r\nTo: bob@example.org\r\n"),
        "From: Bob (x) <alice@example.org>\r\nTo: bob@example.org\r\n"
    );
    assert_eq!(own("From:\r\n\tbob@example.org ,\r\n alice@example.org\r\n"), "From:\r\n\talice@example.org ,\r\n alice@example.org\r\n");
    assert_eq!(own("From: root\r\n more\r\nX: y\r\n"), "From: <alice@example.org>\r\nX: y\r\n");
}

#[test]
fn automatic_mail_is_masked() {
    let masks = masks("cron@.example.org:it@example.org\nroot@:root-mail@example.org\n@.intern.example.org:@example.org\n");
    let rules = Rules { masks: Some(&masks), account: None, missing: None };
    let text = changed(
        "From: \"(Cron Daemon)\" <cron@web.example.org>\r\nSender: root@localhost\r\nReply-To: <Carol@a.intern.example.org>, x@y.test\r\nTo: root@web.example.org\r\n\r\nFrom: cron@web.example.org\r\n",
        &rules,
    );
    assert_eq!(
        text.unwrap(),
        "From: \"(Cron Daemon)\" <it@example.org>\r\nSender: root-mail@example.org\r\nReply-To: <Carol@example.org>, x@y.test\r\nTo: root@web.example.org\r\n\r\nFrom: cron@web.example.org\r\n"
    );
    let odd = "From: root (Cron\r\nSender: root\r\n\r\n";
    assert_eq!(changed(odd, &rules).unwrap(), odd, "what cannot be read stays");
}

#[test]
fn a_mask_comes_before_the_question_whose_address_it_is() {
    let masks = masks("cron@:alice@example.org\n");
    let account = account(None);
    let rules = Rules { masks: Some(&masks), account: Some(&account), missing: None };
    assert_eq!(changed("From: cron@db.test\r\n", &rules).unwrap(), "From: alice@example.org\r\n");
}
