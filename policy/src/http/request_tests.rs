//! What a policy says of requests.

use std::net::IpAddr;

use proptest::prelude::*;

use super::Request;
use crate::{Policy, Refusal, Rule};

fn policy(rules: &[&str]) -> Policy {
    let parse = |rule: &&str| {
        rule.parse::<Rule>()
            .unwrap_or_else(|error| panic!("{error}"))
    };
    rules
        .iter()
        .map(parse)
        .fold(Policy::default(), Policy::with)
}

/// `METHOD SCHEME://AUTHORITY/PATH`
fn request(text: &str) -> Request {
    let (method, url) = text.split_once(' ').expect(text);
    let (scheme, rest) = url.split_once("://").expect(url);
    let slash = rest.find('/').unwrap_or(rest.len());
    Request::of(method, scheme, &rest[..slash], &rest[slash..]).expect(text)
}

/// Whether it is allowed, at an address.
fn told(policy: &Policy, text: &str, ip: &str) -> Result<(), String> {
    let told = |refusal| match refusal {
        Refusal::Denied(denial) => {
            let flag = denial.grant().map(|grant| format!("; {}", grant.flag()));
            format!("{denial}{}", flag.unwrap_or_default())
        }
        Refusal::Invalid(invalid) => format!("invalid: {invalid}"),
    };
    let vetted = policy.vet_request(&request(text)).map_err(told)?;
    let ip: IpAddr = ip.parse().expect(ip);
    let sent = policy.vet_destination(&vetted, ip).map_err(told)?;
    assert_eq!(
        sent.address().canonical().map(|it| it.ip()),
        Some(ip.to_canonical())
    );
    Ok(())
}

const PUBLIC: &str = "8.8.8.8";

#[test]
fn a_grant_is_of_methods_a_host_a_port_and_paths() {
    let granted = policy(&["allow http GET,HEAD https://api.example/v1/*"]);
    for (text, allowed) in [
        ("GET https://api.example/v1/", true),
        ("HEAD https://API.example.:443/v1/a/b?c", true),
        ("GET https://api.example/v1/x/../y", true),
        ("POST https://api.example/v1/a", false),
        ("GET http://api.example/v1/a", false),
        ("GET https://api.example:8443/v1/a", false),
        ("GET https://api.example/v1", false),
        ("GET https://api.example/v1/../v2", false),
        ("GET https://a.api.example/v1/a", false),
        ("GET https://example/v1/a", false),
        ("GET https://8.8.8.8/v1/a", false),
    ] {
        assert_eq!(told(&granted, text, PUBLIC).is_ok(), allowed, "{text}");
    }
    let begun = policy(&["allow http https://api.example/v1*"]);
    for path in ["/v1", "/v1/", "/v1x"] {
        assert_eq!(
            told(&begun, &format!("PUT https://api.example{path}"), PUBLIC),
            Ok(())
        );
    }
}

#[test]
fn the_floor_holds_for_what_a_name_resolves_to() {
    for rule in ["allow http http://api.example/*", "allow http http://*/*"] {
        let granted = policy(&[rule]);
        for ip in [
            "127.0.0.1",
            "10.0.0.5",
            "169.254.169.254",
            "::1",
            "::ffff:127.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "240.0.0.1",
        ] {
            let told = told(&granted, "GET http://api.example/", ip);
            assert!(told.is_err(), "{rule}: {ip}");
        }
        assert_eq!(told(&granted, "GET http://api.example/", PUBLIC), Ok(()));
    }
    let within = policy(&["allow http http://api.example/* in=private"]);
    assert_eq!(told(&within, "GET http://api.example/", "10.0.0.5"), Ok(()));
    assert!(told(&within, "GET http://api.example/", PUBLIC).is_err());
}

/// And the grant that is suggested allows it.
#[test]
fn a_denial_says_what_would_allow_it() {
    let none = policy(&[]);
    let text = "GET https://api.example/a?b";
    let flag = "--allow-http 'GET https://api.example/a'";
    assert_eq!(
        told(&none, text, PUBLIC).expect_err(text),
        format!("http GET https://api.example/a: no rule allows it; {flag}")
    );
    let granted = policy(&["allow http https://api.example/*"]);
    assert_eq!(
        told(&granted, text, "10.0.0.5").expect_err(text),
        "http GET https://api.example/a: it resolves to 10.0.0.5, which is private; \
         --allow-http 'GET https://api.example/a in=private'"
    );
    let connected = policy(&["allow connect tcp://api.example:443"]);
    assert_eq!(
        told(&connected, text, "10.0.0.5").expect_err(text),
        "http GET https://api.example/a: it resolves to 10.0.0.5, which is private; \
         --allow-connect 'tcp://api.example:443 in=private'"
    );
}

#[test]
fn a_grant_of_the_connection_is_enough() {
    for (rules, text, ip, allowed) in [
        (
            &["allow connect tcp://api.example:443"][..],
            "PUT https://api.example/a",
            PUBLIC,
            true,
        ),
        (
            &["allow connect tcp://api.example:443"],
            "PUT http://api.example/a",
            PUBLIC,
            false,
        ),
        (
            &["allow send udp://api.example:443"],
            "PUT https://api.example/a",
            PUBLIC,
            false,
        ),
        (
            &["allow connect tcp://10.0.0.0/8:80"],
            "GET http://10.0.0.5/",
            "10.0.0.5",
            true,
        ),
        // Its name may be looked up, or not.
        (
            &["allow connect tcp://10.0.0.0/8:80"],
            "GET http://db.example/",
            "10.0.0.5",
            false,
        ),
        (
            &[
                "allow connect tcp://10.0.0.0/8:80",
                "allow resolve db.example",
            ],
            "GET http://db.example/",
            "10.0.0.5",
            true,
        ),
        (
            &[
                "allow connect tcp://10.0.0.0/8:80",
                "allow resolve db.example",
            ],
            "GET http://db.example/",
            "8.8.8.8",
            false,
        ),
    ] {
        assert_eq!(
            told(&policy(rules), text, ip).is_ok(),
            allowed,
            "{rules:?}: {text}"
        );
    }
}

#[test]
fn a_denial_wins() {
    let all = "allow http http://*/* ";
    for (denial, text, ip, allowed) in [
        (
            "deny http http://api.example/admin*",
            "GET http://api.example/admin/x",
            PUBLIC,
            false,
        ),
        (
            "deny http http://api.example/admin*",
            "GET http://api.example//admin",
            PUBLIC,
            true,
        ),
        (
            "deny http http://api.example/a/b*",
            "GET http://api.example/a//b",
            PUBLIC,
            false,
        ),
        (
            "deny http http://api.example/a/b",
            "GET http://api.example/a;x/b;y=z",
            PUBLIC,
            false,
        ),
        (
            "deny http http://api.example/admin*",
            "GET http://api.example/x",
            PUBLIC,
            true,
        ),
        (
            "deny http DELETE http://*/*",
            "DELETE http://api.example/",
            PUBLIC,
            false,
        ),
        (
            "deny http http://[8.8.8.0/24]/*",
            "GET http://api.example/",
            PUBLIC,
            false,
        ),
        (
            "deny connect tcp://8.8.8.8:*",
            "GET http://api.example/",
            PUBLIC,
            false,
        ),
        (
            "deny connect tcp://8.8.8.8:443",
            "GET http://api.example/",
            PUBLIC,
            true,
        ),
        (
            "deny resolve api.example",
            "GET http://api.example/",
            PUBLIC,
            false,
        ),
        (
            "deny resolve api.example",
            "GET http://8.8.8.8/",
            PUBLIC,
            true,
        ),
    ] {
        if text.contains("example//") {
            // It could be read as another host.
            assert!(Request::of("GET", "http", "api.example", "//admin").is_err());
            continue;
        }
        let policy = policy(&[all.trim(), denial]);
        assert_eq!(told(&policy, text, ip).is_ok(), allowed, "{denial}: {text}");
        let limited = self::policy(&[all.trim()]).narrowed(self::policy(&[all.trim(), denial]));
        assert_eq!(
            told(&limited, text, ip).is_ok(),
            allowed,
            "limit: {denial}: {text}"
        );
    }
    let limited = policy(&[all.trim()]).narrowed(policy(&["allow http GET http://a.example/*"]));
    assert_eq!(told(&limited, "GET http://a.example/", PUBLIC), Ok(()));
    assert!(told(&limited, "GET http://b.example/", PUBLIC).is_err());
}

#[test]
fn it_is_no_grant_of_a_socket_nor_of_a_name() {
    let granted = policy(&["allow http http://*/*", "allow http http://a.example/*"]);
    assert_eq!(granted.may("connect", "tcp://8.8.8.8:80"), Ok(false));
    assert_eq!(granted.may("resolve", "a.example"), Ok(false));
}

#[test]
fn an_address_that_is_no_peer_is_invalid() {
    let granted = policy(&["allow http http://*/*"]);
    for host in ["0.0.0.0", "[::]", "224.0.0.1"] {
        let told = told(
            &granted,
            &format!("GET http://{host}/"),
            host.trim_matches(['[', ']']),
        );
        assert!(told.expect_err(host).starts_with("invalid: "), "{host}");
    }
}

/// What a server makes of a path that a rule's prefix covers, dots and encoding resolved.
fn resolved(path: &str) -> Vec<u8> {
    let mut decoded = Vec::new();
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'%' => {
                let digits = [bytes.next(), bytes.next()].map(|it| it.unwrap_or_default());
                let text = String::from_utf8_lossy(&digits).into_owned();
                decoded.push(u8::from_str_radix(&text, 16).unwrap_or_default());
            }
            byte => decoded.push(byte),
        }
    }
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in decoded.split(|byte| *byte == b'/') {
        match segment {
            b"." => {}
            b".." => _ = segments.pop(),
            segment => segments.push(segment),
        }
    }
    segments.join(&b'/')
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn no_path_leads_out_of_a_prefix(rest in "[ab./%2eE5cCfF;\\\\]{0,16}") {
        let granted = policy(&["allow http http://8.8.8.8/a/*"]);
        let path = format!("/a/{rest}");
        if let Ok(request) = Request::of("GET", "http", "8.8.8.8", &path)
            && granted.vet_request(&request).is_ok()
        {
            for path in [&path, request.path()] {
                prop_assert!(resolved(path).starts_with(b"/a/") || resolved(path) == b"/a", "{}", path);
            }
        }
    }
}
