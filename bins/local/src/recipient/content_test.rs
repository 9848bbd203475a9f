use super::Content;
use stafett_sys::descriptor::in_memory;

#[test]
fn lines_of_a_header_are_whole_wherever_pieces_end() {
    let lines: Vec<String> = (0..3000).map(|number| format!("X-{number}: {}", "v".repeat(number % 200))).collect();
    let text = format!("{}\r\n\r\nbody: none\r\n", lines.join("\r\n"));
    let file = in_memory(text.as_bytes()).unwrap();
    let content = Content::new(["Received: here".to_owned()].into_iter(), file, text.len() as u64);
    let mut seen = Vec::new();
    content
        .header(&mut |line| {
            seen.push(String::from_utf8(line.to_vec()).unwrap());
            Ok(())
        })
        .unwrap();
    assert_eq!(seen.first().map(String::as_str), Some("Received: here"));
    assert_eq!(seen.get(1..).unwrap_or_default(), lines);
}
