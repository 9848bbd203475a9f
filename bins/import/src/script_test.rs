use super::{Found, Scripts};

fn read(script: &str) -> Found {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("me"), "mail.example\n").unwrap();
    std::fs::write(home.path().join("thirty"), "30\n").unwrap();
    std::fs::create_dir(home.path().join("env")).unwrap();
    std::fs::write(home.path().join("env/DATABYTES"), "7 \nmore\n").unwrap();
    let place = home.path().to_owned();
    let find = move |named: &str| place.join(named.trim_start_matches("/etc/").trim_start_matches("./"));
    Scripts { find: &find }.read(script)
}

#[test]
fn a_listener_in_the_usual_form_is_understood() {
    let found = read(
        "#!/bin/sh\nU=`id -u qmaild`\nMAX=`cat /etc/thirty`\nif [ -z \"$U\" ]; then\n exit 1\nfi\nexec 2>&1 \\\n envdir ./env softlimit -m 9 \\\n \
         /usr/bin/tcpserver -vRHl \"`head -1 /etc/me`\" -x /etc/tcp.cdb -c \"$MAX\" -C7 -u \"$U\" 192.0.2.1 smtp \\\n rblsmtpd -b -rone.example -B -r 'two.example:no %IP%' -a ok.example \\\n \
         /var/qmail/bin/qmail-smtpd 2>&1\n",
    );
    assert_eq!(found.program, ["qmail-smtpd"]);
    assert_eq!(found.listens, Some(("192.0.2.1".into(), "smtp".into())));
    assert_eq!((found.limit.as_deref(), found.per_address.as_deref()), (Some("30"), Some("7")));
    assert!(found.rules.unwrap().ends_with("tcp.cdb"));
    assert_eq!(found.lists, ["-one.example", "two.example:no %IP%", "+ok.example"]);
    assert_eq!(found.variables, [(7, "DATABYTES".into(), "7".into())]);
    let lines: Vec<usize> = found.left.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [7, 7], "{:?}", found.left);
}

#[test]
fn variables_tls_and_further_programs_are_noted() {
    let found = read(
        "export FORCETLS=1\nSMTPS=1 exec env - PATH=\"/x:$PATH\" A=b sslserver -e 0 465 fixcrio qmail-smtpd host /bin/check /bin/true\n",
    );
    assert!(found.tls);
    assert_eq!(found.program, ["qmail-smtpd", "host", "/bin/check", "/bin/true"]);
    let names: Vec<&str> = found.variables.iter().map(|(_, name, _)| name.as_str()).collect();
    assert_eq!(names, ["FORCETLS", "SMTPS", "A"]);
    let found = read("exec env - qmail-start '|dot-forward .forward\n./Mailbox' splogger qmail");
    assert_eq!(found.program[1], "|dot-forward .forward\n./Mailbox");
    assert!(read("#!/bin/sh\nexec /var/qmail/rc\n").runs.is_some());
}

#[test]
fn a_variable_may_be_exported_by_a_command_of_its_own() {
    let found = read("DATABYTES=100 QUEUE=x\nRELAYCLIENT=\nexport DATABYTES RELAYCLIENT PATH\nexec tcpserver 0 25 qmail-smtpd\n");
    assert_eq!(found.variables, [(3, "DATABYTES".into(), "100".into()), (3, "RELAYCLIENT".into(), String::new())]);
    let found = read("export UNKNOWN\nexport DATABYTES=`wc -l x`\nexec tcpserver 0 25 qmail-smtpd\n");
    let lines: Vec<String> = found.left.iter().map(|(line, reason)| format!("{line} {reason}")).collect();
    assert!(lines[0].starts_with("1 the value of UNKNOWN cannot") && lines[1].starts_with("2 the value of DATABYTES cannot"), "{lines:?}");
}

#[test]
fn what_cannot_be_known_is_named_with_its_line() {
    let left = |script: &str| read(script).left.into_iter().map(|(line, reason)| format!("{line} {reason}")).collect::<Vec<_>>();
    assert!(left("\nexec tcpserver -c `wc -l x` 0 25 qmail-smtpd")[0].starts_with("2 a word of it cannot be known"));
    assert!(
        left("[ -f x ] && RELAYCLIENT=\nexec tcpserver 0 25 spamdyke -f x qmail-smtpd")[1]
            .starts_with("2 the program spamdyke is not known")
    );
    assert!(left("if [ -f x ]; then\n exec tcpserver 0 25 qmail-smtpd\nfi")[0].starts_with("2 \"exec\" stands under a condition"));
    assert_eq!(read("").program, Vec::<String>::new());
}
