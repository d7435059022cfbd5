//! The operations on addresses, as types.

use crate::Op;

/// An operation that hands an address to the kernel.
pub trait Operation: sealed::Sealed {
    /// The operation as rules name it.
    const OP: Op;
}

macro_rules! operations {
    ($($name:ident)*) => {$(
        #[doc = concat!("[`Op::", stringify!($name), "`]")]
        #[derive(Debug)]
        pub enum $name {}
        impl Operation for $name {
            const OP: Op = Op::$name;
        }
        impl sealed::Sealed for $name {}
    )*};
}
operations!(Connect Bind Listen Send Recv);

mod sealed {
    pub trait Sealed {}
}
