//! What stafett-aliases makes of files, and what it leaves when it cannot.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panic")]

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Command, Output};
use tempfile::TempDir;

struct Place(TempDir);

impl Place {
    fn new() -> Place {
        let place = Place(tempfile::tempdir().unwrap());
        fs::create_dir(place.path("control")).unwrap();
        place.write("control/me", "here.test\n");
        place.write("control/defaultdomain", "dom.test\n");
        place.write("control/aliases", &format!("{}\n", place.path("aliases").display()));
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stafett-aliases"));
        command.args(arguments).env_clear().env("STAFETT", self.0.path()).current_dir(self.0.path()).output().unwrap()
    }

    #[track_caller]
    fn fails(&self, arguments: &[&str], code: i32, words: &str) {
        let output = self.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(code) && said.contains(words), "{:?}: {said}", output.status);
    }

    /// The number of a user whom the instance may deliver as.
    fn user(&self) -> u32 {
        let own = fs::metadata(self.path("control")).unwrap().uid();
        if own == 0 { 61_001 } else { own }
    }

    /// Files on their way that are still there.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name.contains(".tmp")).collect()
    }

    fn printed(&self) -> String {
        let output = self.run(&["--print"]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[test]
fn a_table_is_made_and_printed() {
    let place = Place::new();
    place.write("aliases", "root: alice, bob@far\nlist: \"|a, b\"\nowner-list: carol\nroot: twice\n");
    let output = place.run(&[]);
    assert!(output.status.success(), "{output:?}");
    let warned = String::from_utf8(output.stderr).unwrap();
    assert!(warned.contains("warning: ") && warned.contains("aliases:4: \"root\" stands on line 1 already"), "{warned}");
    let wanted = "root@: &alice@here.test, &bob@far.dom.test;\nlist@: ?owner-list@here.test, !a\\,\\ b;\nowner-list@: &carol@here.test;\n";
    assert_eq!(place.printed(), wanted);
    assert_eq!(fs::metadata(place.path("aliases.cdb")).unwrap().permissions().mode() & 0o777, 0o644);
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn an_alias_that_is_a_users_is_warned_of_once() {
    let place = Place::new();
    let more = place.path("more").display().to_string();
    place.write("control/aliases", &format!("{}\n{more}\n", place.path("aliases").display()));
    place.write("aliases", "sales: carol\n# joe's\nJoe: bob\njoe-lists.all: bob\nann: bob\njoe@far.test: bob\n");
    place.write("more", "joe: ann\n");
    let warned = |arguments: &[&str]| {
        let output = place.run(arguments);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let users = format!(
        "=joe:joe:{0}:{0}:/home/joe:::\n+joe-:joe:{0}:{0}:/home/joe:-::\n=ann:alias:{0}:{0}:{1}:-:ann:\n.\n",
        place.user(),
        place.path("alias").display()
    );
    fs::create_dir(place.path("users")).unwrap();
    let entries = stafett_local_users::parse(&users).unwrap();
    stafett_local_users::write(&entries, &place.path("users/cdb"), &place.path("users/cdb.tmp")).unwrap();
    assert_eq!(warned(&[]), "", "nothing is delivered by aliases here");
    fs::create_dir(place.path("alias")).unwrap();
    let said = warned(&[]);
    for wanted in
        ["aliases:3: \"joe\" belongs to the user joe, ", "into /home/joe/.qmail (", "aliases:4: \"joe-lists.all\" ", "/.qmail-lists:all ("]
    {
        assert_eq!(said.matches(wanted).count(), 1, "{wanted} {said}");
    }
    assert_eq!(said.lines().count(), 2, "{said}");
    assert_eq!(warned(&[&more]).lines().count(), 1);
    place.write("control/aliases", &format!("{}\n", place.path("aliases").display()));
    assert_eq!(warned(&[&more]), "", "that file may be a domain's of its own");
    assert!(place.printed().contains("joe@: &bob@here.test;\n"), "it is compiled all the same");
}

#[test]
fn users_that_cannot_be_told_keep_no_table_from_being_written() {
    let place = Place::new();
    let more = place.path("more").display().to_string();
    place.write("control/aliases", &format!("{}\n{more}\n", place.path("aliases").display()));
    place.write("aliases", "ann: bob\n");
    place.write("more", "eve: bob\n");
    fs::create_dir(place.path("alias")).unwrap();
    fs::create_dir(place.path("control/breakchar")).unwrap();
    for arguments in [&[][..], &[&more[..]][..]] {
        let output = place.run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), said.matches("unable to tell which of the aliases").count()), (Some(0), 1), "{said}");
    }
    fs::remove_dir(place.path("control/breakchar")).unwrap();
    fs::create_dir(place.path("users")).unwrap();
    place.write("users/cdb", "torn");
    place.write("aliases", "ann: bob\njoe: bob\n");
    let output = place.run(&[]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), said.lines().count()), (Some(0), 1), "{said}");
    assert_eq!(place.printed().lines().count(), 3);
}

#[test]
fn a_fault_leaves_the_old_table() {
    let place = Place::new();
    place.write("aliases", "a: b\n");
    assert!(place.run(&[]).status.success());
    for (text, words) in [("a: b\n\nc d\n", "aliases:3: \"c d\" has no colon"), ("a: b\n\0", "aliases:2: holds a NUL")] {
        place.write("aliases", text);
        place.fails(&[], 100, words);
    }
    fs::write(place.path("aliases"), b"a: \xff\n").unwrap();
    place.fails(&[], 100, "no UTF-8 text");
    fs::remove_file(place.path("aliases")).unwrap();
    place.fails(&[], 111, "unable to read");
    assert_eq!(place.printed(), "a@: &b@here.test;\n");
    place.write("aliases.cdb", "torn");
    place.fails(&["--print"], 111, "aliases.cdb");
    place.write("aliases", "a: b\n");
    fs::remove_file(place.path("aliases.cdb")).unwrap();
    fs::create_dir(place.path("aliases.cdb")).unwrap();
    place.fails(&[], 111, "unable to write");
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn two_at_once_do_not_disturb_each_other() {
    let place = Place::new();
    let text: String = (0..2000).map(|number| format!("name{number}: someone{number}, other\n")).collect();
    place.write("aliases", &text);
    let start = || Command::new(env!("CARGO_BIN_EXE_stafett-aliases")).env("STAFETT", place.0.path()).spawn().unwrap();
    for _ in 0..5 {
        let mut running: Vec<_> = (0..4).map(|_| start()).collect();
        assert!(running.iter_mut().all(|child| child.wait().unwrap().success()));
        assert_eq!(place.printed().lines().count(), 2000);
    }
    assert_eq!(place.left(), Vec::<String>::new());
}

#[test]
fn lists_are_compiled_too() {
    let place = Place::new();
    place.write("members", "a@far.test\n# none\nb, :include:/more\n");
    assert!(place.run(&["--list", "members"]).status.success());
    assert_eq!(fs::read(place.path("members.bin")).unwrap(), b"&a@far.test\0&b@here.test\0/more.bin\0");
    place.write("members", "a\n\"|b\"\n");
    place.fails(&["--list", "members"], 100, "members:2: a list cannot hold a program");
    assert!(fs::read(place.path("members.bin")).unwrap().starts_with(b"&a@far.test\0"));
}

#[test]
fn what_is_missing_is_said() {
    let place = Place::new();
    for wrong in [&["--list"][..], &["--list", "--print", "x"], &["a", "b"], &["-x"], &[""]] {
        place.fails(wrong, 100, "usage");
    }
    place.fails(&["absent"], 111, "unable to read absent");
    place.write("aliases", "a: b\n");
    fs::remove_file(place.path("control/me")).unwrap();
    place.fails(&[], 100, "me");
    place.write("control/aliases", "relative\n");
    place.fails(&[], 100, "control/aliases:1");
}
