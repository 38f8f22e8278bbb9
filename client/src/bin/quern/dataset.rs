//! `quern dataset commit`.

use crate::{Failure, report::Report};
use quern_client::{dataset::Source, text};

/// Builds the commitment of a data set. The JSON form is exactly the `dataset` of a task.
pub(crate) fn commit(source: &Source) -> Result<Report, Failure> {
    let loaded = source.load()?;
    let commitment = loaded.training.commitment();
    Ok(Report::new(&commitment)?
        .line("root", text::hex32(&commitment.root))
        .line("row blocks", commitment.row_blocks)
        .line("features", commitment.features)
        .line("classes", commitment.classes)
        .line("rows", loaded.training.rows())
        .line("held out", loaded.held_out.rows()))
}
