//! The program `std` of the other directory, as it is, linked with the SDK.

use capsock_std as _;

#[path = "../../../programs/src/bin/std.rs"]
mod program;

fn main() {
    program::main();
}
