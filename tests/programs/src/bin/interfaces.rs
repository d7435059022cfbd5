//! Network interfaces: `interfaces list`, or `interfaces denied`.

use capsock_guest::{if_indextoname, if_nameindex, if_nametoindex};
use capsock_test_programs::args;

fn main() {
    match args()[0].as_str() {
        "list" => list(),
        "denied" => {
            for error in [
                if_nameindex().map(drop).expect_err("not granted"),
                if_nametoindex("lo").map(drop).expect_err("not granted"),
                if_indextoname(1).map(drop).expect_err("not granted"),
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
