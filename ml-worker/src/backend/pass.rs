//! Forward passes.

use quern_training::arithmetic::{FRACTION, shift};

use super::{
    Isa,
    elementwise::{Peaks, activation, peak, shift::Shift, softmax::Logits},
    lottery::Draws,
    matrix::{SmallTile, Strips, TILE, Tile},
    network::{Network, Operand},
    pool::Pool,
    product::{Left, Words, lottery_product, product},
};

/// What a forward pass leaves for the backward pass.
#[derive(Default)]
pub(crate) struct Pass {
    /// What enters each layer, rows × fan-in; the first is the batch.
    pub(crate) inputs: Vec<Strips>,
    /// Whether each hidden output was positive (0 or -1), rows × fan-out; one per hidden layer.
    pub(crate) positive: Vec<Strips>,
    /// Largest activation of each hidden layer, and the exponent of its unit.
    pub(crate) peaks: Vec<(u32, i32)>,
    /// Transcripts of the first product's tiles, strip by strip.
    pub(crate) words: Vec<Words>,
    logits: Vec<Tile>,
    exponent: i32,
    rows: usize,
    classes: usize,
}

/// One strip of a hidden layer's output.
struct Strip<'a> {
    bias: [i32; TILE],
    input: &'a mut [SmallTile],
    positive: &'a mut [SmallTile],
    words: &'a mut [Words],
    peaks: Peaks,
}

impl Pass {
    /// Takes `blocks`, 16 rows of `features` each, as the batch.
    pub(crate) fn load(&mut self, pool: &Pool, blocks: &[&[i8]], features: usize, layers: usize) {
        self.inputs.resize_with(layers, Strips::default);
        let batch = &mut self.inputs[0];
        batch.resize(TILE * blocks.len(), features);
        pool.chunks(batch.tiles_mut(), blocks.len(), |strip, tiles| {
            let first = strip * TILE;
            let lanes = (features - first).min(TILE);
            for (tile, block) in tiles.iter_mut().zip(blocks) {
                for (row, features) in tile.0.iter_mut().zip(block.chunks_exact(features)) {
                    match features[first..].first_chunk::<TILE>() {
                        Some(features) => *row = *features,
                        None => row[..lanes].copy_from_slice(&features[first..]),
                    }
                }
            }
        });
    }

    /// Runs `network` over the batch in `inputs[0]`, through the noise of `draws`, if there is any, in the first layer:
    /// its operand's columns are noised then.
    pub(crate) fn forward(
        &mut self,
        isa: Isa,
        pool: &Pool,
        network: &Network,
        operands: &[Operand],
        left: &mut Left,
        draws: Option<&Draws>,
    ) {
        let hidden = network.layers.len() - 1;
        self.positive.resize_with(hidden, Strips::default);
        self.peaks.resize(hidden, (0, 0));
        for (index, (layer, operand)) in network.layers.iter().zip(operands).enumerate() {
            let exponent = network.activation_exponent(index) + operand.exponent;
            let bias: Vec<[i32; TILE]> = layer
                .b
                .iter()
                .map(|bias| bias.map(|b| shift(b, -FRACTION - exponent)))
                .collect();
            let draws = draws.filter(|_| index == 0);
            let (below, above) = self.inputs.split_at_mut(index + 1);
            let batch = &below[index];
            if draws.is_none() {
                left.of_rows(isa, pool, batch);
            }
            let height = batch.height();
            let Some(input) = above.first_mut() else {
                self.logits.resize(height * bias.len(), Tile::ZERO);
                (self.exponent, self.rows, self.classes) = (exponent, TILE * height, layer.fan_out);
                let mut strips: Vec<_> = bias.iter().zip(self.logits.chunks_mut(height)).collect();
                product(
                    isa,
                    pool,
                    left,
                    &operand.columns,
                    &mut strips,
                    |(bias, strip), i, _, sums| {
                        activation::add_bias(isa, sums, bias, &mut strip[i]);
                    },
                );
                return;
            };
            let positive = &mut self.positive[index];
            input.resize(TILE * height, layer.fan_out);
            positive.resize(TILE * height, layer.fan_out);
            let drawn = if draws.is_some() {
                height * bias.len()
            } else {
                0
            };
            self.words
                .resize(drawn.max(self.words.len()), Words::default());
            let mut words = self.words[..drawn].chunks_mut(height);
            let outputs = input
                .tiles_mut()
                .chunks_mut(height)
                .zip(positive.tiles_mut().chunks_mut(height));
            let mut strips: Vec<_> = outputs
                .zip(bias)
                .map(|((input, positive), bias)| {
                    let words = words.next().unwrap_or_default();
                    Strip {
                        bias,
                        input,
                        positive,
                        words,
                        peaks: [0; TILE],
                    }
                })
                .collect();
            let scale = Shift::new(exponent - network.activation_exponent(index + 1));
            let activate = |strip: &mut Strip<'_>, i: usize, sums: &Tile| {
                let (input, positive) = (&mut strip.input[i], &mut strip.positive[i]);
                activation::activate(
                    isa,
                    sums,
                    &strip.bias,
                    scale,
                    input,
                    positive,
                    &mut strip.peaks,
                );
            };
            match draws {
                None => product(
                    isa,
                    pool,
                    left,
                    &operand.columns,
                    &mut strips,
                    |strip, i, _, sums| {
                        activate(strip, i, sums);
                    },
                ),
                Some(draws) => {
                    lottery_product(
                        isa,
                        pool,
                        &draws.operands(&operand.columns),
                        &mut strips,
                        |strip, i, _, sums, words| {
                            strip.words[i] = *words;
                            activate(strip, i, sums);
                        },
                    );
                }
            }
            self.peaks[index] = (peak(strips.iter().map(|strip| strip.peaks)), exponent);
        }
    }

    /// The last layer's output.
    pub(crate) fn logits(&self) -> Logits<'_> {
        Logits {
            tiles: &self.logits,
            height: self.rows / TILE,
            classes: self.classes,
            exponent: self.exponent,
        }
    }
}
