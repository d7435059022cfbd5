//! What a policy says of requests.

use std::net::IpAddr;

use proptest::prelude::*;

use super::Request;
use crate::{Check, Policy, Refusal, Rule, Verdict};

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
    // Both that it leads to.
    let text = "GET http://api.example/";
    let loopback = "allow http http://api.example/* in=loopback";
    assert!(told(&policy(&[loopback]), text, "64:ff9b::7f00:1").is_err());
    let both = policy(&["allow http http://api.example/* in=loopback,public"]);
    assert_eq!(told(&both, text, "64:ff9b::7f00:1"), Ok(()));
    assert_eq!(told(&policy(&[loopback]), text, "::ffff:127.0.0.1"), Ok(()));
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
         --allow-http 'GET https://api.example/a in=private'"
    );
    for (ip, reason) in [
        (
            "64:ff9b::7f00:1",
            "it resolves to 127.0.0.1, which is loopback",
        ),
        ("240.0.0.1", "it resolves to 240.0.0.1, which is reserved"),
    ] {
        let told = told(&granted, text, ip).expect_err(ip);
        assert!(told.contains(reason), "{told}");
        assert_eq!(told.contains("--allow"), ip.contains(':'), "{told}");
    }
    // The address is one of two that it leads to.
    let granted = policy(&["allow http https://[64:ff9b::7f00:1]/*"]);
    assert_eq!(
        told(
            &granted,
            "GET https://[64:ff9b::7f00:1]/",
            "64:ff9b::7f00:1"
        )
        .expect_err(text),
        "http GET https://127.0.0.1/: no rule allows it; --allow-http 'GET https://127.0.0.1/'"
    );
    // A shell takes it for two words.
    let text = "GET https://api.example/$HOME'\"`!;%2A%20b";
    let told = told(&none, text, PUBLIC).expect_err(text);
    let flag = &told[told.find("--allow").expect("a flag")..];
    let words = shlex::split(flag).expect("words");
    assert_eq!(
        words,
        [
            "--allow-http",
            "GET https://api.example/$HOME'%22%60!;%2A%20b"
        ]
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
    let all = "allow http http://*/*";
    for (denial, text, ip, allowed) in [
        (
            "http http://*/admin*",
            "GET http://a.example/admin",
            PUBLIC,
            false,
        ),
        (
            "http http://*/admin*",
            "GET http://a.example/user",
            PUBLIC,
            true,
        ),
        (
            "http https://*/*",
            "GET http://a.example/admin",
            PUBLIC,
            true,
        ),
        (
            "http http://a.example/x",
            "GET http://a.example/x",
            PUBLIC,
            false,
        ),
        (
            "http http://a.example/x",
            "GET http://a.example/x/",
            PUBLIC,
            true,
        ),
        (
            "http http://a.example/*",
            "GET http://b.example/",
            PUBLIC,
            true,
        ),
        (
            "http http://*.example/*",
            "GET http://b.example/",
            PUBLIC,
            false,
        ),
        (
            "http http://a.example/*",
            "GET http://8.8.8.8/",
            PUBLIC,
            true,
        ),
        (
            "http DELETE http://*/*",
            "DELETE http://a.example/",
            PUBLIC,
            false,
        ),
        (
            "http DELETE http://*/*",
            "GET http://a.example/",
            PUBLIC,
            true,
        ),
        (
            "http http://a.example:81/*",
            "GET http://a.example/",
            PUBLIC,
            true,
        ),
        // What a server may take for the path.
        (
            "http http://*/a/b*",
            "GET http://a.example/a//b",
            PUBLIC,
            false,
        ),
        (
            "http http://*/a/b*",
            "GET http://a.example/a;x=y/;z/b;",
            PUBLIC,
            false,
        ),
        (
            "http http://*/a/b",
            "GET http://a.example/a;x/b;y=z",
            PUBLIC,
            false,
        ),
        (
            "http http://*/a/b*",
            "GET http://a.example/a%252Fb",
            PUBLIC,
            false,
        ),
        (
            "http http://*/a/b*",
            "GET http://a.example/a/%2562",
            PUBLIC,
            false,
        ),
        (
            "http http://*/a:b",
            "GET http://a.example/a%3Ab",
            PUBLIC,
            false,
        ),
        (
            "http http://*/a%3Bb",
            "GET http://a.example/a;b",
            PUBLIC,
            false,
        ),
        // By address.
        (
            "http http://[8.8.8.0/24]/*",
            "GET http://a.example/",
            PUBLIC,
            false,
        ),
        (
            "http http://[8.8.8.0/24]/*",
            "GET http://a.example/",
            "9.9.9.9",
            true,
        ),
        (
            "http http://public/*",
            "GET http://a.example/",
            PUBLIC,
            false,
        ),
        (
            "http http://8.8.8.8/*",
            "GET http://8.8.8.8/",
            PUBLIC,
            false,
        ),
        (
            "http http://8.8.8.8/*",
            "GET http://[::ffff:8.8.8.8]/",
            "::ffff:8.8.8.8",
            false,
        ),
        (
            "http http://8.8.8.8/*",
            "GET http://a.example/",
            "64:ff9b::808:808",
            false,
        ),
        (
            "connect tcp://8.8.8.8:*",
            "GET http://a.example/",
            PUBLIC,
            false,
        ),
        (
            "connect tcp://8.8.8.8:*",
            "GET http://a.example/",
            "64:ff9b::808:808",
            false,
        ),
        (
            "connect tcp://8.8.8.8:443",
            "GET http://a.example/",
            PUBLIC,
            true,
        ),
        (
            "connect mptcp://8.8.8.8:*",
            "GET http://a.example/",
            PUBLIC,
            true,
        ),
        (
            "send ip://8.8.8.8:*",
            "GET http://a.example/",
            PUBLIC,
            false,
        ),
        ("connect ip://*:80", "GET http://a.example/", PUBLIC, false),
        ("resolve a.example", "GET http://a.example/", PUBLIC, false),
        ("resolve a.example", "GET http://b.example/", PUBLIC, true),
        ("resolve *", "GET http://a.example/", PUBLIC, false),
        ("resolve *", "GET http://8.8.8.8/", PUBLIC, true),
    ] {
        let denial = format!("deny {denial}");
        for grant in [all, "allow connect tcp://*:80"] {
            let granting = policy(&[grant, "allow resolve *"]);
            let denying = policy(&[grant, "allow resolve *", &denial]);
            assert_eq!(
                told(&denying, text, ip).is_ok(),
                allowed,
                "{denial}: {text}"
            );
            // The same of a limit.
            for limit in [denying, policy(&[all, &denial])] {
                let limited = granting.clone().narrowed(limit);
                let told = told(&limited, text, ip);
                assert_eq!(told.is_ok(), allowed, "{denial}: {text}: {told:?}");
            }
        }
    }
}

/// It is not looked up.
#[test]
fn what_no_address_would_allow_is_denied_before_the_look_up() {
    for (rules, text, may) in [
        (&[][..], "GET http://a.example/", false),
        (
            &["allow http http://a.example/x"],
            "GET http://a.example/",
            false,
        ),
        (&["allow http http://*/*"], "GET http://a.example/", true),
        (
            &["allow http http://public/*"],
            "GET http://a.example/",
            true,
        ),
        // To look a name up tells whoever has it.
        (
            &["allow http http://private/*"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow http http://[10.0.0.0/8]/*"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow http http://private/*", "allow resolve *.example"],
            "GET http://a.example/",
            true,
        ),
        (
            &["allow http http://127.0.0.1/*"],
            "GET http://localhost/",
            true,
        ),
        (
            &["allow http http://localhost/*"],
            "GET http://localhost/",
            true,
        ),
        (
            &["allow http http://localhost/*"],
            "GET http://a.localhost/",
            false,
        ),
        (
            &["allow http http://a.localhost/* in=loopback"],
            "GET http://a.localhost/",
            true,
        ),
        (
            &["allow connect tcp://a.example:80"],
            "GET http://a.example/",
            true,
        ),
        (
            &["allow connect tcp://a.example:81"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow connect tcp://*:80"],
            "GET http://a.example/",
            false,
        ),
        (&["allow connect tcp://*:80"], "GET http://localhost/", true),
        (
            &["allow connect tcp://*:80", "allow resolve *"],
            "GET http://a.example/",
            true,
        ),
        (
            &["allow send ip://*:80", "allow resolve *"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow listen tcp://*:80", "allow resolve *"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow http http://*/*", "deny http http://*/*"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow http http://*/*", "deny connect tcp://*:*"],
            "GET http://a.example/",
            false,
        ),
        (
            &["allow http http://*/*", "deny connect tcp://*:81"],
            "GET http://a.example/",
            true,
        ),
        (
            &["allow http http://*/*", "deny resolve a.example"],
            "GET http://a.example/",
            false,
        ),
        (
            &[
                "allow http http://localhost/*",
                "deny http http://loopback/*",
            ],
            "GET http://localhost/",
            false,
        ),
        (
            &[
                "allow http http://localhost/*",
                "deny http http://127.0.0.1/*",
            ],
            "GET http://localhost/",
            true,
        ),
    ] {
        let asked = policy(rules).vet_request(&request(text));
        assert_eq!(asked.is_ok(), may, "{rules:?}: {text}: {asked:?}");
    }
}

#[test]
fn a_limit_is_asked_the_same() {
    let told = |granted: &[&str], limit: &[&str], text: &str| {
        told(&policy(granted).narrowed(policy(limit)), text, PUBLIC)
    };
    let (http, connect) = (
        "allow http GET http://a.example/*",
        "allow connect tcp://*:80",
    );
    assert_eq!(
        told(&["allow http http://*/*"], &[http], "GET http://a.example/"),
        Ok(())
    );
    assert_eq!(
        told(
            &[connect, "allow resolve *"],
            &[http],
            "GET http://a.example/"
        ),
        Ok(())
    );
    assert_eq!(
        told(
            &[http],
            &[connect, "allow resolve *"],
            "GET http://a.example/"
        ),
        Ok(())
    );
    assert!(told(&[http], &[connect], "GET http://a.example/").is_err());
    assert_eq!(
        told(&["allow http http://*/*"], &[http], "GET http://b.example/"),
        Err(
            "http GET http://b.example/: the guest gave it up: no rule of its limit allows it"
                .to_owned()
        )
    );
    // What is given up between the check and the look-up.
    let granted = policy(&["allow http http://*/*"]);
    let vetted = granted
        .vet_request(&request("GET http://a.example/"))
        .expect("granted");
    let ip = PUBLIC.parse().expect(PUBLIC);
    for limit in ["deny resolve a.example", "deny http http://a.example/*"] {
        let limited = granted
            .clone()
            .narrowed(policy(&["allow http http://*/*", limit]));
        assert!(limited.vet_destination(&vetted, ip).is_err(), "{limit}");
    }
}

#[test]
fn a_request_to_an_address_goes_there_and_nowhere_else() {
    let granted = policy(&["allow http http://*/*"]);
    let vetted = granted
        .vet_request(&request("GET http://[::ffff:8.8.8.8]/"))
        .expect("granted");
    assert_eq!(vetted.name(), None);
    for (ip, is_it) in [
        ("8.8.8.8", true),
        ("::ffff:8.8.8.8", true),
        ("8.8.4.4", false),
    ] {
        let sent = granted.vet_destination(&vetted, ip.parse().expect(ip));
        assert_eq!(sent.is_ok(), is_it, "{ip}");
    }
}

#[test]
fn ports_are_the_schemes_own_unless_written() {
    for (rule, text, allowed) in [
        ("https://a.example/*", "GET https://a.example:443/", true),
        ("https://a.example/*", "GET https://a.example:80/", false),
        ("http://a.example/*", "GET http://a.example/", true),
        ("http://a.example/*", "GET http://a.example:8080/", false),
        (
            "http://a.example:80,8080-8090/*",
            "GET http://a.example:8085/",
            true,
        ),
        (
            "http://a.example:8080-8090/*",
            "GET http://a.example/",
            false,
        ),
        ("http://a.example:*/*", "GET http://a.example:1/", true),
    ] {
        let granted = policy(&[&format!("allow http {rule}")]);
        assert_eq!(
            told(&granted, text, PUBLIC).is_ok(),
            allowed,
            "{rule}: {text}"
        );
    }
}

#[test]
fn a_grant_is_of_one_path() {
    for (rule, path, allowed) in [
        ("/a:b", "/a:b", true),
        ("/a:b", "/a%3Ab", true),
        ("/a%3ab", "/a:b", true),
        ("/%61%7E", "/a~", true),
        ("/a//b", "/a//b", true),
        ("/a/b", "/a//b", false),
        ("/a//*", "/a//b", true),
        ("/a;x", "/a;x", true),
        ("/a", "/a;x", false),
        ("/%2A", "/*", true),
        ("/%2A", "/%2a", true),
        ("/%2A*", "/*/a", true),
        ("/v1/*", "/V1/", false),
        ("/v1", "/v1/", false),
        ("/*", "", true),
        ("/a%2520*", "/a%2520b", true),
    ] {
        let granted = policy(&[&format!("allow http http://a.example{rule}")]);
        let text = format!("GET http://a.example{path}");
        assert_eq!(
            told(&granted, &text, PUBLIC).is_ok(),
            allowed,
            "{rule}: {path}"
        );
    }
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

/// Rules that often meet.
fn rules() -> impl Strategy<Value = Vec<String>> {
    let http = r"(allow|deny) http (GET |PUT )?https?://(\*|public|private|localhost|10\.0\.0\.1|\[10\.0\.0\.0/8\]|(\*\.)?a\.example)(:[12])?/(a|a/\*|\*)";
    let others = r"(allow|deny) (connect tcp://(\*|10\.0\.0\.1|8\.8\.8\.8|localhost):(80|1|\*)|resolve (a\.example|\*))";
    let named = r"allow (connect tcp://a\.example:(80|1)|http http://a\.example/\*)( in=private)?";
    prop::collection::vec(prop_oneof![3 => http, 1 => others, 1 => named], 0..6)
}

const ASKED: &str = r"(GET|PUT) http://(a\.example|b\.a\.example|localhost|10\.0\.0\.[12]|8\.8\.8\.8|\[64:ff9b::a00:1\])(:[12])?/(a|a/b)";

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2048))]

    #[test]
    fn an_explanation_says_what_the_check_does(rules in rules(), asked in ASKED) {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let policy = policy(&rules);
        let answer = policy.explain(&format!("http {asked}").parse().expect("a question"));
        let checked = policy.vet_request(&request(&asked));
        prop_assert_eq!(answer.verdict() == Verdict::Allow, checked.is_ok(), "{:?}: {}", rules, answer);
        if let Err(Refusal::Denied(denial)) = checked {
            prop_assert!(denial.rule().is_none() || answer.rule().is_some(), "{:?}: {}", rules, answer);
            prop_assert_eq!(answer.grants().is_empty(), answer.rule().is_some());
        }
    }

    /// What is refused before the look-up, no address would have allowed but one that the
    /// guest needs no name for.
    #[test]
    fn what_is_refused_by_name_is_refused_everywhere(
        rules in rules(),
        asked in ASKED,
        ip in r"127\.0\.0\.1|10\.0\.0\.[12]|8\.8\.8\.8",
    ) {
        let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
        let policy = policy(&rules).and(self::policy(&["allow resolve *"]));
        let request = request(&asked);
        let ip: IpAddr = ip.parse().expect("an address");
        if request.name().is_some() && policy.vet_request(&request).is_err() {
            let check = Check::Request { request, ip: Some(ip) };
            prop_assert!(check.ask(&policy).is_err(), "{:?}: {:?}", rules, check);
        }
    }
}
