use super::split;

#[test]
fn certificate_and_key_are_told_apart() {
    let (cert, key) = (
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        "-----BEGIN RSA PRIVATE KEY-----\nBBBB\n-----END RSA PRIVATE KEY-----\n",
    );
    let parameters = "-----BEGIN DH PARAMETERS-----\nCCCC\n-----END DH PARAMETERS-----\n";
    let (chain, found) = split(&format!("text\n{key}{cert}{parameters}{cert}"));
    assert_eq!(chain, format!("{cert}{cert}"));
    assert_eq!(found, key);
}
