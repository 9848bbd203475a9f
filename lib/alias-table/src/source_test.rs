use super::{Source, target};
use crate::{Command, Table};
use stafett_address::list::Address;

fn complete(address: &mut Address) {
    if address.domain.is_none() {
        address.domain = Some("here.test".to_owned());
    }
}

fn parse(text: &str) -> Source {
    Source::parse(text, &complete).unwrap()
}

fn fault(text: &str) -> String {
    Source::parse(text, &complete).unwrap_err().to_string()
}

/// The commands of each name, as the table has them.
fn table(text: &str) -> Vec<(String, String)> {
    let shown = |commands: &[Command]| {
        let mut bytes = Vec::new();
        commands.iter().for_each(|command| command.write(&mut bytes));
        String::from_utf8(bytes).unwrap().replace('\0', " ").trim_end().to_owned()
    };
    parse(text).instructions.iter().map(|one| (one.name.clone(), shown(&one.commands))).collect()
}

#[test]
fn what_sendmail_and_fastforward_write_is_read() {
    for (text, name, commands) in [
        ("root: alice, bill\n", "root@", "&alice@here.test &bill@here.test"),
        ("Bob@Virt.Test: Joe Shmoe <shmoe@x.test>", "bob@virt.test", "&shmoe@x.test"),
        ("@virt.test: joe (comment, with a comma)", "@virt.test", "&joe@here.test"),
        ("\"a b\": \"spaced out\"@x.test", "a b@", "&spaced out@x.test"),
        ("weather: \"|server -x 'a, b' \\\"c\\\"\"", "weather@", "!server -x 'a, b' \"c\""),
        ("weather: |\"server a@b\"", "weather@", "!server a@b"),
        ("weather: |server", "weather@", "!server"),
        ("l: :include:/l/one, : Include : \"/l/two\" ,\":include:/l/three\"", "l@", "/l/one.bin /l/two.bin /l/three.bin"),
        ("host:\n  fred,\n\n  joe\n", "host@", "&fred@here.test &joe@here.test"),
        ("nobody: /dev/null", "nobody@", ""),
        ("a:b,,c,", "a@", "&b@here.test &c@here.test"),
    ] {
        assert_eq!(table(text), [(name.to_owned(), commands.to_owned())], "{text}");
    }
    assert_eq!(table("# a\n  goes on: x\n\na: b\n#c\nd: e\n").len(), 2);
    assert!(table("").is_empty() && table("\n\n").is_empty());
}

#[test]
fn owners_send_for_their_lists() {
    let source = parse("list: a\nOwner-List: carol\nowner-w@virt.test: d\nowner-: e\n");
    let owns: Vec<_> = source.instructions.iter().filter_map(|one| one.owns.clone()).collect();
    let pair = |name: &str, owner: &str| (name.to_owned(), owner.to_owned());
    assert_eq!(owns, [pair("list@", "owner-list@here.test"), pair("w@virt.test", "owner-w@virt.test")]);
}

#[test]
fn a_fault_names_its_line_and_what_to_write() {
    for (text, words) in [
        ("a: b\nnocolon\n", "2: \"nocolon\" has no colon"),
        ("a:\n  b,\n  c d\n", "3: \"c d\" is no recipient: two words side by side"),
        ("a b: c", "1: \"a b\" is no name of an alias"),
        ("a:", "1: \"a\" has no recipient"),
        ("a: ,", "1: \"a\" has no recipient"),
        ("a: /var/mail/x", "1: mail is not appended to /var/mail/x"),
        ("a: \\bob", "backslash"),
        ("a: g: b;", "colon or semicolon"),
        ("a: |b c", "must stand in double quotes: \"|b c\""),
        ("a: \"|\"", "a program has no name"),
        ("a: :include:", "names no file"),
        ("a: :include:list", "names no file"),
        ("a: \"b", "\" that is not closed"),
        ("a: b(c", "( that is not closed"),
        ("a: <>", "there is no address in it"),
        ("@: b", "is no host"),
        ("a: b@@c", "is no recipient"),
        ("a: b@-c", "is no address"),
    ] {
        assert!(fault(text).contains(words), "{text:?}: {}", fault(text));
    }
    let long = format!("a: {}@b.test", "x".repeat(800));
    assert!(fault(&long).contains("is no address") || fault(&long).contains("800 bytes"), "{}", fault(&long));
    let twice = parse("a: b\nc: d\nA: e\n");
    assert_eq!((twice.instructions.len(), twice.ignored[0].to_string().as_str()), (2, "3: \"a\" stands on line 1 already, which counts"));
}

#[test]
fn lists_have_recipients_alone() {
    let list = Source::parse_list("# members\na, b@c.test\n\n:include:/more\n", &complete).unwrap();
    assert_eq!(list.len(), 3);
    assert!(matches!(&list[2], Command::List(path) if path.ends_with("more.bin")));
    for bad in ["\"|prog\"", "/file", "a b"] {
        assert_eq!(Source::parse_list(&format!("x\n{bad}\n"), &complete).unwrap_err().line, 2, "{bad}");
    }
    assert_eq!(target("(x) @Virt.Test").unwrap().0, "@virt.test");
}

#[test]
fn a_table_is_replaced_whole_and_finds_what_it_holds() {
    let place = tempfile::tempdir().unwrap();
    let (cdb, temporary) = (place.path().join("aliases.cdb"), place.path().join("aliases.tmp"));
    let own = place.path().join(format!("aliases.tmp.{}", std::process::id()));
    std::fs::write(&own, "left by another run of this number").unwrap();
    let source = parse("list: a, \"|b\"\nowner-list: c\nx@v.test: d\n@v.test: e\nx: f\n");
    Table::write(&source.instructions, &cdb, &temporary).unwrap();
    let table = Table::open(&cdb).unwrap();
    let list = table.incoming("LIST", "any.test").unwrap().unwrap();
    assert_eq!((list.commands.len(), list.owner.as_deref()), (2, Some("owner-list@here.test")));
    let first = |local, host| match table.incoming(local, host).unwrap() {
        Some(entry) => match &entry.commands[0] {
            Command::Recipient(address) => address.clone(),
            other => panic!("{other:?}"),
        },
        None => String::new(),
    };
    let found = [first("x", "v.test"), first("y", "V.test"), first("x", "w.test"), first("y", "w.test")];
    assert_eq!(found, ["d@here.test", "e@here.test", "f@here.test", ""]);
    assert_eq!(table.all().unwrap().len(), 5);
    assert!(!own.exists() && !temporary.exists());
    // What cannot be written leaves the old table.
    std::fs::create_dir(&own).unwrap();
    assert!(Table::write(&[], &cdb, &temporary).is_err());
    assert_eq!(Table::open(&cdb).unwrap().all().unwrap().len(), 5);
    std::fs::write(&cdb, "torn").unwrap();
    assert!(Table::open(&cdb).is_err());
}
