//! `quern key`: makes and looks at keys. A secret is printed only where `--secret` asks for it.

use crate::{Failure, report::Report};
use clap::Subcommand;
use quern_client::{Account, Signer, parse_account, ss58, text};
use serde_json::json;
use std::{fs, io::Write, path::Path};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Make a key and write its 12 words to a new file that only you may read.
    New {
        /// The file, which must not exist.
        file: String,
    },
    /// Show the account of a key.
    Show {
        /// A file that holds the key, or a secret URI (`//Alice`, a mnemonic, a 0x-hex seed).
        key: String,
        /// Print the secret as well.
        #[arg(long)]
        secret: bool,
    },
    /// Show an account in all its forms.
    Inspect {
        /// An SS58 address, or 0x and 64 hex digits.
        account: String,
    },
}

pub(crate) fn run(command: &Command) -> Result<Report, Failure> {
    match command {
        Command::New { file } => new(Path::new(file)),
        Command::Show { key, secret } => show(key, *secret),
        Command::Inspect { account } => Ok(describe(&parse_account(account)?)?),
    }
}

fn new(file: &Path) -> Result<Report, Failure> {
    let (signer, phrase) = Signer::generate();
    let failed = |reason| format!("cannot write {}: {reason}", file.display());
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut written = options.open(file).map_err(failed)?;
    (written.write_all(format!("{phrase}\n").as_bytes()))
        .and_then(|()| written.sync_all())
        .map_err(failed)?;
    Ok(describe(&signer.account())?
        .line("file", file.display())
        .line("", "keep a copy of it: whoever has it has the account"))
}

fn show(key: &str, secret: bool) -> Result<Report, Failure> {
    let signer = Signer::load(key)?;
    let mut report = describe(&signer.account())?;
    if secret {
        let secret = if Path::new(key).is_file() {
            fs::read_to_string(key)?.trim().to_owned()
        } else {
            key.to_owned()
        };
        report = report.fact("secret", json!(secret)).line("secret", secret);
    }
    Ok(report)
}

fn describe(account: &Account) -> Result<Report, serde_json::Error> {
    let (address, public) = (ss58(account), text::hex32(account));
    Ok(
        Report::new(json!({ "account": public, "address": address }))?
            .line("account", address)
            .line("public key", public),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_key_is_in_a_file_of_ones_own_and_nowhere_else() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        let made = new(&file).unwrap();
        let phrase = fs::read_to_string(&file).unwrap();
        assert_eq!(phrase.split_whitespace().count(), 12);
        for word in phrase.split_whitespace().filter(|word| word.len() > 4) {
            assert!(!made.text().contains(&format!(" {word} ")), "{word}");
        }
        assert!(!made.json().to_string().contains(phrase.trim()));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        }
        let loaded = Signer::from_file(&file).unwrap();
        assert!(made.text().contains(&ss58(&loaded.account())));
        assert!(new(&file).is_err(), "an old key is never overwritten");
    }

    #[test]
    fn a_secret_is_shown_only_on_demand() {
        assert!(!show("//Alice", false).unwrap().text().contains("//Alice"));
        let shown = show("//Alice", true).unwrap();
        assert!(shown.text().contains("//Alice"));
        assert_eq!(shown.json()["secret"], "//Alice");
    }
}
