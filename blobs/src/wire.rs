//! The two messages, and how they are read from a stream. All integers are little-endian.
//!
//! | request, 52 bytes | |
//! | --- | --- |
//! | root | 32 bytes |
//! | length of the blob | u64 |
//! | bytes of a chunk | u32 |
//! | first chunk wanted | u32 |
//! | number of chunks wanted | u32 |
//!
//! | response | |
//! | --- | --- |
//! | length of what follows | u32, at most [`MAX_RESPONSE`] |
//! | tag | u8: 0 chunks, 1 missing, 2 busy; nothing follows 1 and 2 |
//! | number of hashes | u8, at most [`MAX_PROOF`] |
//! | range proof | 32 bytes each |
//! | the chunks | the rest, at most [`MAX_PAYLOAD`] |

use std::io;

use async_trait::async_trait;
use futures::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use libp2p::{StreamProtocol, request_response};
use quern_work::Hash;

use crate::{
    Blob,
    limits::{MAX_PAYLOAD, MAX_PROOF, MAX_RESPONSE},
};

/// The protocol's name on a connection.
pub const PROTOCOL: StreamProtocol = StreamProtocol::new("/quern/blobs/1");

const REQUEST_LEN: usize = 52;

/// Which chunks of which blob are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) blob: Blob,
    pub(crate) first: u32,
    pub(crate) count: u32,
}

/// What the other side has of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// The chunks with their range proof.
    Chunks { proof: Vec<Hash>, data: Vec<u8> },
    /// It has no such chunks.
    Missing,
    /// It has no time now.
    Busy,
}

/// Why received bytes are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// The message has fewer bytes than it must.
    #[error("the message is too short")]
    Short,
    /// More bytes were announced than any message has.
    #[error("a message of {0} bytes is too long")]
    Long(usize),
    /// A tag that the protocol does not know.
    #[error("unknown tag {0}")]
    Tag(u8),
    /// The proof has more hashes than any tree has levels for.
    #[error("a proof of {0} hashes is too long")]
    Proof(usize),
    /// Bytes follow where none belong.
    #[error("bytes follow the message")]
    Trailing,
    /// The shape or the range of the request is out of bounds.
    #[error("the request is out of bounds")]
    Bounds,
}

impl From<WireError> for io::Error {
    fn from(error: WireError) -> Self {
        Self::new(io::ErrorKind::InvalidData, error)
    }
}

impl Request {
    fn encode(&self) -> [u8; REQUEST_LEN] {
        let mut bytes = [0; REQUEST_LEN];
        bytes[..32].copy_from_slice(&self.blob.root);
        bytes[32..40].copy_from_slice(&self.blob.len.to_le_bytes());
        bytes[40..44].copy_from_slice(&self.blob.chunk.to_le_bytes());
        bytes[44..48].copy_from_slice(&self.first.to_le_bytes());
        bytes[48..].copy_from_slice(&self.count.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; REQUEST_LEN]) -> Result<Self, WireError> {
        let (root, rest) = bytes.split_first_chunk().ok_or(WireError::Short)?;
        let (len, rest) = rest.split_first_chunk().ok_or(WireError::Short)?;
        let (chunk, rest) = rest.split_first_chunk().ok_or(WireError::Short)?;
        let (first, rest) = rest.split_first_chunk().ok_or(WireError::Short)?;
        let (count, _) = rest.split_first_chunk().ok_or(WireError::Short)?;
        let request = Self {
            blob: Blob {
                root: *root,
                len: u64::from_le_bytes(*len),
                chunk: u32::from_le_bytes(*chunk),
            },
            first: u32::from_le_bytes(*first),
            count: u32::from_le_bytes(*count),
        };
        let blob = &request.blob;
        let fits = blob.check().is_ok()
            && request.count <= blob.chunks_per_response()
            && blob.bytes(request.first, request.count).is_some();
        fits.then_some(request).ok_or(WireError::Bounds)
    }

    /// Bytes of content in the right answer.
    pub(crate) fn payload(&self) -> usize {
        self.blob
            .bytes(self.first, self.count)
            .map_or(0, |range| (range.end - range.start) as usize)
    }
}

impl Response {
    /// The body, without its length.
    pub(crate) fn encode(&self) -> Vec<u8> {
        match self {
            Self::Chunks { proof, data } => {
                let mut bytes = Vec::with_capacity(2 + proof.len() * 32 + data.len());
                bytes.extend([0, proof.len() as u8]);
                bytes.extend(proof.as_flattened());
                bytes.extend(data);
                bytes
            }
            Self::Missing => vec![1],
            Self::Busy => vec![2],
        }
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let (&tag, rest) = bytes.split_first().ok_or(WireError::Short)?;
        match (tag, rest) {
            (0, rest) => {
                let (&hashes, rest) = rest.split_first().ok_or(WireError::Short)?;
                let hashes = usize::from(hashes);
                if hashes > MAX_PROOF {
                    return Err(WireError::Proof(hashes));
                }
                let (proof, data) = rest.split_at_checked(hashes * 32).ok_or(WireError::Short)?;
                if data.len() > MAX_PAYLOAD as usize {
                    return Err(WireError::Long(data.len()));
                }
                Ok(Self::Chunks {
                    proof: proof.as_chunks().0.to_vec(),
                    data: data.to_vec(),
                })
            }
            (1, []) => Ok(Self::Missing),
            (2, []) => Ok(Self::Busy),
            (1 | 2, _) => Err(WireError::Trailing),
            (tag, _) => Err(WireError::Tag(tag)),
        }
    }
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
        let mut bytes = [0; REQUEST_LEN];
        io.read_exact(&mut bytes).await?;
        Ok(Request::decode(&bytes)?)
    }

    async fn read_response<T>(&mut self, _: &StreamProtocol, io: &mut T) -> io::Result<Response>
    where
        T: AsyncRead + Unpin + Send,
    {
        let mut len = [0; 4];
        io.read_exact(&mut len).await?;
        let len = u32::from_le_bytes(len) as usize;
        if len > MAX_RESPONSE {
            return Err(WireError::Long(len).into());
        }
        let mut bytes = vec![0; len];
        io.read_exact(&mut bytes).await?;
        Ok(Response::decode(&bytes)?)
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
        io.write_all(&request.encode()).await
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
        let body = response.encode();
        io.write_all(&(body.len() as u32).to_le_bytes()).await?;
        io.write_all(&body).await
    }
}

#[cfg(test)]
mod tests {
    use futures::{executor::block_on, io::Cursor};
    use libp2p::request_response::Codec as _;
    use proptest::prelude::*;

    use super::*;

    fn request(len: u64, chunk: u32, first: u32, count: u32) -> Request {
        Request {
            blob: Blob {
                root: [5; 32],
                len,
                chunk,
            },
            first,
            count,
        }
    }

    #[test]
    fn a_request_has_this_layout() {
        let bytes = request(0x0102_0304, 0x1_0000, 7, 9).encode();
        assert_eq!(bytes[..32], [5; 32]);
        assert_eq!(
            bytes[32..],
            [4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 1, 0, 7, 0, 0, 0, 9, 0, 0, 0]
        );
    }

    #[test]
    fn a_response_has_this_layout() {
        let response = Response::Chunks {
            proof: vec![[8; 32]],
            data: vec![1, 2],
        };
        let mut expected = vec![0, 1];
        expected.extend([8; 32]);
        expected.extend([1, 2]);
        assert_eq!(response.encode(), expected);
    }

    #[test]
    fn requests_out_of_bounds_are_refused() {
        for request in [
            request(100, 31, 0, 1),
            request(u64::MAX, 65_536, 0, 1),
            request(100, 32, 0, 0),
            request(100, 32, 3, 2),
            request(1 << 30, 1 << 20, 0, 2),
        ] {
            assert_eq!(Request::decode(&request.encode()), Err(WireError::Bounds));
        }
    }

    #[test]
    fn an_announced_length_beyond_the_bound_is_refused_before_it_is_read() {
        let mut stream = Cursor::new(u32::MAX.to_le_bytes().to_vec());
        let error = block_on(Codec.read_response(&PROTOCOL, &mut stream)).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn responses_with_wrong_parts_are_refused() {
        assert_eq!(Response::decode(&[]), Err(WireError::Short));
        assert_eq!(Response::decode(&[0]), Err(WireError::Short));
        assert_eq!(Response::decode(&[0, 1, 2]), Err(WireError::Short));
        assert_eq!(Response::decode(&[0, 65]), Err(WireError::Proof(65)));
        assert_eq!(Response::decode(&[1, 0]), Err(WireError::Trailing));
        assert_eq!(Response::decode(&[3]), Err(WireError::Tag(3)));
    }

    proptest! {
        #[test]
        fn requests_survive_the_wire(root: [u8; 32], len in 1_u64..1 << 24, chunk in 1_024_u32..=MAX_PAYLOAD, first: u32) {
            let blob = Blob { root, len, chunk };
            let request = Request { blob, first: first % blob.chunks(), count: 1 };
            prop_assert_eq!(Request::decode(&request.encode()), Ok(request));
        }

        #[test]
        fn responses_survive_the_wire(
            proof in proptest::collection::vec(any::<[u8; 32]>(), 0..=MAX_PROOF),
            data in proptest::collection::vec(any::<u8>(), 0..1_000),
        ) {
            let response = Response::Chunks { proof, data };
            prop_assert_eq!(Response::decode(&response.encode()), Ok(response));
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..3_000)) {
            if let Ok(response) = Response::decode(&bytes) {
                prop_assert_eq!(response.encode(), bytes.clone());
            }
            if let Some(Ok(request)) = bytes.first_chunk().map(Request::decode) {
                prop_assert!(request.payload() <= MAX_PAYLOAD as usize);
            }
            let _ = block_on(Codec.read_response(&PROTOCOL, &mut Cursor::new(bytes.clone())));
            let _ = block_on(Codec.read_request(&PROTOCOL, &mut Cursor::new(bytes)));
        }
    }
}
