//! Export to ONNX: a model as a graph of floats that other programs run.
//!
//! Opset 13. The input is in the model's own units (grey bytes for pictures) and is normalised inside the graph; each layer
//! is one `Gemm`. Weights are the operands that predictions use, times their power of two, hence exact in float.

use crate::Model;
use prost::Message;
use quern_training::arithmetic::{FEATURE_EXPONENT, FRACTION, shift};
use quern_work::{OPERAND_MAX, OPERAND_MIN};

/// The version of the operators.
const OPSET: i64 = 13;
/// The version of the file's form, the one that came with the opset.
const IR_VERSION: i64 = 7;

/// The messages of `onnx.proto`, as far as they are needed here.
mod proto {
    use prost::Message;

    /// `TensorProto.DataType.FLOAT`.
    pub(super) const FLOAT: i32 = 1;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Model {
        #[prost(int64, optional, tag = "1")]
        pub(super) ir_version: Option<i64>,
        #[prost(string, optional, tag = "2")]
        pub(super) producer_name: Option<String>,
        #[prost(string, optional, tag = "3")]
        pub(super) producer_version: Option<String>,
        #[prost(string, optional, tag = "6")]
        pub(super) doc_string: Option<String>,
        #[prost(message, optional, tag = "7")]
        pub(super) graph: Option<Graph>,
        #[prost(message, repeated, tag = "8")]
        pub(super) opset_import: Vec<OperatorSet>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct OperatorSet {
        #[prost(string, optional, tag = "1")]
        pub(super) domain: Option<String>,
        #[prost(int64, optional, tag = "2")]
        pub(super) version: Option<i64>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Graph {
        #[prost(message, repeated, tag = "1")]
        pub(super) node: Vec<Node>,
        #[prost(string, optional, tag = "2")]
        pub(super) name: Option<String>,
        #[prost(message, repeated, tag = "5")]
        pub(super) initializer: Vec<Tensor>,
        #[prost(message, repeated, tag = "11")]
        pub(super) input: Vec<ValueInfo>,
        #[prost(message, repeated, tag = "12")]
        pub(super) output: Vec<ValueInfo>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Node {
        #[prost(string, repeated, tag = "1")]
        pub(super) input: Vec<String>,
        #[prost(string, repeated, tag = "2")]
        pub(super) output: Vec<String>,
        #[prost(string, optional, tag = "3")]
        pub(super) name: Option<String>,
        #[prost(string, optional, tag = "4")]
        pub(super) op_type: Option<String>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Tensor {
        #[prost(int64, repeated, packed = "false", tag = "1")]
        pub(super) dims: Vec<i64>,
        #[prost(int32, optional, tag = "2")]
        pub(super) data_type: Option<i32>,
        #[prost(string, optional, tag = "8")]
        pub(super) name: Option<String>,
        #[prost(bytes = "vec", optional, tag = "9")]
        pub(super) raw_data: Option<Vec<u8>>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct ValueInfo {
        #[prost(string, optional, tag = "1")]
        pub(super) name: Option<String>,
        #[prost(message, optional, tag = "2")]
        pub(super) r#type: Option<Type>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Type {
        #[prost(message, optional, tag = "1")]
        pub(super) tensor_type: Option<TensorType>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct TensorType {
        #[prost(int32, optional, tag = "1")]
        pub(super) elem_type: Option<i32>,
        #[prost(message, optional, tag = "2")]
        pub(super) shape: Option<Shape>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Shape {
        #[prost(message, repeated, tag = "1")]
        pub(super) dim: Vec<Dimension>,
    }

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Dimension {
        #[prost(int64, optional, tag = "1")]
        pub(super) dim_value: Option<i64>,
        #[prost(string, optional, tag = "2")]
        pub(super) dim_param: Option<String>,
    }
}

/// The bytes of the ONNX file of a model.
#[must_use]
pub fn export(model: &Model) -> Vec<u8> {
    let origin = &model.origin;
    proto::Model {
        ir_version: Some(IR_VERSION),
        producer_name: Some("quern".into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some(format!(
            "run {} of task {} ({}) on chain 0x{}",
            origin.run,
            origin.task,
            origin.name,
            hex::encode(origin.genesis)
        )),
        graph: Some(graph(model)),
        opset_import: vec![proto::OperatorSet {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
    }
    .encode_to_vec()
}

fn graph(model: &Model) -> proto::Graph {
    let state = &model.state;
    let mut graph = Builder::default();
    let unit = power(FEATURE_EXPONENT);
    let to_int7 = 64.0 / model.scale.value();
    graph.scalar("to_int7", to_int7 as f32);
    graph.scalar("least", OPERAND_MIN.into());
    graph.scalar("most", OPERAND_MAX.into());
    graph.scalar("unit", unit as f32);
    graph.node("Mul", &["input", "to_int7"], "scaled");
    graph.node("Floor", &["scaled"], "whole");
    graph.node("Clip", &["whole", "least", "most"], "int7");
    graph.node("Mul", &["int7", "unit"], "x0");
    let last = state.layers.len() - 1;
    for (at, layer) in state.layers.iter().enumerate() {
        let operand = state.operand(at);
        let (fan_in, fan_out) = (state.sizes[at].into(), state.sizes[at + 1].into());
        let (weights, biases) = (format!("w{at}"), format!("b{at}"));
        let real = power(operand.exponent);
        let values = operand.values.iter().map(|w| f64::from(*w) * real);
        graph.tensor(&weights, vec![fan_in, fan_out], values);
        // What the sums get added, in their own units: the bias as predictions see it.
        let exponent = state.activation_exponent(at) + operand.exponent;
        let bias = layer.b.iter().map(|b| shift(*b, -FRACTION - exponent));
        graph.tensor(
            &biases,
            vec![fan_out],
            bias.map(|b| f64::from(b) * power(exponent)),
        );
        let (input, sum) = (format!("x{at}"), format!("z{at}"));
        let output = if at == last { "logits" } else { &sum };
        graph.node("Gemm", &[&input, &weights, &biases], output);
        if at < last {
            graph.node("Relu", &[&sum], &format!("x{}", at + 1));
        }
    }
    proto::Graph {
        node: graph.nodes,
        name: Some("quern".into()),
        initializer: graph.tensors,
        input: vec![matrix("input", state.features())],
        output: vec![matrix("logits", state.classes())],
    }
}

#[derive(Default)]
struct Builder {
    nodes: Vec<proto::Node>,
    tensors: Vec<proto::Tensor>,
}

impl Builder {
    fn node(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.nodes.push(proto::Node {
            input: inputs.iter().map(|&input| input.into()).collect(),
            output: vec![output.into()],
            name: Some(format!("{operator}_{output}")),
            op_type: Some(operator.into()),
        });
    }

    fn scalar(&mut self, name: &str, value: f32) {
        self.tensor(name, Vec::new(), [f64::from(value)].into_iter());
    }

    fn tensor(&mut self, name: &str, dims: Vec<i64>, values: impl Iterator<Item = f64>) {
        self.tensors.push(proto::Tensor {
            dims,
            data_type: Some(proto::FLOAT),
            name: Some(name.into()),
            raw_data: Some(
                values
                    .flat_map(|real| (real as f32).to_le_bytes())
                    .collect(),
            ),
        });
    }
}

/// A matrix of any number of rows.
fn matrix(name: &str, columns: usize) -> proto::ValueInfo {
    let rows = proto::Dimension {
        dim_value: None,
        dim_param: Some("rows".into()),
    };
    let columns = proto::Dimension {
        dim_value: i64::try_from(columns).ok(),
        dim_param: None,
    };
    proto::ValueInfo {
        name: Some(name.into()),
        r#type: Some(proto::Type {
            tensor_type: Some(proto::TensorType {
                elem_type: Some(proto::FLOAT),
                shape: Some(proto::Shape {
                    dim: vec![rows, columns],
                }),
            }),
        }),
    }
}

/// 2 to the power of an exponent, exact within a double's range.
fn power(exponent: i32) -> f64 {
    2_f64.powi(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dataset::Scale,
        model::{Origin, tests::model},
    };
    use quern_training::{Dataset, State};
    use std::{collections::HashMap, env, fs, io::Write, process::Command};

    const FEATURES: usize = 48;
    const CLASSES: usize = 4;

    /// Rows whose class is the block of features that is brightest, with noise.
    fn rows(count: usize, seed: u8) -> (Vec<u8>, Vec<u16>) {
        let mut greys = vec![0; count * FEATURES];
        quern_work::hash::xof(&[seed; 32], b"rows").fill(&mut greys);
        let labels: Vec<u16> = (0..count).map(|row| (row % CLASSES) as u16).collect();
        for (row, label) in greys.chunks_exact_mut(FEATURES).zip(&labels) {
            let block = FEATURES / CLASSES;
            let bright = usize::from(*label) * block;
            for grey in &mut row[bright..bright + block] {
                *grey = grey.saturating_add(90);
            }
        }
        (greys, labels)
    }

    fn int7(greys: &[u8]) -> Vec<i8> {
        greys.iter().map(|grey| (grey >> 2) as i8).collect()
    }

    fn trained() -> Model {
        let (greys, labels) = rows(1_024, 1);
        let data = Dataset::new(int7(&greys), labels, FEATURES, CLASSES as u32).unwrap();
        let mut state =
            State::initial(&[FEATURES as u32, 32, 16, CLASSES as u32], &[3; 32]).unwrap();
        for step in 0..400 {
            let (x, y) = data.batch(&[5; 32], step, 64);
            state.train_step(&[5; 32], 5, &x, &y).unwrap();
        }
        let origin = Origin { ..model().origin };
        let scale = Scale::GREY;
        Model {
            origin,
            scale,
            state,
        }
    }

    /// Runs the graph on rows, as the operators' definitions say.
    fn run(graph: &proto::Graph, input: &[f32]) -> Vec<f32> {
        let mut values: HashMap<&str, Vec<f32>> = HashMap::new();
        for tensor in &graph.initializer {
            let raw = tensor.raw_data.as_ref().unwrap().as_chunks().0;
            let reals: Vec<f32> = raw.iter().map(|real| f32::from_le_bytes(*real)).collect();
            assert_eq!(reals.len() as i64, tensor.dims.iter().product::<i64>());
            values.insert(tensor.name.as_ref().unwrap(), reals);
        }
        values.insert("input", input.to_vec());
        for node in &graph.node {
            let inputs: Vec<&Vec<f32>> = node
                .input
                .iter()
                .map(|name| &values[name.as_str()])
                .collect();
            let each = |of: &dyn Fn(f32) -> f32| inputs[0].iter().map(|x| of(*x)).collect();
            let output: Vec<f32> = match node.op_type.as_deref().unwrap() {
                "Mul" => each(&|x| x * inputs[1][0]),
                "Floor" => each(&f32::floor),
                "Clip" => each(&|x| x.clamp(inputs[1][0], inputs[2][0])),
                "Relu" => each(&|x| x.max(0.0)),
                "Gemm" => {
                    let fan_out = inputs[2].len();
                    let fan_in = inputs[1].len() / fan_out;
                    let sums = inputs[0].chunks_exact(fan_in).flat_map(|row| {
                        (0..fan_out).map(|j| {
                            let products = (0..fan_in).map(|i| row[i] * inputs[1][i * fan_out + j]);
                            products.sum::<f32>() + inputs[2][j]
                        })
                    });
                    sums.collect()
                }
                other => panic!("{other}"),
            };
            values.insert(&node.output[0], output);
        }
        values.remove("logits").unwrap()
    }

    fn classes(logits: &[f32]) -> Vec<u16> {
        let best = |row: &[f32]| {
            (0..row.len())
                .rev()
                .max_by(|a, b| row[*a].total_cmp(&row[*b]))
        };
        let rows = logits.chunks_exact(CLASSES);
        rows.map(|row| best(row).unwrap() as u16).collect()
    }

    fn agreement(a: &[u16], b: &[u16]) -> f64 {
        assert_eq!(a.len(), b.len());
        a.iter().zip(b).filter(|(a, b)| a == b).count() as f64 / a.len() as f64
    }

    #[test]
    fn the_exported_graph_answers_as_the_integers_do() {
        let model = trained();
        let read = proto::Model::decode(export(&model).as_slice()).unwrap();
        assert_eq!(read.opset_import[0].version, Some(OPSET));
        let (greys, labels) = rows(512, 2);
        let input: Vec<f32> = greys.iter().map(|grey| f32::from(*grey)).collect();
        let floats = classes(&run(read.graph.as_ref().unwrap(), &input));
        let integers = model.state.predict(&int7(&greys)).unwrap();
        let right = agreement(&integers, &labels);
        assert!(right > 0.8, "the model has learnt: {right}");
        let same = agreement(&integers, &floats);
        assert!(same >= 0.97, "{same}");
    }

    #[test]
    fn features_beyond_the_scale_saturate_inside_the_graph() {
        let read = proto::Model::decode(export(&model()).as_slice()).unwrap();
        let graph = read.graph.unwrap();
        assert_eq!(run(&graph, &[1e6; 20]), run(&graph, &[255.0; 20]));
    }

    /// Runs where `QUERN_PYTHON` has `onnx` and `onnxruntime`.
    #[test]
    fn other_programs_read_the_export() {
        const SCRIPT: &str = "
import sys, numpy, onnx, onnxruntime
model = onnx.load(sys.argv[1])
onnx.checker.check_model(model)
session = onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])
rows = numpy.fromfile(sys.argv[2], dtype=numpy.uint8).reshape(-1, 48).astype(numpy.float32)
print(*session.run(['logits'], {'input': rows})[0].argmax(axis=1))
";
        let python = env::var_os("QUERN_PYTHON").unwrap_or_else(|| "python3".into());
        let able = Command::new(&python)
            .args(["-c", "import numpy, onnx, onnxruntime"])
            .output();
        if !able.is_ok_and(|able| able.status.success()) {
            // Past the test harness, which shows nothing of a test that passes.
            let _ = writeln!(
                std::io::stderr(),
                "skipped: no python with onnx and onnxruntime; set QUERN_PYTHON"
            );
            return;
        }
        let (model, (greys, _)) = (trained(), rows(512, 2));
        let folder = tempfile::tempdir().unwrap();
        let (file, data) = (folder.path().join("model.onnx"), folder.path().join("rows"));
        fs::write(&file, export(&model)).unwrap();
        fs::write(&data, &greys).unwrap();
        let ran = Command::new(&python)
            .args(["-c", SCRIPT])
            .args([&file, &data])
            .output();
        let ran = ran.unwrap();
        assert!(
            ran.status.success(),
            "{}",
            String::from_utf8_lossy(&ran.stderr)
        );
        let answers = String::from_utf8(ran.stdout).unwrap();
        let answers: Vec<u16> = answers
            .split_whitespace()
            .map(|class| class.parse().unwrap())
            .collect();
        let integers = model.state.predict(&int7(&greys)).unwrap();
        assert!(agreement(&integers, &answers) >= 0.97);
    }
}
