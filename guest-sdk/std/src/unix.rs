//! Unix sockets, which `std` does not have on WASI.
