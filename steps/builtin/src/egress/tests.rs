//! The table of what the guard refuses and lets through, and the resolver against real names of this machine.

use super::*;
use crate::testing::install_tls;

fn check(allow: &[&str], url: &str, expected: &str) {
    let policy = HttpPolicy { allow: allow.iter().map(ToString::to_string).collect() };
    let answer = match Egress::new(&policy).unwrap().admit(url) {
        Ok(target) if target.named => "named".to_string(),
        Ok(_) => "may go".to_string(),
        Err(Denied::Private { address, .. }) => format!("private {address}"),
        Err(Denied::Form(reason)) => reason,
    };
    assert_eq!(answer, expected, "{url} with {allow:?}");
}

#[test]
fn every_spelling_of_a_private_address_is_refused() {
    for (url, address) in [
        ("http://127.0.0.1/", "127.0.0.1"),
        ("http://127.0.0.1:8080/x", "127.0.0.1"),
        ("http://127.1/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://0x7f000001/", "127.0.0.1"),
        ("http://0177.0.0.1/", "127.0.0.1"),
        ("http://0177.0.0.01/", "127.0.0.1"),
        ("http://127.0.0.1./", "127.0.0.1"),
        ("http://%31%32%37.0.0.1/", "127.0.0.1"),
        ("http://①②⑦.0.0.1/", "127.0.0.1"),
        ("http://0/", "0.0.0.0"),
        ("http://[::]/", "::"),
        ("http://[::1]/", "::1"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
        ("http://[::ffff:7f00:1]/", "::ffff:127.0.0.1"),
        ("http://[::7f00:1]/", "::7f00:1"),
        ("http://[64:ff9b::a00:1]/", "64:ff9b::a00:1"),
        ("http://[64:ff9b:1::1]/", "64:ff9b:1::1"),
        ("http://[2002:a00:1::]/", "2002:a00:1::"),
        ("http://[2001::1]/", "2001::1"),
        ("http://[2001:db8::1]/", "2001:db8::1"),
        ("http://[fe80::1]/", "fe80::1"),
        ("http://[fec0::1]/", "fec0::1"),
        ("http://[fd00:ec2::254]/", "fd00:ec2::254"),
        ("http://[ff02::1]/", "ff02::1"),
        ("http://[100::1]/", "100::1"),
        ("http://169.254.169.254/latest/meta-data/", "169.254.169.254"),
        ("http://169.254.170.2/", "169.254.170.2"),
        ("http://10.1.2.3/", "10.1.2.3"),
        ("http://100.64.0.1/", "100.64.0.1"),
        ("http://172.31.255.255/", "172.31.255.255"),
        ("http://192.0.0.1/", "192.0.0.1"),
        ("http://192.0.2.1/", "192.0.2.1"),
        ("http://192.88.99.1/", "192.88.99.1"),
        ("http://192.168.1.1/", "192.168.1.1"),
        ("http://198.19.0.1/", "198.19.0.1"),
        ("http://198.51.100.1/", "198.51.100.1"),
        ("http://203.0.113.1/", "203.0.113.1"),
        ("http://224.0.0.1/", "224.0.0.1"),
        ("http://255.255.255.255/", "255.255.255.255"),
    ] {
        check(&[], url, &format!("private {address}"));
    }
}

#[test]
fn public_addresses_and_names_may_be_asked() {
    for url in [
        "https://api.example.com/v1?x=1",
        "http://8.8.8.8/",
        "http://172.32.0.1/",
        "http://100.128.0.1/",
        "http://[2606:4700::1111]/",
        "http://[::ffff:8.8.8.8]/",
        "http://[64:ff9b::808:808]/",
        // What a name leads to is seen when it is resolved.
        "http://localhost/",
    ] {
        check(&[], url, "may go");
    }
}

#[test]
fn what_browsers_repair_is_refused() {
    let encode = "white space, control characters and backslashes must be percent-encoded";
    check(&[], "http:\\\\127.0.0.1", encode);
    check(&[], "http://exa\tmple.com/", encode);
    check(&[], " http://example.com/", encode);
    check(&[], "http://example.com/\r\nhost: x", encode);
    check(&[], "file:///etc/passwd", "only http and https are spoken");
    check(&[], "gopher://example.com/", "only http and https are spoken");
    check(&[], "http://a@127.0.0.1/", "credentials in a URL end up in logs; send them as a header");
    check(&[], "http://a:b@example.com/", "credentials in a URL end up in logs; send them as a header");
    check(&[], "http://example.com:0/", "port 0 cannot be asked");
    check(&[], "http://[fe80::1%25eth0]/", "invalid IPv6 address");
    check(&[], "/just/a/path", "relative URL without a base");
    check(&[], &format!("http://example.com/{}", "x".repeat(URL_BYTES_MAX)), "it is longer than 8192 bytes");
}

#[test]
fn the_operator_allows_hosts_ports_addresses_and_networks() {
    check(&["127.0.0.1"], "http://127.0.0.1:81/", "may go");
    check(&["127.0.0.1"], "http://[::ffff:127.0.0.1]/", "may go");
    check(&["127.0.0.1"], "http://127.0.0.2/", "private 127.0.0.2");
    check(&["127.0.0.1:80"], "http://127.0.0.1/", "may go");
    check(&["127.0.0.1:80"], "http://127.0.0.1:81/", "private 127.0.0.1");
    check(&["[::1]:80"], "http://[::1]/", "may go");
    check(&["::1"], "http://[::1]:9/", "may go");
    check(&["10.1.0.0/16"], "http://10.1.2.3/", "may go");
    check(&["10.1.0.0/16"], "http://10.2.2.3/", "private 10.2.2.3");
    check(&["fd00::/8"], "http://[fd12::1]/", "may go");
    check(&["0.0.0.0/0"], "http://127.0.0.1/", "may go");
    check(&["::/0"], "http://[fe80::1]/", "may go");
    check(&["crm.internal"], "http://CRM.internal./x", "named");
    check(&["crm.internal:8080"], "http://crm.internal:8080/x", "named");
    check(&["crm.internal:8080"], "http://crm.internal/x", "may go");
    check(&["internal"], "http://crm.internal/x", "may go");
}

#[test]
fn every_wrong_entry_is_told() {
    let allow = ["ok.example", "10.0.0.0/33", "*.example", "a b", "host:99999", "http://x/"];
    let policy = HttpPolicy { allow: allow.map(str::to_string).to_vec() };
    let Err(error) = Egress::new(&policy) else { panic!("accepted") };
    insta::assert_snapshot!(error.problems.join("\n"), @r#"
    `10.0.0.0/33` is no host, host:port, address or network such as 10.1.0.0/16
    `*.example` has a wildcard; name each host, or allow its network
    `a b` is no host, host:port, address or network such as 10.1.0.0/16
    `host:99999` is no host, host:port, address or network such as 10.1.0.0/16
    `http://x/` is no host, host:port, address or network such as 10.1.0.0/16
    "#);
}

#[test]
fn a_name_with_any_private_address_is_refused() {
    let check = |allow: &[&str], addresses: &[&str], expected: Result<(), &str>| {
        let allow: Vec<String> = allow.iter().map(ToString::to_string).collect();
        let addresses: Vec<SocketAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        let answer =
            AllowList::new(&allow).unwrap().check("h.example", &addresses).map_err(|denied| denied.to_string());
        assert_eq!(answer, expected.map_err(str::to_string));
    };
    check(&[], &["8.8.8.8:0", "[2606:4700::1111]:0"], Ok(()));
    check(
        &[],
        &["8.8.8.8:0", "[fd00::1]:0"],
        Err("h.example is at fd00::1, an address of a private or reserved network, where steps may not send requests"),
    );
    check(&["fd00::/8"], &["8.8.8.8:0", "[fd00::1]:0"], Ok(()));
    check(
        &["10.0.0.1:80"],
        &["10.0.0.1:0"],
        Err("h.example is at 10.0.0.1, an address of a private or reserved network, where steps may not send requests"),
    );
}

#[tokio::test]
async fn the_guarded_client_refuses_a_name_that_leads_home() {
    install_tls();
    let egress = Egress::new(&HttpPolicy::default()).unwrap();
    let target = egress.admit("http://localhost:9/").unwrap();
    let error = egress.client(&target).unwrap().get(target.url().clone()).send().await.unwrap_err();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        if let Some(denied) = inner.downcast_ref::<Denied>() {
            assert!(matches!(denied, Denied::Private { host, .. } if host == "localhost"), "{denied}");
            return;
        }
        source = inner.source();
    }
    panic!("not refused by the guard: {error:?}");
}
