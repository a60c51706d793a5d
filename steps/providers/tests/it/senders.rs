//! Senders that prove who they are in ways that no provider that comes with Engross has, and bodies that hold several events or
//! hide them in a form.

use crate::manifests::GOOD;
use crate::support::{STARTED, connection};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engross_providers::from_yaml;
use engross_step_api::{IncomingEvent, RawWebhook, Timestamp, WebhookError};

const SECRET: &str = "whsec_0123456789";
const BODY: &str = r#"{"type":"signed","id":"c1"}"#;
/// 2023-11-14T22:13:20Z, the time in the signatures below.
const SENT: i64 = 1_700_000_000;

/// Keys of this test, made for it, and signatures over `1700000000.` and the body.
const ED25519: &str = "MCowBQYDK2VwAyEAjI6Kwe2lb2TdNk5UxQ/hbzkjlvUA65bMlDgwWIe9WK0=";
const BY_ED25519: &str = "EKS9vJbZjCFzxzUSoy+7xAQoBNRzByDBVdIe8D/6UsxAJK27B8OxOvWfKMKaAziyt1YpU7n1m53DI7Otr5lPAQ==";
const P256: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEMHZR3hDYUvY2B5yrzXAwQ+RnWBVFw8SDtscKbi7d8gzhQTO54IsNG1Pd7FbHpDIS\
    +gGpwG5H9+5u3L44BsFvVQ==";
const BY_P256: &str =
    "MEUCICS3ifLUc2HTPcdSfg6jT2gr9OOyimzkGUOoYIylDhImAiEA2BkePy4OGX8zuifoZckWhdBWJLJEcvM3N+VeAs0Vttk=";
const RSA: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAw4S93VkraJrQ8bCaFbUK9sV05ceUt6HrV7GhQtJHwa5yTrdTJ17wXvX9\
    9BiRks/3t7TIZ0SKsmzDkixFbvec0Kejh7jjvmsCnmv8Mc5+2bOEqX78TWKyYpcng10+6om4aiuOX8HDXERD9GQZ7pAjjosbdncZ\
    IZzyHQBgcjziQ8et+vUu6sXGgUQN1u10un7AqrzcbgaqJTxDjkkB6uk9D3l+7NN53LbQveYcWKv+32Y4HLeQuJnVBia6oGCoXx64\
    f4VAvpe8TJQ/3LuFqGZmwpNGaUdU6r/j8y0tJ1m4E93pv3zsAIs5oHU0ntWAgwqT9dc/+Lz+PLvNVkAJGXGaXwIDAQAB";
const BY_RSA: &str = "BpvCVRNQfw9yJIOsPAQpG4KNgCcwLRz0mHeMoD1ala4r8YKnYXLCvjsh66B8rBAhRxbi1Cmg+Z0nEKg5Jhs/2eWWu2/DW/84S9Il\
    ISoiRyo25LEYbzNns/av1uMQMnSke7RbnNgWcVwLvkFt+v0nGfdkfhcbvk3eiWbmVr+Ld3pJ6tYhwq2Dq2ZBqS3bAl8dYzv1643V\
    TvG/aY2Dtmcs4zpnUmV0VzYFDG9e2cEVNWaATbAxTrIFE8JaHoK0RC482chmyZqrMPYkBJitSoT/6Y+W8dQXhPFO9iCeIIoKYhjP\
    WvEOyiH2YoW2U7jTVjrgW4t4M/lWUtW0rxPpoKEqTA==";
const BY_RSA_PSS: &str = "OYl2xP+CPTnJj6z5aoFUBClrytn+z5+01peXhpQmjNbTLjJdcHw7XEWcRo9141Rs1Kpng4LgFTy95cxEXlMuY7ebLG7gm9OlhD7Z\
    x0qLaNk8VYW9+kihdLsAmN2cTWIm9HoGLMS1EPrGWrCojiZIZCxRkz8nOscOuM+opjKk+Pfa2a5fvAlzs1n+7ypCGKi4SBt8V4CU\
    sOpTUyNJOGvSFt7O2RoUGgSmE0CAd61JillyF3uBWbLAVg6eyxNXBLCEFiOO9k6Rd6mGF81beWjnCaLTG9CAKkdIPeHp/ADYQJTv\
    Sgk5CL3md2/ZkYgT+p7AQOSWyva9i21qqsz0iV46xQ==";

struct Sent<'a> {
    verify: &'a str,
    more: &'a str,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
    secret: Option<&'a str>,
    at_ms: i64,
}

fn receive(sent: &Sent<'_>) -> Result<Vec<IncomingEvent>, WebhookError> {
    let (head, _) = GOOD.split_once("webhooks:").expect("webhooks");
    let verify = if sent.verify.is_empty() { String::new() } else { format!("  verify: {}\n", sent.verify) };
    let rest = "  type: /type\n  correlate: /id\n  dedupe: [/event_id]\n";
    let manifest = format!("{head}webhooks:\n{verify}{}{rest}", sent.more);
    let provider = from_yaml("acme.yaml", &manifest).map_err(|found| format!("{found:?}")).expect("a good manifest");
    let mut connection = connection("acme", "http://127.0.0.1:9");
    connection.settings.clear();
    connection.webhook.secret = sent.secret.map(Into::into);
    let headers: Vec<_> = sent.headers.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
    let received_at = Timestamp::from_millis(sent.at_ms);
    provider.receive(&connection, &RawWebhook { headers: &headers, body: sent.body.as_bytes(), received_at })
}

fn signed(verify: &str, headers: &[(&str, &str)], secret: &str) -> Result<Vec<IncomingEvent>, WebhookError> {
    let at_ms = SENT * 1000;
    receive(&Sent { verify, more: "", headers, body: BODY, secret: Some(secret), at_ms })
}

fn refused(found: &Result<Vec<IncomingEvent>, WebhookError>) -> bool {
    matches!(found, Err(WebhookError::Unverified(_)))
}

fn hmac(message: &str) -> String {
    use hmac::{Hmac, KeyInit, Mac};
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(SECRET.as_bytes()).expect("any key");
    mac.update(message.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

const TIMED: &str =
    "{ header: x-sig, scheme: hmac_sha256_hex, form: '${timestamp}.${signature}', over: '${timestamp}.${body}' }";

#[test]
fn a_time_and_the_body_are_signed_together() {
    let signature = hmac(&format!("{SENT}.{BODY}"));
    let header = format!("{SENT}.{signature}");
    assert_eq!(signed(TIMED, &[("x-sig", &header)], SECRET).expect("verified")[0].correlation, "c1");
    // Another time than the signed one, no time, only the body, another secret.
    for value in
        [format!("{}.{signature}", SENT + 1), signature.clone(), format!("{SENT}.{}", hmac(BODY)), String::new()]
    {
        assert!(refused(&signed(TIMED, &[("x-sig", &value)], SECRET)), "{value}");
    }
    assert!(refused(&signed(TIMED, &[("x-sig", &header)], "another")));
    assert!(refused(&signed(TIMED, &[], SECRET)));
}

#[test]
fn a_signature_ages_by_when_it_came() {
    let header = format!("{SENT}.{}", hmac(&format!("{SENT}.{BODY}")));
    let short = TIMED.replace(" }", ", tolerance_s: 10 }");
    for (verify, seconds, good) in [
        (TIMED, 300, true),
        (TIMED, 301, false),
        (TIMED, -300, true),
        (TIMED, -301, false),
        (short.as_str(), 10, true),
        (short.as_str(), 11, false),
    ] {
        let at_ms = (SENT + seconds) * 1000;
        let headers = [("x-sig", header.as_str())];
        let found = receive(&Sent { verify, more: "", headers: &headers, body: BODY, secret: Some(SECRET), at_ms });
        assert_eq!(found.is_ok(), good, "{seconds}: {found:?}");
        if let Err(error) = found {
            assert!(error.to_string().contains("old one, or a clock is wrong"), "{error}");
        }
    }
}

#[test]
fn the_time_may_stand_in_a_header_of_its_own_or_in_a_list() {
    let own =
        "{ header: x-sig, scheme: hmac_sha256_hex, prefix: v0=, timestamp: x-time, over: 'v0:${timestamp}:${body}' }";
    let signature = format!("v0={}", hmac(&format!("v0:{SENT}:{BODY}")));
    let time = SENT.to_string();
    signed(own, &[("x-sig", &signature), ("x-time", &time)], SECRET).expect("verified");
    assert!(refused(&signed(own, &[("x-sig", &signature)], SECRET)));
    let list = "{ header: x-sig, scheme: hmac_sha256_hex, form: 't=${timestamp},v1=${signature}', over: '${timestamp}.${body}' }";
    let signature = hmac(&format!("{SENT}.{BODY}"));
    // While a secret is changed there are two.
    for value in [format!("t={SENT},v1={signature}"), format!("t={SENT}, v1={}, v1={signature}", "0".repeat(64))] {
        signed(list, &[("x-sig", &value)], SECRET).expect(&value);
    }
    // Milliseconds and RFC 3339 are times, too.
    for time in [format!("{SENT}000"), "2023-11-14T22:13:20Z".to_string()] {
        let value = format!("t={time},v1={}", hmac(&format!("{time}.{BODY}")));
        signed(list, &[("x-sig", &value)], SECRET).expect(&value);
    }
    let soon = format!("t=soon,v1={}", hmac(&format!("soon.{BODY}")));
    assert!(refused(&signed(list, &[("x-sig", &soon)], SECRET)));
}

#[test]
fn chosen_fields_are_signed() {
    let fields = "{ header: x-sig, scheme: hmac_sha256_hex, over: '${doc.id}|${doc.type|upper}|${headers.x-event}' }";
    let signature = hmac("c1|SIGNED|e1");
    signed(fields, &[("x-sig", &signature), ("x-event", "e1")], SECRET).expect("verified");
    // A field that is not there is not the empty one.
    assert!(refused(&signed(fields, &[("x-sig", &hmac("c1|SIGNED|"))], SECRET)));
    assert!(refused(&signed(fields, &[("x-sig", &signature), ("x-event", "e2")], SECRET)));
}

#[test]
fn a_senders_private_key_is_known_by_its_public_one() {
    let time = SENT.to_string();
    for (scheme, key, signature) in [
        ("ed25519_base64", ED25519, BY_ED25519),
        ("ecdsa_p256_sha256_base64", P256, BY_P256),
        ("rsa_sha256_base64", RSA, BY_RSA),
        ("rsa_pss_sha256_base64", RSA, BY_RSA_PSS),
    ] {
        let verify =
            format!("{{ header: x-sig, scheme: {scheme}, timestamp: x-time, over: '${{timestamp}}.${{body}}' }}");
        let headers = [("x-sig", signature), ("x-time", time.as_str())];
        signed(&verify, &headers, key).expect(scheme);
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{key}\n-----END PUBLIC KEY-----\n");
        signed(&verify, &headers, &pem).expect(scheme);
        let in_hex = hex::encode(STANDARD.decode(signature).expect("base64"));
        signed(&verify.replace("base64", "hex"), &[("x-sig", &in_hex), ("x-time", &time)], key).expect(scheme);
        // Another's signature, another time, and a key that is none.
        let other = if scheme.starts_with("ed") { BY_RSA } else { BY_ED25519 };
        assert!(refused(&signed(&verify, &[("x-sig", other), ("x-time", &time)], key)), "{scheme}");
        assert!(refused(&signed(&verify, &[("x-sig", signature), ("x-time", "1700000001")], key)), "{scheme}");
        assert!(refused(&signed(&verify, &headers, SECRET)), "{scheme}");
        // A key that the manifest knows is used without a secret of the connection.
        let known = verify.replace(" }", &format!(", public_key: '{key}' }}"));
        let with = |signature| {
            let headers = [("x-sig", signature), ("x-time", time.as_str())];
            receive(&Sent { verify: &known, more: "", headers: &headers, body: BODY, secret: None, at_ms: SENT * 1000 })
        };
        with(signature).expect(scheme);
        assert!(refused(&with(other)), "{scheme}");
    }
}

#[test]
fn any_of_several_ways_is_enough() {
    let either =
        "[{ header: x-new, scheme: hmac_sha512_hex }, { header: x-old, scheme: hmac_sha1_hex }, { scheme: basic }]";
    let of = |algorithm, message: &str| {
        hex::encode(ring::hmac::sign(&ring::hmac::Key::new(algorithm, SECRET.as_bytes()), message.as_bytes()))
    };
    signed(either, &[("x-new", &of(ring::hmac::HMAC_SHA512, BODY))], SECRET).expect("the new way");
    let old = of(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, BODY);
    signed(either, &[("x-new", "wrong"), ("x-old", &old)], SECRET).expect("the old way");
    let basic = format!("Basic {}", STANDARD.encode("ann:secret"));
    signed(either, &[("authorization", &basic)], "ann:secret").expect("as browsers do");
    assert!(refused(&signed(either, &[("authorization", &basic)], "ann:other")));
    let Err(told) = signed(either, &[("x-new", &old)], SECRET) else { panic!("verified") };
    assert!(
        told.to_string().contains("`x-new` does not fit") && told.to_string().contains("no header `x-old`"),
        "{told}"
    );
}

fn open(more: &str, content_type: &str, body: &str) -> Result<Vec<String>, WebhookError> {
    let headers = [("content-type", content_type)];
    let sent = Sent { verify: "", more, headers: &headers, body, secret: None, at_ms: STARTED.as_millis() };
    let shown = |event: IncomingEvent| format!("{} {}", event.kind, event.correlation);
    Ok(receive(&sent)?.into_iter().map(shown).collect())
}

#[test]
fn a_delivery_may_hold_several_events() {
    let list = r#"[{"type":"a","id":"1"},{"type":"b","id":2}]"#;
    assert_eq!(open("  items: \"\"\n", "application/json", list).expect("read"), ["a 1", "b 2"]);
    let nested = format!("{{\"count\": 2, \"events\": {list}}}");
    assert_eq!(open("  items: /events\n", "application/json", &nested).expect("read"), ["a 1", "b 2"]);
    assert_eq!(open("  items: \"\"\n", "application/json", BODY).expect("read"), ["signed c1"]);
    assert_eq!(open("  items: \"\"\n", "application/json", "[]").expect("read"), [""; 0]);
    // The good ones are not lost with the others; a list without a good one is none of the provider's.
    let mixed = r#"[{"type":"a","id":"1"},{"type":"b"},7]"#;
    assert_eq!(open("  items: \"\"\n", "application/json", mixed).expect("read"), ["a 1"]);
    for (more, body) in [("  items: \"\"\n", "[7]"), ("  items: /events\n", BODY), ("", list)] {
        assert!(matches!(open(more, "application/json", body), Err(WebhookError::Malformed(_))), "{body}");
    }
    let many = format!("[{}]", vec![BODY; 1_001].join(","));
    assert!(matches!(open("  items: \"\"\n", "application/json", &many), Err(WebhookError::Malformed(_))));
    // Without a part of its key, each event is told by itself and not by the delivery.
    let headers = [("content-type", "application/json")];
    let keys = |body| {
        let sent = Sent { verify: "", more: "  items: \"\"\n", headers: &headers, body, secret: None, at_ms: 0 };
        receive(&sent).expect("read").into_iter().map(|event| event.dedupe).collect::<Vec<_>>()
    };
    let (both, one) = (keys(list), keys(r#"[{"type":"b","id":2}]"#));
    assert!(both[0] != both[1] && both[1] == one[0]);
}

#[test]
fn an_event_may_stand_in_a_field_of_a_form() {
    let form = "signature=x&payload=%7B%22type%22%3A%22a%22%2C%22id%22%3A1%7D";
    let urlencoded = "application/x-www-form-urlencoded";
    assert_eq!(open("  decode: form\n  part: payload\n", urlencoded, form).expect("read"), ["a 1"]);
    let parts = "--b\r\ncontent-disposition: form-data; name=\"json\"\r\n\r\n{\"type\":\"a\",\"id\":1}\r\n\
        --b\r\ncontent-disposition: form-data; name=\"id\"\r\n\r\n2\r\n\
        --b\r\ncontent-disposition: form-data; name=\"type\"\r\n\r\nb\r\n--b--\r\n";
    let media_type = "multipart/form-data; boundary=b";
    assert_eq!(open("  decode: [json, multipart]\n  part: json\n", media_type, parts).expect("read"), ["a 1"]);
    assert_eq!(open("  decode: multipart\n", media_type, parts).expect("read"), ["b 2"]);
    assert_eq!(open("  decode: [json, multipart]\n", "application/json", BODY).expect("read"), ["signed c1"]);
    for (more, media_type, body) in [
        ("  decode: form\n  part: json\n", urlencoded, form),
        ("  decode: multipart\n  part: id\n", media_type, parts),
        ("  decode: multipart\n", "multipart/form-data; boundary=c", parts),
        ("  decode: multipart\n", media_type, &parts[..60]),
    ] {
        assert!(matches!(open(more, media_type, body), Err(WebhookError::Malformed(_))), "{more}");
    }
}

#[test]
fn a_connection_that_says_another_way_means_only_that() {
    let (head, _) = GOOD.split_once("webhooks:").expect("webhooks");
    let manifest = format!("{head}webhooks: {{ verify: {TIMED}, type: /type, correlate: /id, dedupe: [/id] }}\n");
    let provider = from_yaml("acme.yaml", &manifest).expect("a good manifest");
    let mut connection = connection("acme", "http://127.0.0.1:9");
    connection.settings.clear();
    connection.webhook.secret = Some(SECRET.into());
    connection.webhook.scheme = Some("plain".to_string());
    connection.webhook.header = Some("X-Own".to_string());
    let headers = [("x-own".to_string(), SECRET.to_string())];
    let webhook = RawWebhook { headers: &headers, body: BODY.as_bytes(), received_at: STARTED };
    provider.receive(&connection, &webhook).expect("verified");
    connection.webhook.scheme = Some("ed25519_hex".to_string());
    let problems = provider.check_connection(&connection);
    assert!(problems.iter().any(|one| one.contains("holds the sender's public key")), "{problems:?}");
}

#[test]
fn ways_that_prove_nothing_are_mistakes() {
    let (head, _) = GOOD.split_once("webhooks:").expect("webhooks");
    for (more, expected) in [
        ("verify: { header: x, scheme: plain, over: '${body}' }", "`over` has no use with this scheme"),
        ("verify: { header: x, scheme: hmac_sha1_hex, public_key: abc }", "`public_key` has no use"),
        ("verify: { header: x, scheme: ed25519_hex, public_key: abc }", "`public_key` is neither PEM"),
        ("verify: { header: x, scheme: ed25519_hex, public_key: aabb }", "`public_key` is no Ed25519 key"),
        ("verify: { header: x, scheme: hmac_sha1_hex, over: '${timestamp}' }", "over `${body}`, or over fields"),
        ("verify: { header: x, scheme: hmac_sha1_hex, over: '${timestamp}.${body}' }", "says where it stands"),
        ("verify: { header: x, scheme: hmac_sha1_hex, timestamp: x-time }", "a time that is not signed"),
        ("verify: { header: x, scheme: hmac_sha1_hex, tolerance_s: 5 }", "a time that is not signed"),
        ("verify: { header: x, scheme: hmac_sha1_hex, over: '${body|trim}' }", "as it is sent"),
        ("verify: { header: x, scheme: hmac_sha1_hex, over: '${doc.id}${bdoy}' }", "there is no `bdoy` here"),
        ("verify: { header: x, scheme: hmac_sha1_hex, form: '${timestamp}' }", "`form` has `${signature}` once"),
        ("verify: { header: x, scheme: hmac_sha1_hex, form: '${timestamp}${signature}' }", "with text between"),
        ("verify: [{ scheme: basic }, { scheme: plain }]", "needs the key `header`"),
        ("part: payload", "`decode` needs `form` or `multipart`"),
        ("items: events", "`events` is no pointer"),
    ] {
        let text = format!("{head}webhooks: {{ {more}, type: /type, correlate: /id, dedupe: [/id] }}\n");
        let found = from_yaml("acme.yaml", &text).err().unwrap_or_default();
        assert!(found.iter().any(|one| one.message.contains(expected)), "{more}: {found:?}");
    }
}
