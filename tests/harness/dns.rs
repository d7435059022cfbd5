//! A name server that answers what an attacker would; it serves the network
//! namespace that a test starts it in, on 127.0.0.1:53.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, PTR};
use hickory_proto::rr::{Name, RData, Record, RecordType};

/// What fits a datagram of DNS without EDNS (RFC 1035, 4.2.1).
const DATAGRAM: usize = 512;

fn main() {
    let server = Arc::new(Server::default());
    let udp = UdpSocket::bind("127.0.0.1:53").expect("a namespace of its own");
    let tcp = TcpListener::bind("127.0.0.1:53").expect("a namespace of its own");
    println!("ready");
    let over_tcp = server.clone();
    std::thread::spawn(move || {
        for stream in tcp.incoming().flatten() {
            let server = over_tcp.clone();
            // A client may stay, or go away, as it likes.
            std::thread::spawn(move || _ = server.serve(stream));
        }
    });
    let mut query = [0; 4096];
    loop {
        let (length, client) = udp.recv_from(&mut query).expect("recv_from");
        if let Some(answer) = server.answer(&query[..length], DATAGRAM) {
            udp.send_to(&answer, client).expect("send_to");
        }
    }
}

/// Counts how often each name was asked for.
#[derive(Default)]
struct Server(Mutex<HashMap<String, usize>>);

impl Server {
    fn serve(&self, mut stream: std::net::TcpStream) -> std::io::Result<()> {
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length)?;
            let mut query = vec![0; u16::from_be_bytes(length).into()];
            stream.read_exact(&mut query)?;
            if let Some(answer) = self.answer(&query, usize::from(u16::MAX)) {
                stream.write_all(&(answer.len() as u16).to_be_bytes())?;
                stream.write_all(&answer)?;
            }
        }
    }

    fn answer(&self, query: &[u8], room: usize) -> Option<Vec<u8>> {
        let query = Message::from_vec(query).ok()?;
        let question = query.queries.first()?.clone();
        let name = question.name().to_utf8().to_lowercase();
        let name = name.trim_end_matches('.').to_owned();
        let mut answer = Message::response(query.metadata.id, query.metadata.op_code);
        answer.metadata.authoritative = true;
        answer.add_query(question.clone());
        match self.zone(&name, question.query_type()) {
            Answer::Silence => return None,
            Answer::NoSuchName => answer.metadata.response_code = ResponseCode::NXDomain,
            Answer::Failure => answer.metadata.response_code = ResponseCode::ServFail,
            Answer::Records(records) => {
                answer.add_answers(records);
            }
        }
        let bytes = answer.to_vec().ok()?;
        if bytes.len() <= room {
            return Some(bytes);
        }
        answer.answers.clear();
        answer.metadata.truncation = true;
        answer.to_vec().ok()
    }

    fn zone(&self, name: &str, kind: RecordType) -> Answer {
        let addresses = |addresses: &[&str]| {
            let wanted = |ip: &IpAddr| match kind {
                RecordType::A => ip.is_ipv4(),
                RecordType::AAAA => ip.is_ipv6(),
                _ => false,
            };
            let parsed = addresses.iter().map(|ip| ip.parse::<IpAddr>().expect(ip));
            Answer::Records(parsed.filter(wanted).map(|ip| address(name, ip)).collect())
        };
        match name {
            "public.example" => addresses(&["9.9.9.9", "2620:fe::fe"]),
            "private.example" => addresses(&["10.1.2.3"]),
            "loopback.example" => addresses(&["127.0.0.1", "::1"]),
            // Of the machine that looks it up.
            "own.example" => addresses(&["9.9.9.8"]),
            "metadata.example" => addresses(&["169.254.169.254"]),
            "reserved.example" => addresses(&["198.18.0.1"]),
            "mixed.example" => addresses(&["127.0.0.1", "9.9.9.9", "10.1.2.3", "::1"]),
            "mapped.example" => addresses(&["::ffff:127.0.0.1"]),
            "nat64.example" => addresses(&["64:ff9b::7f00:1"]),
            "6to4.example" => addresses(&["2002:7f00:1::"]),
            // The answer changes after the first look-up.
            "rebind.example" => match self.count(name, kind) {
                0 => addresses(&["9.9.9.9"]),
                _ => addresses(&["127.0.0.1"]),
            },
            "many.example" => {
                let ips = (0..200).map(|last| IpAddr::from([9, 9, 8, last]));
                let records = ips.map(|ip| address(name, ip)).collect();
                if kind == RecordType::A {
                    Answer::Records(records)
                } else {
                    Answer::Records(Vec::new())
                }
            }
            "chain.example" => chain(name, kind, Ipv4Addr::new(9, 9, 9, 9)),
            "inward.example" => chain(name, kind, Ipv4Addr::LOCALHOST),
            "silence.example" | "44.44.1.10.in-addr.arpa" => Answer::Silence,
            "target_service" | "_dns._udp.public.example" => addresses(&["9.9.9.9"]),
            // What a search list makes of a name.
            "single.search.example" | "two.labels.search.example" => addresses(&["9.9.9.9"]),
            // Another answer than the name has, or where it has none.
            "public.example.search.example" | "failing.example.search.example" => {
                addresses(&["10.1.2.3"])
            }
            "failing.example" => Answer::Failure,
            // What nobody is to be asked about without a grant, or at all.
            "localhost" | "app.localhost" => addresses(&["9.9.9.9"]),
            "1.0.0.127.in-addr.arpa" | "3.2.1.127.in-addr.arpa" if kind == RecordType::PTR => {
                Answer::Records(vec![pointer(name, "asked.example")])
            }
            // As long as a name can be: 253 bytes.
            _ if name.len() > 200 => addresses(&["9.9.9.9"]),
            _ => Answer::NoSuchName,
        }
    }

    fn count(&self, name: &str, kind: RecordType) -> usize {
        let mut counts = self.0.lock().expect("no thread panics with it");
        let count = counts.entry(format!("{name} {kind}")).or_default();
        *count += 1;
        *count - 1
    }
}

enum Answer {
    Records(Vec<Record>),
    NoSuchName,
    Failure,
    Silence,
}

/// Ten aliases, one after the other.
fn chain(name: &str, kind: RecordType, end: Ipv4Addr) -> Answer {
    let link = |index: usize| match index {
        0 => name.to_owned(),
        index => format!("alias{index}.{name}"),
    };
    let mut records: Vec<Record> = (0..10)
        .map(|index| {
            let target = Name::from_utf8(link(index + 1)).expect("a name");
            let from = Name::from_utf8(link(index)).expect("a name");
            Record::from_rdata(from, 60, RData::CNAME(CNAME(target)))
        })
        .collect();
    if kind == RecordType::A {
        records.push(address(&link(10), end.into()));
    }
    Answer::Records(records)
}

fn pointer(name: &str, to: &str) -> Record {
    let name_of = |text| Name::from_ascii(text).expect("a name");
    Record::from_rdata(name_of(name), 60, RData::PTR(PTR(name_of(to))))
}

fn address(name: &str, ip: IpAddr) -> Record {
    let data = match ip {
        IpAddr::V4(ip) => RData::A(A(ip)),
        IpAddr::V6(ip) => RData::AAAA(AAAA(ip)),
    };
    Record::from_rdata(Name::from_ascii(name).expect("a name"), 60, data)
}
