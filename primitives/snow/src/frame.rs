//! The 8-byte vote of simulators and local bridges.
//!
//! engine u8 | node u16 | block u16 | vote u8 | reserved u16 = 0, big-endian. Sixteen-bit names and no signature make
//! it unfit for a network.

use crate::Error;

/// Bytes of a frame.
pub const FRAME_BYTES: usize = 8;

/// Which engine a vote is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum EngineKind {
    /// Snowball.
    Snowball = 0,
    /// Avalanche on a DAG.
    Avalanche = 1,
    /// Snowflake.
    Snowflake = 2,
    /// A DAG.
    Dag = 3,
    /// The topological Snowman.
    Chain = 4,
}

/// What a voter says of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum VoteKind {
    /// It prefers the block.
    Prefer = 1,
    /// It has accepted the block.
    Accept = 2,
    /// It has rejected the block.
    Reject = 3,
}

/// One vote of wire format version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Which engine it is for.
    pub engine: EngineKind,
    /// Who votes.
    pub node: u16,
    /// On what.
    pub block: u16,
    /// What it says.
    pub vote: VoteKind,
}

impl Frame {
    /// The eight bytes.
    pub fn encode(&self) -> [u8; FRAME_BYTES] {
        let [n0, n1] = self.node.to_be_bytes();
        let [b0, b1] = self.block.to_be_bytes();
        [self.engine as u8, n0, n1, b0, b1, self.vote as u8, 0, 0]
    }

    /// Reads exactly one frame.
    ///
    /// # Errors
    /// Any other length, an unknown engine or vote, a reserved bit that is set.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        let &[engine, n0, n1, b0, b1, vote, r0, r1] = bytes else {
            return Err(Error::FrameLength(bytes.len()));
        };
        let engine = match engine {
            0 => EngineKind::Snowball,
            1 => EngineKind::Avalanche,
            2 => EngineKind::Snowflake,
            3 => EngineKind::Dag,
            4 => EngineKind::Chain,
            _ => return Err(Error::FrameField("engine")),
        };
        let vote = match vote {
            1 => VoteKind::Prefer,
            2 => VoteKind::Accept,
            3 => VoteKind::Reject,
            _ => return Err(Error::FrameField("vote")),
        };
        if [r0, r1] != [0, 0] {
            return Err(Error::FrameField("reserved"));
        }
        Ok(Self {
            engine,
            node: u16::from_be_bytes([n0, n1]),
            block: u16::from_be_bytes([b0, b1]),
            vote,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_golden_frames_encode_as_stated() {
        let first = Frame {
            engine: EngineKind::Snowball,
            node: 1,
            block: 0x1234,
            vote: VoteKind::Prefer,
        };
        let second = Frame {
            engine: EngineKind::Avalanche,
            node: 0xbeef,
            block: 0xffff,
            vote: VoteKind::Reject,
        };
        assert_eq!(first.encode(), [0, 0, 1, 0x12, 0x34, 1, 0, 0]);
        assert_eq!(second.encode(), [1, 0xbe, 0xef, 0xff, 0xff, 3, 0, 0]);
        assert_eq!(Frame::decode(&first.encode()), Ok(first));
        assert_eq!(Frame::decode(&second.encode()), Ok(second));
    }

    #[test]
    fn what_is_not_a_frame_is_refused_by_name() {
        assert_eq!(Frame::decode(&[0; 7]), Err(Error::FrameLength(7)));
        assert_eq!(Frame::decode(&[0; 9]), Err(Error::FrameLength(9)));
        assert_eq!(
            Frame::decode(&[5, 0, 0, 0, 0, 1, 0, 0]),
            Err(Error::FrameField("engine"))
        );
        assert_eq!(
            Frame::decode(&[0, 0, 0, 0, 0, 0, 0, 0]),
            Err(Error::FrameField("vote"))
        );
        assert_eq!(
            Frame::decode(&[0, 0, 0, 0, 0, 1, 0, 1]),
            Err(Error::FrameField("reserved"))
        );
    }

    proptest! {
        #[test]
        fn any_bytes_that_decode_encode_back(bytes in prop::collection::vec(0u8..6, 0..12)) {
            if let Ok(frame) = Frame::decode(&bytes) {
                prop_assert_eq!(&frame.encode()[..], &bytes[..]);
            }
        }
    }
}
