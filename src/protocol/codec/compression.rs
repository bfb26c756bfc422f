//! Compression of bodies, as Celery labels it.
//!
//! Mirrors `kombu.compression`.

use std::io::{Read, Write as _};

use bzip2::read::MultiBzDecoder;
use bzip2::write::BzEncoder;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use crate::protocol::ProtocolError;

/// A body may grow to this many bytes; what grows beyond is taken for an attack.
pub const MAX_DECOMPRESSED: u64 = 1 << 30;

const GZIP: &str = "application/x-gzip";
const BZIP2: &str = "application/x-bz2";
const ZSTD: &str = "application/zstd";

/// The label for an alias, or for a label itself.
fn label_of(alias: &str) -> Result<&'static str, ProtocolError> {
    let reason = match alias {
        // kombu calls it gzip, but writes a zlib stream (kombu/compression.py).
        "gzip" | "zlib" | GZIP => return Ok(GZIP),
        "bzip2" | "bzip" | BZIP2 => return Ok(BZIP2),
        "zstd" | "zstandard" | ZSTD => return Ok(ZSTD),
        "lzma" | "xz" | "application/x-lzma" => "lzma is not supported; use gzip, bzip2 or zstd",
        "brotli" | "application/x-brotli" => "brotli is not supported; use gzip, bzip2 or zstd",
        _ => "unknown; known are gzip, bzip2 and zstd",
    };
    Err(failure(alias, reason))
}

/// Whether an alias, or a label, is one of a compression that is built in.
#[must_use]
pub fn is_known(alias: &str) -> bool {
    label_of(alias).is_ok()
}

#[expect(
    clippy::needless_pass_by_value,
    reason = "errors and texts are handed over alike"
)]
fn failure(compression: &str, reason: impl ToString) -> ProtocolError {
    ProtocolError::Compression {
        compression: compression.to_owned(),
        reason: reason.to_string(),
    }
}

/// Compresses; returns the label for the `compression` header with the bytes.
///
/// # Errors
/// `Compression` for an unknown alias.
pub fn compress(alias: &str, bytes: &[u8]) -> Result<(&'static str, Vec<u8>), ProtocolError> {
    let label = label_of(alias)?;
    let compressed = match label {
        GZIP => {
            let mut encoder = ZlibEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        BZIP2 => {
            let mut encoder = BzEncoder::new(Vec::new(), bzip2::Compression::best());
            encoder.write_all(bytes).and_then(|()| encoder.finish())
        }
        _ => zstd::bulk::compress(bytes, zstd::DEFAULT_COMPRESSION_LEVEL),
    };
    Ok((label, compressed.map_err(|e| failure(label, e))?))
}

/// Decompresses what a header labels.
///
/// # Errors
/// `Compression` for an unknown label, damaged data, or more than [`MAX_DECOMPRESSED`] bytes.
pub fn decompress(label: &str, bytes: &[u8]) -> Result<Vec<u8>, ProtocolError> {
    decompress_at_most(label, bytes, MAX_DECOMPRESSED)
}

fn decompress_at_most(label: &str, bytes: &[u8], max: u64) -> Result<Vec<u8>, ProtocolError> {
    let known = label_of(label)?;
    let mut out = Vec::new();
    let read = match known {
        GZIP => ZlibDecoder::new(bytes).take(max + 1).read_to_end(&mut out),
        BZIP2 => MultiBzDecoder::new(bytes)
            .take(max + 1)
            .read_to_end(&mut out),
        _ => zstd::Decoder::new(bytes).and_then(|d| d.take(max + 1).read_to_end(&mut out)),
    };
    read.map_err(|e| failure(label, e))?;
    if out.len() as u64 > max {
        return Err(failure(label, format!("the body grows beyond {max} bytes")));
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_compressed_comes_back() {
        let body = b"[[1, 2], {}, {}]".repeat(100);
        for (alias, label) in [
            ("gzip", GZIP),
            ("zlib", GZIP),
            ("bzip2", BZIP2),
            ("zstd", ZSTD),
        ] {
            let (got, bytes) = compress(alias, &body).unwrap();
            assert_eq!(got, label);
            assert!(bytes.len() < body.len());
            assert_eq!(decompress(label, &bytes).unwrap(), body);
            assert_eq!(decompress(alias, &bytes).unwrap(), body);
        }
    }

    #[test]
    fn damaged_data_is_refused() {
        for alias in ["gzip", "bzip2", "zstd"] {
            let (label, bytes) = compress(alias, &b"hello ".repeat(50)).unwrap();
            for end in 0..bytes.len() - 1 {
                assert!(decompress(label, &bytes[..end]).is_err(), "{label} {end}");
            }
            assert!(decompress(label, b"not compressed").is_err());
        }
    }

    #[test]
    fn a_bomb_is_stopped() {
        for alias in ["gzip", "bzip2", "zstd"] {
            let (label, bytes) = compress(alias, &vec![0; 100_000]).unwrap();
            let error = decompress_at_most(label, &bytes, 99_999).unwrap_err();
            assert!(error.to_string().contains("grows beyond"), "{error}");
            assert_eq!(
                decompress_at_most(label, &bytes, 100_000).unwrap().len(),
                100_000
            );
        }
    }

    #[test]
    fn unsupported_ones_are_named() {
        for (label, name) in [("application/x-lzma", "lzma"), ("brotli", "brotli")] {
            let error = decompress(label, b"").unwrap_err().to_string();
            assert!(
                error.contains(&format!("{name} is not supported")),
                "{error}"
            );
            assert!(compress(label, b"").is_err());
        }
        assert!(decompress("rot13", b"").is_err());
    }
}
