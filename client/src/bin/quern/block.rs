//! `quern block`: everything somebody else needs to check a seal.

use crate::{Failure, report::Report};
use codec::Encode;
use quern_client::{Account, Client, Hash, Header, SignedSeal, ss58, text};
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    number: u64,
    #[serde(with = "text::hash")]
    hash: Hash,
    #[serde(with = "text::hash")]
    parent: Hash,
    #[serde(with = "text::hash")]
    state_root: Hash,
    #[serde(with = "text::hash")]
    extrinsics_root: Hash,
    /// The SCALE bytes of each digest item.
    digest: Vec<String>,
    /// The SCALE bytes of the header, seal included.
    header: String,
    #[serde(with = "text::hash")]
    pre_hash: Hash,
    #[serde(with = "text::maybe_hash")]
    author: Option<Account>,
    seal: Option<Seal>,
}

/// A seal, its rows of int8 as the bytes they are.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Seal {
    /// By the run's owner: its kind, then its 64 bytes.
    signature: String,
    /// The SCALE bytes of the seal, without the signature.
    bytes: String,
    run: u64,
    step: u64,
    tile: (u32, u32),
    #[serde(with = "text::hash")]
    weights_root: Hash,
    a_rows: String,
    labels: Vec<u16>,
    a_path: Vec<String>,
    b_rows: String,
    b_path: Vec<String>,
}

pub(crate) async fn block(client: &Client, name: &str) -> Result<Report, Failure> {
    let header = client.find_header(name).await?;
    let signed = header.signed_seal()?;
    let report = Report::new(facts(&header, signed.as_ref()))?
        .line("block", header.number)
        .line("hash", text::hex32(&header.hash))
        .line("parent", text::hex32(&header.parent))
        .line("state root", text::hex32(&header.state_root))
        .line("extrinsics", text::hex32(&header.extrinsics_root))
        .line("pre-hash", text::hex32(&header.pre_hash()))
        .maybe("author", header.author().as_ref().map(ss58));
    let Some(SignedSeal { seal, .. }) = signed else {
        return Ok(report.maybe("seal", None::<u8>));
    };
    let size = header.seal_bytes().unwrap_or_default().len();
    Ok(report
        .line("seal", format!("{size} bytes"))
        .line("  run", seal.run)
        .line("  step", seal.step)
        .line(
            "  tile",
            format!("row block {}, column block {}", seal.tile.0, seal.tile.1),
        )
        .line("  weights root", text::hex32(&seal.weights_root)))
}

fn facts(header: &Header, signed: Option<&SignedSeal>) -> Facts {
    Facts {
        number: header.number,
        hash: header.hash,
        parent: header.parent,
        state_root: header.state_root,
        extrinsics_root: header.extrinsics_root,
        digest: header
            .digest
            .iter()
            .map(|item| bytes(&item.encode()))
            .collect(),
        header: bytes(&header.encoded),
        pre_hash: header.pre_hash(),
        author: header.author(),
        seal: signed.map(|SignedSeal { signature, seal }| Seal {
            signature: bytes(&signature.encode()),
            bytes: bytes(&seal.encode()),
            run: seal.run,
            step: seal.step,
            tile: seal.tile,
            weights_root: seal.weights_root,
            a_rows: entries(&seal.a_rows),
            labels: seal.labels.to_vec(),
            a_path: seal.a_path.iter().map(text::hex32).collect(),
            b_rows: entries(&seal.b_rows),
            b_path: seal.b_path.iter().map(text::hex32).collect(),
        }),
    }
}

fn bytes(bytes: &[u8]) -> String {
    format!("0x{}", hex::encode(bytes))
}

fn entries(entries: &[i8]) -> String {
    bytes(
        &entries
            .iter()
            .map(|entry| entry.cast_unsigned())
            .collect::<Vec<_>>(),
    )
}
