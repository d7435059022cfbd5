//! What goes to the kernel unasked.

use super::Row;

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![]
}
