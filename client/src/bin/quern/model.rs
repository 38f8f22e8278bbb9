//! `quern predict` and `quern model`: uses of a trained model; no node needed.

use crate::{Failure, report::Report};
use clap::Subcommand;
use quern_client::{
    Model,
    dataset::{self, Source, csv},
    onnx, text,
};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Rows predicted at once.
const ROWS: usize = 1_024;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Show what a model file holds.
    Show {
        /// The model file.
        model: PathBuf,
    },
    /// Write a model in a form that other programs read.
    Export {
        /// The model file.
        model: PathBuf,
        /// The ONNX file to write.
        #[arg(long, value_name = "FILE")]
        onnx: PathBuf,
    },
}

pub(crate) fn run(command: &Command) -> Result<Report, Failure> {
    match command {
        Command::Show { model } => show(&Model::read(model)?),
        Command::Export { model, onnx: file } => {
            let bytes = onnx::export(&Model::read(model)?);
            fs::write(file, &bytes)
                .map_err(|reason| format!("cannot write {}: {reason}", file.display()))?;
            let facts = json!({ "file": file.display().to_string(), "bytes": bytes.len() });
            Ok(Report::new(facts)?
                .line("wrote", file.display())
                .line("bytes", bytes.len()))
        }
    }
}

fn show(model: &Model) -> Result<Report, Failure> {
    let (origin, state) = (&model.origin, &model.state);
    let sizes: Vec<String> = state.sizes.iter().map(u32::to_string).collect();
    let root = text::hex32(&state.root());
    let score = (origin.rows > 0).then(|| score(origin.correct.into(), origin.rows.into()));
    Ok(Report::new(json!({
        "name": origin.name,
        "genesis": text::hex32(&origin.genesis),
        "task": origin.task,
        "run": origin.run,
        "correct": origin.correct,
        "rows": origin.rows,
        "scale": model.scale.to_string(),
        "sizes": state.sizes,
        "steps": state.step,
        "stateRoot": root,
    }))?
    .line("name", &origin.name)
    .line("chain", text::hex32(&origin.genesis))
    .line("task", origin.task)
    .line("run", origin.run)
    .line("network", sizes.join("-"))
    .line("steps", state.step)
    .line("state root", root)
    .line("scale", model.scale)
    .maybe("held out", score))
}

/// The class of each row of `input`: a data set with labels, or a file of features alone.
pub(crate) fn predict(model: &Path, input: &str, label: Option<&str>) -> Result<Report, Failure> {
    let model = Model::read(model)?;
    let (values, width, labels) = match (input.parse::<Source>(), label) {
        (Ok(source), _) => labelled(&model, source, label)?,
        (Err(_), Some(_)) => {
            let file = input.into();
            let format = csv::Format::default();
            labelled(&model, Source::Csv { file, format }, label)?
        }
        (Err(_), None) => {
            let rows = dataset::features(Path::new(input), model.scale)?;
            (rows.values, rows.width, None)
        }
    };
    if width != model.state.features() {
        let wanted = model.state.features();
        return Err(format!("the rows have {width} features, the model takes {wanted}").into());
    }
    let mut classes = Vec::with_capacity(values.len() / width);
    for rows in values.chunks(ROWS * width) {
        classes.extend(model.state.predict(rows)?);
    }
    Ok(answer(&classes, labels.as_deref())?)
}

type Labelled = (Vec<i8>, usize, Option<Vec<u16>>);

/// All rows of a data set, in their own order; a last partial block of 16 included where there is one.
fn labelled(model: &Model, source: Source, label: Option<&str>) -> Result<Labelled, Failure> {
    let source = match source {
        Source::Csv { file, .. } => Source::Csv {
            file,
            format: csv::Format {
                label: label.map_or(csv::Label::Usual, |name| csv::Label::Column(name.into())),
                scale: model.scale,
            },
        },
        other => other,
    };
    let rows = source.labelled()?;
    Ok((rows.features.values, rows.features.width, Some(rows.labels)))
}

fn answer(classes: &[u16], labels: Option<&[u16]>) -> Result<Report, serde_json::Error> {
    let Some(labels) = labels else {
        let report = Report::new(json!({ "classes": classes }))?;
        let rows = classes.iter().enumerate();
        return Ok(rows.fold(report, |report, (row, class)| {
            report.line(&format!("row {row}"), class)
        }));
    };
    let right = classes.iter().zip(labels).filter(|(a, b)| a == b).count();
    let rows = classes.len();
    Ok(
        Report::new(json!({ "classes": classes, "rows": rows, "right": right }))?
            .line("rows", rows)
            .line("right", score(right as u64, rows as u64)),
    )
}

/// `1900 of 2000 (95.00 %)`, rounded down.
pub(crate) fn score(right: u64, rows: u64) -> String {
    let hundredths = u128::from(right) * 10_000 / u128::from(rows.max(1));
    let (whole, part) = (hundredths / 100, hundredths % 100);
    format!("{right} of {rows} ({whole}.{part:02} %)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_client::{dataset::Scale, model::Origin};
    use quern_training::State;

    /// Three features, of which the brightest is the class.
    fn model() -> Model {
        let mut state = State::initial(&[3, 16, 3], &[0; 32]).unwrap();
        for layer in &mut state.layers {
            layer.w.fill(0);
        }
        for class in 0..3 {
            state.layers[0].w[class * 16 + class] = 1 << 24;
            state.layers[1].w[class * 3 + class] = 1 << 24;
        }
        Model {
            origin: Origin {
                genesis: [1; 32],
                task: 2,
                run: 3,
                correct: 19,
                rows: 20,
                name: "brightest".into(),
            },
            scale: Scale::GREY,
            state,
        }
    }

    #[test]
    fn rows_of_a_file_get_their_classes() {
        let folder = tempfile::tempdir().unwrap();
        let (file, rows) = (folder.path().join("model"), folder.path().join("rows.csv"));
        model().write(&file).unwrap();
        fs::write(&rows, "a,b,c\n255,0,0\n0,9,200\n0,99,4\n").unwrap();
        let report = predict(&file, rows.to_str().unwrap(), None).unwrap();
        assert_eq!(report.json()["classes"], json!([0, 2, 1]));
        assert_eq!(
            report.text(),
            "row 0          0\nrow 1          2\nrow 2          1\n"
        );
    }

    #[test]
    fn rows_with_labels_get_a_score() {
        let folder = tempfile::tempdir().unwrap();
        let (file, rows) = (folder.path().join("model"), folder.path().join("rows.csv"));
        model().write(&file).unwrap();
        fs::write(&rows, "255,0,0,0\n0,9,200,2\n0,99,4,0\n").unwrap();
        let report = predict(&file, rows.to_str().unwrap(), Some("3")).unwrap();
        assert_eq!(report.json()["right"], 2);
        assert!(report.text().contains("2 of 3 (66.66 %)"));
    }

    #[test]
    fn rows_of_another_width_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (file, rows) = (folder.path().join("model"), folder.path().join("rows.csv"));
        model().write(&file).unwrap();
        fs::write(&rows, "255,0\n").unwrap();
        let refusal = predict(&file, rows.to_str().unwrap(), None).err().unwrap();
        assert!(
            refusal
                .to_string()
                .contains("2 features, the model takes 3")
        );
    }

    #[test]
    fn a_model_is_shown_and_exported() {
        let folder = tempfile::tempdir().unwrap();
        let (file, exported) = (
            folder.path().join("model"),
            folder.path().join("model.onnx"),
        );
        model().write(&file).unwrap();
        let shown = run(&Command::Show {
            model: file.clone(),
        })
        .unwrap();
        assert!(shown.text().contains("held out       19 of 20 (95.00 %)"));
        run(&Command::Export {
            model: file,
            onnx: exported.clone(),
        })
        .unwrap();
        assert!(fs::metadata(exported).unwrap().len() > 200);
    }
}
