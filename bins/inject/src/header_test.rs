use super::Header;

fn read(text: &str) -> (Header, String) {
    let mut input = text.as_bytes();
    let header = Header::read(&mut input).unwrap();
    let rest = [header.body.clone(), input.to_vec()].concat();
    (header, String::from_utf8(rest).unwrap())
}

#[test]
fn fields_end_at_an_empty_line() {
    let (header, body) = read("From a@b Thu Jan 1\nTo: a,\n b\nSubject : x\r\n\nbody\n");
    let names: Vec<&str> = header.fields.iter().map(|field| field.name.as_str()).collect();
    assert_eq!((names, body.as_str()), (vec!["To", "Subject"], "body\n"));
    assert_eq!(header.fields[0].body, b" a,\n b");
    assert_eq!(header.fields[1].body, b" x");
}

#[test]
fn a_line_that_is_no_field_begins_the_body() {
    assert_eq!(read("To: a\nhello there\nmore\n").1, "hello there\nmore\n");
    assert_eq!(read(" indented\n").1, " indented\n");
    assert_eq!(read("just text").1, "just text");
    assert_eq!(read("").1, "");
}

#[test]
fn a_header_without_end_is_refused() {
    let mut endless = std::io::BufReader::new(std::io::Read::take(std::io::repeat(b'a'), 1 << 30));
    assert_eq!(Header::read(&mut endless).unwrap_err().code, 100);
}
