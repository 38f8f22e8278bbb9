//! Keys that sign, and the two ways an account is written.

use crate::{Account, text::parse_hex32};
use core::{fmt, str::FromStr};
use std::path::Path;
use subxt::utils::AccountId32;
use subxt_signer::{SecretUri, bip39, sr25519::Keypair};

/// Why a key or an address could not be read. No variant repeats a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Neither `//Name`, nor a mnemonic, nor a `0x`-hex seed of 32 bytes, with or without derivations.
    #[error("not a key: {0}")]
    Secret(String),
    /// The key file could not be read.
    #[error("cannot read the key file {path}: {reason}")]
    File {
        /// The file.
        path: String,
        /// What the system said.
        reason: std::io::Error,
    },
    /// Neither an SS58 address nor 32 bytes in hex.
    #[error("{0:?} is no account: give an SS58 address or 0x and 64 hex digits")]
    Account(String),
}

/// An sr25519 key pair that signs extrinsics.
#[derive(Clone)]
pub struct Signer(Keypair);

impl Signer {
    /// The key of a secret URI: `//Alice`, a mnemonic or a `0x`-hex seed, each with optional derivations.
    ///
    /// # Errors
    /// [`KeyError::Secret`] when the text is none of these.
    pub fn from_suri(suri: &str) -> Result<Self, KeyError> {
        let uri = SecretUri::from_str(suri.trim())
            .map_err(|reason| KeyError::Secret(reason.to_string()))?;
        Keypair::from_uri(&uri)
            .map(Self)
            .map_err(|reason| KeyError::Secret(reason.to_string()))
    }

    /// A new key, and the twelve words that are its secret.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    #[must_use]
    pub fn generate() -> (Self, String) {
        let entropy: [u8; 16] = rand::random();
        let phrase = bip39::Mnemonic::from_entropy(&entropy).expect("16 bytes make twelve words");
        let pair = Keypair::from_phrase(&phrase, None).expect("any phrase makes a key");
        (Self(pair), phrase.to_string())
    }

    /// The key whose secret URI is the whole content of a file.
    ///
    /// # Errors
    /// [`KeyError::File`] when the file cannot be read, [`KeyError::Secret`] when it holds no secret URI.
    pub fn from_file(path: &Path) -> Result<Self, KeyError> {
        let content = std::fs::read_to_string(path).map_err(|reason| KeyError::File {
            path: path.display().to_string(),
            reason,
        })?;
        Self::from_suri(&content)
    }

    /// The key a command-line argument names: a file when there is one of that name, else a secret URI.
    ///
    /// # Errors
    /// As [`Signer::from_file`] and [`Signer::from_suri`].
    pub fn load(argument: &str) -> Result<Self, KeyError> {
        let path = Path::new(argument);
        if path.is_file() {
            Self::from_file(path)
        } else {
            Self::from_suri(argument)
        }
    }

    /// The account whose extrinsics this key signs.
    #[must_use]
    pub fn account(&self) -> Account {
        self.0.public_key().0
    }

    /// Signs bytes as they are, with sr25519.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        self.0.sign(message).0
    }

    pub(crate) const fn pair(&self) -> &Keypair {
        &self.0
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Signer({})", ss58(&self.account()))
    }
}

/// Reads an account: an SS58 address of any network, or `0x` and 64 hex digits.
///
/// # Errors
/// [`KeyError::Account`] when the text is neither.
pub fn parse_account(text: &str) -> Result<Account, KeyError> {
    let refused = || KeyError::Account(text.to_owned());
    if text.starts_with("0x") {
        return parse_hex32(text).ok_or_else(refused);
    }
    AccountId32::from_str(text)
        .map(|account| account.0)
        .map_err(|_| refused())
}

/// Writes an account as an SS58 address of the chain's prefix, 42.
#[must_use]
pub fn ss58(account: &Account) -> String {
    AccountId32(*account).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALICE: &str = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY";

    #[test]
    fn the_development_name_gives_the_well_known_account() {
        let alice = Signer::from_suri("//Alice").unwrap();
        assert_eq!(ss58(&alice.account()), ALICE);
        assert_eq!(parse_account(ALICE).unwrap(), alice.account());
        assert_eq!(
            parse_account(&crate::text::hex32(&alice.account())).unwrap(),
            alice.account()
        );
    }

    #[test]
    fn a_mnemonic_and_its_seed_give_the_same_key() {
        let phrase = "bottom drive obey lake curtain smoke basket hold race lonely fit walk";
        let seed = "0xfac7959dbfe72f052e5a0c3c8d6530f202b02fd8f9f5ca3580ec8deb7797479e";
        assert_eq!(
            Signer::from_suri(phrase).unwrap().account(),
            Signer::from_suri(seed).unwrap().account()
        );
    }

    #[test]
    fn a_new_key_is_found_again_by_its_words() {
        let (one, words) = Signer::generate();
        assert_eq!(Signer::from_suri(&words).unwrap().account(), one.account());
        assert_ne!(Signer::generate().0.account(), one.account());
    }

    #[test]
    fn a_key_file_may_end_in_a_line_break() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(&file, "//Bob\n").unwrap();
        let loaded = Signer::load(file.path().to_str().unwrap());
        assert_eq!(
            loaded.unwrap().account(),
            Signer::from_suri("//Bob").unwrap().account()
        );
    }

    #[test]
    fn what_is_no_key_is_refused_without_repeating_it() {
        let error = Signer::from_suri("my secret words").unwrap_err();
        assert!(!error.to_string().contains("secret words"), "{error}");
        assert!(Signer::from_suri("0x1234").is_err());
    }

    #[test]
    fn a_mistyped_address_is_refused() {
        assert!(parse_account(&ALICE.replace("aEF", "aEG")).is_err());
        assert!(parse_account("0x12").is_err());
    }
}
