use super::forged;

const OURS: &str = "relay.example.org";

fn without_forged(message: &str) -> String {
    let mut message = message.to_owned();
    for place in forged(message.as_bytes(), OURS).into_iter().rev() {
        message.replace_range(place, "");
    }
    message
}

#[test]
fn results_in_our_name_are_found_however_they_are_written() {
    for forgery in [
        "Authentication-Results: relay.example.org; dkim=pass\r\n",
        "authentication-results:RELAY.example.org;spf=pass\r\n",
        "Authentication-Results : relay.example.org 1; none\r\n",
        "Authentication-Results:\r\n\trelay.example.org\r\n\t; dmarc=pass\r\n",
        "Authentication-Results: (a (b) \\) c) relay.example.org(x); none\r\n",
        "Authentication-Results: \"relay.example\\.org\"; none\r\n",
        "Authentication-Results: relay.example.org./1; none\r\n",
        "Authentication-Results: relay.example.org\r\n",
    ] {
        let message = format!("From: a@b\r\n{forgery}{forgery}Subject: x\r\n{forgery}\r\nbody\r\n{forgery}");
        assert_eq!(without_forged(&message), format!("From: a@b\r\nSubject: x\r\n\r\nbody\r\n{forgery}"), "{forgery:?}");
        assert_eq!(forged(message.as_bytes(), OURS).len(), 2);
    }
}

#[test]
fn results_of_others_stay() {
    for honest in [
        "Authentication-Results: mx.example.net; dkim=pass\r\n",
        "Authentication-Results: not.relay.example.org; none\r\n",
        "Authentication-Results: (relay.example.org) mx.example.net; none\r\n",
        "Authentication-Results-X: relay.example.org; none\r\n",
        "Authentication-Results: (relay.example.org\r\n",
        "X: 1\r\n Authentication-Results: relay.example.org; none\r\n",
        "Authentication-Results:\r\n",
    ] {
        assert_eq!(without_forged(honest), honest);
    }
}
