//! The messages, SCALE behind a little-endian u32 of their length.

use std::io;

use async_trait::async_trait;
use codec::{Decode, DecodeAll, Encode};
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};
use quern_snow::{Block, Id};

/// The protocol's name on a connection.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/quern/snow/1");

/// Most bytes that a block carries.
pub const MAX_PAYLOAD: usize = 64 << 10;

/// Most bytes of a message: a full block, and what stands around it.
pub const MAX_MESSAGE: usize = MAX_PAYLOAD + 64;

/// What one member asks another.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Request {
    /// What do you prefer? The poll is about this block.
    Query(Id),
    /// Give me this block.
    Fetch(Id),
    /// Here is a block.
    Put(Block),
}

/// What it answers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Response {
    /// To a query.
    Chits {
        /// The preferred block.
        preferred: Id,
        /// The last accepted block.
        accepted: Id,
        /// Its height.
        height: u64,
    },
    /// To a fetch: the block, if it is known.
    Block(Option<Block>),
    /// To a put.
    Taken,
}

/// Why received bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// More bytes were announced than any message has.
    #[error("a message of {0} bytes is too long")]
    Long(usize),
    /// The bytes are no message, or more than one.
    #[error("the bytes are no message")]
    Form,
    /// A block carries too much.
    #[error("a payload of {0} bytes is too long")]
    Payload(usize),
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

fn bounded(block: Option<&Block>) -> Result<(), WireError> {
    match block.map(|block| block.payload.len()) {
        Some(len) if len > MAX_PAYLOAD => Err(WireError::Payload(len)),
        _ => Ok(()),
    }
}

/// A message with its bounds.
pub trait Message: Encode + Decode {
    /// Checks what decoding alone does not.
    ///
    /// # Errors
    /// A payload that is too long.
    fn check(&self) -> Result<(), WireError>;
}

impl Message for Request {
    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Put(block) => bounded(Some(block)),
            Self::Query(_) | Self::Fetch(_) => Ok(()),
        }
    }
}

impl Message for Response {
    fn check(&self) -> Result<(), WireError> {
        match self {
            Self::Block(block) => bounded(block.as_ref()),
            Self::Chits { .. } | Self::Taken => Ok(()),
        }
    }
}

/// Reads exactly one message.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, WireError> {
    if bytes.len() > MAX_MESSAGE {
        return Err(WireError::Long(bytes.len()));
    }
    let message = M::decode_all(&mut &bytes[..]).map_err(|_| WireError::Form)?;
    message.check()?;
    Ok(message)
}

async fn read<M: Message>(io: &mut (impl AsyncRead + Unpin + Send)) -> io::Result<M> {
    let mut len = [0; 4];
    io.read_exact(&mut len).await?;
    let len = u32::from_le_bytes(len) as usize;
    if len > MAX_MESSAGE {
        return Err(WireError::Long(len).into());
    }
    let mut bytes = vec![0; len];
    io.read_exact(&mut bytes).await?;
    Ok(decode(&bytes)?)
}

async fn write(message: Vec<u8>, io: &mut (impl AsyncWrite + Unpin + Send)) -> io::Result<()> {
    // In one piece, so that it leaves in one packet.
    let mut bytes = Vec::with_capacity(message.len() + 4);
    bytes.extend((message.len() as u32).to_le_bytes());
    bytes.extend(message);
    io.write_all(&bytes).await
}

/// Reads and writes the messages; every length is checked before anything is allocated for it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Codec;

#[async_trait]
impl request_response::Codec for Codec {
    type Protocol = StreamProtocol;
    type Request = Request;
    type Response = Response;

    async fn read_request<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Request>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        read(io).await
    }

    async fn write_request<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        request: Request,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(request.encode(), io).await
    }

    async fn write_response<T>(
        &mut self,
        _: &StreamProtocol,
        io: &mut T,
        response: Response,
    ) -> io::Result<()>
    where
        T: AsyncWrite + Unpin + Send,
    {
        write(response.encode(), io).await
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};
    use proptest::prelude::*;

    use super::*;

    fn block(payload: usize) -> Block {
        Block {
            parent: Id([1; 32]),
            height: 7,
            payload: vec![3; payload],
        }
    }

    #[test]
    fn the_fullest_message_fits_and_one_byte_more_does_not() {
        for (payload, fits) in [(MAX_PAYLOAD, true), (MAX_PAYLOAD + 1, false)] {
            let response = Response::Block(Some(block(payload)));
            let bytes = response.encode();
            let expected = if fits {
                Ok(response)
            } else {
                Err(WireError::Payload(payload))
            };
            assert_eq!(decode(&bytes), expected);
        }
        let long = vec![0; MAX_MESSAGE + 1];
        assert_eq!(
            decode::<Request>(&long),
            Err(WireError::Long(MAX_MESSAGE + 1))
        );
    }

    #[test]
    fn a_length_that_promises_too_much_is_refused_before_it_is_read() {
        let mut bytes = Cursor::new(u32::MAX.to_le_bytes().to_vec());
        let refused = block_on(read::<Request>(&mut bytes)).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
        // A payload that claims more than follows.
        let mut claims = Request::Put(block(4)).encode();
        claims.truncate(claims.len() - 1);
        assert_eq!(decode::<Request>(&claims), Err(WireError::Form));
    }

    fn message() -> impl Strategy<Value = Request> {
        let payload = prop::collection::vec(any::<u8>(), 0..200);
        prop_oneof![
            any::<[u8; 32]>().prop_map(|id| Request::Query(Id(id))),
            any::<[u8; 32]>().prop_map(|id| Request::Fetch(Id(id))),
            (any::<[u8; 32]>(), any::<u64>(), payload).prop_map(|(parent, height, payload)| {
                Request::Put(Block {
                    parent: Id(parent),
                    height,
                    payload,
                })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_decodes_encodes_back(tag in 0u8..5, bytes in prop::collection::vec(any::<u8>(), 0..120)) {
            let bytes = [vec![tag], bytes].concat();
            if let Ok(request) = decode::<Request>(&bytes) {
                prop_assert_eq!(request.encode(), &bytes[..]);
            }
            if let Ok(response) = decode::<Response>(&bytes) {
                prop_assert_eq!(response.encode(), &bytes[..]);
            }
        }

        #[test]
        fn a_message_survives_the_way_and_no_part_of_it_is_one(request in message(), cut: prop::sample::Index) {
            let mut wire = Vec::new();
            block_on(write(request.encode(), &mut wire)).unwrap();
            let part = wire[..cut.index(wire.len())].to_vec();
            prop_assert_eq!(block_on(read::<Request>(&mut Cursor::new(wire))).unwrap(), request);
            prop_assert!(block_on(read::<Request>(&mut Cursor::new(part))).is_err());
        }
    }
}
