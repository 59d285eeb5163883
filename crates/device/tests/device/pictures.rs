//! JPEG files for tests: their segments are real, what is compressed in them is not.

/// A JPEG of this size, whose compressed part differs by `seed`.
pub fn jpeg(width: u16, height: u16, seed: u32, notes: &[(u8, &[u8])]) -> Vec<u8> {
    let mut bytes = vec![0xff, 0xd8];
    let mut segment = |marker: u8, content: &[u8]| {
        bytes.extend_from_slice(&[0xff, marker]);
        bytes.extend_from_slice(&u16::try_from(content.len() + 2).unwrap().to_be_bytes());
        bytes.extend_from_slice(content);
    };
    segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    for (marker, content) in notes {
        segment(*marker, content);
    }
    let mut frame = vec![8];
    frame.extend_from_slice(&height.to_be_bytes());
    frame.extend_from_slice(&width.to_be_bytes());
    frame.extend_from_slice(&[1, 1, 0x11, 0]);
    segment(0xc0, &frame);
    segment(0xda, &[1, 1, 0, 0, 63, 0]);
    for byte in seed.to_be_bytes() {
        // A marker's first byte is followed by zero in compressed bytes.
        bytes.push(byte);
        if byte == 0xff {
            bytes.push(0);
        }
    }
    bytes.extend_from_slice(&[7; 2_000]);
    bytes.extend_from_slice(&[0xff, 0xd0, 1, 2, 3, 0xff, 0xd9]);
    bytes
}
