//! The loop from packets to samples, and the bounds on it.

use crate::{
    AudioError, Container, Decoded, Limits, Sink, SourceFormat, container,
    downmix::Downmixer,
    opus_header,
    output::Output,
    source::{SourceMonitor, WindowedSource},
    vorbis_setup,
};
use std::{
    io::{Read, Seek, SeekFrom},
    sync::{Arc, LazyLock},
};
use symphonia::{
    core::{
        codecs::{
            CodecParameters,
            audio::{
                AudioCodecParameters, AudioDecoder, AudioDecoderOptions,
                well_known::{CODEC_ID_OPUS, CODEC_ID_VORBIS},
            },
            registry::CodecRegistry,
        },
        errors::Error as SymphoniaError,
        formats::FormatReader,
        packet::Packet,
        units::Duration as PacketDuration,
    },
    default::register_enabled_codecs,
};
use symphonia_adapter_libopus::OpusDecoder;

/// Packets in a row that gave no audio: of other tracks (a second of video has some 60), damaged, or
/// made up.
const MAX_SILENT_PACKETS: u32 = 4096;

/// Most frames an mp3 encoder says to drop at the end, a field of twelve bits, and a packet.
const MAX_MP3_PADDING: u64 = 4095 + 1152;

/// Times a demuxer may fail to find a packet, in a row.
const MAX_FAILURES: u32 = 64;

/// Times a file may start over with another codec set-up or rate (chained ogg, radio recordings).
const MAX_RESTARTS: u32 = 64;

/// Rate of every opus stream that is decoded here, in Hz: what its pre-skip and its demuxers'
/// trimming count in (RFC 7845, section 4.2), whatever rate a container claims.
const OPUS_RATE: u32 = 48_000;

static CODECS: LazyLock<CodecRegistry> = LazyLock::new(|| {
    let mut codecs = CodecRegistry::new();
    register_enabled_codecs(&mut codecs);
    codecs.register_audio_decoder::<OpusDecoder>();
    codecs
});

pub(crate) fn decode<R>(
    mut file: R,
    limits: &Limits,
    cancelled: &(dyn Fn() -> bool + Sync),
    sink: &mut Sink<'_>,
) -> Result<Decoded, AudioError>
where
    R: Read + Seek + Send + Sync,
{
    let len = file.seek(SeekFrom::End(0))?;
    if len == 0 {
        return Err(AudioError::Empty);
    }
    if len > limits.max_bytes {
        return Err(AudioError::TooLarge {
            limit: limits.max_bytes,
        });
    }
    if cancelled() {
        return Err(AudioError::Cancelled);
    }
    let layout = container::recognise(&mut file, len, limits)?;
    let monitor = Arc::new(SourceMonitor::new());
    let source = WindowedSource::new(
        file,
        layout.window,
        layout.prefix,
        Arc::clone(&monitor),
        cancelled,
    )
    .seekable(layout.container.is_seekable());
    let mut decoding = Decoding {
        container: layout.container,
        limits,
        downmixer: Downmixer::default(),
        output: Output::new(limits),
        sink,
        restarts: 0,
        truncated: layout.truncated,
    };
    let result = decoding.run(source, len, &monitor, cancelled);
    // What stopped the source comes first: a demuxer may have taken it for an end, or for damage.
    if let Some(fault) = monitor.take_fault() {
        return Err(fault);
    }
    result?;
    decoding.finish()
}

/// One file being decoded.
struct Decoding<'a> {
    container: Container,
    limits: &'a Limits,
    downmixer: Downmixer,
    output: Output,
    sink: &'a mut Sink<'a>,
    restarts: u32,
    truncated: bool,
}

/// The track that is decoded, and its decoder.
struct Track {
    id: u32,
    decoder: Box<dyn AudioDecoder>,
    codec: &'static str,
    /// Frames at the start that are the codec's warm-up and that the decoder does not drop itself.
    frames_to_skip: u64,
    /// Where an mp3's header says that its audio ends, in frames.
    claimed_frames: Option<u64>,
}

impl Track {
    /// Whether a packet stands so far behind the end that an mp3's header claims that the claim is
    /// wrong: it is one of several files that were joined.
    fn disproves_its_header(&self, packet: &Packet) -> bool {
        let start = u64::try_from(packet.pts.get()).unwrap_or(0);
        self.claimed_frames
            .is_some_and(|end| start > end.saturating_add(MAX_MP3_PADDING))
    }
}

impl Decoding<'_> {
    fn run<R>(
        &mut self,
        source: WindowedSource<'_, R>,
        len: u64,
        monitor: &SourceMonitor,
        cancelled: &(dyn Fn() -> bool + Sync),
    ) -> Result<(), AudioError>
    where
        R: Read + Seek + Send + Sync,
    {
        let mut reader =
            container::open(self.container, source).map_err(|error| opening_failed(&error))?;
        monitor.headers_done(len);
        let mut track = self.select_track(reader.as_ref())?;
        let mut work = WorkBudget::for_file(len);
        loop {
            if cancelled() {
                return Err(AudioError::Cancelled);
            }
            let mut packet = match reader.next_packet() {
                Ok(Some(packet)) => packet,
                Ok(None) => return Ok(()),
                Err(SymphoniaError::ResetRequired) => {
                    self.count_restart()?;
                    track = self.select_track(reader.as_ref())?;
                    continue;
                }
                // Some demuxers find the next packet behind damage, others fail for ever.
                Err(SymphoniaError::DecodeError(_)) if work.allows_another_failure() => {
                    self.truncated = true;
                    continue;
                }
                Err(_) => {
                    self.truncated = true;
                    return Ok(());
                }
            };
            if track.disproves_its_header(&packet) {
                packet.trim_end = PacketDuration::ZERO;
            }
            let heard = packet.track_id == track.id && self.decode_packet(&mut track, &packet)?;
            if !work.allows_more(&packet, heard) {
                self.truncated = true;
                return Ok(());
            }
        }
    }

    /// Chooses the track the container prefers, or else the first that can be decoded.
    fn select_track(&self, reader: &dyn FormatReader) -> Result<Track, AudioError> {
        let preferred = reader
            .default_track(symphonia::core::formats::TrackType::Audio)
            .map(|track| track.id);
        let mut tracks: Vec<_> = reader.tracks().iter().collect();
        tracks.sort_by_key(|track| Some(track.id) != preferred);
        let mut refusal = AudioError::NoAudioTrack;
        for track in tracks {
            let Some(CodecParameters::Audio(parameters)) = &track.codec_params else {
                continue;
            };
            match self.open_track(track.id, parameters.clone()) {
                Ok(mut opened) => {
                    if self.container == Container::Mpeg {
                        opened.claimed_frames = track.num_frames;
                    }
                    return Ok(opened);
                }
                // The preferred track's reason is the one to tell.
                Err(error) if matches!(refusal, AudioError::NoAudioTrack) => refusal = error,
                Err(_) => {}
            }
        }
        Err(refusal)
    }

    fn open_track(
        &self,
        id: u32,
        mut parameters: AudioCodecParameters,
    ) -> Result<Track, AudioError> {
        let mut frames_to_skip = 0;
        if parameters.codec == CODEC_ID_OPUS {
            parameters.sample_rate = Some(OPUS_RATE);
            if let Some(header) = &mut parameters.extra_data {
                frames_to_skip = opus_header::take_pre_skip(self.container, header);
            }
        }
        // Before the decoder allocates by them.
        if let Some(channels) = &parameters.channels {
            let channels = u32::try_from(channels.count()).unwrap_or(u32::MAX);
            self.limits.check_channels(channels)?;
        }
        if let Some(rate) = parameters.sample_rate {
            self.limits.check_sample_rate(rate)?;
        }
        if parameters.codec == CODEC_ID_VORBIS {
            vorbis_setup::check(parameters.extra_data.as_deref().unwrap_or_default())?;
        }
        let decoder = CODECS
            .make_audio_decoder(&parameters, &AudioDecoderOptions::default())
            .map_err(|error| match error {
                SymphoniaError::Unsupported(what) => AudioError::UnsupportedCodec(what),
                other => opening_failed(&other),
            })?;
        Ok(Track {
            id,
            codec: decoder.codec_info().short_name,
            decoder,
            frames_to_skip,
            claimed_frames: None,
        })
    }

    /// Decodes one packet and says whether it held any audio.
    fn decode_packet(&mut self, track: &mut Track, packet: &Packet) -> Result<bool, AudioError> {
        let buffer = match track.decoder.decode(packet) {
            Ok(buffer) => buffer,
            Err(SymphoniaError::ResetRequired) => {
                self.count_restart()?;
                track.decoder.reset();
                return Ok(false);
            }
            // A damaged packet costs its own duration only.
            Err(_) => return Ok(false),
        };
        let rate = buffer.spec().rate();
        let channels = u32::try_from(buffer.num_planes()).unwrap_or(u32::MAX);
        if buffer.frames() == 0 || channels == 0 {
            return Ok(false);
        }
        self.limits.check_channels(channels)?;
        self.limits.check_sample_rate(rate)?;
        let mono = self.downmixer.mix(&buffer);
        let skipped = usize::try_from(track.frames_to_skip)
            .unwrap_or(usize::MAX)
            .min(mono.len());
        track.frames_to_skip -= skipped as u64;
        if self.output.push(rate, &mono[skipped..])? {
            self.count_restart()?;
        }
        self.output.source.get_or_insert(SourceFormat {
            container: self.container,
            codec: track.codec,
            sample_rate: rate,
            channels,
        });
        self.deliver()?;
        Ok(true)
    }

    fn count_restart(&mut self) -> Result<(), AudioError> {
        self.restarts += 1;
        if self.restarts > MAX_RESTARTS {
            return Err(AudioError::Malformed("it changes its format too often"));
        }
        Ok(())
    }

    fn deliver(&mut self) -> Result<(), AudioError> {
        let samples = self.output.take();
        if samples.as_slice().is_empty() {
            return Ok(());
        }
        (self.sink)(samples.as_slice())
    }

    fn finish(mut self) -> Result<Decoded, AudioError> {
        self.output.finish()?;
        self.deliver()?;
        let (duration, source) = self
            .output
            .decoded()
            .ok_or(AudioError::Malformed("no audio could be decoded"))?;
        Ok(Decoded {
            duration,
            source,
            truncated: self.truncated,
        })
    }
}

/// An error before the first packet, which leaves nothing to deliver.
fn opening_failed(error: &SymphoniaError) -> AudioError {
    match *error {
        SymphoniaError::DecodeError(what)
        | SymphoniaError::LimitError(what)
        | SymphoniaError::Unsupported(what) => AudioError::Malformed(what),
        // The source's own failures are kept by its monitor: this is an end that came too early.
        _ => AudioError::Malformed("it ends within its header"),
    }
}

/// Bounds the packets of a file by its length: containers that point into the file could otherwise
/// yield the same bytes, or no bytes, without end.
struct WorkBudget {
    packets: u64,
    bytes: u64,
    silent: u32,
    failures: u32,
}

impl WorkBudget {
    fn for_file(len: u64) -> Self {
        Self {
            packets: len,
            // Matroska may add a stripped header to every packet, hence more than once the length.
            bytes: len.saturating_mul(4),
            silent: 0,
            failures: 0,
        }
    }

    /// Counts a packet that could not be found; says whether to look for another.
    fn allows_another_failure(&mut self) -> bool {
        self.failures += 1;
        self.failures <= MAX_FAILURES
    }

    /// Counts a packet; says whether the file may give another.
    fn allows_more(&mut self, packet: &Packet, heard: bool) -> bool {
        self.silent = if heard { 0 } else { self.silent + 1 };
        self.failures = 0;
        let left = self
            .packets
            .checked_sub(1)
            .zip(self.bytes.checked_sub(packet.data.len() as u64));
        let Some((packets, bytes)) = left else {
            return false;
        };
        (self.packets, self.bytes) = (packets, bytes);
        self.silent <= MAX_SILENT_PACKETS
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vorbis_setup;

    #[test]
    fn a_vorbis_decoder_is_not_built_before_its_codebooks_are_checked() {
        let limits = Limits::default();
        let decoding = Decoding {
            container: Container::Ogg,
            limits: &limits,
            downmixer: Downmixer::default(),
            output: Output::new(&limits),
            sink: &mut |_: &[f32]| Ok(()),
            restarts: 0,
            truncated: false,
        };
        let mut parameters = AudioCodecParameters::new();
        parameters
            .for_codec(CODEC_ID_VORBIS)
            .with_extra_data(vorbis_setup::tests::bomb().into());
        assert!(matches!(
            decoding.open_track(0, parameters).err(),
            Some(AudioError::Malformed("vorbis: codebooks too large"))
        ));
    }
}
