//! The client's command.

use serde_json::Value;

use crate::{Node, binary};

/// Runs `quern` against a node; its report in JSON, or its one line of error.
///
/// # Panics
/// If it reports something else than JSON.
pub fn quern(node: &Node, arguments: &[&str]) -> Result<Value, String> {
    let ended = binary::run(
        "quern",
        &[arguments, &["--url", &node.url(), "--json"]].concat(),
    );
    if !ended.success {
        return Err(ended.stderr.trim_end().to_owned());
    }
    Ok(serde_json::from_str(&ended.stdout).expect("a report in JSON"))
}
