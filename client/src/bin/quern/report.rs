//! What a command answers: the same facts as JSON and as aligned lines of text.

use core::fmt::Display;
use quern_client::{spec::TOKEN_DECIMALS, text};
use serde::Serialize;
use serde_json::Value;

/// Columns before the value of a line.
const LABEL_WIDTH: usize = 15;

/// A command's answer.
pub(crate) struct Report {
    json: Value,
    lines: Vec<(String, String)>,
    bad: bool,
}

impl Report {
    /// A report whose JSON form is `facts`.
    pub(crate) fn new(facts: impl Serialize) -> Result<Self, serde_json::Error> {
        Ok(Self {
            json: serde_json::to_value(facts)?,
            lines: Vec::new(),
            bad: false,
        })
    }

    /// Adds a line of text.
    pub(crate) fn line(mut self, label: &str, value: impl Display) -> Self {
        self.lines.push((label.to_owned(), value.to_string()));
        self
    }

    /// Adds a fact to the JSON form, where that is an object.
    pub(crate) fn fact(mut self, key: &str, value: Value) -> Self {
        if let Some(facts) = self.json.as_object_mut() {
            facts.insert(key.to_owned(), value);
        }
        self
    }

    /// Says that the answer is bad news: the command fails once it is printed.
    pub(crate) const fn bad_if(mut self, bad: bool) -> Self {
        self.bad = bad;
        self
    }

    pub(crate) const fn is_bad(&self) -> bool {
        self.bad
    }

    /// Adds a line of text where there is something to tell, else a dash.
    pub(crate) fn maybe(self, label: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.line(label, value),
            None => self.line(label, "-"),
        }
    }

    /// Adds the lines of another report below an empty one.
    pub(crate) fn below(mut self, other: Self) -> Self {
        if !self.lines.is_empty() {
            self.lines.push(Default::default());
        }
        self.lines.extend(other.lines);
        self
    }

    pub(crate) const fn json(&self) -> &Value {
        &self.json
    }

    pub(crate) fn text(&self) -> String {
        self.lines
            .iter()
            .map(|(label, value)| {
                let line = format!("{label:<LABEL_WIDTH$}{value}");
                format!("{}\n", line.trim_end())
            })
            .collect()
    }
}

/// An amount of tokens, from the smallest unit.
pub(crate) fn tokens(amount: u128) -> String {
    format!("{} QRN", text::decimals(amount, TOKEN_DECIMALS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_aligned_and_absent_values_are_dashes() {
        let report = Report::new(())
            .unwrap()
            .line("height", 12)
            .maybe("author", None::<u8>);
        assert_eq!(report.text(), "height         12\nauthor         -\n");
    }

    #[test]
    fn tokens_show_no_trailing_zeros() {
        assert_eq!(tokens(0), "0 QRN");
        assert_eq!(tokens(2_500_000_000_000), "2.5 QRN");
        assert_eq!(tokens(1), "0.000000000001 QRN");
    }
}
