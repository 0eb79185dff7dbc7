//! Hours of audio in a few kilobytes.

/// CRC of `width` bits, most significant bit first, as FLAC (RFC 9639, 9.1.8 and 9.3) and Ogg (RFC 3533, 6) have it.
pub(crate) fn crc(bytes: &[u8], width: u32, polynomial: u32) -> u32 {
    bytes.iter().fold(0, |crc, byte| {
        let mut crc = crc ^ (u32::from(*byte) << (width - 8));
        for _ in 0..8 {
            let carry = crc >> (width - 1) & 1 == 1;
            crc <<= 1;
            if carry {
                crc ^= polynomial;
            }
            if width < 32 {
                crc &= (1 << width) - 1;
            }
        }
        crc
    })
}

/// A FLAC of frames that hold 65,535 equal samples each, in 14 bytes (RFC 9639): hours in a few kilobytes.
pub(crate) fn flac_bomb(frames: u16) -> Vec<u8> {
    let mut file = b"fLaC\x80\0\0\x22".to_vec();
    file.extend([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0]);
    // 16 kHz, one channel, 16 bits, number of samples unknown; no checksum.
    let rate_and_format: u64 = 16_000 << 44 | 15 << 36;
    file.extend(rate_and_format.to_be_bytes());
    file.extend([0; 16]);
    for number in 0..frames {
        let mut frame = vec![0xff, 0xf8, 0x70, 0x08];
        frame.extend(char::from_u32(number.into()).unwrap().to_string().bytes());
        frame.extend(65_534_u16.to_be_bytes());
        frame.push(u8::try_from(crc(&frame, 8, 0x07)).unwrap());
        frame.extend([0, 0x03, 0xe8]);
        let check = u16::try_from(crc(&frame, 16, 0x8005)).unwrap();
        frame.extend(check.to_be_bytes());
        file.extend(frame);
    }
    file
}
