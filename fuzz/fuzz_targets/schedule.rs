//! libFuzzer on `engross_fuzz_targets::schedule`, which says what must hold.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    engross_fuzz_targets::schedule(data);
});
