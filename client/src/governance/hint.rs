//! What to do about an error that the chain names.

/// What somebody can do about an error, by its name as [`Error::name`](crate::Error::name) gives it; none where the name says
/// it all.
#[must_use]
pub fn hint(name: &str) -> Option<&'static str> {
    Some(match name {
        "Balances::InsufficientBalance"
        | "Token::FundsUnavailable"
        | "Balances::LiquidityRestrictions" => {
            "less is free than the deposit takes: `quern account` tells what is, `quern gov tracks` what deposits cost"
        }
        "ConvictionVoting::InsufficientFunds" => {
            "a vote can have no more tokens than the account: `--amount` less"
        }
        "ConvictionVoting::NotOngoing" | "Referenda::NotOngoing" => {
            "it has ended, or was never submitted: `quern gov list`"
        }
        "ConvictionVoting::AlreadyDelegating" => {
            "the account has delegated its votes: undelegate first"
        }
        "ConvictionVoting::MaxVotesReached" => {
            "`quern gov unlock` takes votes on ended referenda away"
        }
        "Referenda::HasDeposit" => "somebody has placed it already: nothing is to be done",
        "Referenda::BadReferendum" => "there is no such referendum: `quern gov list`",
        "Referenda::Unfinished" => "deposits come back when the referendum has ended",
        "Referenda::BadStatus" => "only those of approved and cancelled referenda come back",
        "Referenda::NoDeposit" => "it has come back already, or was never placed",
        "Referenda::NoTrack" => "no track decides for that origin",
        "Preimage::AlreadyNoted" => "the call is stored already: nothing is to be done",
        "Governance::BelowMinimum" | "Governance::AboveMaximum" => {
            "`quern gov parameters` tells the bounds"
        }
        "Governance::Inconsistent" => {
            "it contradicts another parameter: docs/governance.md tells which; change that one first"
        }
        "System::NothingAuthorized" => {
            "no referendum has authorised a runtime, or its enactment is still to come: `quern gov show`"
        }
        "System::Unauthorized" => "another runtime was authorised: `quern gov show` tells its hash",
        "System::CallFiltered" => {
            "the chain is in safe mode, or the call is paused: wait for the referendum that ends it"
        }
        "SafeMode::Entered" | "SafeMode::Exited" | "TxPause::IsPaused" | "TxPause::IsUnpaused" => {
            "the chain is in that state already"
        }
        "TxPause::Unpausable" => "this call ends emergencies, so it cannot be paused",
        "BadOrigin" => "this origin may not: another track decides on it",
        _ => return None,
    })
}
