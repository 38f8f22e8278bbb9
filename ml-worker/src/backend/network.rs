//! Master parameters in the order in which the gradient's tiles come.

use quern_training::{
    Layer as PlainLayer, State,
    arithmetic::{FEATURE_EXPONENT, FRACTION, bits},
};

use super::{
    Isa,
    elementwise::{parameters, peak, shift::Shift},
    matrix::{Panels, Strips, TILE, Tile, pack_strip},
    pool::Pool,
};

/// One dense layer: weights and momentum in tiles (strip by strip of 16 outputs), biases in groups of 16 outputs.
/// Entries beyond the true sizes are zero and stay zero.
pub(crate) struct Layer {
    pub(crate) fan_in: usize,
    pub(crate) fan_out: usize,
    pub(crate) w: Vec<Tile>,
    pub(crate) v: Vec<Tile>,
    pub(crate) b: Vec<[i32; TILE]>,
    pub(crate) vb: Vec<[i32; TILE]>,
    /// Largest magnitude of the weights.
    pub(crate) peak: u32,
}

impl Layer {
    fn new(layer: &PlainLayer, fan_in: usize, fan_out: usize, isa: Isa) -> Self {
        let w = tiles(&layer.w, fan_in, fan_out);
        let mut peaks = [0; TILE];
        parameters::weight_peaks(isa, &w, &mut peaks);
        Self {
            fan_in,
            fan_out,
            v: tiles(&layer.v, fan_in, fan_out),
            b: groups(&layer.b),
            vb: groups(&layer.vb),
            peak: peak([peaks]),
            w,
        }
    }

    /// Tiles per strip.
    pub(crate) fn height(&self) -> usize {
        self.fan_in.div_ceil(TILE)
    }

    fn plain(&self) -> PlainLayer {
        let flat = |groups: &[[i32; TILE]]| groups.as_flattened()[..self.fan_out].to_vec();
        PlainLayer {
            w: row_major(&self.w, self.fan_in, self.fan_out),
            v: row_major(&self.v, self.fan_in, self.fan_out),
            b: flat(&self.b),
            vb: flat(&self.vb),
        }
    }
}

/// A network between two steps.
pub(crate) struct Network {
    pub(crate) step: u64,
    pub(crate) sizes: Vec<u32>,
    pub(crate) activation_exponents: Vec<i32>,
    pub(crate) error_exponents: Vec<i32>,
    pub(crate) layers: Vec<Layer>,
}

impl Network {
    /// The network of a state whose layers have the sizes it names.
    pub(crate) fn new(state: &State, isa: Isa) -> Self {
        let layers = state.layers.iter().zip(state.sizes.windows(2));
        Self {
            step: state.step,
            sizes: state.sizes.clone(),
            activation_exponents: state.activation_exponents.clone(),
            error_exponents: state.error_exponents.clone(),
            layers: layers
                .map(|(layer, sizes)| Layer::new(layer, sizes[0] as usize, sizes[1] as usize, isa))
                .collect(),
        }
    }

    /// The state of this network.
    pub(crate) fn state(&self) -> State {
        State {
            step: self.step,
            sizes: self.sizes.clone(),
            activation_exponents: self.activation_exponents.clone(),
            error_exponents: self.error_exponents.clone(),
            layers: self.layers.iter().map(Layer::plain).collect(),
        }
    }

    /// Exponent of the activations entering `layer`; of the features for layer 0.
    pub(crate) fn activation_exponent(&self, layer: usize) -> i32 {
        layer
            .checked_sub(1)
            .map_or(FEATURE_EXPONENT, |hidden| self.activation_exponents[hidden])
    }
}

/// The 8-bit operand of one layer's products.
#[derive(Default)]
pub(crate) struct Operand {
    /// fan-in × fan-out.
    pub(crate) strips: Strips,
    /// Its columns as the right side of the forward product, every byte XORed as asked.
    pub(crate) columns: Panels,
    /// Real = value · 2^exponent.
    pub(crate) exponent: i32,
}

impl Operand {
    /// Rounds the weights of `layer`, which is the network's `index`-th, and packs them, every byte XORed with `flip`.
    pub(crate) fn quantise(
        &mut self,
        isa: Isa,
        pool: &Pool,
        layer: &Layer,
        index: usize,
        flip: u8,
    ) {
        let operand_bits = if index == 0 { 6 } else { 7 };
        let limit = (1 << operand_bits) - 1;
        let s = bits(layer.peak).saturating_sub(operand_bits);
        self.exponent = s as i32 - FRACTION;
        let shift = Shift::right(s);
        self.strips.resize(layer.fan_in, layer.fan_out);
        self.columns.resize(layer.fan_out, layer.fan_in);
        let (height, groups) = (layer.height(), self.columns.groups());
        let strips = self.strips.tiles_mut().chunks_mut(height);
        let mut outputs: Vec<_> = strips
            .zip(self.columns.lines_mut().chunks_mut(groups))
            .collect();
        pool.each(&mut outputs, |j, (strip, panel)| {
            parameters::quantise(isa, &layer.w[j * height..][..height], shift, limit, strip);
            pack_strip(isa, strip, flip, panel);
        });
    }
}

fn tiles(values: &[i32], rows: usize, cols: usize) -> Vec<Tile> {
    let height = rows.div_ceil(TILE);
    let mut tiles = vec![Tile::ZERO; height * cols.div_ceil(TILE)];
    for (row, values) in values.chunks_exact(cols).enumerate() {
        for (strip, values) in values.chunks(TILE).enumerate() {
            tiles[strip * height + row / TILE].0[row % TILE][..values.len()]
                .copy_from_slice(values);
        }
    }
    tiles
}

fn row_major(tiles: &[Tile], rows: usize, cols: usize) -> Vec<i32> {
    let height = rows.div_ceil(TILE);
    let mut values = Vec::with_capacity(rows * cols);
    for row in 0..rows {
        for strip in 0..cols.div_ceil(TILE) {
            let lanes = (cols - strip * TILE).min(TILE);
            values.extend(&tiles[strip * height + row / TILE].0[row % TILE][..lanes]);
        }
    }
    values
}

fn groups(values: &[i32]) -> Vec<[i32; TILE]> {
    let mut groups = vec![[0; TILE]; values.len().div_ceil(TILE)];
    groups.as_flattened_mut()[..values.len()].copy_from_slice(values);
    groups
}
