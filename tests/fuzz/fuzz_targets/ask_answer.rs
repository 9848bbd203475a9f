#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stafett_fuzz::ask_answer(data));
