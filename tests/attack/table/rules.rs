//! Denials of the rarer kinds: one thing, however it is written.

use super::Row;

#[rustfmt::skip]
pub(super) fn rows() -> Vec<Row> {
    vec![]
}
