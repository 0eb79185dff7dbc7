//! The GPUs that ggml sees, by the drivers that the program was built with.
#![cfg_attr(
    feature = "gpu",
    allow(
        unsafe_code,
        reason = "ggml's list of devices is C; each use carries its argument"
    )
)]

use crate::device::Gpu;

/// All of them, in ggml's order, by which whisper.cpp is told which one to take. None where the program was built
/// for none.
#[cfg(not(feature = "gpu"))]
pub(crate) fn present() -> Vec<Gpu> {
    Vec::new()
}

/// All of them, in ggml's order, by which whisper.cpp is told which one to take. None where there is no driver.
#[cfg(feature = "gpu")]
pub(crate) fn present() -> Vec<Gpu> {
    use std::ffi::CStr;
    use whisper_rs::whisper_rs_sys as sys;

    whisper_rs::install_logging_hooks();
    let text = |text: *const std::ffi::c_char| {
        if text.is_null() {
            return String::new();
        }
        // SAFETY: ggml gives the names of devices and drivers as C strings that live as long as the program.
        let text = unsafe { CStr::from_ptr(text) };
        text.to_string_lossy().into_owned()
    };
    let mut gpus: Vec<Gpu> = Vec::new();
    // SAFETY: asking for the count makes ggml's list, under its own lock; the list only ever grows.
    let count = unsafe { sys::ggml_backend_dev_count() };
    for place in 0..count {
        // SAFETY: `place` is below the count, so the device is one of the list; its type, driver and names may be asked
        // for as long as the program lives.
        let (kind, driver, description) = unsafe {
            let device = sys::ggml_backend_dev_get(place);
            (
                sys::ggml_backend_dev_type(device),
                text(sys::ggml_backend_reg_name(
                    sys::ggml_backend_dev_backend_reg(device),
                )),
                text(sys::ggml_backend_dev_description(device)),
            )
        };
        // whisper.cpp counts integrated ones too.
        let is_gpu = kind == sys::ggml_backend_dev_type_GGML_BACKEND_DEVICE_TYPE_GPU
            || kind == sys::ggml_backend_dev_type_GGML_BACKEND_DEVICE_TYPE_IGPU;
        if is_gpu && let Ok(index) = u16::try_from(gpus.len()) {
            let number = gpus.iter().filter(|gpu| gpu.driver == driver).count();
            gpus.push(Gpu {
                index,
                driver,
                number: u16::try_from(number).unwrap_or(u16::MAX),
                description,
            });
        }
    }
    gpus
}
