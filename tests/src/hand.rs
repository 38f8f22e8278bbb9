//! A miner inside the test. It makes honest seals, and the test breaks them as no worker would.

use quern_client::{Run, Template};
use quern_training::{Dataset, State, weights_tree};
use quern_work::{Job, JobInput, TILE, TaskSpec, U256, WorkSeal, batch, hash, product, target};

/// Features of the hand's rows: the fewest that noise of rank 32 allows.
const FEATURES: usize = 512;
/// Classes of the hand's rows.
const CLASSES: u16 = 4;
/// Row blocks of the hand's data.
const ROW_BLOCKS: usize = 16;

/// The hand's data. It never trains: every seal uses the weights of step 0, which only an audit would notice.
#[derive(Debug)]
pub struct Hand {
    data: Dataset,
}

/// One tile's seal and its draw.
#[derive(Clone, Debug)]
pub struct Drawn {
    /// The proof, complete whether it wins or not.
    pub seal: WorkSeal,
    /// What the tile drew.
    pub draw: U256,
}

impl Default for Hand {
    fn default() -> Self {
        let mut bytes = vec![0; ROW_BLOCKS * TILE * FEATURES];
        hash::xof(&[7; 32], b"rows").fill(&mut bytes);
        let x = bytes.iter().map(|byte| (byte >> 2) as i8).collect();
        let y = (0..CLASSES).cycle().take(ROW_BLOCKS * TILE).collect();
        let data = Dataset::new(x, y, FEATURES, CLASSES.into()).expect("whole row blocks");
        Self { data }
    }
}

impl Hand {
    /// A task over the hand's data: 512-64-4, batches of 64 rows, so 16 tiles a step.
    ///
    /// # Panics
    /// Never: one hidden layer is allowed.
    pub fn task(&self) -> TaskSpec {
        TaskSpec {
            dataset: self.data.commitment(),
            hidden: vec![64].try_into().expect("one hidden layer"),
            batch: 64,
            lr_shift: 4,
            lr_every: 0,
            segment: 8,
        }
    }

    /// All draws of a step under a template, in the order of their tiles.
    ///
    /// # Panics
    /// If the run is of another task.
    pub fn draws(&self, template: &Template, run: &Run, step: u64) -> Vec<Drawn> {
        let spec = &run.spec;
        let shape = spec.lottery_shape(template.rules.noise_rank);
        let state = State::initial(&spec.sizes(), &run.seed).expect("the task is valid");
        let (x, y) = self.data.batch(&run.seed, step, spec.batch);
        let bt = state.first_operand_transposed();
        let weights = weights_tree(&bt, FEATURES);
        let job = Job::new(&JobInput {
            genesis: template.genesis,
            pre_hash: template.pre_hash,
            author: template.author,
            run: run.id,
            step,
            shape,
            dataset_root: spec.dataset.root,
            row_blocks: spec.dataset.row_blocks,
            weights_root: weights.root(),
        });
        let (_, draws) = product(&x, &bt, &job);
        let strip = |rows: &[i8], index: u32| {
            rows[index as usize * TILE * FEATURES..][..TILE * FEATURES].to_vec()
        };
        let tiles = (0..shape.tiles_m()).flat_map(|i| (0..shape.tiles_n()).map(move |j| (i, j)));
        let drawn = tiles.zip(draws).map(|((i, j), draw)| {
            let block = batch::block(&run.seed, step, i, spec.dataset.row_blocks);
            let labels = &y[i as usize * TILE..][..TILE];
            let seal = WorkSeal {
                run: run.id,
                step,
                tile: (i, j),
                weights_root: weights.root(),
                a_rows: strip(&x, i),
                labels: labels.try_into().expect("16 labels"),
                a_path: self.data.tree().path(block as usize),
                b_rows: strip(&bt, j),
                b_path: weights.path(j as usize),
            };
            Drawn { seal, draw }
        });
        drawn.collect()
    }

    /// A seal that makes a block of the template: of its first run and the first step that has one.
    ///
    /// # Panics
    /// If the template shows no run, or no draw of it wins.
    pub fn seal(&self, template: &Template) -> WorkSeal {
        self.winner(template).expect("one of many draws wins")
    }

    /// The same; `None` if no draw wins.
    ///
    /// # Panics
    /// If the template shows no run.
    pub fn winner(&self, template: &Template) -> Option<WorkSeal> {
        let run = &template.runs[0];
        let steps = run.accepted..run.committed + template.rules.max_ahead;
        let mut draws = steps.flat_map(|step| self.draws(template, run, step));
        let winner = draws.find(|drawn| drawn.wins(template, run, template.difficulty));
        winner.map(|drawn| drawn.seal)
    }
}

impl Drawn {
    /// Whether the draw meets the target of a difficulty, within the run's allowance.
    pub fn wins(&self, template: &Template, run: &Run, difficulty: u128) -> bool {
        let rules = &template.rules;
        let shape = run.spec.lottery_shape(rules.noise_rank);
        let allowance =
            target::allowance(rules.omega_b, rules.omega_m, shape.m, run.spec.parameters());
        shape.ordinal(self.seal.tile) < allowance.into()
            && target::wins(self.draw, difficulty, shape.tile_macs())
    }
}
