#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stafett_fuzz::block_list(data));
