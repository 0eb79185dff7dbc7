//! Cuts audio into pieces that a model takes one by one: at pauses, none longer than it may be, as it comes.
//!
//! Pieces are contiguous but for stretches in which surely nobody speaks: those are left out at the ends of a
//! piece, never inside one, where leaving out would shift what follows. What is heard of a voice is a
//! [`Voice`]'s word; [`VoiceDetector`](crate::VoiceDetector) is the real one.

use crate::SAMPLE_RATE;
use std::time::Duration;

/// Samples that a [`Voice`] judges at a time: 16 ms.
pub const FRAME: usize = 256;

/// Above it somebody speaks.
const SPEECH: f32 = 0.5;
/// Below it surely nobody does: digital silence is judged 0.28, hum 0.42 at the most.
const NOBODY: f32 = 0.3;
/// One frame above it is enough to take a piece for speech: noise of any colour stays below 0.69, of 21 recordings
/// of speech each has frames above 0.94.
const CERTAIN: f32 = 0.7;
/// Or so many of a hundred frames above [`SPEECH`], where speech is quiet: noise has 4, speech at -40 dB 40.
const SPEECH_PERCENT: usize = 10;
/// Shortest pause worth a cut, in frames: 0.3 s.
const PAUSE: usize = 19;
/// What is kept before speech and after it, in frames: 0.5 s. Consonants begin and end below the thresholds.
const MARGIN: usize = 31;

/// Judges how likely somebody speaks, frame by frame in the order of time.
pub trait Voice {
    /// The probability, 0 to 1, for the next [`FRAME`] samples.
    fn probability(&mut self, frame: &[f32; FRAME]) -> f32;
}

impl<V: Voice + ?Sized> Voice for Box<V> {
    fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
        (**self).probability(frame)
    }
}

/// A piece of audio in which somebody speaks.
#[derive(Clone, Debug, PartialEq)]
pub struct Chunk {
    /// Where it starts, in samples from the start of the audio.
    pub start: u64,
    /// At [`SAMPLE_RATE`]; never empty.
    pub samples: Vec<f32>,
    /// How many of `samples` there are until the last that may be speech; at least 1.
    pub spoken: usize,
    /// Whether it is all there is: nothing was cut off before or after it but silence.
    pub is_whole: bool,
}

/// Cuts as the samples come; holds no more than one piece.
pub struct Chunker<V> {
    voice: V,
    /// Most frames of a piece.
    longest: usize,
    /// After so many frames the first pause ends the first piece.
    first: usize,
    /// What was not handed out yet.
    samples: Vec<f32>,
    /// Probability of each whole frame of `samples`.
    frames: Vec<f32>,
    /// Where `samples` start.
    start: u64,
    cut: bool,
}

impl<V: Voice> Chunker<V> {
    /// Cuts pieces of at most `longest`, which is taken to be one second at least.
    pub fn new(voice: V, longest: Duration) -> Self {
        Self {
            voice,
            longest: frames_of(longest.max(Duration::from_secs(1))),
            first: usize::MAX,
            samples: Vec::new(),
            frames: Vec::new(),
            start: 0,
            cut: false,
        }
    }

    /// Ends the first piece at the first pause after so much of it: its words are wanted soon.
    #[must_use]
    pub fn with_first(mut self, length: Duration) -> Self {
        self.first = frames_of(length);
        self
    }

    /// Takes the next samples, and hands out the pieces that are complete.
    ///
    /// # Errors
    /// What `take` returns; nothing further is to be pushed then.
    pub fn push<E>(
        &mut self,
        mut samples: &[f32],
        take: &mut dyn FnMut(Chunk) -> Result<(), E>,
    ) -> Result<(), E> {
        while !samples.is_empty() {
            let wanted = FRAME - self.samples.len() % FRAME;
            let (now, later) = samples.split_at(wanted.min(samples.len()));
            self.samples.extend_from_slice(now);
            samples = later;
            if !self.samples.len().is_multiple_of(FRAME) {
                continue;
            }
            self.judge_frame();
            self.forget_silence();
            let at = if self.frames.len() > self.longest {
                Some(self.best_cut())
            } else {
                self.first_cut()
            };
            if let Some(at) = at {
                self.cut = true;
                self.hand_out(at, take)?;
            }
        }
        Ok(())
    }

    /// Hands out the last piece.
    ///
    /// # Errors
    /// What `take` returns.
    pub fn finish<E>(mut self, take: &mut dyn FnMut(Chunk) -> Result<(), E>) -> Result<(), E> {
        // What does not fill a frame belongs to the one before it, or is a frame filled up with silence.
        if self.frames.is_empty() && !self.samples.is_empty() {
            let length = self.samples.len();
            self.samples.resize(FRAME, 0.0);
            self.judge_frame();
            self.samples.truncate(length);
        }
        let all = self.frames.len();
        self.hand_out(all, take)
    }

    fn judge_frame(&mut self) {
        let from = self.frames.len() * FRAME;
        if let Some(frame) = self.samples[from..].first_chunk() {
            self.frames.push(self.voice.probability(frame));
        }
    }

    /// Lets go of what comes before the first speech, but for what is kept before it.
    fn forget_silence(&mut self) {
        if self.frames.len() < 2 * MARGIN || self.frames.iter().any(|p| *p >= NOBODY) {
            return;
        }
        let frames = self.frames.len() - MARGIN;
        self.frames.drain(..frames);
        self.samples.drain(..frames * FRAME);
        self.start += (frames * FRAME) as u64;
    }

    /// The frame before which the first piece ends, if it may end now.
    fn first_cut(&self) -> Option<usize> {
        let speech = self.frames.len().checked_sub(PAUSE)?;
        let is_pause = || self.frames[speech..].iter().all(|p| *p < SPEECH);
        let may_end = !self.cut && speech >= self.first && is_pause();
        may_end.then(|| speech + PAUSE / 2)
    }

    /// The frame before which to cut: in the middle of the last pause of the second half, for long pieces are
    /// cheaper; without a pause there, where somebody speaks least.
    fn best_cut(&self) -> usize {
        let half = self.longest / 2;
        let mut last_pause = None;
        let mut begin = half;
        for at in half..=self.longest {
            if at < self.longest && self.frames[at] < SPEECH {
                continue;
            }
            let length = at - begin;
            if length >= PAUSE {
                last_pause = Some(begin + length / 2);
            }
            begin = at + 1;
        }
        let speech = &self.frames[half..self.longest];
        let least = || {
            let (at, _) = speech
                .iter()
                .enumerate()
                .min_by(|a, b| a.1.total_cmp(b.1))?;
            Some(half + at)
        };
        last_pause.or_else(least).unwrap_or(self.longest)
    }

    /// Hands the first `frames` frames out, without what surely is silence at their ends; with the last of them
    /// goes what does not fill a frame.
    fn hand_out<E>(
        &mut self,
        frames: usize,
        take: &mut dyn FnMut(Chunk) -> Result<(), E>,
    ) -> Result<(), E> {
        let is_last = frames == self.frames.len();
        let end = if is_last {
            self.samples.len()
        } else {
            frames * FRAME
        };
        let heard = |p: &f32| *p >= NOBODY;
        let judged = &self.frames[..frames];
        let first = judged.iter().position(heard);
        let last = judged.iter().rposition(heard);
        let spoken = first.zip(last).filter(|_| is_speech(judged));
        let piece = spoken.map(|(first, last)| {
            let from = first.saturating_sub(MARGIN) * FRAME;
            let to = if last + 1 + MARGIN >= frames {
                end
            } else {
                (last + 1 + MARGIN) * FRAME
            };
            Chunk {
                start: self.start + from as u64,
                samples: self.samples[from..to].to_vec(),
                spoken: ((last + 1) * FRAME).min(to) - from,
                is_whole: !self.cut,
            }
        });
        self.samples.drain(..end);
        self.frames.drain(..frames);
        self.start += end as u64;
        piece.map_or(Ok(()), take)
    }
}

fn frames_of(length: Duration) -> usize {
    let samples = length.as_millis().saturating_mul(u128::from(SAMPLE_RATE)) / 1000;
    usize::try_from(samples).unwrap_or(usize::MAX) / FRAME
}

/// Whether somebody speaks in a piece.
fn is_speech(frames: &[f32]) -> bool {
    let speech = frames.iter().filter(|p| **p >= SPEECH).count();
    frames.iter().any(|p| *p >= CERTAIN) || speech * 100 > frames.len() * SPEECH_PERCENT
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::convert::Infallible;

    /// Hears in each frame what its first sample says.
    struct Told;

    impl Voice for Told {
        fn probability(&mut self, frame: &[f32; FRAME]) -> f32 {
            frame[0]
        }
    }

    /// Audio of so many frames each with this probability.
    fn audio(stretches: &[(usize, f32)]) -> Vec<f32> {
        let stretch = |(frames, p): &(usize, f32)| vec![*p; frames * FRAME];
        stretches.iter().flat_map(stretch).collect()
    }

    fn cut_in(longest: Duration, audio: &[f32], piece: usize) -> Vec<Chunk> {
        let mut chunks = Vec::new();
        let mut take = |chunk| {
            chunks.push(chunk);
            Ok::<_, Infallible>(())
        };
        let mut chunker = Chunker::new(Told, longest);
        for samples in audio.chunks(piece) {
            let Ok(()) = chunker.push(samples, &mut take);
        }
        let Ok(()) = chunker.finish(&mut take);
        chunks
    }

    /// In pieces of at most a hundred frames.
    fn cut(audio: &[f32]) -> Vec<Chunk> {
        cut_in(Duration::from_millis(1600), audio, 1000)
    }

    fn frames(chunks: &[Chunk]) -> Vec<(u64, usize)> {
        let frame = FRAME as u64;
        chunks
            .iter()
            .map(|c| (c.start / frame, c.samples.len() / FRAME))
            .collect()
    }

    #[test]
    fn what_is_short_stays_whole() {
        let audio = [audio(&[(20, 0.0), (60, 0.9), (5, 0.0)]), vec![0.0; 100]].concat();
        let chunks = cut(&audio);
        assert_eq!(chunks.len(), 1);
        assert!(chunks[0].is_whole);
        assert_eq!((chunks[0].start, &chunks[0].samples), (0, &audio));
    }

    #[test]
    fn a_cut_is_in_the_middle_of_the_last_pause() {
        let chunks = cut(&audio(&[
            (50, 0.9),
            (22, 0.2),
            (4, 0.9),
            (20, 0.2),
            // Too short for one.
            (1, 0.9),
            (2, 0.2),
            (40, 0.9),
        ]));
        assert_eq!(frames(&chunks), [(0, 86), (86, 53)]);
        assert!(!chunks[0].is_whole && !chunks[1].is_whole);
    }

    #[test]
    fn a_first_piece_that_is_wanted_soon_ends_at_its_first_pause() {
        let audio = audio(&[(10, 0.9), (25, 0.2), (10, 0.9), (25, 0.2), (29, 0.9)]);
        let mut chunks = Vec::new();
        let mut take = |chunk| {
            chunks.push(chunk);
            Ok::<_, Infallible>(())
        };
        let chunker = Chunker::new(Told, Duration::from_millis(1600));
        // Twenty frames: the pause before them is too early.
        let mut chunker = chunker.with_first(Duration::from_millis(320));
        let Ok(()) = chunker.push(&audio, &mut take);
        let Ok(()) = chunker.finish(&mut take);
        assert_eq!(frames(&chunks), [(0, 54), (54, 45)]);
        assert!(chunks.iter().all(|chunk| !chunk.is_whole));
    }

    #[test]
    fn without_a_pause_the_cut_is_where_least_is_heard() {
        let chunks = cut(&audio(&[(70, 0.9), (1, 0.6), (100, 0.9)]));
        assert_eq!(frames(&chunks)[0], (0, 70));
    }

    #[test]
    fn silence_is_no_piece_and_is_left_out_at_the_ends_of_one() {
        assert!(cut(&audio(&[(1_000, 0.0)])).is_empty());
        assert!(cut(&[]).is_empty());
        let chunks = cut(&audio(&[(250, 0.0), (10, 0.9), (250, 0.0)]));
        let (start, length) = frames(&chunks)[0];
        assert_eq!(chunks.len(), 1);
        assert!(
            start <= 250 - 31 && start + length as u64 >= 260,
            "{start} {length}"
        );
        assert!(length <= 10 + 2 * 51, "{length}");
        // Until the end of the last frame of speech.
        assert_eq!(
            start * FRAME as u64 + chunks[0].spoken as u64,
            260 * FRAME as u64
        );
    }

    #[test]
    fn noise_is_no_piece_and_one_word_in_it_is() {
        assert!(cut(&audio(&[(40, 0.4), (2, 0.68), (40, 0.4)])).is_empty());
        assert_eq!(cut(&audio(&[(40, 0.4), (1, 0.75), (40, 0.4)])).len(), 1);
        assert_eq!(cut(&audio(&[(70, 0.4), (12, 0.55)])).len(), 1);
    }

    #[test]
    fn less_than_a_frame_is_a_piece_where_it_is_heard() {
        let chunks = cut(&[0.9; 100]);
        assert_eq!((chunks[0].start, chunks[0].samples.len()), (0, 100));
    }

    #[test]
    fn an_error_of_who_takes_ends_it() {
        let mut chunker = Chunker::new(Told, Duration::from_millis(1600));
        let refused = chunker.push(&audio(&[(300, 0.9)]), &mut |_| Err("enough"));
        assert_eq!(refused, Err("enough"));
    }

    proptest! {
        #[test]
        fn every_sample_that_may_be_speech_is_in_one_piece_in_its_place(
            stretches in prop::collection::vec((1_usize..200, 0.0_f32..1.0), 0..20),
            rest in 0_usize..FRAME,
            piece in 1_usize..5_000,
        ) {
            let mut audio = audio(&stretches);
            // Samples that say where they are, behind the first of each frame.
            for (at, sample) in audio.iter_mut().enumerate().filter(|(at, _)| at % FRAME > 0) {
                *sample = f32::from(u16::try_from(at % 65_536).unwrap());
            }
            audio.extend(vec![0.9; rest]);
            let mut end = 0;
            let mut covered = vec![false; audio.len()];
            for chunk in cut_in(Duration::from_millis(1600), &audio, piece) {
                let start = usize::try_from(chunk.start).unwrap();
                prop_assert!(start >= end);
                end = start + chunk.samples.len();
                prop_assert!(chunk.samples.len() < 101 * FRAME);
                prop_assert!((1..=chunk.samples.len()).contains(&chunk.spoken));
                // The first sample of a frame says how likely it is speech.
                let silent = &audio[start + chunk.spoken..end];
                prop_assert!(silent.chunks_exact(FRAME).all(|frame| frame[0] < NOBODY));
                prop_assert_eq!(&audio[start..end], chunk.samples.as_slice());
                covered[start..end].fill(true);
            }
            for (at, frame) in audio.chunks_exact(FRAME).enumerate() {
                if frame[0] >= CERTAIN {
                    prop_assert!(covered[at * FRAME..(at + 1) * FRAME].iter().all(|c| *c), "frame {}", at);
                }
            }
        }
    }
}
