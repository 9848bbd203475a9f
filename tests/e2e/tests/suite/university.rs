//! The university of stafett-submission(7): its two relays, made from the files that the page shows and nothing else.

use crate::dns::Resolver;
use crate::submission::{Service, passwd, user};
use stafett_test_e2e::{Sink, has, program, run, skip, wait_until};
use std::fmt::Write;
use std::process::Command;

const PAGE: &str = include_str!("../../../../man/stafett-submission.7");

/// Addresses of this host that stand for the university's network, and for the rest of the world.
const INSIDE: &str = "127.27.0.17";
const OUTSIDE: &str = "127.99.0.5";

/// A control file as the page has it, for our own addresses.
fn shown(section: &str, file: &str) -> String {
    let from = PAGE.find(&format!(".Ss {section}:")).unwrap();
    let section = &PAGE[from + 1..];
    let section = &section[..section.find("\n.Ss ").or(section.find("\n.Sh ")).unwrap()];
    let behind = &section[section.find(&format!("\n.Pa control/{file} ")).unwrap()..];
    let block = &behind[behind.find("\n.Bd ").unwrap() + 1..];
    let text = &block[block.find('\n').unwrap() + 1..block.find("\n.Ed").unwrap() + 1];
    text.replace("\\&", "").replace("192.0.2.0/24", "127.27.0.0/16")
}

/// Gives a relay the files of its section.
fn configure(service: &Service, section: &str, files: &[&str]) {
    for file in files {
        let text = shown(section, file);
        match *file {
            "tcp.smtp" => service.site.rules(&text),
            _ => service.site.control(file, &text),
        }
    }
}

fn wish(source: &str, user: &str, sender: &str, author: &str, to: &[&str]) -> String {
    let to: Vec<String> = to.iter().map(|address| format!("\"{address}\"")).collect();
    let user = if user.is_empty() { String::new() } else { format!("{user}, ") };
    format!("{user}\"source\": \"{source}\", \"sender\": \"{sender}\", \"author\": \"{author}\", \"to\": [{}]", to.join(", "))
}

#[test]
fn people_send_with_an_account_and_as_themselves() {
    let sink = Sink::new();
    let mut service = Service::new(&sink, "auth,limit,dkim");
    for key in [&["rsa2026"][..], &["ed2026", "--ed25519"]] {
        let mut genkey = Command::new(program("stafett-dkim"));
        run(genkey.arg("genkey").args(&key[1..]).arg(service.site.root()).args(["uni.example", key[0]]));
    }
    configure(&service, "mailrelay", &["tcp.smtp", "limits", "dkimsign"]);
    for words in [
        &["add", "alice", "senders=alice@uni.example,@lists.uni.example"][..],
        &["add", "bob", "rewrite=bob@uni.example", "senders=bob@uni.example"],
        &["add", "db1", "role=robot", "senders=*"],
        &["add", "warm-up", "senders=*"],
    ] {
        service.account(words);
    }
    let (alice, bob) = (user("alice"), user("bob"));
    service.up(&wish("127.0.0.1", &user("warm-up"), "x@uni.example", "x@uni.example", &["b@anywhere.test"]));
    let mut sent = sink.messages(2, 60).len();
    let port = service.site.port();
    let mine = |source: &str, user: &str| wish(source, user, "alice@uni.example", "Alice <alice@uni.example>", &["b@anywhere.test"]);
    // nobody sends without TLS, nor without an account, at any port
    assert!(service.last(port, "plain", &mine(INSIDE, "")).starts_with("mail 530 5.7.0 Must issue a STARTTLS"));
    for (port, way) in [(port, "starttls"), (service.starttls, "starttls"), (service.tls, "tls")] {
        assert!(service.last(port, way, &mine(INSIDE, "")).starts_with("mail 530 5.7.0 authentication required"), "port {port}");
    }
    assert!(service.last(port, "starttls", &mine(OUTSIDE, &user("db1"))).starts_with("SMTPAuthenticationError 535"));
    // everybody as himself
    let other = |sender: &str, author: &str| service.last(port, "starttls", &wish(OUTSIDE, &alice, sender, author, &["b@anywhere.test"]));
    assert!(other("mallory@uni.example", "alice@uni.example").starts_with("mail 553 5.7.1"));
    assert!(other("alice@uni.example", "The President <president@uni.example>").starts_with("data 550 5.7.1"));
    assert!(other("news@lists.uni.example", "alice@uni.example, news@lists.uni.example").starts_with("data 250"));
    let masked = wish(OUTSIDE, &bob, "robert@home.test", "Bob <robert@home.test>", &["b@anywhere.test"]);
    assert!(service.last(service.tls, "tls", &masked).starts_with("data 250"));
    sent += 2;
    let arrived = sink.messages(sent, 60);
    let last = arrived.iter().find(|message| message.mail.starts_with("<bob@uni.example>")).unwrap();
    assert_eq!(last.field("From").as_deref(), Some("Bob <bob@uni.example>"));
    assert!(last.field("Received").unwrap().contains("with ESMTPSA id "));
    let text = String::from_utf8_lossy(&last.data).into_owned();
    assert!(text.contains("d=uni.example") && text.contains("s=rsa2026") && text.contains("s=ed2026"), "{text}");
    // many recipients from inside alone
    let many: Vec<String> = (0..21).map(|number| format!("r{number}@anywhere.test")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let to_many = |source: &str| service.last(service.tls, "tls", &wish(source, &alice, "alice@uni.example", "alice@uni.example", &many));
    assert!(to_many(INSIDE).starts_with("data 250"));
    assert!(to_many(OUTSIDE).starts_with("rcpt 452 4.5.3"));
    // fifty messages an hour from outside; who sends more is locked until staff release the account
    let wild = format!("\"count\": 60, {}", mine(OUTSIDE, &alice));
    let output = service.submit(service.tls, "tls", &wild);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("your account is locked; ask the help desk"), "{text}");
    let accepted = text.matches("data 250").count();
    assert!((46..=49).contains(&accepted), "{accepted} besides those before: {text}");
    assert!(!service.last(service.tls, "tls", &mine(INSIDE, &alice)).starts_with("data 250"), "it is locked everywhere");
    assert!(passwd(&service.site, &["unlock", "alice"], "").status.success());
    assert!(wait_until(30, || service.last(service.tls, "tls", &mine(INSIDE, &alice)).starts_with("data 250")), "{}", service.site.logs());
}

#[test]
fn servers_reach_the_world_as_robots_and_the_university_as_they_are() {
    if has("nsd").is_none() || has("unbound").is_none() {
        return skip("servers_reach_the_world_as_robots_and_the_university_as_they_are", "nsd or unbound is not installed");
    }
    let begin = "$TTL 300\n@ IN SOA ns.test. hostmaster.test. 1 3600 600 86400 300\n@ IN NS ns.test.\n".to_owned();
    let (mut names, mut addresses) = (begin.clone(), begin);
    for last in [17, 18, 130] {
        writeln!(names, "{last}.0.27 IN PTR host{last}.uni.example.").unwrap();
        writeln!(addresses, "host{last} IN A 127.27.0.{last}").unwrap();
    }
    let resolver = Resolver::serving(&[("127.in-addr.arpa", names), ("uni.example", addresses)]);
    let sink = Sink::new();
    let mut service = Service::new(&sink, "auth,limit,dnsbl");
    configure(&service, "mrelay", &["tcp.smtp", "rcpthosts", "masquerade", "reversedns", "limits"]);
    service.site.control("resolvers", &resolver.line());
    service.site.control("dnsbltimeout", "30\n");
    service.account(&["add", "db1", "role=robot", &format!("networks={INSIDE}"), "senders=it-service@uni.example"]);
    service.account(&["add", "physics", "role=robot", "networks=127.27.0.128/26", "senders=@physics.uni.example"]);
    let robot = user("db1");
    let status =
        |source: &str, user: &str, to: &str| wish(source, user, "root@db1.uni.example", "root (Cron) <root@localhost.localdomain>", &[to]);
    service.up(&status(INSIDE, &robot, "b@anywhere.test"));
    let port = service.site.port();
    // a robot reaches the world, masked, from its own place alone
    let arrived = &sink.messages(2, 60)[0];
    assert!(arrived.mail.starts_with("<it-service@uni.example>"), "{}", arrived.mail);
    assert_eq!(arrived.field("From").as_deref(), Some("root (Cron) <it-service@uni.example>"));
    assert!(service.last(service.tls, "tls", &status("127.27.0.18", &robot, "b@anywhere.test")).starts_with("SMTPAuthenticationError 535"));
    let physics = wish("127.27.0.130", &user("physics"), "lab@physics.uni.example", "lab@physics.uni.example", &["b@anywhere.test"]);
    assert!(service.last(service.starttls, "starttls", &physics).starts_with("data 250"));
    let stranger = wish("127.27.0.130", &user("physics"), "lab@chemistry.uni.example", "lab@physics.uni.example", &["b@anywhere.test"]);
    assert!(service.last(service.starttls, "starttls", &stranger).starts_with("mail 553"));
    // without an account there is the university, masked too, and no more
    assert!(service.last(port, "plain", &status("127.27.0.18", "", "b@anywhere.test")).starts_with("rcpt 553 5.7.1"));
    assert!(service.last(port, "plain", &status("127.27.0.18", "", "staff@cs.uni.example")).starts_with("data 250"));
    assert!(service.last(service.starttls, "starttls", &status("127.27.0.18", "", "staff@uni.example")).starts_with("mail 530"));
    let arrived = sink.messages(4, 60);
    let internal = arrived.iter().find(|message| message.rcpts[0].contains("staff@cs.uni.example")).unwrap();
    assert!(internal.mail.starts_with("<it-service@uni.example>"), "{}", internal.mail);
    assert_eq!(internal.field("From").as_deref(), Some("root (Cron) <it-service@uni.example>"));
    // a host needs a name, with an account and without
    service.account(&["set", "db1", "networks=127.27.0.0/24"]);
    for (port, way, user) in [(port, "plain", ""), (service.tls, "tls", robot.as_str())] {
        let nameless = || service.last(port, way, &status("127.27.0.66", user, "staff@uni.example"));
        assert!(wait_until(30, || nameless().starts_with("rcpt 550 5.7.25")), "{}", nameless());
    }
    // and nobody comes in from outside
    assert!(service.last(port, "plain", &status(OUTSIDE, "", "staff@uni.example")).starts_with("closed"));
}
