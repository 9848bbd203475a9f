use super::Quoting;

fn quoted(pieces: &[&str]) -> String {
    let (mut quoting, mut out) = (Quoting::default(), Vec::new());
    pieces.iter().for_each(|piece| quoting.quote(piece.as_bytes(), &mut out));
    if !quoting.held.is_empty() {
        out.extend_from_slice(&quoting.held);
    }
    out.extend_from_slice(quoting.end());
    String::from_utf8(out).unwrap()
}

#[test]
fn dividers_in_a_message_are_quoted() {
    assert_eq!(quoted(&["From x\n>>From y\nFro", "m z\nfrom a\n\nFromage\n"]), ">From x\n>>>From y\n>From z\nfrom a\n\nFromage\n\n");
    assert_eq!(quoted(&["a\nb"]), "a\nb\n\n");
    assert_eq!(quoted(&[]), "\n");
}
