use crate::common::{Ended, MESSAGE, Place};
use stafett_alias_table::{Command, Instruction, List, Source, Table};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Writes a table; recipients without a host are at here.test.
fn table(place: &Place, text: &str) {
    let complete = |address: &mut stafett_address::list::Address| {
        address.domain.get_or_insert_with(|| "here.test".to_owned());
    };
    let source = Source::parse(&text.replace("@HERE@", &place.path("").display().to_string()), &complete).unwrap();
    Table::write(&source.instructions, &place.path("cdb"), &place.path("cdb.tmp")).unwrap();
}

fn deliver(place: &Place, option: &str, to: &str) -> Ended {
    place.run_with("RECIPIENT", to, &["fastforward", option, "cdb"])
}

#[test]
fn recipients_of_a_table_get_the_message() {
    let place = Place::new();
    table(&place, "root: alice, bob@far.test\n@virt.test: carol\nlist: x@far.test\nowner-list: dora\n");
    let done = deliver(&place, "-N", "Root@any.test").must(0, "fastforward: qp ");
    assert_eq!(done.envelope, "Fs@far.test|Talice@here.test|Tbob@far.test||");
    assert_eq!(done.message, format!("Delivered-To: joe@here.test\n{MESSAGE}"));
    assert_eq!(deliver(&place, "-D", "root@virt.test").envelope, "Fs@far.test|Tcarol@here.test||");
    assert_eq!(deliver(&place, "-P", "list@here.test").envelope, "Fowner-list@here.test|Tx@far.test||");
    table(&place, "list@here.test: x@far.test\nowner-list: dora\n");
    assert_eq!(deliver(&place, "-P", "list@here.test").envelope, "Fowner-list@here.test|Tx@far.test||");
    table(&place, "root: alice, bob@far.test\n@virt.test: carol\nlist: x@far.test\nowner-list: dora\n");
    let mut bounce = place.command(&["fastforward", "cdb"]);
    bounce.env("RECIPIENT", "list@here.test").env("SENDER", "");
    assert_eq!(place.end(&mut bounce).envelope, "F|Tx@far.test||");
    deliver(&place, "-p", "root@here.test").must(99, "qp");
    deliver(&place, "-p", "nobody@here.test").must(0, "");
    deliver(&place, "-P", "nobody@here.test").must(100, "Sorry, no mailbox here by that name. (#5.1.1)\n");
    let mut extension = place.command(&["fastforward", "-nd", "cdb"]);
    extension.env("EXT", "x-y").env("DEFAULT", "root").env("HOST", "h.test");
    assert_eq!(place.end(&mut extension).must(0, "").stdout, "from <s@far.test>\nto <alice@here.test>\nto <bob@far.test>\n");
    assert_eq!(place.end(extension.env_remove("DEFAULT").env("EXT", "root")).must(0, "").code, 0);
    place.end(extension.env_remove("HOST")).must(100, "HOST");
}

#[test]
fn aliases_of_aliases_are_followed_once_each() {
    let place = Place::new();
    let entry = |name: &str, to: &[&str]| Instruction {
        line: 1,
        name: name.to_owned(),
        commands: to.iter().map(|to| Command::Recipient((*to).to_owned())).collect(),
        owns: None,
    };
    let entries = [entry("a@h.test", &["b@h.test", "c@h.test", "x@f.test"]), entry("b@h.test", &["a@h.test", "x@f.test", "y@f.test"])];
    Table::write(&entries, &place.path("cdb"), &place.path("cdb.tmp")).unwrap();
    assert_eq!(deliver(&place, "-n", "a@h.test").stdout, "from <s@far.test>\nto <x@f.test>\nto <y@f.test>\nto <c@h.test>\n");
    // A chain that is as long as you like.
    let names: Vec<String> = (0..5000).map(|number| format!("n{number}@h.test")).collect();
    let chain: Vec<Instruction> = names.windows(2).map(|pair| entry(&pair[0], &[&pair[1]])).collect();
    Table::write(&chain, &place.path("cdb"), &place.path("cdb.tmp")).unwrap();
    assert_eq!(deliver(&place, "-n", "n0@h.test").stdout, "from <s@far.test>\nto <n4999@h.test>\n");
}

#[test]
fn mail_that_goes_round_is_returned_and_not_lost() {
    let place = Place::new();
    table(&place, "a@here.test: b\nb@here.test: a\nself: self\nlist: :include:@HERE@members\nwith: with, x@far.test\ngone: /dev/null\n");
    place.write("members", ":include:@HERE@members\n".replace("@HERE@", &place.path("").display().to_string()).as_str());
    for alone in ["a@here.test", "self@here.test", "Self@here.test", "list@here.test"] {
        assert_eq!(deliver(&place, "-N", alone).must(100, "to itself and nowhere else (#5.4.6)").envelope, "");
    }
    assert_eq!(deliver(&place, "-N", "with@here.test").must(0, "qp").envelope, "Fs@far.test|Tx@far.test||");
    deliver(&place, "-N", "gone@here.test").must(0, "");
}

#[test]
fn programs_run_first_and_their_codes_count() {
    let place = Place::new();
    table(
        &place,
        "both: a@far.test, \"|cat >copy\", \"|wc -l >lines\"\nhard: \"|exit 100\", a\nsoft: \"|exit 75\", a\nlast: \"|exit 99\"\ngone: /dev/null\n",
    );
    let done = deliver(&place, "-N", "both@here.test").must(0, "qp");
    assert!(done.message.ends_with(MESSAGE), "{done:?}");
    let copy = crate::common::text(&place.path("copy"));
    assert!(copy.starts_with("From s@far.test ") && copy.ends_with(&format!("Delivered-To: joe@here.test\n{MESSAGE}")), "{copy}");
    assert_eq!(crate::common::text(&place.path("lines")).trim(), "6");
    assert_eq!(deliver(&place, "-N", "hard@here.test").must(100, "\"exit 100\" exited with 100").envelope, "");
    assert_eq!(deliver(&place, "-N", "soft@here.test").must(111, "exited with 75").envelope, "");
    deliver(&place, "-N", "last@here.test").must(111, "exited with 99");
    assert_eq!(deliver(&place, "-N", "gone@here.test").must(0, "").envelope, "");
    assert_eq!(deliver(&place, "-n", "gone@here.test").stdout, "no forwarding\n");
}

#[test]
fn lists_are_read_in_either_form() {
    let place = Place::new();
    table(&place, "list: :include:@HERE@members, a@far.test\n");
    place.write("members", "# all of them\nb@far.test, c\n:include:/dev/null\n");
    deliver(&place, "-n", "list@here.test").must(111, "it is no plain file");
    place.write("members", "# all of them\nb@far.test, c\n");
    assert_eq!(deliver(&place, "-n", "list@here.test").stdout, "from <s@far.test>\nto <b@far.test>\nto <c@here.test>\nto <a@far.test>\n");
    place.write("members", "b@far.test\n\"|touch broken\"\n");
    deliver(&place, "-n", "list@here.test").must(111, "members:2: a list cannot hold a program");
    let compiled: PathBuf = place.path("members.bin");
    List(vec![Command::Recipient("d@far.test".to_owned())]).write(&compiled, &place.path("tmp")).unwrap();
    assert_eq!(deliver(&place, "-n", "list@here.test").stdout, "from <s@far.test>\nto <d@far.test>\nto <a@far.test>\n");
    fs::set_permissions(&compiled, Permissions::from_mode(0o600)).unwrap();
    deliver(&place, "-n", "list@here.test").must(111, "not everybody may read it");
    fs::set_permissions(&compiled, Permissions::from_mode(0o646)).unwrap();
    deliver(&place, "-n", "list@here.test").must(111, "everybody may write it");
    fs::write(&compiled, b"!touch broken\0").unwrap();
    fs::set_permissions(&compiled, Permissions::from_mode(0o644)).unwrap();
    deliver(&place, "-n", "list@here.test").must(111, "cannot hold a program");
    assert!(!place.path("broken").exists());
}

#[test]
fn what_cannot_be_read_puts_mail_off() {
    let place = Place::new();
    deliver(&place, "-N", "root@here.test").must(111, "unable to read cdb");
    for torn in ["torn", &"\0".repeat(2048), &"\0".repeat(5000)] {
        place.write("cdb", torn);
        deliver(&place, "-N", "root@here.test").must(111, "unable to read cdb");
    }
    fs::remove_file(place.path("cdb")).unwrap();
    table(&place, "root: alice\n");
    fs::set_permissions(place.path("cdb"), Permissions::from_mode(0o666)).unwrap();
    deliver(&place, "-N", "root@here.test").must(111, "everybody may write it");
    fs::remove_file(place.path("cdb")).unwrap();
    fs::create_dir(place.path("cdb")).unwrap();
    deliver(&place, "-N", "root@here.test").must(111, "it is no plain file");
    fs::remove_dir(place.path("cdb")).unwrap();
    table(&place, "list: :include:@HERE@absent\n");
    deliver(&place, "-N", "list@here.test").must(111, "unable to read the list");
    place.run_without("RECIPIENT", &["fastforward", "cdb"]).must(100, "RECIPIENT");
    place.run_with("RECIPIENT", "nohost", &["fastforward", "cdb"]).must(100, "has no @");
    place.run(&["fastforward", "cdb", "cdb"]).must(100, "usage");
}

/// fastforward of qmail, laid out by tests/run, must read our tables, and lead to the same addresses.
#[test]
fn the_reference_program_reads_the_same_table() {
    let peers = std::env::var_os("STAFETT_TEST_PEERS").map(PathBuf::from);
    let Some(reference) = peers.map(|peers| peers.join("usr/bin/fastforward")).filter(|path| path.exists()) else {
        eprintln!("left out: the reference is not laid out");
        return;
    };
    let place = Place::new();
    let text = "root: alice, bob@far.test, root2@here.test\nroot2@here.test: carol, alice\n@virt.test: \"|prog x\", alice\n\
                list: :include:@HERE@members\nowner-list: dora\nout: list, list@here.test\nlist@here.test: z\nowner-list@here.test: y\n";
    table(&place, text);
    List(vec![Command::Recipient("d@far.test".to_owned())]).write(&place.path("members.bin"), &place.path("tmp")).unwrap();
    for to in ["root@here.test", "ROOT@else.test", "any@virt.test", "list@a.test", "list@here.test", "out@b.test", "none@c.test"] {
        let ours = deliver(&place, "-n", to);
        let mut command = std::process::Command::new(&reference);
        command.args(["-n", "cdb"]).current_dir(place.path("")).env("RECIPIENT", to).env("SENDER", "s@far.test");
        let theirs = place.end(&mut command);
        assert_eq!((lines(&ours), ours.code), (lines(&theirs), theirs.code), "{to}");
    }
    assert!(Path::new(&reference).is_absolute());
}

fn lines(ended: &Ended) -> Vec<&str> {
    let mut lines: Vec<&str> = ended.stdout.lines().chain(ended.stderr.lines()).collect();
    lines.sort_unstable();
    lines
}
