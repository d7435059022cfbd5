//! Network interfaces: `interfaces list`, `interfaces addresses`, or `interfaces
//! denied`.

use capsock_guest::{Address, getifaddrs, if_indextoname, if_nameindex, if_nametoindex};
use capsock_test_programs::args;

fn main() {
    match args()[0].as_str() {
        "list" => list(),
        "addresses" => addresses(),
        "denied" => {
            for error in [
                if_nameindex().map(drop).expect_err("not granted"),
                if_nametoindex("lo").map(drop).expect_err("not granted"),
                if_indextoname(1).map(drop).expect_err("not granted"),
                getifaddrs().map(drop).expect_err("not granted"),
            ] {
                assert_eq!(error.errno(), Some(13), "{error}");
            }
        }
        case => panic!("no case `{case}`"),
    }
}

fn list() {
    for (index, name) in if_nameindex().expect("if_nameindex") {
        assert_eq!(if_nametoindex(&name), Ok(index));
        assert_eq!(if_indextoname(index).as_ref(), Ok(&name));
        println!("{index} {name}");
    }
    for name in ["", "nope", "sixteen-letters-", &"a".repeat(5000), "l\0o"] {
        match if_nametoindex(name) {
            Ok(index) => println!("{index}"),
            Err(error) => println!("error {:?}", error.errno()),
        }
    }
    for index in [0, 99_999, u32::MAX] {
        match if_indextoname(index) {
            Ok(name) => println!("{name}"),
            Err(error) => println!("error {:?}", error.errno()),
        }
    }
}

/// As ip(8) has them: the interface's index, name and MTU, whether it is up, a
/// loopback or a point-to-point one, and each address with the bits of its mask.
fn addresses() {
    for item in getifaddrs().expect("getifaddrs") {
        let ip = |address: &Option<Address>| match address {
            Some(Address::Inet(address)) => address.ip().to_string(),
            Some(Address::Inet6(address)) => address.ip().to_string(),
            Some(Address::Packet(address)) => hex(&address.hardware_address),
            None => "-".to_owned(),
            Some(other) => panic!("{other}"),
        };
        let bits = match &item.netmask {
            Some(Address::Inet(mask)) => mask.ip().to_bits().count_ones(),
            Some(Address::Inet6(mask)) => mask.ip().to_bits().count_ones(),
            _ => 0,
        };
        let scope = match &item.address {
            Some(Address::Inet6(address)) => address.scope_id(),
            _ => 0,
        };
        let flag = |bit: u32| u32::from(item.flags & bit != 0);
        println!(
            "{} {} {} {}{}{} {}/{bits} {scope} {} {}",
            item.index,
            item.name,
            item.mtu,
            flag(0x1),
            flag(0x8),
            flag(0x10),
            ip(&item.address),
            ip(&item.broadcast),
            ip(&item.peer)
        );
    }
}

fn hex(bytes: &[u8]) -> String {
    let bytes: Vec<String> = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    bytes.join(":")
}
