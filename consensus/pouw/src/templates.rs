//! Which templates a seal may still be for.

use std::collections::VecDeque;

/// Templates of one parent that can still be sealed. A worker may be a few refreshes behind.
const OPEN: usize = 8;

/// Templates remembered after their time, so that a late seal is told apart from an invented one.
const RETIRED: usize = 1024;

/// Why there is no template to seal.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Absent {
    /// There was one, but its parent is no longer the best block or it has been refreshed too often.
    Stale,
    /// There never was one, or it was long ago.
    Unknown,
}

/// The open templates, all on one parent, and the memory of those before. `H` is a hash, `T` what
/// is needed to make the block.
pub(crate) struct Templates<H, T> {
    parent: Option<H>,
    open: VecDeque<(H, T)>,
    retired: VecDeque<H>,
    sealed: Option<H>,
}

impl<H: Copy + Eq, T> Templates<H, T> {
    pub(crate) fn new() -> Self {
        Self {
            parent: None,
            open: VecDeque::new(),
            retired: VecDeque::new(),
            sealed: None,
        }
    }

    /// Retires the templates on any other parent than this.
    pub(crate) fn move_to(&mut self, parent: H) {
        if self.parent != Some(parent) {
            self.retire_all();
            self.parent = Some(parent);
        }
    }

    /// Retires every template.
    pub(crate) fn retire_all(&mut self) {
        self.parent = None;
        while self.retire_oldest() {}
    }

    /// A template on `parent` became a block: there will be no second one.
    pub(crate) fn sealed(&mut self, parent: H) {
        self.sealed = Some(parent);
        if self.parent == Some(parent) {
            self.retire_all();
        }
    }

    /// Opens a template on `parent`, and retires those on other parents. Does nothing and gives
    /// `false` if `parent` has been sealed.
    pub(crate) fn open(&mut self, parent: H, pre_hash: H, template: T) -> bool {
        if self.sealed == Some(parent) {
            return false;
        }
        self.move_to(parent);
        self.open.retain(|(open, _)| *open != pre_hash);
        if self.open.len() == OPEN {
            self.retire_oldest();
        }
        self.open.push_back((pre_hash, template));
        true
    }

    /// Parent of an open template.
    pub(crate) fn parent_of(&self, pre_hash: &H) -> Result<H, Absent> {
        let open = self.open.iter().any(|(open, _)| open == pre_hash);
        match self.parent {
            Some(parent) if open => Ok(parent),
            _ => Err(self.absent(pre_hash)),
        }
    }

    /// Takes an open template out, to be made a block; it counts as retired from then on.
    pub(crate) fn take(&mut self, pre_hash: &H) -> Result<T, Absent> {
        let position = self.open.iter().position(|(open, _)| open == pre_hash);
        match position.and_then(|position| self.open.remove(position)) {
            Some((pre_hash, template)) => {
                self.remember(pre_hash);
                Ok(template)
            }
            None => Err(self.absent(pre_hash)),
        }
    }

    fn absent(&self, pre_hash: &H) -> Absent {
        if self.retired.contains(pre_hash) {
            Absent::Stale
        } else {
            Absent::Unknown
        }
    }

    fn retire_oldest(&mut self) -> bool {
        let oldest = self.open.pop_front();
        if let Some((pre_hash, _)) = oldest {
            self.remember(pre_hash);
            return true;
        }
        false
    }

    fn remember(&mut self, pre_hash: H) {
        if self.retired.len() == RETIRED {
            self.retired.pop_front();
        }
        self.retired.push_back(pre_hash);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_template_on_the_same_parent_can_still_be_sealed() {
        let mut templates = Templates::new();
        templates.open(1, 10, "older");
        templates.open(1, 11, "newer");
        templates.move_to(1);
        assert_eq!(templates.parent_of(&10), Ok(1));
        assert_eq!(templates.take(&10), Ok("older"));
        assert_eq!(templates.take(&11), Ok("newer"));
    }

    #[test]
    fn a_template_on_the_previous_best_block_is_stale() {
        let mut templates = Templates::new();
        templates.open(1, 10, "on 1");
        templates.move_to(2);
        assert_eq!(templates.parent_of(&10), Err(Absent::Stale));
        assert_eq!(templates.take(&10), Err(Absent::Stale));
    }

    #[test]
    fn a_template_that_was_never_built_is_unknown() {
        let mut templates = Templates::new();
        templates.open(1, 10, "on 1");
        assert_eq!(templates.parent_of(&99), Err(Absent::Unknown));
        assert_eq!(templates.take(&99), Err(Absent::Unknown));
    }

    #[test]
    fn a_template_is_taken_once() {
        let mut templates = Templates::new();
        templates.open(1, 10, "once");
        assert_eq!(templates.take(&10), Ok("once"));
        assert_eq!(templates.take(&10), Err(Absent::Stale));
    }

    #[test]
    fn a_parent_is_given_one_block() {
        let mut templates = Templates::new();
        templates.open(1, 10, "first");
        templates.open(1, 11, "second");
        assert_eq!(templates.take(&10), Ok("first"));
        templates.sealed(1);
        assert_eq!(templates.take(&11), Err(Absent::Stale));
        assert!(!templates.open(1, 12, "built meanwhile"));
        assert_eq!(templates.take(&12), Err(Absent::Unknown));
        assert!(templates.open(2, 20, "on the next"));
    }

    #[test]
    fn a_seal_on_the_previous_parent_leaves_the_new_templates_open() {
        let mut templates = Templates::new();
        templates.open(2, 20, "on the next");
        templates.sealed(1);
        assert_eq!(templates.take(&20), Ok("on the next"));
    }

    #[test]
    fn the_oldest_template_is_stale_after_many_refreshes() {
        let mut templates = Templates::new();
        for pre_hash in 0..=OPEN as u32 {
            templates.open(1, pre_hash, "refreshed");
        }
        assert_eq!(templates.parent_of(&0), Err(Absent::Stale));
        assert_eq!(templates.parent_of(&1), Ok(1));
    }

    #[test]
    fn a_refresh_with_the_same_pre_hash_replaces_the_template() {
        let mut templates = Templates::new();
        templates.open(1, 10, "first");
        templates.open(1, 10, "second");
        assert_eq!(templates.take(&10), Ok("second"));
    }

    #[test]
    fn the_memory_of_retired_templates_is_bounded() {
        let mut templates = Templates::new();
        for pre_hash in 0..=RETIRED as u32 {
            templates.open(1, pre_hash, "");
            templates.retire_all();
        }
        assert_eq!(templates.take(&0), Err(Absent::Unknown));
        assert_eq!(templates.take(&1), Err(Absent::Stale));
    }
}
