//! What GRANDPA may vote for.

use std::{future::ready, sync::Arc};

use polkadot_sdk::{
    sc_consensus_grandpa::{VotingRule, VotingRuleResult},
    sp_blockchain::HeaderBackend,
    sp_core::H256,
    sp_runtime::{
        SaturatedConversion,
        traits::{Block as BlockT, Header},
    },
};

use crate::{Snow, gadget::Limit};

/// Restricts a vote to what Snow has accepted, unless Snow is off or lags; see [`Gadget::limit`](crate::Gadget::limit).
/// It only ever shortens a vote towards its base, as the other rules do, and the order among them does not matter.
#[derive(Clone, Debug)]
pub struct SnowRule(Snow);

impl SnowRule {
    /// The rule of this node's Snow.
    pub fn new(snow: Snow) -> Self {
        Self(snow)
    }
}

impl<B, C> VotingRule<B, C> for SnowRule
where
    B: BlockT<Hash = H256>,
    C: HeaderBackend<B>,
{
    fn restrict_vote(
        &self,
        backend: Arc<C>,
        base: &B::Header,
        _: &B::Header,
        current_target: &B::Header,
    ) -> VotingRuleResult<B> {
        let number: u64 = (*current_target.number()).saturated_into();
        let target = (current_target.hash(), number);
        let base: u64 = (*base.number()).saturated_into();
        let parent = |hash: &H256| {
            let header = backend.header(*hash).ok().flatten();
            header.map(|header| *header.parent_hash())
        };
        let limit = self.0.with(|gadget| gadget.limit(target, base, parent));
        Box::pin(ready(match limit {
            Some(Limit::To { hash, number }) if number < target.1 => {
                Some((hash, number.saturated_into()))
            }
            _ => None,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestClient;
    use futures::executor::block_on;

    /// Up to which block GRANDPA votes from this base towards this target.
    fn vote(snow: &Snow, client: &TestClient, base: usize, target: usize) -> Option<u32> {
        let header = |number: usize| &client.headers[number];
        let vote = SnowRule::new(snow.clone()).restrict_vote(
            Arc::new(client.clone()),
            header(base),
            header(target),
            header(target),
        );
        let (hash, number) = block_on(vote)?;
        assert_eq!(hash, header(number as usize).hash());
        Some(number)
    }

    #[test]
    fn a_vote_is_shortened_to_what_snow_has_accepted_and_not_below_the_base() {
        let (client, snow) = (TestClient::new(true), Snow::default());
        let (gadget, _) = client.gadget(6);
        assert_eq!(gadget.root().1, 4);
        snow.switch(Some(gadget));
        assert_eq!(vote(&snow, &client, 0, 8), Some(4));
        assert_eq!(vote(&snow, &client, 6, 8), Some(6));
        assert_eq!(vote(&snow, &client, 0, 4), None);
        assert_eq!(vote(&snow, &client, 0, 2), None);
    }

    #[test]
    fn a_vote_is_as_without_snow_while_snow_is_off_or_lags() {
        let (client, snow) = (TestClient::new(true), Snow::default());
        assert_eq!(vote(&snow, &client, 0, 10), None);
        let (gadget, _) = client.gadget(3);
        assert_eq!(gadget.root().1, 1);
        snow.switch(Some(gadget));
        assert_eq!(vote(&snow, &client, 0, 9), Some(1));
        assert_eq!(vote(&snow, &client, 0, 10), None, "nine behind");
    }
}
