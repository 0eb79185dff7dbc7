use super::*;

fn target<'a>(scheme: &'a str, host: &'a str) -> Target<'a> {
    Target {
        scheme,
        host,
        port: 443,
        has_credentials: false,
    }
}

#[test]
fn addresses_of_networks_that_are_not_public_are_known() {
    for address in [
        "0.0.0.0",
        "0.1.2.3",
        "10.0.0.1",
        "10.255.255.255",
        "100.64.0.1",
        "100.127.255.255",
        "127.0.0.1",
        "127.255.0.9",
        "168.63.129.16",
        "169.254.169.254",
        "172.16.0.1",
        "172.31.255.255",
        "192.0.0.8",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "198.19.255.255",
        "198.51.100.7",
        "203.0.113.7",
        "224.0.0.1",
        "239.255.255.255",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::7f00:1",
        "::ffff:10.0.0.1",
        "::ffff:8.8.8.8",
        "64:ff9b::a00:1",
        "64:ff9b::808:808",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        "2001:2::1",
        "2001:10::1",
        "2001:20::1",
        "2001:db8::1",
        "2002:a00:1::1",
        "2002:808:808::1",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ] {
        assert!(!is_public(address.parse().unwrap()), "{address}");
    }
    for address in [
        "1.1.1.1",
        "8.8.8.8",
        "9.255.255.255",
        "11.0.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "126.255.255.255",
        "128.0.0.1",
        "168.63.129.17",
        "169.253.255.255",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "198.17.255.255",
        "198.20.0.0",
        "223.255.255.255",
        "2001:200::1",
        "2606:4700:4700::1111",
        "2a00:1450:4001::1",
    ] {
        assert!(is_public(address.parse().unwrap()), "{address}");
    }
}

#[test]
fn an_address_of_the_public_internet_is_asked_over_https_alone() {
    for host in [
        "audio.example",
        "AUDIO.Example",
        "audio.example.",
        "8.8.8.8",
        "[2606:4700:4700::1111]",
        "a_b.example",
        "localhost.example",
        "xn--bcher-kva.example",
        "1.example",
    ] {
        for fetch in [Fetch::Public, Fetch::Development] {
            assert_eq!(
                judge(target("https", host), fetch),
                Ok(Reach::Public),
                "{host}"
            );
            assert_eq!(
                judge(target("http", host), fetch),
                Err(Refusal::Scheme),
                "{host}"
            );
        }
        assert_eq!(judge(target("https", host), Fetch::Off), Err(Refusal::Off));
    }
}

#[test]
fn hosts_that_are_not_public_or_oddly_spelled_are_refused() {
    for (host, refusal) in [
        ("127.0.0.1", Refusal::NotPublic),
        ("127.0.0.2", Refusal::NotPublic),
        ("localhost", Refusal::NotPublic),
        ("localhost.", Refusal::NotPublic),
        ("LOCALHOST", Refusal::NotPublic),
        ("a.localhost", Refusal::NotPublic),
        ("[::1]", Refusal::NotPublic),
        ("[::]", Refusal::NotPublic),
        ("[::ffff:10.0.0.1]", Refusal::NotPublic),
        ("[::ffff:127.0.0.1]", Refusal::NotPublic),
        ("[fd00:ec2::254]", Refusal::NotPublic),
        ("169.254.169.254", Refusal::NotPublic),
        ("metadata.google.internal", Refusal::NotPublic),
        ("metadata.google.internal.", Refusal::NotPublic),
        ("printer.local", Refusal::NotPublic),
        ("router.lan", Refusal::NotPublic),
        ("nas.home.arpa", Refusal::NotPublic),
        ("metadata", Refusal::NotPublic),
        ("com", Refusal::NotPublic),
        ("0x7f.1", Refusal::Host),
        ("0x7f000001", Refusal::Host),
        ("a.0x7f", Refusal::Host),
        ("0177.0.0.1", Refusal::Host),
        ("2130706433", Refusal::Host),
        ("127.1", Refusal::Host),
        ("127.0.0.1.", Refusal::Host),
        ("127.0.0.1..", Refusal::Host),
        ("256.0.0.1", Refusal::Host),
        ("example.com..", Refusal::Host),
        (".example.com", Refusal::Host),
        ("a..b", Refusal::Host),
        (".", Refusal::Host),
        ("", Refusal::Host),
        ("[fe80::1%25eth0]", Refusal::Host),
        ("[fe80::1%eth0]", Refusal::Host),
        ("[::1", Refusal::Host),
        ("[audio.example]", Refusal::Host),
        ("user@audio.example", Refusal::Host),
        ("audio.example:443", Refusal::Host),
        ("audio example", Refusal::Host),
        ("bücher.example", Refusal::Host),
        ("audio%2eexample", Refusal::Host),
        ("audio.example\0", Refusal::Host),
        ("１２７.0.0.1", Refusal::Host),
    ] {
        let judged = judge(target("https", host), Fetch::Public);
        assert_eq!(judged, Err(refusal), "{host}");
    }
    let long = format!("{}.example", "a".repeat(64));
    assert_eq!(
        judge(target("https", &long), Fetch::Public),
        Err(Refusal::Host)
    );
}

#[test]
fn other_schemes_credentials_and_port_zero_are_refused() {
    for scheme in [
        "http",
        "file",
        "ftp",
        "javascript",
        "data",
        "gopher",
        "ws",
        "wss",
        "HTTPS",
        "",
    ] {
        let judged = judge(target(scheme, "audio.example"), Fetch::Public);
        assert_eq!(judged, Err(Refusal::Scheme), "{scheme}");
    }
    let with_user = Target {
        has_credentials: true,
        ..target("https", "audio.example")
    };
    assert_eq!(judge(with_user, Fetch::Public), Err(Refusal::Credentials));
    let nowhere = Target {
        port: 0,
        ..target("https", "audio.example")
    };
    assert_eq!(judge(nowhere, Fetch::Public), Err(Refusal::Port));
}

#[test]
fn only_in_development_is_this_machine_asked_and_only_by_its_plain_names() {
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        for scheme in ["http", "https"] {
            let judged = judge(target(scheme, host), Fetch::Development);
            assert_eq!(judged, Ok(Reach::Loopback), "{scheme} {host}");
            assert!(judge(target(scheme, host), Fetch::Public).is_err());
        }
    }
    for host in [
        "127.0.0.2",
        "a.localhost",
        "localhost.",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
    ] {
        assert!(
            judge(target("https", host), Fetch::Development).is_err(),
            "{host}"
        );
    }
    assert!(Reach::Loopback.covers("127.0.0.1".parse().unwrap()));
    assert!(!Reach::Loopback.covers("8.8.8.8".parse().unwrap()));
    assert!(!Reach::Public.covers("127.0.0.1".parse().unwrap()));
}

#[test]
fn a_redirect_never_leads_from_https_to_http_nor_from_elsewhere_to_this_machine() {
    let public = target("https", "audio.example");
    let local = target("http", "127.0.0.1");
    let judged = |from, to| judge_redirect(from, to, Fetch::Development);
    assert_eq!(
        judged(public, target("https", "other.example")),
        Ok(Reach::Public)
    );
    assert_eq!(judged(local, local), Ok(Reach::Loopback));
    assert_eq!(judged(local, public), Ok(Reach::Public));
    assert_eq!(judged(public, local), Err(Refusal::Redirect));
    assert_eq!(
        judged(public, target("https", "127.0.0.1")),
        Err(Refusal::Redirect)
    );
    let other_port = Target { port: 1, ..local };
    assert_eq!(judged(local, other_port), Err(Refusal::Redirect));
    assert_eq!(
        judged(local, target("http", "localhost")),
        Err(Refusal::Redirect)
    );
    let secure = target("https", "127.0.0.1");
    assert_eq!(judged(secure, local), Err(Refusal::Redirect));
    assert_eq!(
        judged(public, target("http", "other.example")),
        Err(Refusal::Scheme)
    );
}
