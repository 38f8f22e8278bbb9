//! An account's votes, and what they lock.

use super::{
    ReferendumId, TrackId,
    value::{items, number, small, variant},
};
use crate::{Account, Client, Error, text};
use quern_work::Hash;
use serde::Serialize;
use subxt::dynamic::{At, Value};

/// What an account has to do with a track.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Voting {
    /// The track.
    pub track: TrackId,
    /// The referenda it has voted on, until the votes are taken away.
    pub votes: Vec<ReferendumId>,
    /// Tokens that stay locked though their votes are taken away.
    #[serde(with = "text::decimal")]
    pub locked: u128,
    /// The block from which they may be set free.
    pub until: u32,
}

impl Voting {
    /// Reads `Casting`; an account that delegates has no votes of its own.
    fn read(track: TrackId, value: &Value) -> Option<Self> {
        let (_, fields) = variant(value)?;
        let fields = fields.at(0)?;
        let votes = fields.at("votes").map(items).unwrap_or_default();
        let votes = votes.into_iter().map(|vote| small(vote.at(0)));
        let prior = fields.at("prior")?;
        Some(Self {
            track,
            votes: votes.collect::<Option<_>>()?,
            locked: number(prior.at(1)?)?,
            until: small(prior.at(0))?,
        })
    }
}

impl Client {
    /// What an account has to do with each of the tracks at block `at`, by default the best one.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] when the runtime keeps votes in another form.
    pub async fn votings(&self, who: &Account, at: Option<Hash>) -> Result<Vec<Voting>, Error> {
        let (pallet, entry) = ("ConvictionVoting", "VotingFor");
        let at = self.block_or_best(at).await?;
        let runtime = self.runtime_at(at).await?;
        let mut votings = Vec::new();
        for track in self.tracks(Some(at)).await? {
            let keys = vec![Value::from_bytes(who), Value::u128(track.id.into())];
            let key = runtime.storage_key(pallet, entry, keys)?;
            if let Some(bytes) = self.storage(at, &key).await? {
                let value = runtime.storage_value(pallet, entry, &bytes)?;
                let voting = Voting::read(track.id, &value);
                votings.push(
                    voting.ok_or_else(|| Error::decode("ConvictionVoting.VotingFor", value))?,
                );
            }
        }
        Ok(votings)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn votes_and_what_stays_locked_are_read() {
        let vote = |index| {
            let side = Value::unnamed_variant("Standard", []);
            Value::unnamed_composite([Value::u128(index), side])
        };
        let casting = |votes: Vec<Value>| {
            let prior = Value::unnamed_composite([Value::u128(90), Value::u128(5)]);
            let casting = Value::named_composite([
                (
                    "votes",
                    Value::unnamed_composite([Value::unnamed_composite(votes)]),
                ),
                ("prior", prior),
            ]);
            Voting::read(1, &Value::unnamed_variant("Casting", [casting])).unwrap()
        };
        let voting = casting(vec![vote(3), vote(7)]);
        assert_eq!(
            (voting.votes, voting.locked, voting.until),
            (vec![3, 7], 5, 90)
        );
        assert_eq!(casting(vec![vote(3)]).votes, [3]);
        assert!(casting(vec![]).votes.is_empty());
    }
}
