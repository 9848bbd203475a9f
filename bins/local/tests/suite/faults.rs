use crate::common::Home;

#[test]
fn forwards_wait_when_nobody_queues() {
    let home = Home::new();
    home.write(".qmail", "&b@example.org\n");
    home.deliver("").must(111, "Unable to forward message: stafett-queued does not listen");
    home.write(".qmail", "&\n");
    home.deliver("").must(111, "is no address");
}

#[test]
fn it_is_not_run_as_root() {
    if !stafett_sys::user::Uid::effective().is_root() {
        return;
    }
    let home = Home::new();
    home.maildir("Maildir");
    let inner = home.command("", "");
    let mut command = std::process::Command::new(home.path("../stafett-local"));
    command.args(inner.get_args().skip_while(|word| *word != "--"));
    home.run(command, "\n").must(111, "must not run as root");
}

#[test]
fn a_wrong_command_line_is_said() {
    let home = Home::new();
    let mut command = std::process::Command::new(home.path("../stafett-local"));
    command.args(["joe", "/home/joe"]);
    home.run(command, "").must(100, "usage: stafett-local");
    let mut command = std::process::Command::new(home.path("../stafett-local"));
    command.args(["-n", "joe", "home/joe", "joe", "", "", "", "", "./Maildir/"]);
    home.run(command, "").must(100, "does not begin with /");
}
