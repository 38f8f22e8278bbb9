//! Any bytes either are the one encoding of a seal or are refused.
#![no_main]

use libfuzzer_sys::fuzz_target;
use parity_scale_codec::Encode;
use quern_work::WorkSeal;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(seal) = WorkSeal::decode_strict(bytes) {
        assert_eq!(seal.encode(), bytes);
    }
});
