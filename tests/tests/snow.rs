//! `quern snow`, as a user runs it: results that repeat to the byte, bounds as documented, one clear line for what is wrong.

use std::{collections::BTreeMap, fs, path::Path};

use quern_tests::binary::{self, Ended};
use serde_json::Value;

fn snow(arguments: &[&str]) -> Ended {
    binary::run("quern", &[&["snow"], arguments].concat())
}

fn json(arguments: &[&str]) -> Value {
    let ended = snow(&[arguments, &["--json"]].concat());
    assert!(ended.success, "{}", ended.stderr);
    serde_json::from_str(&ended.stdout).unwrap()
}

fn refusal(arguments: &[&str]) -> String {
    let ended = snow(arguments);
    assert!(!ended.success, "{}", ended.stdout);
    let line = ended.stderr.strip_prefix("error: ").unwrap_or_default();
    assert_eq!(line.lines().count(), 1, "{}", ended.stderr);
    line.trim_end().to_owned()
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let file = |entry: fs::DirEntry| {
        let name = entry.file_name().into_string().unwrap();
        (name, fs::read(entry.path()).unwrap())
    };
    entries.map(file).collect()
}

#[test]
fn a_seed_repeats_a_simulation_to_the_byte_and_scores_and_plots_come_again() {
    let folder = tempfile::tempdir().unwrap();
    let (first, second) = (folder.path().join("first"), folder.path().join("second"));
    let simulate = |out: &Path| {
        let out = out.to_str().unwrap();
        let nodes = [
            "--nodes",
            "60",
            "--byzantine",
            "6",
            "--strategy",
            "always-other",
        ];
        json(&[&["simulate", "--seed", "7", "--out", out], &nodes[..]].concat())
    };
    let told = simulate(&first);
    assert_eq!(
        (&told["agreement"], &told["decided"]),
        (&true.into(), &54.into())
    );
    assert_eq!(told["detection"]["found"], 6);
    simulate(&second);
    let before = files(&first);
    assert!(before == files(&second));
    for name in [
        "votes.csv",
        "polls.parquet",
        "preference.png",
        "network.svg",
        "animation.html",
    ] {
        assert!(before[name].len() > 1_000, "{name}");
    }
    let first = first.to_str().unwrap();
    assert_eq!(json(&["score", first])["suspects"], told["suspects"]);
    json(&["plot", first]);
    assert!(files(Path::new(first)) == before);
}

#[test]
fn a_stall_is_shown_and_many_runs_agree() {
    let text = snow(&["simulate", "--byzantine", "35"]).stdout;
    assert!(
        text.contains("\nstalled        65 of 65 honest nodes are undecided"),
        "{text}"
    );
    assert!(text.contains("35.0 % of the stake is silent"), "{text}");
    let line = [
        "simulate",
        "--runs",
        "20",
        "--nodes",
        "50",
        "--byzantine",
        "5",
    ];
    let swept = json(&line);
    assert_eq!(
        (&swept["agreed"], &swept["stalled"]),
        (&20.into(), &0.into())
    );
}

#[test]
fn bounds_are_those_of_the_documentation() {
    let bounds = json(&["bounds", "--byzantine", "0.1,0.2,0.25"]);
    let near = |row: usize, error: f64, polls: f64| {
        let row = &bounds["bounds"][row];
        let found = row["error"].as_f64().unwrap();
        // Stated bounds are rounded up to one digit.
        assert!(found <= error && found > 0.8 * error, "{row}");
        assert!(
            (row["expectedPolls"].as_f64().unwrap() / polls - 1.0).abs() < 0.02,
            "{row}"
        );
    };
    near(0, 6e-18, 23.0);
    near(1, 3e-7, 394.0);
    near(2, 7e-4, 40_600.0);
    assert_eq!(bounds["model"], "first-order");
}

#[test]
fn the_documented_example_runs_and_what_is_wrong_is_named() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/snow.example.toml");
    let told = json(&["simulate", docs.to_str().unwrap(), "--nodes", "40"]);
    assert_eq!(
        (&told["agreement"], &told["decided"]),
        (&true.into(), &40.into())
    );

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("snow.toml");
    let with = |text: &str| {
        fs::write(&file, text).unwrap();
        refusal(&["simulate", file.to_str().unwrap()])
    };
    assert_eq!(with("nodes = 0"), "nodes is out of bounds: 1 to 4 096");
    assert_eq!(
        with("[parameters]\nalpha_preference = 10"),
        "the library refuses: parameter alpha_preference is out of bounds"
    );
    assert_eq!(
        with("[byzantine]\nnodes = 100"),
        "byzantine.nodes leaves no honest node"
    );
    assert!(refusal(&["simulate", "--loss", "1000001"]).starts_with("network.loss_per_million"));
    let missing = folder.path().join("missing");
    let missing = missing.to_str().unwrap();
    assert!(refusal(&["simulate", missing]).starts_with(&format!("cannot read {missing}: ")));
    assert!(refusal(&["plot", missing]).starts_with("cannot write or read "));
    let full = folder.path().to_str().unwrap();
    assert_eq!(
        refusal(&["simulate", "--out", full]),
        format!("{full} is not empty")
    );
    // A file that is no TOML is shown with its place, over several lines.
    fs::write(&file, "nodes = many").unwrap();
    let ended = snow(&["simulate", file.to_str().unwrap()]);
    assert!(
        !ended.success && ended.stderr.contains("the configuration cannot be read"),
        "{}",
        ended.stderr
    );
}

#[test]
fn a_cluster_over_real_sockets_agrees_and_bad_options_are_named() {
    let told = json(&["cluster", "-n", "4", "--blocks", "3"]);
    assert_eq!(
        (&told["agreement"], &told["accepted"]),
        (&true.into(), &3.into())
    );
    assert_eq!(refusal(&["cluster", "-n", "0"]), "nodes is 0, not 1 to 64");
    let missing = refusal(&["node", "--config", "/missing.toml"]);
    assert!(
        missing.starts_with("cannot read /missing.toml: "),
        "{missing}"
    );
}
