use super::*;

const EXAMPLE: &str = include_str!("../../../docs/snow.example.toml");

#[test]
fn the_documented_example_is_the_default() {
    assert_eq!(Configuration::parse(EXAMPLE), Ok(Configuration::default()));
}

#[test]
fn every_key_of_the_example_may_be_left_out_and_no_other_be_there() {
    assert_eq!(Configuration::parse(""), Ok(Configuration::default()));
    for text in [
        "coulours = 3",
        "[parameters]\nq = 1",
        "nodes = \"many\"",
        "nodes =",
    ] {
        let refused = Configuration::parse(text);
        assert!(matches!(refused, Err(ConfigError::Toml(_))), "{text}");
    }
    let names = |text: &str, word: &str| {
        Configuration::parse(text)
            .unwrap_err()
            .to_string()
            .contains(word)
    };
    assert!(names("coulours = 3", "coulours") && names("engine = \"paxos\"", "paxos"));
}

#[test]
fn every_key_out_of_bounds_is_named() {
    for (text, key) in [
        ("nodes = 0", "nodes"),
        ("nodes = 4097", "nodes"),
        ("[workload]\nrivals = 0", "workload.rivals"),
        ("[workload]\nrivals = 257", "workload.rivals"),
        ("[workload]\nheights = 0", "workload.heights"),
        ("[workload]\nshares = [1]", "workload.shares"),
        ("[workload]\nshares = [0, 0]", "workload.shares"),
        ("[stake]\nunits = 0", "stake.units"),
        ("[stake]\nlist = [1]", "stake.list"),
        ("[stake]\ndistribution = \"list\"", "stake.list"),
        ("[byzantine]\nrival = 2", "byzantine.rival"),
        ("[network]\nmax_us = 1", "network.max_us"),
        ("[network]\nmin_us = 4_000_000_000", "network.min_us"),
        (
            "[network]\nloss_per_million = 1_000_001",
            "network.loss_per_million",
        ),
        ("[network]\ntimeout_us = 0", "network.timeout_us"),
        ("[network]\ninterval_us = 0", "network.interval_us"),
        ("[network]\ninterval_us = 1", "network.interval_us"),
        ("[limits]\ntime_us = 0", "limits.time_us"),
        ("[limits]\nevents = 0", "limits.events"),
        ("[limits]\nrows = 10_000_001", "limits.rows"),
        ("[score]\nz = 0", "score.z"),
        ("[score]\nz = nan", "score.z"),
        ("[score]\nisolation = 1.1", "score.isolation"),
        ("[score]\ntrees = 0", "score.trees"),
        ("[score]\nsample = 1", "score.sample"),
        (
            "[parameters]\nbeta_virtuous = 21",
            "parameters.beta_virtuous",
        ),
        (
            "[parameters]\nbeta_virtuous = 0",
            "parameters.beta_virtuous",
        ),
        (
            "[workload]\nrivals = 256\nheights = 10_000",
            "workload.heights",
        ),
        (
            "[workload]\nrivals = 9\n[parameters]\nmax_outstanding_items = 8",
            "workload.rivals",
        ),
        (
            "[[partition]]\nfirst = 99\ncount = 2\nfrom_us = 0\nuntil_us = 1",
            "partition.count",
        ),
        (
            "[[partition]]\nfirst = 0\ncount = 1\nfrom_us = 1\nuntil_us = 1",
            "partition.until_us",
        ),
    ] {
        match Configuration::parse(text) {
            Err(ConfigError::Bounds { key: named, .. }) => assert_eq!(named, key, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn what_the_library_refuses_is_named_as_the_library_names_it() {
    let refused = |text| Configuration::parse(text).unwrap_err();
    assert_eq!(
        refused("[parameters]\nk = 0"),
        quern_snow::Error::Parameter("k").into()
    );
    assert_eq!(
        refused("nodes = 19\n[stake]\nunits = 1"),
        quern_snow::Error::TooLittleStake(19).into()
    );
    assert_eq!(
        refused("nodes = 1\n[stake]\ndistribution = \"list\"\nlist = [0]"),
        quern_snow::Error::NoStake(0).into()
    );
    assert_eq!(refused("[byzantine]\nnodes = 100"), ConfigError::NoHonest);
    assert_eq!(
        refused("engine = \"snowball\"\n[workload]\nheights = 2"),
        ConfigError::OneHeight("snowball")
    );
}

#[test]
fn names_of_engines_and_strategies_are_those_of_files() {
    for (name, engine) in EngineName::ALL {
        assert_eq!(engine.name(), name);
        let parsed = Configuration::parse(&format!("engine = \"{name}\"")).unwrap();
        assert_eq!(parsed.engine, engine);
    }
    for (name, strategy) in Strategy::ALL {
        assert_eq!(strategy.name(), name);
        let parsed = Configuration::parse(&format!("[byzantine]\nstrategy = \"{name}\""));
        assert_eq!(parsed.unwrap().byzantine.strategy, strategy);
    }
}

#[test]
fn shares_are_of_honest_nodes_and_stake_follows_its_distribution() {
    let text = "[workload]\nshares = [55, 35]\n[byzantine]\nnodes = 10";
    let configuration = Configuration::parse(text).unwrap();
    let rivals = configuration.first_rivals();
    assert_eq!(rivals.len(), 90);
    assert_eq!(rivals.iter().filter(|rival| **rival == 0).count(), 55);
    assert!(configuration.is_byzantine(90) && !configuration.is_byzantine(89));
    assert!((configuration.byzantine_share() - 0.1).abs() < 1e-12);
    let zipf = "nodes = 4\n[stake]\ndistribution = \"zipf\"\nunits = 12";
    assert_eq!(Configuration::parse(zipf).unwrap().stakes(), [12, 6, 4, 3]);
    let linear = "nodes = 4\n[stake]\ndistribution = \"linear\"\nunits = 12";
    assert_eq!(
        Configuration::parse(linear).unwrap().stakes(),
        [12, 9, 6, 3]
    );
}
