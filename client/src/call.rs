//! What an account can have the chain do.

use crate::{Account, SessionKeys, governance::Action};
use codec::{Compact, Encode};
use core::fmt;
use quern_market::{
    AuditId, AuditVote, Claim, EvaluationVote, Order, Preferences, Role, RunId, TaskId, TicketId,
};
use quern_work::Hash;
use subxt::ext::{
    scale_decode::visitor::{IgnoreVisitor, decode_with_visitor},
    scale_encode::{EncodeAsFields, Error as EncodeError, FieldIter},
    scale_type_resolver::TypeResolver,
};

/// A call that an account can sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Call {
    /// Buys a ticket: the stake is held.
    BuyTicket {
        /// What it licenses.
        role: Role,
        /// What is held for it, at least the role's price.
        stake: u128,
        /// What the signer is willing to do.
        preferences: Preferences,
    },
    /// Lets a ticket live for another lifetime from now on.
    RenewTicket {
        /// The ticket.
        ticket: TicketId,
    },
    /// Changes what a ticket's holder is willing to do, or where the holder serves blobs.
    SetPreferences {
        /// The ticket.
        ticket: TicketId,
        /// What the signer is willing to do from now on.
        preferences: Preferences,
    },
    /// Takes a ticket out of the draws; its stake can be withdrawn after the unbonding time.
    RetireTicket {
        /// The ticket.
        ticket: TicketId,
    },
    /// Returns the stake of a retired or expired ticket, and ends it.
    WithdrawTicket {
        /// The ticket.
        ticket: TicketId,
    },
    /// Orders a training job and holds its fee.
    PayForTask {
        /// What is to be done.
        order: Box<Order>,
        /// What is paid for it.
        fee: u128,
    },
    /// Takes an order back before any run of it is open.
    CancelTask {
        /// The task.
        task: TaskId,
    },
    /// Replaces a miner that is late.
    ReplaceMiner {
        /// The task.
        task: TaskId,
        /// The ticket of the miner to replace.
        ticket: TicketId,
    },
    /// Records a supervisor's digest of a round of training.
    LogRound {
        /// The task.
        task: TaskId,
        /// The round.
        round: u32,
        /// What the supervisor saw.
        digest: Hash,
    },
    /// Commits an evaluator to its scores.
    CommitScores {
        /// The task.
        task: TaskId,
        /// Digest of the vote; see [`quern_market::vote::commitment`].
        digest: Hash,
    },
    /// Reveals an evaluator's scores.
    RevealScores {
        /// The task.
        task: TaskId,
        /// The vote that was committed to.
        vote: EvaluationVote,
        /// What hid it.
        salt: Hash,
    },
    /// Opens a run of a task.
    OpenRun {
        /// The task.
        task: TaskId,
        /// The signer's miner ticket.
        ticket: TicketId,
    },
    /// Closes a run.
    CloseRun {
        /// The run.
        run: RunId,
    },
    /// Shows a draw that meets the share target.
    SubmitProof {
        /// The pre-hash of the template the draw was made for.
        pre_hash: Hash,
        /// The SCALE bytes of the seal, without a signature: the extrinsic has its own.
        seal: Vec<u8>,
    },
    /// Commits a run's owner to a claim.
    CommitClaim {
        /// The run.
        run: RunId,
        /// See [`Claim::commitment`].
        commitment: Hash,
    },
    /// Reveals a claim, which is audited from then on.
    RevealClaim {
        /// The claim that was committed to.
        claim: Claim,
        /// What hid it.
        salt: Hash,
    },
    /// Burns what vests on a run whose claims are missing for too long.
    Forfeit {
        /// The run.
        run: RunId,
    },
    /// Commits a verifier to its vote.
    CommitVote {
        /// The audit.
        audit: AuditId,
        /// Digest of the vote; see [`quern_market::vote::commitment`].
        digest: Hash,
    },
    /// Reveals a verifier's vote.
    RevealVote {
        /// The audit.
        audit: AuditId,
        /// The vote that was committed to.
        vote: Box<AuditVote>,
        /// What hid it.
        salt: Hash,
    },
    /// Moves tokens; the signer's account must stay alive.
    Transfer {
        /// Who receives them.
        to: Account,
        /// How many, in the token's smallest unit.
        amount: u128,
    },
    /// Enters the keys with which a node votes on finality in the signer's name; see [`crate::SessionKeys`].
    SetSessionKeys(SessionKeys),
    /// Takes part in governance.
    Govern(Action),
}

impl Call {
    /// The pallet and the call's name in it.
    #[must_use]
    pub const fn name(&self) -> (&'static str, &'static str) {
        match self {
            Self::BuyTicket { .. } => ("Tickets", "buy"),
            Self::RenewTicket { .. } => ("Tickets", "renew"),
            Self::SetPreferences { .. } => ("Tickets", "set_preferences"),
            Self::RetireTicket { .. } => ("Tickets", "retire"),
            Self::WithdrawTicket { .. } => ("Tickets", "withdraw"),
            Self::PayForTask { .. } => ("Tasks", "pay_for_task"),
            Self::CancelTask { .. } => ("Tasks", "cancel"),
            Self::ReplaceMiner { .. } => ("Tasks", "replace"),
            Self::LogRound { .. } => ("Tasks", "log_round"),
            Self::CommitScores { .. } => ("Tasks", "commit_scores"),
            Self::RevealScores { .. } => ("Tasks", "reveal_scores"),
            Self::OpenRun { .. } => ("Work", "open_run"),
            Self::CloseRun { .. } => ("Work", "close_run"),
            Self::SubmitProof { .. } => ("Work", "submit_proof"),
            Self::CommitClaim { .. } => ("Work", "commit_claim"),
            Self::RevealClaim { .. } => ("Work", "reveal_claim"),
            Self::Forfeit { .. } => ("Work", "forfeit"),
            Self::CommitVote { .. } => ("Audits", "commit_vote"),
            Self::RevealVote { .. } => ("Audits", "reveal_vote"),
            Self::Transfer { .. } => ("Balances", "transfer_keep_alive"),
            Self::SetSessionKeys(_) => ("Session", "set_keys"),
            Self::Govern(action) => action.name(),
        }
    }

    pub(crate) fn arguments(&self) -> Arguments {
        Arguments(match self {
            Self::BuyTicket {
                role,
                stake,
                preferences,
            } => vec![role.encode(), stake.encode(), preferences.encode()],
            Self::RenewTicket { ticket }
            | Self::RetireTicket { ticket }
            | Self::WithdrawTicket { ticket } => vec![ticket.encode()],
            Self::SetPreferences {
                ticket,
                preferences,
            } => vec![ticket.encode(), preferences.encode()],
            Self::PayForTask { order, fee } => vec![order.encode(), fee.encode()],
            Self::CancelTask { task } => vec![task.encode()],
            Self::ReplaceMiner { task, ticket } | Self::OpenRun { task, ticket } => {
                vec![task.encode(), ticket.encode()]
            }
            Self::LogRound {
                task,
                round,
                digest,
            } => vec![task.encode(), round.encode(), digest.encode()],
            Self::CommitScores { task, digest } => vec![task.encode(), digest.encode()],
            Self::RevealScores { task, vote, salt } => {
                vec![task.encode(), vote.encode(), salt.encode()]
            }
            Self::CloseRun { run } | Self::Forfeit { run } => vec![run.encode()],
            Self::SubmitProof { pre_hash, seal } => vec![pre_hash.encode(), seal.encode()],
            Self::CommitClaim { run, commitment } => vec![run.encode(), commitment.encode()],
            Self::RevealClaim { claim, salt } => vec![claim.encode(), salt.encode()],
            Self::CommitVote { audit, digest } => vec![audit.encode(), digest.encode()],
            Self::RevealVote { audit, vote, salt } => {
                vec![audit.encode(), vote.encode(), salt.encode()]
            }
            Self::Transfer { to, amount } => {
                let id: u8 = 0;
                vec![(id, to).encode(), Compact(*amount).encode()]
            }
            Self::SetSessionKeys(SessionKeys { keys, proof }) => vec![keys.clone(), proof.encode()],
            Self::Govern(action) => action.arguments(),
        })
    }
}

impl fmt::Display for Call {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pallet, name) = self.name();
        write!(formatter, "{pallet}.{name}")
    }
}

/// A call's arguments, each in SCALE already: they go behind the call's index as they are, once the runtime's types
/// have been seen to fit them exactly.
pub(crate) struct Arguments(Vec<Vec<u8>>);

impl EncodeAsFields for Arguments {
    fn encode_as_fields_to<R: TypeResolver>(
        &self,
        fields: &mut dyn FieldIter<'_, R::TypeId>,
        types: &R,
        out: &mut Vec<u8>,
    ) -> Result<(), EncodeError> {
        let fields: Vec<_> = fields.collect();
        if fields.len() != self.0.len() {
            return Err(EncodeError::custom_string(format!(
                "the runtime's takes {} arguments, this one {}",
                fields.len(),
                self.0.len()
            )));
        }
        for (field, argument) in fields.into_iter().zip(&self.0) {
            let mut rest = argument.as_slice();
            let fits =
                decode_with_visitor(&mut rest, field.id, types, IgnoreVisitor::<R>::new()).is_ok();
            if !fits || !rest.is_empty() {
                let name = field.name.unwrap_or("?");
                return Err(EncodeError::custom_string(format!(
                    "the runtime's argument {name} is of another type"
                )));
            }
            out.extend_from_slice(argument);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use scale_info::{MetaType, PortableRegistry, Registry, TypeInfo};
    use subxt::ext::scale_encode::Field;

    /// The arguments' bytes where the runtime's call takes these types.
    fn encode(call: &Call, types: &[MetaType]) -> Result<Vec<u8>, EncodeError> {
        let mut registry = Registry::new();
        let ids: Vec<u32> = types
            .iter()
            .map(|of_type| registry.register_type(of_type).id)
            .collect();
        let mut fields = ids.into_iter().map(Field::unnamed);
        call.arguments()
            .encode_as_fields(&mut fields, &PortableRegistry::from(registry))
    }

    fn of<T: TypeInfo + 'static>() -> MetaType {
        MetaType::new::<T>()
    }

    #[test]
    fn arguments_that_fit_the_runtimes_types_go_as_they_are() {
        let preferences = Preferences::any(3);
        let call = Call::BuyTicket {
            role: Role::Verifier,
            stake: 7,
            preferences: preferences.clone(),
        };
        assert_eq!(
            encode(&call, &[of::<Role>(), of::<u128>(), of::<Preferences>()]).unwrap(),
            (Role::Verifier, 7_u128, preferences).encode()
        );
        let call = Call::SubmitProof {
            pre_hash: [1; 32],
            seal: vec![5; 300],
        };
        assert_eq!(
            encode(&call, &[of::<Hash>(), of::<Vec<u8>>()]).unwrap(),
            ([1_u8; 32], vec![5_u8; 300]).encode()
        );
    }

    #[test]
    fn a_runtime_with_other_arguments_is_noticed_before_anything_is_signed() {
        let call = Call::OpenRun { task: 1, ticket: 2 };
        assert!(encode(&call, &[of::<u32>(), of::<u64>()]).is_ok());
        let refused = |types: &[MetaType]| encode(&call, types).unwrap_err().to_string();
        assert!(refused(&[of::<u32>()]).contains("takes 1 arguments"));
        assert!(refused(&[of::<u64>(), of::<u64>()]).contains("another type"));
        assert!(refused(&[of::<u32>(), of::<Compact<u64>>()]).contains("another type"));
        assert!(refused(&[of::<u32>(), of::<Role>()]).contains("another type"));
    }
}
