#![no_main]

libfuzzer_sys::fuzz_target!(|text: &str| hoist::fuzz::playbook(text));
