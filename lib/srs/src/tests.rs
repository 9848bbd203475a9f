use super::{Refused, Rewriter, age, is_rewritten, stamp};

const DAY: u64 = 20_000;

fn rewriter(domain: &str, secrets: &[&str]) -> Rewriter {
    let secrets: Vec<String> = secrets.iter().map(|secret| (*secret).to_owned()).collect();
    Rewriter::new(domain, &secrets, 21).unwrap()
}

fn back(local: &str, domain: &str) -> Result<(String, String), Refused> {
    Ok((local.to_owned(), domain.to_owned()))
}

#[test]
fn a_sender_comes_back() {
    let one = rewriter("one.example", &["secret"]);
    for (local, domain) in [("user", "source.example"), ("a=b=c", "x.example"), ("SRS0", "x.example"), ("with space", "x.example")] {
        let rewritten = one.forward(local, domain, DAY).unwrap();
        assert!(rewritten.starts_with("SRS0="), "{rewritten}");
        assert_eq!(one.reverse(&rewritten, DAY + 21), back(local, domain));
        assert_eq!(one.reverse(&rewritten.to_lowercase(), DAY), back(&local.to_lowercase(), domain));
        assert_eq!(one.reverse(&rewritten, DAY + 22), Err(Refused::Age));
        // the clock was put back
        assert_eq!(one.reverse(&rewritten, DAY - 1), back(local, domain));
        assert_eq!(one.reverse(&rewritten, DAY - 2), Err(Refused::Age));
    }
    assert_eq!(one.forward("user", "ONE.example", DAY), None);
}

#[test]
fn a_chain_of_forwarders_leads_back_station_by_station() {
    let (one, two, three) = (rewriter("one.example", &["1"]), rewriter("two.example", &["2"]), rewriter("three.example", &["3"]));
    let first = one.forward("user", "source.example", DAY).unwrap();
    let second = two.forward(&first, "one.example", DAY).unwrap();
    assert!(second.starts_with("SRS1=") && second.contains("=one.example=="), "{second}");
    let third = three.forward(&second, "two.example", DAY).unwrap();
    assert_eq!(third.len(), second.len());
    // it leads to the first at once, who alone can tell whether it is too old
    assert_eq!(three.reverse(&third, DAY + 100), back(&first, "one.example"));
    assert_eq!(two.reverse(&second, DAY), back(&first, "one.example"));
    assert_eq!(one.reverse(&first, DAY), back("user", "source.example"));
    // another separator is kept
    let dashed = two.forward("SRS0-xxxx=yy=source.example=user", "one.example", DAY).unwrap();
    assert_eq!(two.reverse(&dashed, DAY), back("SRS0-xxxx=yy=source.example=user", "one.example"));
}

#[test]
fn what_others_made_leads_nowhere() {
    let one = rewriter("one.example", &["secret"]);
    let good = one.forward("user", "source.example", DAY).unwrap();
    let other = rewriter("one.example", &["other"]).forward("user", "source.example", DAY).unwrap();
    let parts: Vec<&str> = good.split('=').collect();
    let forged = [
        other,
        good.replace("user", "victim"),
        good.replace("source", "victim"),
        good.replace(parts[2], &stamp(DAY + 3)),
        good.replace(parts[1], ""),
        good.replace(parts[1], &parts[1][..4]),
        format!("SRS1={}={}==x=y=z=u", parts[1], "source.example"),
    ];
    for local in forged {
        assert_eq!(one.reverse(&local, DAY), Err(Refused::Hash), "{local}");
    }
    for local in [
        "SRS0",
        "SRS0=",
        "SRS0=a",
        "SRS0=a=b=c",
        "SRS0=a=b==",
        "SRS1=a=b",
        "SRS1=a=b=c",
        "user",
        "SRS2=a=b=c=d",
        "SRS0a=b=c=d=e",
        "\u{e4}\u{e4}\u{e4}",
    ] {
        assert_eq!(one.reverse(local, DAY), Err(Refused::Form), "{local}");
    }
}

#[test]
fn an_old_secret_still_takes_back() {
    let old = rewriter("one.example", &["old"]).forward("user", "source.example", DAY).unwrap();
    let both = rewriter("one.example", &["new", "old"]);
    assert_eq!(both.reverse(&old, DAY), back("user", "source.example"));
    let new = both.forward("user", "source.example", DAY).unwrap();
    assert_eq!(rewriter("one.example", &["old"]).reverse(&new, DAY), Err(Refused::Hash));
    assert!(Rewriter::new("one.example", &[], 21).is_none());
}

#[test]
fn the_hash_is_that_of_the_scheme() {
    // as Mail::SRS 0.31 made it with HashLength 8 on that day
    let one = rewriter("one.example", &["secret"]);
    assert_eq!(one.forward("User", "Source.Example", 20_779).unwrap(), "SRS0=ew2inF3L=JL=Source.Example=User");
}

#[test]
fn days_are_counted_in_a_circle() {
    assert_eq!((stamp(0).as_str(), stamp(1023).as_str(), stamp(1024 + 33).as_str()), ("AA", "77", "BB"));
    assert_eq!((age("77", 1024), age("aa", 1023), age("AA", 2048 + 5), age("A1", 0), age("A", 0)), (Some(1), Some(0), Some(5), None, None));
    assert!(is_rewritten("srs0+a") && is_rewritten("SRS1=") && !is_rewritten("SRS0") && !is_rewritten("srsly=a"));
}
