//! A folder of results: written after a run, read again to score or to plot.

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};

use crate::{
    Configuration, Outcome, Run, Scores,
    animation::animation,
    config::{ConfigError, MAX_FATES, MAX_NODES, MAX_ROWS},
    plot::{Picture, Plots},
    record::{BlockRow, MAX_STATES, Matrix, NodeState, Said, State, VoteRow},
    rows::StateRow,
    score::Detection,
    sweep::RunRow,
    table::{Row, write_csv, write_parquet},
};

/// Largest file that is read.
const MAX_BYTES: u64 = 4 << 30;

/// Why a folder could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The folder holds something already: name another, or remove it.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
    /// The file system refuses: see the reason.
    #[error("cannot write or read {}: {reason}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        reason: io::Error,
    },
    /// The file is larger than any that a simulation writes.
    #[error("{} is larger than 4 GiB", .0.display())]
    TooLarge(PathBuf),
    /// A line is not as a simulation writes it.
    #[error("{}, line {line}: {reason}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1, the names of the columns first.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// The summary is not as a simulation writes it.
    #[error("{} cannot be read: {reason}", path.display())]
    Summary {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The summary's configuration breaks a bound.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A table could not be made into Parquet.
    #[error("cannot write {}: {reason}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
    /// A picture could not be drawn.
    #[error("cannot draw {}: {reason}", path.display())]
    Plot {
        /// The file.
        path: PathBuf,
        /// What the library says.
        reason: String,
    },
}

/// What `summary.json` holds.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Summary<'a> {
    #[serde(flatten)]
    outcome: &'a Outcome,
    left_out: u64,
    suspects: Vec<u32>,
    anomalies: usize,
    detection: Detection,
}

/// The part of `summary.json` that is read again.
#[derive(Deserialize)]
struct Summarised {
    configuration: Configuration,
}

/// A folder of results.
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// Makes a folder, with those above it; an empty one may be there.
    ///
    /// # Errors
    /// It is not empty, or can't be made.
    pub fn create(path: &Path) -> Result<Self, FolderError> {
        let failed = |reason| FolderError::Io {
            path: path.to_owned(),
            reason,
        };
        fs::create_dir_all(path).map_err(failed)?;
        if fs::read_dir(path).map_err(failed)?.next().is_some() {
            return Err(FolderError::NotEmpty(path.to_owned()));
        }
        Ok(Self::at(path))
    }

    /// A folder that a simulation has written.
    pub fn at(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn io(&self, name: &str) -> impl Fn(io::Error) -> FolderError + use<> {
        let path = self.file(name);
        move |reason| FolderError::Io {
            path: path.clone(),
            reason,
        }
    }

    fn create_file(&self, name: &str) -> Result<BufWriter<File>, FolderError> {
        let file = File::create(self.file(name)).map_err(self.io(name))?;
        Ok(BufWriter::new(file))
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        fs::write(self.file(name), bytes).map_err(self.io(name))
    }

    fn csv<R: Row>(&self, name: &str, rows: &[R]) -> Result<(), FolderError> {
        write_csv(rows, self.create_file(name)?).map_err(|error| self.io(name)(error.into()))
    }

    fn both<R: Row>(&self, name: &str, rows: &[R]) -> Result<(), FolderError> {
        self.csv(&format!("{name}.csv"), rows)?;
        let parquet = format!("{name}.parquet");
        let out = self.create_file(&parquet)?;
        write_parquet(rows, out).map_err(|error| FolderError::Parquet {
            path: self.file(&parquet),
            reason: error.to_string(),
        })
    }

    /// Writes everything of a recorded run; the names of the files.
    ///
    /// # Errors
    /// The file system refuses, or something can't be drawn.
    pub fn write_run(&self, run: &Run, scores: &Scores) -> Result<Vec<String>, FolderError> {
        let record = &run.record;
        self.both("votes", &record.votes)?;
        self.both("polls", &record.polls)?;
        self.csv("blocks.csv", &record.blocks)?;
        self.csv("nodes.csv", &run.nodes)?;
        self.csv("states.csv", &state_rows(&record.states))?;
        self.write_matrix(&record.matrix)?;
        self.write_scores(scores)?;
        let configuration = &run.outcome.configuration;
        let suspects = scores.nodes.iter().filter(|row| row.suspect);
        let summary = Summary {
            outcome: &run.outcome,
            left_out: record.left_out,
            suspects: suspects.map(|row| row.node).collect(),
            anomalies: scores.anomalies.len(),
            detection: scores.detection(|node| configuration.is_byzantine(node)),
        };
        let text = serde_json::to_vec_pretty(&summary)
            .map_err(|error| self.io("summary.json")(error.into()))?;
        self.write("summary.json", &text)?;
        self.write_plots(configuration, &record.states, &record.matrix)?;
        self.names()
    }

    /// Names of all files, in order.
    fn names(&self) -> Result<Vec<String>, FolderError> {
        let entries = fs::read_dir(&self.path).map_err(self.io(""))?;
        let names = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
        let names: io::Result<Vec<String>> = names.collect();
        let mut names = names.map_err(self.io(""))?;
        names.sort();
        Ok(names)
    }

    /// Writes the scores of voters and what is odd about them.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_scores(&self, scores: &Scores) -> Result<(), FolderError> {
        self.csv("scores.csv", &scores.nodes)?;
        self.csv("anomalies.csv", &scores.anomalies)
    }

    /// Writes many runs, each in a line.
    ///
    /// # Errors
    /// The file system refuses.
    pub fn write_sweep(&self, rows: &[RunRow]) -> Result<Vec<String>, FolderError> {
        self.both("runs", rows)?;
        self.names()
    }

    /// Draws everything that can be seen.
    ///
    /// # Errors
    /// The file system refuses, or a picture can't be drawn.
    pub fn write_plots(
        &self,
        configuration: &Configuration,
        states: &[State],
        matrix: &Matrix,
    ) -> Result<(), FolderError> {
        let plots = Plots {
            configuration,
            states,
            matrix,
        };
        for picture in Picture::ALL {
            for name in [
                format!("{}.svg", picture.name()),
                format!("{}.png", picture.name()),
            ] {
                let path = self.file(&name);
                let drawn = plots.draw(picture, &path);
                drawn.map_err(|reason| FolderError::Plot { path, reason })?;
            }
        }
        let page = animation(configuration, states);
        self.write("animation.html", page.as_bytes())
    }

    /// A row for each asker, a column for each voter.
    fn write_matrix(&self, matrix: &Matrix) -> Result<(), FolderError> {
        let mut out = self.create_file("matrix.csv")?;
        let mut write = || {
            let names: Vec<String> = (0..matrix.nodes()).map(|voter| voter.to_string()).collect();
            writeln!(out, "asker,{}", names.join(","))?;
            for asker in 0..matrix.nodes() {
                write!(out, "{asker}")?;
                for voter in 0..matrix.nodes() {
                    write!(out, ",{}", matrix.get(asker, voter))?;
                }
                writeln!(out)?;
            }
            out.flush()
        };
        write().map_err(self.io("matrix.csv"))
    }

    /// The configuration of the run.
    ///
    /// # Errors
    /// `summary.json` is missing or not what a simulation writes.
    pub fn configuration(&self) -> Result<Configuration, FolderError> {
        let name = "summary.json";
        self.check_size(name)?;
        let bytes = fs::read(self.file(name)).map_err(self.io(name))?;
        let summary: Summarised =
            serde_json::from_slice(&bytes).map_err(|error| FolderError::Summary {
                path: self.file(name),
                reason: error.to_string(),
            })?;
        summary.configuration.validate()?;
        Ok(summary.configuration)
    }

    fn check_size(&self, name: &str) -> Result<(), FolderError> {
        let found = fs::metadata(self.file(name)).map_err(self.io(name))?;
        if found.len() > MAX_BYTES {
            return Err(FolderError::TooLarge(self.file(name)));
        }
        Ok(())
    }

    /// Reads the lines of a CSV file, at most `most`.
    fn lines<T>(
        &self,
        name: &str,
        most: u64,
        mut read: impl FnMut(&Fields<'_>) -> Result<T, String>,
    ) -> Result<Vec<T>, FolderError> {
        self.check_size(name)?;
        let path = self.file(name);
        let bad = |line: u64, reason: String| FolderError::Line {
            path: path.clone(),
            line,
            reason,
        };
        let file = File::open(&path).map_err(self.io(name))?;
        let mut reader = csv::Reader::from_reader(file);
        let names = reader.headers().map_err(|e| bad(1, e.to_string()))?.clone();
        let mut rows = Vec::new();
        for (line, record) in (2u64..).zip(reader.records()) {
            let record = record.map_err(|error| bad(line, error.to_string()))?;
            if rows.len() as u64 >= most {
                return Err(bad(line, format!("more than {most} lines")));
            }
            let fields = Fields {
                names: &names,
                record: &record,
            };
            rows.push(read(&fields).map_err(|reason| bad(line, reason))?);
        }
        Ok(rows)
    }

    /// Votes as recorded.
    ///
    /// # Errors
    /// `votes.csv` is missing or not what a simulation writes.
    pub fn votes(&self) -> Result<Vec<VoteRow>, FolderError> {
        self.lines("votes.csv", MAX_ROWS, |fields| {
            let said = fields.get("said")?;
            let said = Said::ALL.iter().find(|(name, _)| *name == said);
            Ok(VoteRow {
                time_us: fields.number("time_us")?,
                asker: fields.number("asker")?,
                poll: fields.number("poll")?,
                voter: fields.number("voter")?,
                slots: fields.number("slots")?,
                asked: fields.number("asked")?,
                choice: fields.maybe("choice")?,
                supports: fields.maybe("supports")?,
                said: said.map(|(_, said)| *said).ok_or("no such word in said")?,
                counted: fields.number("counted")?,
                latency_us: fields.number("latency_us")?,
            })
        })
    }

    /// Blocks as recorded.
    ///
    /// # Errors
    /// `blocks.csv` is missing or not what a simulation writes.
    pub fn blocks(&self) -> Result<Vec<BlockRow>, FolderError> {
        self.lines("blocks.csv", MAX_FATES, |fields| {
            Ok(BlockRow {
                number: fields.number("number")?,
                parent: fields.number("parent")?,
                height: fields.number("height")?,
                rival: fields.number("rival")?,
                accepted_by: fields.number("accepted_by")?,
                id: fields.get("id")?.to_owned(),
            })
        })
    }

    /// States as recorded, of a run with `nodes` nodes.
    ///
    /// # Errors
    /// `states.csv` is missing or not what a simulation writes.
    pub fn states(&self, nodes: u32) -> Result<Vec<State>, FolderError> {
        let most = (MAX_STATES as u64 + 1) * u64::from(nodes);
        let rows = self.lines("states.csv", most, |fields| {
            let node = fields.number("node")?;
            if node >= nodes {
                return Err(format!("no node {node}"));
            }
            Ok(StateRow {
                time_us: fields.number("time_us")?,
                node,
                state: NodeState {
                    height: fields.number("height")?,
                    rival: fields.number("rival")?,
                    confidence: fields.number("confidence")?,
                },
            })
        })?;
        let mut states = Vec::<State>::new();
        for row in rows {
            let last = states.last().map(|state| state.time_us);
            if last != Some(row.time_us) {
                if states.len() > MAX_STATES {
                    return Err(FolderError::Line {
                        path: self.file("states.csv"),
                        line: 0,
                        reason: format!("more than {} times", MAX_STATES + 1),
                    });
                }
                states.push(State {
                    time_us: row.time_us,
                    nodes: vec![None; nodes as usize],
                });
            }
            let state = states.last_mut();
            if let Some(place) = state.and_then(|state| state.nodes.get_mut(row.node as usize)) {
                *place = Some(row.state);
            }
        }
        Ok(states)
    }

    /// Answers by asker and voter, of a run with `nodes` nodes.
    ///
    /// # Errors
    /// `matrix.csv` is missing or not what a simulation writes.
    pub fn matrix(&self, nodes: u32) -> Result<Matrix, FolderError> {
        let mut matrix = Matrix::new(nodes.min(MAX_NODES));
        self.lines("matrix.csv", nodes.into(), |fields| {
            let asker = fields.number("asker")?;
            for (voter, answers) in (0u32..).zip(fields.record.iter().skip(1)) {
                let answers = answers.parse().map_err(|_| "no number".to_owned())?;
                matrix.count(asker, voter, answers);
            }
            Ok(())
        })?;
        Ok(matrix)
    }
}

/// The fields of one line.
struct Fields<'a> {
    names: &'a csv::StringRecord,
    record: &'a csv::StringRecord,
}

impl Fields<'_> {
    fn get(&self, name: &str) -> Result<&str, String> {
        let place = self.names.iter().position(|other| other == name);
        let field = place.and_then(|place| self.record.get(place));
        field.ok_or_else(|| format!("no column {name}"))
    }

    fn number<T: std::str::FromStr>(&self, name: &str) -> Result<T, String> {
        let field = self.get(name)?;
        let wrong = |_| format!("{field:?} in column {name}");
        field.parse().map_err(wrong)
    }

    fn maybe(&self, name: &str) -> Result<Option<u32>, String> {
        match self.get(name)? {
            "" => Ok(None),
            _ => self.number(name).map(Some),
        }
    }
}

fn state_rows(states: &[State]) -> Vec<StateRow> {
    let of = |state: &State| {
        let time_us = state.time_us;
        let nodes = (0u32..).zip(state.nodes.clone());
        let row = move |(node, state): (u32, Option<NodeState>)| {
            let state = state?;
            Some(StateRow {
                time_us,
                node,
                state,
            })
        };
        nodes.filter_map(row).collect::<Vec<_>>()
    };
    states.iter().flat_map(of).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{config::Strategy, score, simulate};

    fn configuration() -> Configuration {
        let mut configuration = Configuration {
            nodes: 40,
            seed: 11,
            ..Configuration::default()
        };
        configuration.byzantine.nodes = 4;
        configuration.byzantine.strategy = Strategy::Silent;
        configuration
    }

    fn write(path: &Path) -> Run {
        let configuration = configuration();
        let run = simulate(&configuration, true, &mut |_, _| ()).unwrap();
        let (votes, blocks) = (&run.record.votes, &run.record.blocks);
        let scores = score(votes, blocks, 40, 15, 11, &configuration.score);
        let names = Folder::create(path)
            .unwrap()
            .write_run(&run, &scores)
            .unwrap();
        assert_eq!(names.len(), 18, "{names:?}");
        run
    }

    fn files(path: &Path) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
        let file = |entry: fs::DirEntry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        };
        entries.map(file).collect()
    }

    #[test]
    fn two_runs_of_a_seed_write_the_same_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a/b"), folder.path().join("c"));
        write(&first);
        write(&second);
        let (first, second) = (files(&first), files(&second));
        assert!(first.values().all(|bytes| !bytes.is_empty()));
        for (name, bytes) in &first {
            assert!(second[name] == *bytes, "{name}");
        }
        assert_eq!(first.len(), second.len());
    }

    #[test]
    fn what_was_written_is_read_again_and_gives_the_same_plots_and_scores() {
        let folder = tempfile::tempdir().unwrap();
        let run = write(folder.path());
        let before = files(folder.path());
        let read = Folder::at(folder.path());
        let configuration = read.configuration().unwrap();
        assert_eq!(configuration, run.outcome.configuration);
        let (votes, blocks) = (read.votes().unwrap(), read.blocks().unwrap());
        let (states, matrix) = (read.states(40).unwrap(), read.matrix(40).unwrap());
        assert_eq!((&votes, &blocks), (&run.record.votes, &run.record.blocks));
        assert_eq!((&states, &matrix), (&run.record.states, &run.record.matrix));
        let scores = score(&votes, &blocks, 40, 15, 11, &configuration.score);
        read.write_scores(&scores).unwrap();
        read.write_plots(&configuration, &states, &matrix).unwrap();
        assert!(files(folder.path()) == before);
    }

    #[test]
    fn a_folder_that_holds_something_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("mine"), "").unwrap();
        let refused = Folder::create(folder.path());
        assert!(matches!(refused, Err(FolderError::NotEmpty(_))));
        let below = folder.path().join("mine/below");
        assert!(matches!(
            Folder::create(&below),
            Err(FolderError::Io { .. })
        ));
    }

    #[test]
    fn what_no_simulation_writes_is_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        write(folder.path());
        let read = Folder::at(folder.path());
        let line = |error: FolderError| match error {
            FolderError::Line { line, reason, .. } => (line, reason),
            other => panic!("{other}"),
        };
        let spoil = |name: &str, from: &str, to: &str| {
            let path = folder.path().join(name);
            let text = fs::read_to_string(&path).unwrap().replacen(from, to, 1);
            fs::write(path, text).unwrap();
        };
        spoil("votes.csv", ",prefer,", ",maybe,");
        assert_eq!(line(read.votes().unwrap_err()).1, "no such word in said");
        spoil("votes.csv", "asker", "who");
        assert_eq!(
            line(read.votes().unwrap_err()),
            (2, "no column asker".to_owned())
        );
        spoil("blocks.csv", "\n1,", "\n-1,");
        assert_eq!(
            line(read.blocks().unwrap_err()),
            (2, "\"-1\" in column number".to_owned())
        );
        spoil("blocks.csv", "\n-1,", "\n");
        assert_eq!(line(read.blocks().unwrap_err()).0, 2);
        assert_eq!(line(read.states(5).unwrap_err()).1, "no node 5");
        assert_eq!(line(read.matrix(39).unwrap_err()).1, "more than 39 lines");
        spoil("summary.json", "\"nodes\": 40", "\"nodes\": 0");
        assert!(matches!(read.configuration(), Err(FolderError::Config(_))));
        fs::write(folder.path().join("summary.json"), "{").unwrap();
        assert!(matches!(
            read.configuration(),
            Err(FolderError::Summary { .. })
        ));
        fs::remove_file(folder.path().join("summary.json")).unwrap();
        assert!(matches!(read.configuration(), Err(FolderError::Io { .. })));
    }
}
