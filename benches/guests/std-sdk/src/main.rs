//! The programs of `bench-std`, as they are, linked with the SDK.

use capsock_std as _;

fn main() -> std::io::Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    bench_std::run(&args)
}
