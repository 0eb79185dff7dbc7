//! Whether somebody speaks, by the network of the crate `earshot`.

use crate::chunks::{FRAME, Voice};

/// The real [`Voice`]: made for 16 kHz, any language, some noise.
#[derive(Default)]
pub struct VoiceDetector(earshot::Detector);

impl Voice for VoiceDetector {
    fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        // It takes samples within -1..=1; ours may be louder.
        let frame = frame.map(|sample| sample.clamp(-1.0, 1.0));
        self.0.predict_f32(&frame)
    }
}
