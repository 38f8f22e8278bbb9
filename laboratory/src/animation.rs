//! A run as moving picture: one HTML page that needs nothing else.

use std::fmt::Write;

use crate::{Configuration, plot::colour_text, record::State};

const PAGE: &str = include_str!("animation.html");

/// The page. Each state is a list of numbers, one for each node: `rival × (β + 1) + confidence`, and −1 for Byzantine
/// nodes.
pub(crate) fn animation(configuration: &Configuration, states: &[State]) -> String {
    let beta = u64::from(configuration.parameters.beta);
    let heights = configuration.workload.heights;
    let mut data = format!(
        "{{\"engine\":\"{}\",\"seed\":{},\"beta\":{beta},\"heights\":{heights},\"colours\":[",
        configuration.engine.name(),
        configuration.seed
    );
    for rival in 0..configuration.workload.rivals {
        let comma = if rival > 0 { "," } else { "" };
        let _ = write!(data, "{comma}\"{}\"", colour_text(rival));
    }
    data.push_str("],\"states\":[");
    for (place, state) in states.iter().enumerate() {
        let comma = if place > 0 { "," } else { "" };
        let _ = write!(data, "{comma}[{}", state.time_us);
        for node in &state.nodes {
            let _ = match node {
                Some(node) => {
                    let confidence = u64::from(node.confidence).min(beta);
                    let value = u64::from(node.rival) * (beta + 1) + confidence;
                    write!(data, ",{value},{}", node.height)
                }
                None => write!(data, ",-1,0"),
            };
        }
        data.push(']');
    }
    data.push_str("]}");
    PAGE.replace("/*DATA*/", &data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate;

    #[test]
    fn the_page_needs_nothing_else_and_its_data_are_json() {
        let mut configuration = Configuration::default();
        configuration.byzantine.nodes = 2;
        configuration.nodes = 30;
        let run = simulate(&configuration, true, &mut |_, _| ()).unwrap();
        let page = animation(&configuration, &run.record.states);
        for outside in ["http:", "https:", "src=", "href=", "url("] {
            assert!(!page.contains(outside), "{outside}");
        }
        let (_, data) = page.split_once("const run = ").unwrap();
        let (data, _) = data.split_once(";\n").unwrap();
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        let states = data["states"].as_array().unwrap();
        assert_eq!(states.len(), run.record.states.len());
        assert_eq!(states[0].as_array().unwrap().len(), 1 + 2 * 30);
        assert_eq!(states[0][59], -1);
        assert_eq!(states.last().unwrap()[2], 1);
    }
}
