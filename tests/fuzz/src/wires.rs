//! What our processes say to each other; each takes the other for hostile.

use stafett_envelope::Envelope;
use stafett_wire::arrival::Arrival;
use stafett_wire::delivery::{Destination, Order, Report};
use stafett_wire::injector::Answer;
use stafett_wire::netstring::{all, push, split, Reader};

/// Netstrings of a packet and of a stream: the same strings, and the same bytes when they are written again.
pub fn netstrings(bytes: &[u8]) {
    let Ok(strings) = all(bytes, 100) else {
        let _ = split(bytes, 10);
        let mut reader = Reader::new(bytes, 64);
        while let Ok(Some(string)) = reader.next() {
            assert!(string.len() <= 64);
        }
        return;
    };
    let mut written = Vec::new();
    strings.iter().for_each(|string| push(&mut written, string));
    assert_eq!(all(&written, 100).as_ref(), Ok(&strings));
    let mut reader = Reader::new(bytes, bytes.len());
    for string in &strings {
        assert_eq!(reader.next().unwrap_or_default(), Some(*string));
    }
    assert!(matches!(reader.next(), Ok(None)));
}

/// Orders, reports, destinations, answers, arrivals: what is taken reads the same when it is written again.
pub fn packets(bytes: &[u8]) {
    if let Ok(order) = Order::parse(bytes) {
        let written = order.encode();
        assert_eq!(Order::parse(&written).map(|again| (again.delivery, again.id, again.size, again.envelope)), Ok((order.delivery, order.id, order.size, order.envelope)));
        let _ = Envelope::parse(order.envelope);
    }
    if let Ok(report) = Report::parse(bytes)
        && report.recipients.iter().all(|(_, text)| !text.contains('\u{fffd}'))
    {
        assert_eq!(Report::parse(&report.encode()).as_ref(), Ok(&report));
    }
    if let Ok(answer) = Answer::parse(bytes) {
        assert_eq!(Answer::parse(&answer.encode()), Ok(answer));
    }
    if let Ok(arrival) = Arrival::parse(bytes) {
        assert_eq!(Arrival::parse(&arrival.encode()).as_ref(), Ok(&arrival));
    }
    if let Ok(destination) = all(bytes, 4).and_then(|strings| Destination::parse(&strings)) {
        let strings = destination.strings();
        let strings: Vec<&[u8]> = strings.iter().map(|string| string.as_bytes()).collect();
        assert_eq!(Destination::parse(&strings).as_ref(), Ok(&destination));
    }
}

/// The text of an envelope.
pub fn envelope(bytes: &[u8]) {
    let Ok(envelope) = Envelope::parse(bytes) else { return };
    let mut written = Vec::new();
    envelope.write(&mut written);
    assert_eq!(Envelope::parse(&written), Ok(envelope));
}
