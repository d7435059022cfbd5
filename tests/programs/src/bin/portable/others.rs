//! Names, and the interfaces that WASI has nothing of.

use capsock_guest::*;

use crate::{fails, socket};

pub(crate) fn names() {
    let look_up = |host, service, flags| {
        getaddrinfo(Some(host), Some(service), AF_UNSPEC, SOCK_STREAM, 0, flags)
    };
    for (service, flags, error) in [
        ("http", 0, EAI_SERVICE),
        ("http", AI_NUMERICSERV, EAI_NONAME),
        ("65536", 0, EAI_SERVICE),
    ] {
        let failed = look_up("127.0.0.1", service, flags).expect_err(service);
        assert_eq!(failed.gai_errno(), Some(error), "{failed}");
    }
    for (host, family, flags, error) in [
        ("127.0.0.1", AF_INET6, 0, EAI_ADDRFAMILY),
        ("::1", AF_INET, 0, EAI_ADDRFAMILY),
        ("localhost", AF_INET, AI_NUMERICHOST, EAI_NONAME),
        ("fe80::1%lo", AF_INET6, 0, EAI_NONAME),
        ("127.0.0.1", AF_UNIX, 0, EAI_FAMILY),
    ] {
        let failed = getaddrinfo(Some(host), Some("80"), family, SOCK_STREAM, 0, flags);
        assert_eq!(failed.expect_err(host).gai_errno(), Some(error), "{host}");
    }
    let failed = getaddrinfo("127.0.0.1", 80, AF_UNSPEC, SOCK_SEQPACKET, 0, 0);
    assert_eq!(failed.expect_err("a type").gai_errno(), Some(EAI_SOCKTYPE));
    let failed = getaddrinfo("127.0.0.1", 80, AF_UNSPEC, SOCK_RAW, 0, 0);
    assert_eq!(
        failed.expect_err("no service").gai_errno(),
        Some(EAI_SERVICE)
    );
    let failed = getaddrinfo(None::<&str>, 80, AF_UNSPEC, SOCK_STREAM, 0, AI_CANONNAME);
    assert_eq!(failed.expect_err("no host").gai_errno(), Some(EAI_BADFLAGS));
    let found = getaddrinfo("fe80::1%7", 80, AF_UNSPEC, None, 0, AI_CANONNAME).expect("a zone");
    let shown: Vec<_> = found.iter().map(|info| (info.kind, info.proto)).collect();
    assert_eq!(shown, [(SOCK_STREAM, 6), (SOCK_DGRAM, 17), (SOCK_RAW, 0)]);
    assert_eq!(found[0].canonname, "fe80::1%7");
    let (host, service) = getnameinfo(&found[0].sockaddr, 0).expect("numeric");
    assert_eq!((host.as_str(), service.as_str()), ("fe80::1%7", "80"));
    let failed = getnameinfo(&found[0].sockaddr, NI_NAMEREQD).expect_err("no name");
    assert_eq!(failed.gai_errno(), Some(EAI_NONAME));
    let mapped = getaddrinfo("127.0.0.1", 80, AF_INET6, SOCK_STREAM, 0, AI_V4MAPPED);
    let mapped = mapped.expect("mapped")[0].sockaddr.to_string();
    assert!(mapped.contains("::ffff:127.0.0.1"), "{mapped}");
    let own = getaddrinfo(None::<&str>, 80, AF_INET, SOCK_STREAM, 0, AI_PASSIVE).expect("any");
    let (host, _) = getnameinfo(&own[0].sockaddr, 0).expect("numeric");
    assert_eq!(host, "0.0.0.0");
    let own = getaddrinfo(None::<&str>, 80, AF_INET6, SOCK_STREAM, 0, 0).expect("own");
    let (host, _) = getnameinfo(&own[0].sockaddr, 0).expect("its name");
    assert_eq!(host, "localhost");

    assert_eq!(gethostbyname("127.0.0.7").expect("itself"), "127.0.0.7");
    assert_eq!(gethostbyname("localhost").expect("own"), "127.0.0.1");
    assert_eq!(gethostbyaddr("::1").expect("own").0, "localhost");
    let failed = gethostbyaddr("192.0.2.1").expect_err("no names of addresses");
    const HOST_NOT_FOUND: i32 = 1;
    assert_eq!(failed.h_errno(), Some(HOST_NOT_FOUND));
    assert!(getservbyname("http", None).is_err());
    assert!(getservbyport(80, Some("tcp")).is_err());
    assert_eq!(getprotobyname("udp").expect("udp"), IPPROTO_UDP);
    assert!(getprotobyname("icmp").is_err());
    fails(gethostname(), "ENOSYS");
    fails(sethostname("name"), "ENOSYS");
    fails(sethostname(&"x".repeat(65)), "EINVAL");
}

/// What else there is nothing of.
pub(crate) fn others() {
    fails(if_nameindex(), "EOPNOTSUPP");
    fails(if_nametoindex("lo"), "EOPNOTSUPP");
    fails(if_indextoname(1), "EOPNOTSUPP");
    fails(getifaddrs(), "EOPNOTSUPP");
    assert!(Socket::inherited("http").is_err());
    assert!(trust::certificates().is_empty());
    assert_eq!(authority::grants(), ["allow connect tcp://127.0.0.1:7"]);
    let may = |target| authority::may("connect", target).expect("a question");
    assert!(may("tcp://127.0.0.1:7") && !may("tcp://127.0.0.1:8"));
    assert!(authority::may("connect", "tcp://*:8").is_err());
    assert!(authority::limit(&["allow nonsense"]).is_err());
    authority::limit(&[""; 0]).expect("limit");
    assert!(!may("tcp://127.0.0.1:7"));
    fails(
        socket("127.0.0.1", SOCK_STREAM).connect(("127.0.0.1", 7)),
        "EACCES",
    );
}
