//! Tests that need something which is not everywhere.

use std::io::{self, Write};

/// Says that a test is skipped, past the test harness, which shows nothing of a test that passes.
pub fn skip(why: &str) {
    let _ = writeln!(io::stderr(), "skipped: {why}");
}
