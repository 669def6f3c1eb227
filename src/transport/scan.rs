//! Finding a frame's begin and end in a stream, and keeping what lies between them within a limit.

use super::Sink;
use memchr::memmem;
use std::collections::VecDeque;

/// Follows one stream of one frame. What comes before the begin mark is dropped: it belongs to no frame.
pub(super) struct Scan {
    begin: Vec<u8>,
    end: Vec<u8>,
    begun: bool,
    /// Bytes not yet judged: a mark may have begun in them.
    pending: Vec<u8>,
    kept: Kept,
}

impl Scan {
    /// A scan for the frame marked by `nonce`.
    pub(super) fn new(nonce: &str, limit: usize, sink: Option<Sink>) -> Self {
        Self {
            begin: format!("{nonce}<\n").into_bytes(),
            end: format!("{nonce}>").into_bytes(),
            begun: false,
            pending: Vec::new(),
            kept: Kept::new(limit, sink),
        }
    }

    /// Takes the next bytes; the exit status when the frame's end is among them.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Option<i32> {
        self.pending.extend_from_slice(bytes);
        if !self.begun {
            match memmem::find(&self.pending, &self.begin) {
                Some(at) => {
                    self.pending.drain(..at + self.begin.len());
                    self.begun = true;
                }
                None => {
                    let spare = self.pending.len().saturating_sub(self.begin.len() - 1);
                    self.pending.drain(..spare);
                    return None;
                }
            }
        }
        match memmem::find(&self.pending, &self.end) {
            Some(at) => {
                // The status follows the mark up to a line end, which may still be on its way.
                let status = at + self.end.len();
                let line_end = status + memchr::memchr(b'\n', &self.pending[status..])?;
                let rc = std::str::from_utf8(&self.pending[status..line_end])
                    .ok()
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(-1);
                self.kept.push(&self.pending[..at]);
                self.pending.clear();
                Some(rc)
            }
            None => {
                let sure = self.pending.len().saturating_sub(self.end.len() - 1);
                self.kept.push(&self.pending[..sure]);
                self.pending.drain(..sure);
                None
            }
        }
    }

    /// What was kept, and how many bytes were left out of its middle.
    pub(super) fn finish(self) -> (Vec<u8>, u64) {
        self.kept.finish()
    }
}

/// The beginning and the end of a stream, each up to a limit.
struct Kept {
    limit: usize,
    head: Vec<u8>,
    tail: VecDeque<u8>,
    dropped: u64,
    sink: Option<Sink>,
}

impl Kept {
    fn new(limit: usize, sink: Option<Sink>) -> Self {
        Self {
            limit,
            head: Vec::new(),
            tail: VecDeque::new(),
            dropped: 0,
            sink,
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(sink) = &self.sink {
            sink.take(bytes);
            return;
        }
        let room = self.limit.saturating_sub(self.head.len()).min(bytes.len());
        let (first, rest) = bytes.split_at(room);
        self.head.extend_from_slice(first);
        // Of a piece longer than the tail only its own end can stay.
        let skip = rest.len().saturating_sub(self.limit);
        self.dropped += skip as u64;
        self.tail.extend(&rest[skip..]);
        let over = self.tail.len().saturating_sub(self.limit);
        self.tail.drain(..over);
        self.dropped += over as u64;
    }

    fn finish(mut self) -> (Vec<u8>, u64) {
        let (a, b) = self.tail.as_slices();
        self.head.extend_from_slice(a);
        self.head.extend_from_slice(b);
        (self.head, self.dropped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NONCE: &str = "0123456789abcdef";

    fn run(stream: &[u8], cut: usize, limit: usize) -> Option<(i32, Vec<u8>, u64)> {
        let mut scan = Scan::new(NONCE, limit, None);
        for piece in stream.chunks(cut.max(1)) {
            if let Some(rc) = scan.feed(piece) {
                let (out, dropped) = scan.finish();
                return Some((rc, out, dropped));
            }
        }
        None
    }

    proptest! {
        #[test]
        fn what_lies_between_the_marks_comes_back_however_it_is_cut(
            noise in proptest::collection::vec(any::<u8>(), 0..40),
            parts in proptest::collection::vec(prop_oneof![
                proptest::collection::vec(any::<u8>(), 0..20),
                Just(b"0123456789abcde".to_vec()),
                Just(b"fedcba9876543210>0\n".to_vec()),
                Just(b"0123456789abcdef<\n".to_vec()),
            ], 0..6),
            rc in 0i32..256,
            cut in 1usize..50,
        ) {
            let body = parts.concat();
            let stream = [noise, b"0123456789abcdef<\n".to_vec(), body.clone(), format!("{NONCE}>{rc}\n").into_bytes()].concat();
            prop_assert_eq!(run(&stream, cut, 1000), Some((rc, body, 0)));
        }

        #[test]
        fn a_long_stream_keeps_its_ends(length in 0usize..300, cut in 1usize..100) {
            let body: Vec<u8> = (0..length).map(|i| b'a' + (i % 26) as u8).collect();
            let stream = [b"0123456789abcdef<\n".to_vec(), body.clone(), b"0123456789abcdef>0\n".to_vec()].concat();
            let (_, out, dropped) = run(&stream, cut, 50).unwrap();
            if length <= 100 {
                prop_assert_eq!(out, body);
                prop_assert_eq!(dropped, 0);
            } else {
                prop_assert_eq!(&out[..50], &body[..50]);
                prop_assert_eq!(&out[50..], &body[length - 50..]);
                prop_assert_eq!(dropped as usize, length - 100);
            }
        }
    }

    #[test]
    fn no_end_no_reply() {
        assert_eq!(run(b"0123456789abcdef<\nhalf", 3, 10), None);
        assert_eq!(
            run(b"0123456789abcdef<\nhalf0123456789abcdef>", 3, 10),
            None
        );
        assert_eq!(run(b"0123456789abcdef>0\n", 3, 10), None);
    }
}
