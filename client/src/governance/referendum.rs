//! Referenda: how far one has come, and what became of it.

use super::{
    Bounded, ReferendumId, Tally, Track, metadata,
    value::{bytes, bytes32, number, small, some, variant},
};
use crate::{Account, Client, Error, runtime::Runtime, text};
use codec::{Decode, Encode};
use quern_work::Hash;
use serde::Serialize;
use subxt::{
    dynamic::{At, Value},
    ext::scale_value::Composite,
};

/// How the referenda pallet names itself to the scheduler.
const ASSEMBLY: [u8; 8] = *b"assembly";

/// A referendum. What the chain has forgotten about an ended one, and the node's state no longer has, is missing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Referendum {
    /// Its number.
    pub index: ReferendumId,
    /// How far it has come.
    #[serde(flatten)]
    pub stage: Stage,
    /// The name of the track that decides.
    pub track: Option<String>,
    /// Who submitted it.
    #[serde(with = "text::maybe_hash")]
    pub proposer: Option<Account>,
    /// The block of its submission.
    pub submitted: Option<u32>,
    /// What it does, in words; none while nobody has stored its preimage.
    pub does: Option<String>,
    /// BLAKE2-256 of its call, where the chain stores that apart.
    #[serde(with = "text::maybe_hash")]
    pub preimage: Option<Hash>,
    /// The votes; of an ended one the last.
    pub tally: Option<Tally>,
}

/// How far a referendum has come. Numbers are heights.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "status")]
pub enum Stage {
    /// Nobody has placed the decision deposit.
    AwaitingDeposit {
        /// When it times out.
        until: u32,
    },
    /// The deposit is placed; the decision begins soon.
    Preparing {
        /// When it begins.
        until: u32,
    },
    /// As many others are being decided as the track allows.
    Queued,
    /// The votes do not pass it yet.
    Deciding {
        /// When the decision began.
        since: u32,
        /// When it is rejected unless it passes.
        until: u32,
    },
    /// The votes pass it.
    Confirming {
        /// When the decision began.
        since: u32,
        /// When it is approved if they go on to.
        until: u32,
    },
    /// It has passed, and is to be enacted.
    Approved {
        /// When it was approved.
        at: u32,
        /// When it is enacted.
        enactment: u32,
    },
    /// It has passed, and its call was made.
    Enacted {
        /// When it was approved.
        at: u32,
        /// When it was enacted; none where the node's state does not tell any longer.
        enacted: Option<u32>,
        /// The error of the call, where it failed.
        error: Option<String>,
    },
    /// It did not pass in time.
    Rejected {
        /// When.
        at: u32,
    },
    /// Governance ended it; the deposits come back.
    Cancelled {
        /// When.
        at: u32,
    },
    /// Nobody placed the deposit in time.
    TimedOut {
        /// When.
        at: u32,
    },
    /// Governance ended it and slashed its deposits.
    Killed {
        /// When.
        at: u32,
    },
}

impl Stage {
    /// Whether votes no longer count.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        !matches!(
            self,
            Self::AwaitingDeposit { .. }
                | Self::Preparing { .. }
                | Self::Queued
                | Self::Deciding { .. }
                | Self::Confirming { .. }
        )
    }

    /// One word for it, as on the command line.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::AwaitingDeposit { .. } => "awaiting its deposit",
            Self::Preparing { .. } => "preparing",
            Self::Queued => "queued",
            Self::Deciding { .. } => "deciding",
            Self::Confirming { .. } => "confirming",
            Self::Approved { .. } => "approved",
            Self::Enacted { error: None, .. } => "enacted",
            Self::Enacted { .. } => "enacted, its call failed",
            Self::Rejected { .. } => "rejected",
            Self::Cancelled { .. } => "cancelled",
            Self::TimedOut { .. } => "timed out",
            Self::Killed { .. } => "killed",
        }
    }
}

/// The state that a question is about.
struct Moment {
    hash: Hash,
    number: u32,
    runtime: Runtime,
}

impl Client {
    /// Referenda submitted so far: their numbers are those below.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn referendum_count(&self, at: Option<Hash>) -> Result<ReferendumId, Error> {
        let moment = self.moment(at).await?;
        let count = self
            .entry(&moment, "Referenda", "ReferendumCount", Vec::new())
            .await?;
        Ok(small(count.as_ref()).unwrap_or_default())
    }

    /// A referendum at block `at`, by default the best one; none where there was never one of this number.
    ///
    /// # Errors
    /// Connection errors, or [`Error::Decode`] when the runtime keeps referenda in another form.
    pub async fn referendum(
        &self,
        index: ReferendumId,
        at: Option<Hash>,
    ) -> Result<Option<Referendum>, Error> {
        let moment = self.moment(at).await?;
        let Some(info) = self.info(&moment, index).await? else {
            return Ok(None);
        };
        let unreadable = || Error::decode("Referenda.ReferendumInfoFor", &info);
        let (kind, fields) = variant(&info).ok_or_else(unreadable)?;
        if kind == "Ongoing" {
            let status = fields.at(0).ok_or_else(unreadable)?;
            return self.ongoing(&moment, index, status).await.map(Some);
        }
        let at: u32 = small(fields.at(0)).ok_or_else(unreadable)?;
        let stage = match kind {
            "Approved" => self.approved(&moment, index, at).await?,
            "Rejected" => Stage::Rejected { at },
            "Cancelled" => Stage::Cancelled { at },
            "TimedOut" => Stage::TimedOut { at },
            "Killed" => Stage::Killed { at },
            _ => return Err(unreadable()),
        };
        let before = told(self.before(index, at).await)?.flatten();
        Ok(Some(match before {
            Some(before) => Referendum { stage, ..before },
            None => Referendum {
                index,
                stage,
                track: None,
                proposer: None,
                submitted: None,
                does: None,
                preimage: None,
                tally: None,
            },
        }))
    }

    /// The referendum as the block before its end left it.
    async fn before(&self, index: ReferendumId, end: u32) -> Result<Option<Referendum>, Error> {
        let Some(moment) = self.moment_of(end.saturating_sub(1)).await? else {
            return Ok(None);
        };
        let info = self.info(&moment, index).await?;
        match info.as_ref().and_then(variant) {
            Some(("Ongoing", fields)) => match fields.at(0) {
                Some(status) => self.ongoing(&moment, index, status).await.map(Some),
                None => Ok(None),
            },
            _ => Ok(None),
        }
    }

    async fn ongoing(
        &self,
        moment: &Moment,
        index: ReferendumId,
        status: &Value,
    ) -> Result<Referendum, Error> {
        let unreadable = || Error::decode("a referendum's status", status);
        let tracks = self.tracks(Some(moment.hash)).await?;
        let track = small::<u16>(status.at("track"))
            .and_then(|id| tracks.into_iter().find(|track| track.id == id))
            .ok_or_else(unreadable)?;
        let timeout = metadata::constant(&moment.runtime, "Referenda", "UndecidingTimeout")?;
        let timeout: u32 = small(Some(&timeout)).ok_or_else(unreadable)?;
        let (stage, deciding) = stage(status, &track, timeout).ok_or_else(unreadable)?;

        let tally = status.at("tally");
        let [ayes, nays, support] =
            ["ayes", "nays", "support"].map(|name| tally.at(name).and_then(number));
        let (Some(ayes), Some(nays), Some(support)) = (ayes, nays, support) else {
            return Err(unreadable());
        };
        let mut tally = Tally::new(ayes, nays, support, self.electorate(moment).await?);
        if let Some(since) = deciding {
            let elapsed = moment.number.saturating_sub(since);
            let needed = |curve: &super::Curve| curve.threshold(elapsed, track.decision);
            tally.approval_needed = Some(needed(&track.approval));
            tally.turnout_needed = Some(needed(&track.support));
        }
        let proposal = status
            .at("proposal")
            .and_then(bounded)
            .ok_or_else(unreadable)?;
        let (preimage, call) = match proposal {
            Bounded::Inline(call) => (None, Some(call)),
            Bounded::Preimage { hash, length } => {
                (Some(hash), self.preimage(moment, hash, length).await?)
            }
        };
        let does = match call {
            Some(call) => self.describe_call(&call, Some(moment.hash)).await?,
            None => None,
        };
        Ok(Referendum {
            index,
            stage,
            track: Some(track.name),
            proposer: bytes32(status.at("submission_deposit").at("who")),
            submitted: small(status.at("submitted")),
            does,
            preimage,
            tally: Some(tally),
        })
    }

    /// What became of an approved referendum's call.
    async fn approved(
        &self,
        moment: &Moment,
        index: ReferendumId,
        at: u32,
    ) -> Result<Stage, Error> {
        let name = (ASSEMBLY, "enactment", index).using_encoded(super::code_hash);
        if let Some(enactment) = self.scheduled(moment, &name).await? {
            return Ok(Stage::Approved { at, enactment });
        }
        // The scheduler forgets what it has done. The block of the approval still names the block of the enactment, and that one's
        // events the outcome.
        let enacted = told(self.enacted(&name, at).await)?.flatten();
        let error = match enacted {
            Some(enacted) => told(self.outcome_at(enacted, &name).await)?.flatten(),
            None => None,
        };
        Ok(Stage::Enacted { at, enacted, error })
    }

    /// When a call that was scheduled at block `at` was to be made.
    async fn enacted(&self, name: &Hash, at: u32) -> Result<Option<u32>, Error> {
        match self.moment_of(at).await? {
            Some(moment) => self.scheduled(&moment, name).await,
            None => Ok(None),
        }
    }

    /// When the scheduler makes a call.
    async fn scheduled(&self, moment: &Moment, name: &Hash) -> Result<Option<u32>, Error> {
        let keys = vec![Value::from_bytes(name)];
        let address = self.entry(moment, "Scheduler", "Lookup", keys).await?;
        Ok(address.and_then(|address| small(address.at(0))))
    }

    /// The error of the scheduled call that was made in a block, if it failed.
    async fn outcome_at(&self, number: u32, name: &Hash) -> Result<Option<String>, Error> {
        let Some(moment) = self.moment_of(number).await? else {
            return Ok(None);
        };
        let key = moment.runtime.storage_key("System", "Events", Vec::new())?;
        let events = self.storage(moment.hash, &key).await?.unwrap_or_default();
        for event in moment.runtime.inner().events().from_bytes(events).iter() {
            let event = event.map_err(|reason| Error::decode("an event", reason))?;
            if event.pallet_name() != "Scheduler" {
                continue;
            }
            let fields = event
                .decode_fields_unchecked_as::<Composite<()>>()
                .map_err(|reason| Error::decode("an event", reason))?;
            if bytes32(fields.at("id").and_then(some)) != Some(*name) {
                continue;
            }
            let failure = match event.event_name() {
                "Dispatched" => match fields.at("result").and_then(variant) {
                    Some(("Err", error)) => error.at(0),
                    _ => None,
                },
                name => return Ok(Some(format!("Scheduler::{name}"))),
            };
            return Ok(failure.map(|error| metadata::dispatch_error(&moment.runtime, error).name()));
        }
        Ok(None)
    }

    /// A call that the chain stores apart, while it does.
    async fn preimage(
        &self,
        moment: &Moment,
        hash: Hash,
        length: u32,
    ) -> Result<Option<Vec<u8>>, Error> {
        let key = Value::unnamed_composite([Value::from_bytes(hash), Value::u128(length.into())]);
        let key = moment
            .runtime
            .storage_key("Preimage", "PreimageFor", vec![key])?;
        let stored = self.storage(moment.hash, &key).await?;
        Ok(stored.and_then(|bytes| Vec::decode(&mut bytes.as_slice()).ok()))
    }

    /// Tokens that may vote: all but those that governance itself holds.
    async fn electorate(&self, moment: &Moment) -> Result<u128, Error> {
        let total = self.total_issuance(Some(moment.hash)).await?;
        let inactive = self
            .entry(moment, "Balances", "InactiveIssuance", Vec::new())
            .await?;
        let inactive = inactive.as_ref().and_then(number).unwrap_or_default();
        Ok(total.saturating_sub(inactive))
    }

    async fn info(&self, moment: &Moment, index: ReferendumId) -> Result<Option<Value>, Error> {
        let keys = vec![Value::u128(index.into())];
        self.entry(moment, "Referenda", "ReferendumInfoFor", keys)
            .await
    }

    /// A storage entry; none where it is not set.
    async fn entry(
        &self,
        moment: &Moment,
        pallet: &str,
        entry: &str,
        keys: Vec<Value>,
    ) -> Result<Option<Value>, Error> {
        let key = moment.runtime.storage_key(pallet, entry, keys)?;
        let bytes = self.storage(moment.hash, &key).await?;
        bytes
            .map(|bytes| moment.runtime.storage_value(pallet, entry, &bytes))
            .transpose()
    }

    async fn moment(&self, at: Option<Hash>) -> Result<Moment, Error> {
        let hash = self.block_or_best(at).await?;
        let header = self.header(hash).await?;
        let header = header.ok_or_else(|| Error::UnknownBlock(text::hex32(&hash)))?;
        Ok(Moment {
            hash,
            number: u32::try_from(header.number).unwrap_or(u32::MAX),
            runtime: self.runtime_at(hash).await?,
        })
    }

    /// The state of the best chain at a height, if it is that long.
    async fn moment_of(&self, number: u32) -> Result<Option<Moment>, Error> {
        match self.block_hash(number.into()).await? {
            Some(hash) => self.moment(Some(hash)).await.map(Some),
            None => Ok(None),
        }
    }
}

/// None where the node has no state of the block any longer.
fn told<T>(answer: Result<T, Error>) -> Result<Option<T>, Error> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(Error::Rpc { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// How far an ongoing referendum has come, and since when it is being decided.
fn stage(status: &Value, track: &Track, timeout: u32) -> Option<(Stage, Option<u32>)> {
    let submitted: u32 = small(status.at("submitted"))?;
    if let Some(deciding) = some(status.at("deciding")?) {
        let since: u32 = small(deciding.at("since"))?;
        let stage = match some(deciding.at("confirming")?) {
            Some(until) => Stage::Confirming {
                since,
                until: small(Some(until))?,
            },
            None => Stage::Deciding {
                since,
                until: since.saturating_add(track.decision),
            },
        };
        return Some((stage, Some(since)));
    }
    let stage = if status.at("in_queue")?.as_bool()? {
        Stage::Queued
    } else if some(status.at("decision_deposit")?).is_some() {
        let until = submitted.saturating_add(track.prepare);
        Stage::Preparing { until }
    } else {
        let until = submitted.saturating_add(timeout);
        Stage::AwaitingDeposit { until }
    };
    Some((stage, None))
}

/// A proposal as a referendum holds it.
fn bounded(value: &Value) -> Option<Bounded> {
    let (kind, fields) = variant(value)?;
    Some(match kind {
        "Inline" => Bounded::Inline(bytes(fields.at(0)?)?),
        "Lookup" => Bounded::Preimage {
            hash: bytes32(fields.at("hash"))?,
            length: small(fields.at("len"))?,
        },
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::Curve;
    use super::*;

    fn track() -> Track {
        let curve = Curve::Linear {
            length: 1_000_000_000,
            floor: 0,
            ceil: 0,
        };
        Track {
            id: 1,
            name: "parameters".into(),
            max_deciding: 10,
            decision_deposit: 20,
            prepare: 1,
            decision: 28,
            confirm: 4,
            enactment: 4,
            approval: curve.clone(),
            support: curve,
        }
    }

    fn option(value: Option<Value>) -> Value {
        match value {
            Some(value) => Value::unnamed_variant("Some", [value]),
            None => Value::unnamed_variant("None", []),
        }
    }

    fn status(deposit: bool, queued: bool, deciding: Option<Option<u128>>) -> Value {
        let deciding = deciding.map(|confirming| {
            Value::named_composite([
                ("since", Value::u128(12)),
                ("confirming", option(confirming.map(Value::u128))),
            ])
        });
        Value::named_composite([
            ("submitted", Value::u128(10)),
            ("decision_deposit", option(deposit.then(|| Value::u128(0)))),
            ("in_queue", Value::bool(queued)),
            ("deciding", option(deciding)),
        ])
    }

    #[test]
    fn the_stage_and_its_end_follow_from_the_status() {
        let stage = |status| stage(&status, &track(), 100).unwrap();
        let (waiting, deciding) = stage(status(false, false, None));
        assert_eq!(waiting, Stage::AwaitingDeposit { until: 110 });
        assert_eq!(deciding, None);
        let (preparing, _) = stage(status(true, false, None));
        assert_eq!(preparing, Stage::Preparing { until: 11 });
        assert_eq!(stage(status(true, true, None)).0, Stage::Queued);
        let (deciding, since) = stage(status(true, false, Some(None)));
        assert_eq!(
            deciding,
            Stage::Deciding {
                since: 12,
                until: 40
            }
        );
        assert_eq!(since, Some(12));
        let (confirming, _) = stage(status(true, false, Some(Some(16))));
        assert_eq!(
            confirming,
            Stage::Confirming {
                since: 12,
                until: 16
            }
        );
        assert!(!confirming.is_over());
        assert!(Stage::Rejected { at: 3 }.is_over());
    }

    #[test]
    fn a_proposal_is_read_inline_or_by_its_preimage() {
        let inline = Value::unnamed_variant("Inline", [Value::from_bytes([1, 2])]);
        assert_eq!(bounded(&inline), Some(Bounded::Inline(vec![1, 2])));
        let hash = Value::unnamed_composite([Value::from_bytes([7; 32])]);
        let lookup = Value::named_variant("Lookup", [("hash", hash), ("len", Value::u128(200))]);
        let expected = Bounded::Preimage {
            hash: [7; 32],
            length: 200,
        };
        assert_eq!(bounded(&lookup), Some(expected));
    }

    #[test]
    fn the_status_is_a_word_in_json() {
        let enacted = Stage::Enacted {
            at: 20,
            enacted: Some(24),
            error: None,
        };
        let json = serde_json::to_value(&enacted).unwrap();
        assert_eq!(json["status"], "enacted");
        assert_eq!(json["enacted"], 24);
        assert_eq!(
            serde_json::to_value(Stage::Queued).unwrap()["status"],
            "queued"
        );
    }
}
