//! Bodies that are packed by gzip or deflate.
//!
//! Decoders differ in the streams that they take: where one stops at a fault, another goes on, and MLflow then tries the next
//! way. So what was unpacked here is what is forwarded, and only a stream without any fault is unpacked: one member, nothing
//! behind it, its checksum right, no distance that goes back before the beginning.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER, TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::error::{Code, Rejection, Result};

/// Whatever the ratio, so much may be unpacked.
const FREE: usize = 1024 * 1024;
/// Of a longer body, one byte may stand for so many. Spans that repeat each other come to less.
const HIGHEST_RATIO: usize = 250;

/// The encodings that MLflow takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952
    Gzip,
    /// RFC 1950. A bare stream of RFC 1951, which MLflow takes too, if it does not begin as one of RFC 1950.
    Deflate,
}

impl Encoding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
        }
    }
}

/// Unpacks a whole body. Refuses one that is longer than `limit` then.
pub fn unpack(encoding: Encoding, packed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let most = limit.min(packed.len().saturating_mul(HIGHEST_RATIO).max(FREE));
    let unpacked = match encoding {
        Encoding::Gzip => gunzip(packed, most),
        Encoding::Deflate if has_zlib_header(packed) => {
            whole(inflate(packed, most, TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32))
        }
        Encoding::Deflate => whole(inflate(packed, most, 0)),
    };
    unpacked.map_err(|fault| match fault {
        Fault::TooLong if most < limit => Rejection::mlflow(
            Code::RequestTooLarge,
            format!("The unpacked body is more than {HIGHEST_RATIO} times as long as the packed one."),
        ),
        Fault::TooLong => {
            Rejection::mlflow(Code::RequestTooLarge, format!("The unpacked body is longer than {limit} bytes."))
        }
        Fault::Broken => Rejection::invalid(format!("Failed to decompress {} payload", encoding.name())),
    })
}

enum Fault {
    Broken,
    TooLong,
}

type Unpacked<T> = std::result::Result<T, Fault>;

/// Unpacks a stream; `None` if anything is behind it.
fn whole(inflated: Unpacked<(Vec<u8>, &[u8])>) -> Unpacked<Vec<u8>> {
    let (unpacked, rest) = inflated?;
    if rest.is_empty() { Ok(unpacked) } else { Err(Fault::Broken) }
}

fn has_zlib_header(packed: &[u8]) -> bool {
    matches!(packed, [method, flags, ..]
        if method & 0x0f == 8 && method >> 4 <= 7 && (u16::from(*method) << 8 | u16::from(*flags)) % 31 == 0)
}

/// Unpacks one stream. Returns what is behind it too.
fn inflate(mut packed: &[u8], most: usize, flags: u32) -> Unpacked<(Vec<u8>, &[u8])> {
    // the output is one piece, so that no distance goes back before its beginning
    let flags = flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF;
    let mut state = Box::<DecompressorOxide>::default();
    let mut unpacked = vec![0; packed.len().saturating_mul(2).min(most)];
    let mut length = 0;
    loop {
        let (status, read, written) = decompress(&mut state, packed, &mut unpacked, length, flags);
        packed = packed.get(read..).unwrap_or_default();
        length += written;
        match status {
            TINFLStatus::Done => {
                unpacked.truncate(length);
                return Ok((unpacked, packed));
            }
            TINFLStatus::HasMoreOutput if unpacked.len() >= most => return Err(Fault::TooLong),
            TINFLStatus::HasMoreOutput => {
                let room = unpacked.len().saturating_mul(2).clamp(64, most.max(64));
                unpacked.resize(room.min(most), 0);
            }
            _ => return Err(Fault::Broken),
        }
    }
}

/// Unpacks one member: header, stream, checksum and length.
fn gunzip(packed: &[u8], most: usize) -> Unpacked<Vec<u8>> {
    let stream = behind_header(packed).ok_or(Fault::Broken)?;
    let (unpacked, trailer) = inflate(stream, most, 0)?;
    let length = u32::try_from(unpacked.len()).map_err(|_| Fault::TooLong)?;
    let expected = [crc32fast::hash(&unpacked).to_le_bytes(), length.to_le_bytes()].concat();
    if trailer == expected { Ok(unpacked) } else { Err(Fault::Broken) }
}

/// The stream behind the header of a member. A checksum of the header is not taken: nobody writes one.
fn behind_header(packed: &[u8]) -> Option<&[u8]> {
    const EXTRA: u8 = 4;
    const NAME: u8 = 8;
    const COMMENT: u8 = 16;
    let [0x1f, 0x8b, 8, flags, _, _, _, _, _, _, rest @ ..] = packed else { return None };
    if flags & !(EXTRA | NAME | COMMENT | 1) != 0 {
        return None;
    }
    let mut rest = rest;
    if flags & EXTRA != 0 {
        let (length, behind) = rest.split_first_chunk()?;
        rest = behind.get(usize::from(u16::from_le_bytes(*length))..)?;
    }
    for text in [NAME, COMMENT] {
        if flags & text != 0 {
            let end = rest.iter().position(|byte| *byte == 0)?;
            rest = rest.get(end + 1..)?;
        }
    }
    Some(rest)
}
