//! What a question costs, and what a million triplets take. Not part of the tests: `cargo test --release -p stafett-limit --test suite
//! -- --ignored --nocapture --test-threads 1`.

use crate::redis::Redis;
use crate::running::Running;
use std::fs;

/// CPU time of a process so far, in microseconds, user and system (proc(5); 100 ticks a second).
fn cpu(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<i64> = stat.rsplit_once(") ").unwrap().1.split(' ').skip(1).map_while(|field| field.parse().ok()).collect();
    (fields[10] + fields[11]).cast_unsigned() * 10_000
}

fn measure(name: &str, running: &Running, count: u64, question: impl Fn(u64) -> Vec<String>) {
    let (service, caller) = (cpu(running.pid()), cpu(std::process::id()));
    for number in 0..count {
        let question = question(number);
        running.asked(&question.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    }
    let (service, caller) = (cpu(running.pid()) - service, cpu(std::process::id()) - caller);
    println!("{name}: {:.1} us of the service, {:.1} us of the caller", service as f64 / count as f64, caller as f64 / count as f64);
}

fn owned(question: &[&str]) -> Vec<String> {
    question.iter().map(|field| (*field).to_owned()).collect()
}

const LIMITS: &str = "messages per address 1000000/hour\nmessages per sender 1000000/day\nrecipients per address 1000000/hour\n";

#[test]
#[ignore = "prints what a question costs and judges nothing; the head of this file says how to run it"]
fn a_question() {
    let running = Running::new(&[("limits", LIMITS), ("greylist", "wait 1s\n")]);
    let message = owned(&["message", "ip=192.0.2.1", "sender=a@example.net", "number=1"]);
    measure("two limits", &running, 200_000, |_| message.clone());
    let recipient = owned(&["recipient", "ip=192.0.2.1", "sender=a@example.net", "recipient=b@example.org", "grey=1"]);
    measure("a limit and the greylist", &running, 200_000, |_| recipient.clone());
    let Some(redis) = Redis::start("cost") else { return };
    running.control("limitstore", &format!("{}\n", redis.socket().display()));
    measure("two limits in a shared store", &running, 50_000, |_| message.clone());
}

#[test]
#[ignore = "prints what a question costs and judges nothing; the head of this file says how to run it"]
fn a_million_triplets() {
    let mut running = Running::new(&[("greylist", "most 1000000\n")]);
    let status = |running: &Running| {
        let text = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
        text.lines().filter(|line| line.starts_with("VmRSS") || line.starts_with("VmHWM")).collect::<Vec<_>>().join(" ")
    };
    println!("empty: {}", status(&running));
    measure("strangers", &running, 1_200_000, |number| {
        let ip = format!("ip=2001:db8:{:x}:{:x}::1", number >> 16, number & 0xffff);
        vec!["recipient".into(), ip, format!("sender=x{number}@example.com"), "recipient=b@example.org".into(), "grey=1".into()]
    });
    println!("full: {}", status(&running));
    running.stop();
    println!("disk: {} bytes", fs::metadata(running.path("state/limit/greylist")).unwrap().len());
    let begin = std::time::Instant::now();
    running.start();
    println!("started in {:?}: {}", begin.elapsed(), status(&running));
}
