//! Those who own the chain's tokens.

use futures::future::try_join_all;
use quern_client::{
    Call, Client, Error, Signer,
    governance::{Action, Referendum, ReferendumId, Stage},
};

use crate::{QRN, until};

/// The accounts that own a thousand QRN each at genesis on both chains, but Alice: her worker signs with her key at the same
/// time.
#[derive(Clone, Copy, Debug)]
pub struct Holders;

/// What each votes with: almost everything.
const AMOUNT: u128 = 900 * QRN;

impl Holders {
    /// The secret URIs of their keys.
    pub fn suris() -> impl Iterator<Item = String> {
        let names = ["Bob", "Charlie", "Dave", "Eve", "Ferdie"];
        let plain = names.into_iter().map(|name| format!("//{name}"));
        let stashes = names.map(|name| format!("//{name}//stash"));
        plain.chain(stashes).chain(["//Alice//stash".into()])
    }

    /// Their keys.
    ///
    /// # Panics
    /// Never: the URIs are some.
    pub fn signers() -> impl Iterator<Item = Signer> {
        Self::suris().map(|suri| Signer::from_suri(&suri).expect("a development key"))
    }

    /// Has all of them vote aye on a referendum, in one block or two.
    ///
    /// # Panics
    /// If the chain does not take a vote.
    pub async fn approve(client: &Client, index: ReferendumId) {
        let votes = Self::signers().map(|signer| async move {
            let vote = Action::Vote {
                index,
                aye: true,
                conviction: 0,
                amount: AMOUNT,
            };
            match client.carry_out(&signer, &Call::Govern(vote), false).await {
                // Enough others have voted: it has passed before this vote came.
                Err(error) if error.name() == "ConvictionVoting::NotOngoing" => Ok(()),
                voted => voted.map(drop),
            }
        });
        let voted: Result<Vec<()>, Error> = try_join_all(votes).await;
        voted.expect("the chain takes votes");
    }

    /// Waits until a referendum's call has been made.
    ///
    /// # Panics
    /// If it ends in any other way.
    pub async fn enacted(client: &Client, index: ReferendumId) -> Referendum {
        until(&format!("referendum {index} is enacted"), async || {
            let referendum = client.referendum(index, None).await;
            let referendum = referendum.expect("an answer").expect("a referendum");
            match &referendum.stage {
                Stage::Enacted { error: None, .. } => Some(referendum),
                Stage::Enacted { .. } => panic!("its call failed: {referendum:?}"),
                Stage::Approved { .. } => None,
                stage if stage.is_over() => panic!("it was not approved: {referendum:?}"),
                _ => None,
            }
        })
        .await
    }
}
