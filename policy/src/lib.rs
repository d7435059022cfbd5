//! What a sandboxed program may do with the network: rules, and one evaluator of
//! them.
//!
//! Everything here is pure: no system call, no clock, no state; but for
//! [`Authority`], which keeps a policy for a guest, and [`Told`]. `capsock-host`
//! asks it before every system call that takes an address, and so does the
//! component that a program can be sealed with; an admission check, an editor or a
//! proxy can ask it the same.
//!
//! ```
//! use capsock_policy::operation::Connect;
//! use capsock_policy::{Address, Policy, Protocol, Refusal};
//! use std::net::SocketAddr;
//!
//! let policy = Policy::from_toml(
//!     r#"
//!     [allow]
//!     connect = ["tcp://10.20.0.0/16:5432"]
//!
//!     [deny]
//!     connect = ["tcp://10.20.9.0/24:*"]
//!     "#,
//! )?;
//!
//! let asked = |address: &str| {
//!     let address: SocketAddr = address.parse().expect("an address");
//!     policy.vet::<Connect>(Protocol::Tcp, Address::from(address))
//! };
//! assert!(asked("10.20.0.5:5432").is_ok());
//! assert!(asked("[::ffff:10.20.0.5]:5432").is_ok());
//! let Err(Refusal::Denied(denial)) = asked("10.20.9.5:5432") else { panic!() };
//! assert_eq!(
//!     denial.to_string(),
//!     "connect tcp://10.20.9.5:5432: the rule `deny connect tcp://10.20.9.0/24:*` forbids it",
//! );
//!
//! // The same in words, with the grant that would allow it.
//! let answer = policy.explain(&"connect tcp://10.20.0.5:80".parse()?);
//! assert_eq!(answer.grants()[0].to_string(), "allow connect tcp://10.20.0.5:80");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The grammar of rules
//!
//! ```text
//! rule      = ("allow" | "deny") operation target qualifier*
//! operation = "connect" | "bind" | "listen" | "send" | "recv" | "resolve" | "raw"
//!           | "pass-fd" | "take-fd" | "option" | "interfaces" | "http"
//! target    = proto "://" host ":" ports            connect bind listen send recv
//!           | proto "://" host                      of icmp and raw/N, without ports
//!           | "unix:" path                          a path; with "/" at its end all beneath
//!           | "unix-abstract:" name ["*"]           a name; with "*" all that begin so
//!           | family "://" address                  another family
//!           | name | "*"                            resolve
//!           | option ["=" value]                    option
//!           | "*"                                   interfaces; pass-fd and take-fd too
//!           | [method ("," method)* " "] url        http
//! proto     = "tcp" | "udp" | "ip" | "mptcp" | "udplite" | "rds" | "icmp" | "raw/" N
//! host      = "*" | ip4 | "[" ip6 "]" | cidr | class | "localhost" | name
//! class     = "public" | "loopback" | "private" | "link-local" | "metadata"
//!           | "multicast" | "broadcast"
//! name      = ["*."] dns-name
//! ports     = item ("," item)*          item = "*" | N | N "-" M | "ephemeral"
//! url       = ("http" | "https") "://" host [":" ports] path ["*"], a net in brackets
//! family    = "netlink" | "vsock" | "packet" | "can" | "tipc" | "bluetooth" | "alg"
//! address   = "*"
//!           | netlink:    protocol ["/" (port | "*")]
//!           | vsock:      (cid | "any" | "*") ":" ports
//!           | packet can: interface
//!           | tipc:       "name:" (type ":" instances | "*") | "id:" (node ":" reference | "*")
//!           | bluetooth:  ("rfcomm" | "l2cap" | "hci") "/" (device "/" channel | "*")
//!           |             "sco/" device
//!           | alg:        type "/" (name | "*")
//! qualifier = "from=" host ("," host)*   the peers of a listener
//!           | "in=" class ("," class)*   what a name may resolve to
//!           | "of=" kind ("," kind)*     what may be taken; sockets without it
//! kind      = "socket" | "file" | "writable-file" | "pipe" | "writable-pipe"
//! ```
//!
//! White space separates words. In a path, a name and a value, `\\xHH` is a byte:
//! white space, `*`, and what is not seen as what it is, are written so. Numbers
//! are decimal, without leading zeros. What is not written as it would be printed
//! is made so, or is an error that says how to write it.
//!
//! # What rules mean
//!
//! Nothing is allowed by default. A denial that matches wins, whatever the order.
//!
//! | rule | meaning |
//! | --- | --- |
//! | `allow connect tcp://192.0.2.1:443` | one address and port |
//! | `allow connect tcp://*:443` | the public internet, and nothing else: not this machine, no private net, no metadata service |
//! | `allow connect tcp://10.0.0.0/8:5432` | a net; of what is not public only what lies in the same block as all of the net |
//! | `allow connect tcp://localhost:80` | 127.0.0.1 and ::1; `loopback` is all of 127.0.0.0/8 |
//! | `allow connect tcp://*.example.com:443 in=public,private` | what names beneath example.com resolve to, of these classes; includes the look-up |
//! | `allow listen tcp://[::1]:8080-8090 from=loopback` | to listen, and to accept these peers; includes the bind |
//! | `allow bind udp://127.0.0.1:ephemeral` | to bind port 0, so that the kernel chooses one |
//! | `allow send udp://9.9.9.9:53` | datagrams to a peer, and its answers |
//! | `allow recv udp://224.0.0.251:5353` | datagrams from a peer, or of a multicast group |
//! | `allow resolve *.example.com` | to look names up, not to reach them |
//! | `allow connect unix:/run/app/` | every socket beneath a directory |
//! | `allow connect unix-abstract:app/*` | every abstract name that begins so |
//! | `allow pass-fd unix:/run/app.sock` | to send sockets and files over it; `take-fd` to receive sockets |
//! | `allow take-fd unix:/run/app.sock of=socket,file` | to receive sockets, and regular files to read; `writable-file` also to write, where they are open for that; `pipe` and `writable-pipe` likewise; a denial without `of=` is of all |
//! | `allow option so-mark=7` | to set an option to a value, or to any without one |
//! | `allow interfaces *` | to list the network interfaces |
//! | `allow http GET,HEAD https://api.example.com/v1/*` | to have such requests made, and nothing else; [`http`] says when a request is one |
//! | `allow send icmp://192.0.2.1` | echoes; `allow raw raw/1://192.0.2.1` for raw sockets |
//! | `allow raw netlink://route` | to talk with a part of the kernel, and hear its multicast groups; a denial is of that protocol, whatever the port |
//! | `allow raw packet://eth0` | frames of an interface, by any of its names; `can://` likewise |
//! | `allow connect vsock://2:1024` | a port of a context |
//! | `allow bind tipc://name:18888:1-17` | a range within it; a denial is of all that meets it |
//! | `allow connect bluetooth://rfcomm/00:11:22:33:44:55/1` | a channel of a device; `l2cap/DEVICE/PSM` or `l2cap/DEVICE/cid-N` |
//! | `allow bind alg://hash/sha256` | an algorithm of the kernel |
//!
//! An IPv6 address that holds an IPv4 one is that one; of NAT64, 6to4 and Teredo
//! both are checked. `ip` is TCP and UDP; a denial of it is also one of MPTCP and
//! UDP-Lite, one of `tcp` of MPTCP too, which falls back to it. A denial of an
//! address to listen on is one of listening on all addresses; one of an IPv6 net
//! around all that hold IPv4 ones, such as `::/0`, is one of IPv4 too. To connect and to
//! send are denied together where a target is of both kinds: `ip://`, Unix
//! sockets, other families. [`Machine`] tells what only the machine knows: which
//! addresses are its own, and which names are of one thing.
//!
//! # Where things are
//!
//! What an address is: `address`, `class`. What a rule is: `rule`. How it is
//! parsed: `parse`, and `file` for whole policies. How it decides: `policy` and
//! `vet`, with `facts` and `pins` for what changes; of requests, `http`. How it
//! explains: `explain`, `denial`, `told`. What a guest has of it as time goes by:
//! `authority`.

#![deny(missing_docs)]
#![warn(clippy::print_stderr, clippy::print_stdout)]
#![cfg_attr(not(test), warn(clippy::unwrap_used))]

// In the order in which they are read: what an address is, what a rule is, how it
// is parsed, how it decides, how it explains.
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;

mod text;

mod address;
mod class;
mod errno;

mod facts;
mod name;
mod rule;

mod file;
pub mod http;
mod limits;
mod parse;

mod index;
mod invalid;
mod narrow;
pub mod operation;
mod pins;
mod policy;
mod reach;
mod vet;
mod vetted;
pub mod wasi;

mod authority;
mod check;
mod denial;
mod directories;
mod explain;
mod question;
mod serving;
mod told;

pub use address::{
    Address, AddressFamily, AlgAddress, BluetoothAddress, BluetoothDevice, BluetoothProtocol,
    CanAddress, CanProtocol, CanProtocolAddress, NetlinkAddress, PacketAddress, Protocol,
    SocketType, TipcAddress, TipcTarget, UnixAddress, VsockAddress, canonical_ip,
};
pub use authority::{Authority, NarrowError};
pub use check::{Check, Decision};
pub use class::Class;
pub use denial::Denial;
pub use errno::Errno;
pub use explain::{Explanation, Verdict};
pub use facts::{Machine, Route};
pub use file::PolicyFileError;
pub use invalid::Invalid;
pub use limits::{LimitError, Limits};
pub use name::{Domain, is_localhost, is_name};
pub use narrow::LimitedBy;
pub use parse::ParseRuleError;
pub use policy::Policy;
pub use question::Question;
pub use reach::Reach;
pub use rule::{DescriptorKind, Effect, OPTION_GRANTS, Op, Rule};
pub use serving::Serving;
pub use text::{escape, shown};
pub use told::Told;
pub use vetted::{NameRefusal, Refusal, Vetted, VettedName, VettedPath};
