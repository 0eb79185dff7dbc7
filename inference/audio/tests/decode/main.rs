//! What `inference_audio::decode` promises, kept by real and by hostile files.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod formats;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod real_files;
#[cfg(test)]
mod wav;
#[cfg(test)]
mod wav_file;
