//! Commands that a page of the documentation shows, with what they print.

use std::{fs, path::Path};

/// How the blocks begin whose commands are meant to be run in order.
const FENCE: &str = "```console\n";
/// What stands for digits that are others each time.
const LEFT_OUT: &str = "…";

/// The commands of a page, in order.
#[derive(Clone, Debug)]
pub struct Walk {
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A command and what the page says it prints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The words of the command line; the first is the program.
    pub words: Vec<String>,
    /// Whether it is to fail: the page writes `!` before it, as a shell does.
    pub fails: bool,
    /// The lines shown below it; none where the page shows nothing.
    pub output: Vec<String>,
}

impl Walk {
    /// Reads a page of the folder `docs`.
    ///
    /// # Panics
    /// If there is no such page.
    pub fn of(page: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../docs")
            .join(page);
        let page = fs::read_to_string(path).expect("a page of the documentation");
        Self::read(&page)
    }

    fn read(page: &str) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        let blocks = page.split(FENCE).skip(1);
        for block in blocks.filter_map(|block| block.split("```").next()) {
            for line in block.lines() {
                match (line.strip_prefix("$ "), steps.last_mut()) {
                    (Some(command), _) => {
                        let fails = command.strip_prefix("! ");
                        let command = fails.unwrap_or(command);
                        steps.push(Step {
                            words: command.split_whitespace().map(Into::into).collect(),
                            fails: fails.is_some(),
                            output: Vec::new(),
                        });
                    }
                    (None, Some(step)) => step.output.push(line.to_owned()),
                    (None, None) => panic!("output without a command: {line}"),
                }
            }
        }
        Self { steps }
    }
}

impl Step {
    /// The first shown line that the command's real output lacks. Lines are compared word by word: a word that ends in `…`
    /// may go on in any way, and a line may go on after its last shown word.
    pub fn lacks(&self, printed: &str) -> Option<&str> {
        let alike = |shown: &str, line: &str| {
            let mut words = line.split_whitespace();
            shown.split_whitespace().all(|shown| {
                let word = words.next().unwrap_or_default();
                match shown.strip_suffix(LEFT_OUT) {
                    Some(begin) => word.starts_with(begin),
                    None => word == shown,
                }
            })
        };
        let mut shown = self.output.iter().map(String::as_str);
        shown.find(|shown| !printed.lines().any(|line| alike(shown, line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "Words.\n\n```console\n$ quern gov show 0\nstatus    enacted in block …\n\
                        block  0x12…\n$ ! quern status\n```\n\n```sh\nno step\n```\n";

    #[test]
    fn a_page_gives_its_commands_in_order_with_what_they_print() {
        let steps = Walk::read(PAGE).steps;
        assert_eq!(steps.len(), 2);
        assert_eq!(steps[0].words, ["quern", "gov", "show", "0"]);
        assert_eq!(steps[0].output.len(), 2);
        assert!(!steps[0].fails);
        assert_eq!(steps[1].words, ["quern", "status"]);
        assert!(steps[1].fails && steps[1].output.is_empty());
    }

    #[test]
    fn only_what_is_left_out_may_differ() {
        let step = &Walk::read(PAGE).steps[0];
        let printed = "block          0x1234\nstatus   enacted in block 17, approved in block 13\n";
        assert_eq!(step.lacks(printed), None);
        assert_eq!(
            step.lacks("block 0x1234\nstatus confirming\n"),
            Some("status    enacted in block …")
        );
        assert_eq!(
            step.lacks(&printed.replace("0x12", "0x13")),
            Some("block  0x12…")
        );
    }
}
