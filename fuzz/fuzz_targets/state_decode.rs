//! Any bytes either are the one encoding of a state that can be trained on, or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use quern_training::State;

/// Largest state that is also trained, in features × neurons: larger ones only take time.
const MOST: u32 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut state) = State::decode(bytes) else {
        return;
    };
    assert_eq!(state.encode(), bytes);
    if state
        .sizes
        .windows(2)
        .all(|pair| pair[0].saturating_mul(pair[1]) < MOST)
    {
        let x = vec![-64; 16 * state.features()];
        let trained = state.train_step(&[0; 32], 3, &x, &[1; 16]).is_ok();
        assert_eq!(State::decode(&state.encode()).as_ref(), Ok(&state));
        assert!(trained || state.step == u64::MAX);
    }
});
