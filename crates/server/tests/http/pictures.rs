//! Files with the structure of what they say they are, of any length, without real pixels.

/// A JPEG of that size in pixels and `length` bytes; its data follow from `seed`.
pub fn jpeg(width: u16, height: u16, length: usize, seed: u64) -> Vec<u8> {
    let ([w1, w0], [h1, h0]) = (width.to_be_bytes(), height.to_be_bytes());
    let mut bytes = vec![0xff, 0xd8, 0xff, 0xe0, 0, 16];
    bytes.extend_from_slice(b"JFIF\0\x01\x02\0\0\x01\0\x01\0\0");
    bytes.extend_from_slice(&[0xff, 0xc0, 0, 11, 8, h1, h0, w1, w0, 1, 1, 0x11, 0]);
    bytes.extend_from_slice(&[0xff, 0xda, 0, 8, 1, 1, 0, 0, 63, 0]);
    let mut noise = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    let at = bytes.len();
    bytes.resize(length - 2, 0);
    noise.fill(&mut bytes[at..]);
    bytes[at..].iter_mut().filter(|byte| **byte == 0xff).for_each(|byte| *byte = 0);
    bytes.extend_from_slice(&[0xff, 0xd9]);
    bytes
}

/// A PNG whose header says that size.
pub fn png(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::from(width.to_be_bytes());
    header.extend(height.to_be_bytes());
    header.extend([8, 2, 0, 0, 0]);
    for (name, content) in [(b"IHDR", header.as_slice()), (b"IDAT", &[1, 2, 3, 4]), (b"IEND", &[])] {
        bytes.extend(u32::try_from(content.len()).unwrap().to_be_bytes());
        bytes.extend(name);
        bytes.extend(content);
        bytes.extend([0; 4]);
    }
    bytes
}

/// A lossless WebP whose header says that size.
pub fn webp(width: u32, height: u32) -> Vec<u8> {
    let bits = (width - 1) | (height - 1) << 14;
    let mut picture = vec![0x2f];
    picture.extend(bits.to_le_bytes());
    picture.extend([0; 11]);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend(u32::try_from(picture.len() + 12).unwrap().to_le_bytes());
    bytes.extend(b"WEBPVP8L");
    bytes.extend(u32::try_from(picture.len()).unwrap().to_le_bytes());
    bytes.extend(picture);
    bytes
}

/// One box of a HEIC or MP4.
pub fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::from(u32::try_from(content.len() + 8).unwrap().to_be_bytes());
    bytes.extend(name);
    bytes.extend(content);
    bytes
}

/// A HEIC whose largest picture is of that size.
pub fn heic(width: u32, height: u32) -> Vec<u8> {
    let sized = |width: u32, height: u32| {
        let mut content = vec![0; 4];
        content.extend(width.to_be_bytes());
        content.extend(height.to_be_bytes());
        boxed(b"ispe", &content)
    };
    let properties = boxed(b"ipco", &[sized(512, 512), sized(width, height)].concat());
    let meta = [vec![0; 4], boxed(b"iprp", &properties)].concat();
    [boxed(b"ftyp", b"heic\0\0\0\0mif1heic"), boxed(b"meta", &meta), boxed(b"mdat", &[7; 32])].concat()
}

/// A PDF with that content.
pub fn pdf(content: &str) -> Vec<u8> {
    format!("%PDF-1.7\n1 0 obj\n<< /Type /Catalog {content} >>\nendobj\ntrailer << /Root 1 0 R >>\nstartxref\n9\n%%EOF\n").into_bytes()
}

/// An MP4.
pub fn mp4() -> Vec<u8> {
    [boxed(b"ftyp", b"isom\0\0\0\0isomavc1"), boxed(b"moov", &[0; 16]), boxed(b"mdat", &[7; 32])].concat()
}

/// An archive with nothing in it, with a comment of that length: what can be hung behind any file.
pub fn zip(comment: usize) -> Vec<u8> {
    let mut bytes = b"PK\x05\x06".to_vec();
    bytes.extend([0; 16]);
    bytes.extend(u16::try_from(comment).unwrap().to_le_bytes());
    bytes.extend(vec![b'x'; comment]);
    bytes
}
