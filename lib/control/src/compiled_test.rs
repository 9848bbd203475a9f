use super::open;
use std::fs;

#[test]
fn a_table_whose_header_is_none_is_an_error_and_never_empty() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("cdb");
    let made = |keys: usize| {
        let mut maker = cdb2::CDBWriter::create(path.to_str().unwrap()).unwrap();
        (0..keys).for_each(|key| maker.add(key.to_string().as_bytes(), b"x").unwrap());
        maker.finish().unwrap();
        fs::read(&path).unwrap()
    };
    made(0);
    assert!(open(&path).unwrap().get(b"1").is_none());
    let whole = made(300);
    assert_eq!(open(&path).unwrap().get(b"1").unwrap().unwrap(), b"x");
    let zeros = |range: std::ops::Range<usize>| {
        let mut bytes = whole.clone();
        bytes[range].fill(0);
        bytes
    };
    for (bytes, words) in [
        (zeros(0..2048), "zeros"),
        (zeros(0..4096), "zeros"),
        (zeros(0..whole.len()), "zeros"),
        (vec![0; 2048], "zeros"),
        (zeros(0..512), "leads out"),
        (zeros(1024..2048), "leads out"),
        (whole[..whole.len() - 1].to_vec(), "leads out"),
        (whole[..2000].to_vec(), "cut short"),
        (Vec::new(), "cut short"),
    ] {
        fs::write(&path, &bytes).unwrap();
        let error = open(&path).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{words}: {error}");
    }
}
