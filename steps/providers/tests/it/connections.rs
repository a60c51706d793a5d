//! The check of a connection's settings.

use crate::support::{connection, provider};
use engross_step_api::{Connection, Setting};

fn check(change: impl Fn(&mut Connection), expected: &[&str]) {
    let mut connection = connection("juro", "http://127.0.0.1:4010/juro/v3");
    change(&mut connection);
    assert_eq!(provider("juro").check_connection(&connection), expected);
}

fn plain(text: &str) -> Setting {
    Setting::Plain(text.to_string())
}

#[test]
fn all_that_is_wrong_with_a_connection_is_told_at_once() {
    let missing = "the setting `api_key` is missing (in Juro under Settings, Integrations, API & webhooks, API)";
    check(|_| {}, &[]);
    check(|connection| connection.base_url = None, &[]);
    check(|connection| drop(connection.settings.insert("environment".into(), plain("sandbox"))), &[]);
    let ftp = "`base_url`: `ftp://example.com/` is no http or https address";
    check(|connection| connection.base_url = "ftp://example.com".parse().ok(), &[ftp]);
    check(|connection| connection.settings.clear(), &[missing]);
    check(|connection| drop(connection.settings.insert("api_key".into(), plain(" "))), &[missing]);
    check(
        |connection| {
            connection.settings.clear();
            connection.settings.insert("api_kye".into(), plain("x"));
            connection.settings.insert("environment".into(), plain("live"));
            connection.base_url = "ftp://u:p@example.com".parse().ok();
            connection.webhook.scheme = Some("md5".into());
            connection.webhook.header = Some("no header".into());
            connection.webhook.secret = Some("".into());
        },
        &[
            missing,
            "`juro` has no setting `api_kye`: did you mean `api_key`?",
            "there is no environment `live`: one of production, sandbox",
            "`base_url`: an address of a provider has no user, no query and no fragment",
            "`webhook.scheme` cannot be `md5`: one of basic, ecdsa_p256_sha256_base64, ecdsa_p256_sha256_hex, ed25519_base64, ed25519_hex, \
             hmac_sha1_base64, hmac_sha1_hex, hmac_sha256_base64, hmac_sha256_hex, hmac_sha512_base64, hmac_sha512_hex, plain, \
             rsa_pss_sha256_base64, rsa_pss_sha256_hex, rsa_sha256_base64, rsa_sha256_hex",
            "`webhook.header` cannot be `no header`: that is no name of a header",
            "`webhook.secret` is empty",
        ],
    );
}
