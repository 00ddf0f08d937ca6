#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| refport_server::fuzzing::report(data));
