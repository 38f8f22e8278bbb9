//! What is proposed: from words to a call with its origin, and from a call back to words.

use super::{
    ParameterError, ReferendumId, metadata,
    metadata::{Decoded, decode_call, encode_call},
    parameter::snake,
    value::{bytes32, number, small, some, text, variant},
};
use crate::{Account, Client, Error, runtime::Runtime, ss58, text::hex32};
use codec::Encode;
use quern_work::Hash;
use subxt::dynamic::{At, Value};

/// Letters of an unknown call's arguments that are shown.
const SHOWN: usize = 200;

/// What somebody wants the chain to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Proposal {
    /// Sets a parameter.
    Parameter {
        /// Its name, such as `work.omega_m`.
        name: String,
        /// The value as people write it; none for the default.
        value: Option<String>,
    },
    /// Authorises a runtime.
    Upgrade {
        /// BLAKE2-256 of its code.
        code_hash: Hash,
    },
    /// Pays somebody from the treasury.
    Spend {
        /// How much, in the smallest unit.
        amount: u128,
        /// Whom.
        beneficiary: Account,
    },
    /// Stops all calls but those that end the emergency, or lets them on again.
    SafeMode {
        /// Whether to enter.
        enter: bool,
    },
    /// Stops one call, or lets it on again.
    Pause {
        /// The pallet.
        pallet: String,
        /// The call's name in it.
        call: String,
        /// Whether to stop it.
        pause: bool,
    },
    /// Ends another referendum without a decision.
    Cancel {
        /// Which.
        index: ReferendumId,
    },
    /// Anything else.
    Call {
        /// The SCALE bytes of the call.
        call: Vec<u8>,
        /// The name of the track that is to decide.
        track: String,
    },
}

/// A proposal as the chain takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Motion {
    /// The SCALE bytes of the call.
    pub call: Vec<u8>,
    /// The SCALE bytes of the origin that it needs.
    pub origin: Vec<u8>,
    /// The name of the track that decides.
    pub track: &'static str,
    /// What it does, in words.
    pub words: String,
}

/// Why a proposal cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// The parameter or its value: see there.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// The runtime has no such call: correct its name.
    #[error("the runtime has no call {pallet}.{call}")]
    NoSuchCall {
        /// The pallet.
        pallet: String,
        /// The call.
        call: String,
    },
    /// There is no such track: name one of the four.
    #[error("there is no track {0}: expected root, parameters, treasury or emergency")]
    UnknownTrack(String),
    /// The chain could not be asked, or is of another version.
    #[error(transparent)]
    Chain(#[from] Error),
}

/// The tracks, and the variants of the origin that each decides on.
const ORIGINS: [(&str, &str, &str); 4] = [
    ("root", "system", "Root"),
    ("parameters", "Governance", "Parameters"),
    ("treasury", "Governance", "Spend"),
    ("emergency", "Governance", "Emergency"),
];

impl Client {
    /// A proposal as the best block's runtime takes it.
    ///
    /// # Errors
    /// See [`ProposalError`].
    pub async fn motion(&self, proposal: &Proposal) -> Result<Motion, ProposalError> {
        let at = self.block_or_best(None).await?;
        let runtime = self.runtime_at(at).await?;
        let call = |pallet, name, arguments| encode_call(&runtime, pallet, name, arguments);
        let (track, call) = match proposal {
            Proposal::Parameter { name, value } => {
                let call = self.set_parameter(name, value.as_deref(), at).await?;
                ("parameters", call)
            }
            Proposal::Upgrade { code_hash } => {
                let hash = Value::from_bytes(code_hash);
                ("root", call("System", "authorize_upgrade", vec![hash])?)
            }
            Proposal::Spend {
                amount,
                beneficiary,
            } => {
                let beneficiary = Value::unnamed_variant("Id", [Value::from_bytes(beneficiary)]);
                let arguments = vec![Value::u128(*amount), beneficiary];
                ("treasury", call("Treasury", "spend_local", arguments)?)
            }
            Proposal::SafeMode { enter } => {
                let name = if *enter { "force_enter" } else { "force_exit" };
                ("emergency", call("SafeMode", name, Vec::new())?)
            }
            Proposal::Pause {
                pallet,
                call: paused,
                pause,
            } => {
                if !metadata::has_call(&runtime, pallet, paused) {
                    return Err(ProposalError::NoSuchCall {
                        pallet: pallet.clone(),
                        call: paused.clone(),
                    });
                }
                let names = [pallet, paused].map(Value::from_bytes);
                let name = if *pause { "pause" } else { "unpause" };
                let arguments = vec![Value::unnamed_composite(names)];
                ("emergency", call("TxPause", name, arguments)?)
            }
            Proposal::Cancel { index } => {
                let index = Value::u128((*index).into());
                ("emergency", call("Referenda", "cancel", vec![index])?)
            }
            Proposal::Call { call, track } => {
                let known = ORIGINS.iter().find(|(name, ..)| name == track);
                let (track, ..) =
                    known.ok_or_else(|| ProposalError::UnknownTrack(track.clone()))?;
                (*track, call.clone())
            }
        };
        // A call that cannot be read is refused here.
        decode_call(&runtime, &call)?;
        let words = self.describe_call(&call, Some(at)).await?;
        Ok(Motion {
            origin: origin(&runtime, track)?,
            call,
            track,
            words: words.unwrap_or_default(),
        })
    }

    /// What a call does, in words; none where the runtime at `at` does not know it.
    ///
    /// # Errors
    /// Connection errors.
    pub async fn describe_call(
        &self,
        call: &[u8],
        at: Option<Hash>,
    ) -> Result<Option<String>, Error> {
        let at = self.block_or_best(at).await?;
        let decoded = decode_call(&self.runtime_at(at).await?, call);
        let Ok(decoded) = decoded else {
            return Ok(None);
        };
        let Some((name, value)) = parameter_change(&decoded) else {
            return Ok(Some(describe(&decoded)));
        };
        // Its unit is the runtime's to say.
        let parameters = self.parameters(Some(at)).await?;
        let parameter = parameters
            .into_iter()
            .find(|parameter| parameter.name == name);
        Ok(Some(match (parameter, value) {
            (Some(parameter), Some(value)) => {
                format!("sets {name} to {}", parameter.show(value))
            }
            _ => describe(&decoded),
        }))
    }

    /// The call that sets a parameter, as the runtime itself makes it.
    async fn set_parameter(
        &self,
        name: &str,
        value: Option<&str>,
        at: Hash,
    ) -> Result<Vec<u8>, ProposalError> {
        let parameters = self.parameters(Some(at)).await?;
        let parameter = parameters
            .iter()
            .find(|parameter| parameter.name == name)
            .ok_or_else(|| ParameterError::Unknown(name.to_owned()))?;
        let value = value.map(|value| parameter.read(value)).transpose()?;
        let arguments = (name, value).encode();
        let call: Option<Vec<u8>> = self
            .state_call("GovernanceApi_set_parameter", &arguments, Some(at))
            .await?;
        Ok(call.ok_or_else(|| ParameterError::Unknown(name.to_owned()))?)
    }
}

/// The SCALE bytes of a track's origin.
fn origin(runtime: &Runtime, track: &str) -> Result<Vec<u8>, Error> {
    let known = ORIGINS.iter().find(|(name, ..)| *name == track);
    let (_, pallet, name) = known.unwrap_or(&ORIGINS[0]);
    let origin = Value::unnamed_variant(*pallet, [Value::unnamed_variant(*name, [])]);
    metadata::encode_argument(runtime, ("Referenda", "submit"), "proposal_origin", &origin)
}

/// The parameter that a call sets, and the value; no value for the default.
fn parameter_change(call: &Decoded) -> Option<(String, Option<u128>)> {
    if (call.pallet.as_str(), call.name.as_str()) != ("Governance", "set_parameter") {
        return None;
    }
    let (module, fields) = variant(call.arguments.at(0)?)?;
    let (name, fields) = variant(fields.at(0)?)?;
    let value = some(fields.at(1)?).map(|value| {
        let flag = value.as_bool().map(u128::from);
        flag.or_else(|| number(value)).unwrap_or_default()
    });
    Some((format!("{}.{}", snake(module), snake(name)), value))
}

/// What a call does, in words.
fn describe(call: &Decoded) -> String {
    let argument = |name: &str| call.arguments.at(name);
    let known = || {
        Some(match (call.pallet.as_str(), call.name.as_str()) {
            ("Governance", "set_parameter") => match parameter_change(call)? {
                (name, Some(value)) => format!("sets {name} to {value}"),
                (name, None) => format!("sets {name} back to its default"),
            },
            ("System", "authorize_upgrade") => {
                let hash = bytes32(argument("code_hash"))?;
                format!("authorises the runtime {}", hex32(&hash))
            }
            ("Treasury", "spend_local") => {
                let amount = number(argument("amount")?)?;
                let to = bytes32(argument("beneficiary").at(0))?;
                let amount = super::Unit::MONEY.show(amount);
                format!("pays {amount} from the treasury to {}", ss58(&to))
            }
            ("SafeMode", "force_enter") => "enters safe mode".into(),
            ("SafeMode", "force_exit") => "leaves safe mode".into(),
            ("TxPause", name @ ("pause" | "unpause")) => {
                let full_name = call.arguments.at(0);
                let [pallet, paused] = [0, 1].map(|part| full_name.at(part).and_then(text));
                format!("{name}s {}.{}", pallet?, paused?)
            }
            ("Referenda", "cancel") => {
                format!("cancels referendum {}", small::<u32>(argument("index"))?)
            }
            _ => return None,
        })
    };
    known().unwrap_or_else(|| {
        let mut arguments = call.arguments.to_string();
        if let Some((end, _)) = arguments.char_indices().nth(SHOWN) {
            arguments.truncate(end);
            arguments.push('…');
        }
        format!("calls {}.{} {arguments}", call.pallet, call.name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use subxt::ext::scale_value::Composite;

    fn call(pallet: &str, name: &str, arguments: Composite<()>) -> Decoded {
        Decoded {
            pallet: pallet.into(),
            name: name.into(),
            arguments,
        }
    }

    fn set(value: Value) -> Decoded {
        let key = Value::unnamed_composite([]);
        let parameter = Value::unnamed_variant("OmegaM", [key, value]);
        let key_value = Value::unnamed_variant("Work", [parameter]);
        let arguments = Composite::named([("key_value", key_value)]);
        call("Governance", "set_parameter", arguments)
    }

    #[test]
    fn calls_are_told_in_words() {
        let some = Value::unnamed_variant("Some", [Value::u128(7)]);
        assert_eq!(describe(&set(some)), "sets work.omega_m to 7");
        let none = Value::unnamed_variant("None", []);
        assert_eq!(
            describe(&set(none)),
            "sets work.omega_m back to its default"
        );
        let flag = Value::unnamed_variant("Some", [Value::bool(true)]);
        assert_eq!(
            parameter_change(&set(flag)),
            Some(("work.omega_m".into(), Some(1)))
        );

        let hash = Composite::named([("code_hash", Value::from_bytes([1; 32]))]);
        assert_eq!(
            describe(&call("System", "authorize_upgrade", hash)),
            format!("authorises the runtime 0x{}", "01".repeat(32))
        );
        let name = Value::unnamed_composite([
            Value::from_bytes(b"Balances"),
            Value::from_bytes(b"transfer_keep_alive"),
        ]);
        let paused = call("TxPause", "pause", Composite::named([("full_name", name)]));
        assert_eq!(describe(&paused), "pauses Balances.transfer_keep_alive");
    }

    #[test]
    fn an_unknown_call_is_told_by_its_name_and_the_begin_of_its_arguments() {
        let remark = Composite::named([("remark", Value::from_bytes([0; 500]))]);
        let words = describe(&call("System", "remark", remark));
        assert!(
            words.starts_with("calls System.remark { remark: ("),
            "{words}"
        );
        assert!(
            words.ends_with('…') && words.chars().count() < 250,
            "{words}"
        );
    }
}
