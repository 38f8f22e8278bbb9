//! Ordering a job, and serving its rows until it ended.

use super::{
    BlobArgs, Job,
    assess::{assess, same_data},
    find,
    follow::follow,
    outcome,
};
use crate::report::Report;
use crate::{Failure, Signing, report::tokens};
use quern_blobs::{
    Blobs, Config,
    libp2p::{Multiaddr, multiaddr::Protocol},
};
use quern_client::{
    Call, Client, Hash, TaskId, TaskInfo, TaskStage,
    dataset::{Loaded, blob},
    text,
};
use serde_json::json;
use std::path::PathBuf;

pub(super) async fn submit(
    client: &Client,
    job: &Job,
    signing: &Signing,
    blobs: &BlobArgs,
) -> Result<Report, Failure> {
    let signer = signing.signer()?;
    let spec = job.spec()?;
    let loaded = spec.load(&job.data)?;
    // Nothing is served, and no folder made, for a job that the chain would refuse.
    assess(client, &spec, &loaded, "", Some(&signer))
        .await?
        .refuse()?;

    let blobs = Blobs::start(blobs.config(None)?).await?;
    if blobs.has(&loaded.held_out.commitment().root) {
        eprintln!(
            "note: evaluators of an earlier task have seen these held-out rows; another data.seed holds out others"
        );
    }
    let shelf = Shelf::open(blobs, &loaded).await?;
    let contact = shelf.blobs.address();
    let assessment = assess(client, &spec, &loaded, &contact, Some(&signer)).await?;
    assessment.refuse()?;
    let fee = assessment.fee;
    eprint!("{}", assessment.report(&loaded)?.text());
    drop(loaded);

    let order = Box::new(assessment.order);
    let call = Call::PayForTask { order, fee };
    // Final: in another branch the number could be another client's.
    let included = client.carry_out(&signer, &call, true).await?;
    let task = included
        .find("Tasks", "Submitted", "task")
        .and_then(|task| TaskId::try_from(task).ok())
        .ok_or("the chain took the order, but does not tell its number: see `quern task list`")?;
    eprintln!(
        "task {task} is ordered for {}; its rows are served at {contact}",
        tokens(fee)
    );
    eprintln!(
        "should this program end before the task does: quern task serve {task} {} --data {}",
        job.spec.display(),
        job.data
    );
    let ended = shelf.serve(client, task).await?;
    Ok(outcome(&ended)?.fact("block", json!(text::hex32(&included.block))))
}

pub(super) async fn resume(
    client: &Client,
    id: TaskId,
    job: &Job,
    blobs: &BlobArgs,
) -> Result<Report, Failure> {
    let task = find(client, id).await?;
    let order = task.order.as_ref();
    let order = order.ok_or_else(|| format!("task {id} is a commons task"))?;
    if task.stage.is_over() {
        return Err(format!("task {id} has ended: {}", task.stage).into());
    }
    let loaded = job.spec()?.load(&job.data)?;
    same_data(order, &loaded)?;
    let blobs = Blobs::start(blobs.config(task.contact())?).await?;
    let address = blobs.address();
    eprintln!("the rows of task {id} are served at {address}");
    if task.contact().as_ref() != Some(&address) {
        eprintln!("the task names another address: miners find this one through others only");
    }
    let shelf = Shelf::open(blobs, &loaded).await?;
    drop(loaded);
    Ok(outcome(&shelf.serve(client, id).await?)?)
}

impl BlobArgs {
    /// The blob node's configuration; it listens where `contact` says unless the command line says otherwise.
    fn config(&self, contact: Option<String>) -> Result<Config, Failure> {
        let folder = match &self.folder {
            Some(folder) => folder.clone(),
            None => default_folder().ok_or("no home folder: give --blobs FOLDER")?,
        };
        let mut config = Config::new(folder);
        if let Some(listen) = &self.listen {
            config.listen = address(listen)?;
        } else if let Some(contact) = contact {
            config.listen = without_peer(address(&contact)?);
        }
        config.external = self.external.as_deref().map(address).transpose()?;
        config.bootstrap = addresses(&self.bootstrap)?;
        Ok(config)
    }
}

/// Multiaddresses as they stand on the command line.
pub(super) fn addresses(texts: &[String]) -> Result<Vec<Multiaddr>, Failure> {
    texts.iter().map(|text| address(text)).collect()
}

fn address(text: &str) -> Result<Multiaddr, Failure> {
    text.parse()
        .map_err(|reason| format!("{text:?} is no multiaddress: {reason}").into())
}

/// An address without the peer at its end.
fn without_peer(address: Multiaddr) -> Multiaddr {
    let parts = address.iter();
    parts
        .filter(|part| !matches!(part, Protocol::P2p(_)))
        .collect()
}

fn default_folder() -> Option<PathBuf> {
    let data = std::env::var_os("XDG_DATA_HOME").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".local/share"));
    Some(data.or_else(home)?.join("quern/client"))
}

/// A job's rows: the training rows are served from the start, the held-out rows once nobody trains any more.
struct Shelf {
    blobs: Blobs,
    training: Hash,
    /// The held-out rows' root, chunk size and bytes.
    held_out: (Hash, u32, Vec<u8>),
}

impl Shelf {
    async fn open(blobs: Blobs, loaded: &Loaded) -> Result<Self, Failure> {
        let training = loaded.training.commitment();
        let held_out = loaded.held_out.commitment();
        blobs
            .publish(
                blob::chunk(training.features),
                blob::encode(&loaded.training),
            )
            .await?;
        // What an earlier process left pinned when it was killed.
        blobs.unpin(held_out.root).await?;
        Ok(Self {
            blobs,
            training: training.root,
            held_out: (
                held_out.root,
                blob::chunk(held_out.features),
                blob::encode(&loaded.held_out),
            ),
        })
    }

    /// Serves what the task's stage allows until it ended.
    async fn serve(mut self, client: &Client, task: TaskId) -> Result<TaskInfo, Failure> {
        let ended = follow(client, task, async |task| self.show(task).await).await?;
        self.blobs.unpin(self.training).await?;
        self.blobs.unpin(self.held_out.0).await?;
        self.blobs.shutdown().await;
        Ok(ended)
    }

    async fn show(&mut self, task: &TaskInfo) -> Result<(), Failure> {
        let (_, chunk, bytes) = &mut self.held_out;
        if task.stage == TaskStage::Evaluating && !bytes.is_empty() {
            self.blobs.publish(*chunk, std::mem::take(bytes)).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::tests::task;
    use quern_blobs::Blob;
    use quern_client::dataset::{Source, Split};

    #[test]
    fn a_resumed_node_listens_where_the_task_says() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = BlobArgs {
            folder: Some(folder.path().join("blobs")),
            listen: None,
            external: None,
            bootstrap: Vec::new(),
        };
        let peer = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";
        let contact = format!("/ip4/127.0.0.1/tcp/4001/p2p/{peer}");
        let config = arguments.config(Some(contact)).unwrap();
        assert_eq!(config.listen.to_string(), "/ip4/127.0.0.1/tcp/4001");
        let refusal = arguments.config(Some("here".into())).unwrap_err();
        assert!(refusal.to_string().contains("no multiaddress"));
    }

    #[tokio::test]
    async fn held_out_rows_are_served_only_once_training_is_over() {
        let split = Split {
            seed: 1,
            held_out: 10_000,
        };
        let loaded = Source::Glyphs.load_split(&split).unwrap();
        let held_out = loaded.held_out.commitment();
        let [here, there] = [(); 2].map(|()| tempfile::tempdir().unwrap());
        let blobs = Blobs::start(Config::new(here.path().join("blobs")))
            .await
            .unwrap();
        let peer = Blobs::start(Config::new(there.path().join("blobs")))
            .await
            .unwrap();
        let contact = [blobs.address()];
        let mut shelf = Shelf::open(blobs, &loaded).await.unwrap();
        let wanted = Blob {
            root: held_out.root,
            len: held_out.bytes(),
            chunk: blob::chunk(held_out.features),
        };
        shelf.show(&task(TaskStage::Training)).await.unwrap();
        assert!(peer.fetch(&wanted, &contact, |_, _| {}).await.is_err());
        shelf.show(&task(TaskStage::Evaluating)).await.unwrap();
        shelf.show(&task(TaskStage::Evaluating)).await.unwrap();
        let bytes = peer.fetch(&wanted, &contact, |_, _| {}).await.unwrap();
        assert!(blob::decode(&bytes, &held_out).is_ok());
    }
}
