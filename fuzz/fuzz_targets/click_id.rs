#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| refport_fuzz::click_id(data));
