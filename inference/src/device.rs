//! Where models run: on the CPU, or on one or several GPUs.
//!
//! Each device has its own threads, and its own copy of every model that is loaded; what waits is one queue, from
//! which the threads of all devices take. Which GPUs there are comes in as a list, so that the choice can be tested
//! where there is none.

use std::fmt;
use std::str::FromStr;

/// Most devices that may be named: more than any host has, and fewer than would fill its memory with lists.
const MOST_DEVICES: usize = 64;

/// A GPU, as ggml lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// Its place among all that ggml sees: what whisper.cpp is told.
    pub index: u16,
    /// What drives it: `CUDA`, `Vulkan`, `Metal`.
    pub driver: String,
    /// Its place among those with the same driver: the 1 of `cuda:1`.
    pub number: u16,
    /// What its maker calls it.
    pub description: String,
}

/// What a model runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Device {
    /// The processor.
    Cpu,
    /// A graphics processor.
    Gpu(Gpu),
}

impl Device {
    /// Whether it is a GPU.
    pub fn is_gpu(&self) -> bool {
        matches!(self, Self::Gpu(_))
    }

    /// What whisper.cpp is told of it.
    pub(crate) fn gpu_index(&self) -> Option<u16> {
        match self {
            Self::Cpu => None,
            Self::Gpu(gpu) => Some(gpu.index),
        }
    }
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Gpu(gpu) => write!(f, "{}:{}", gpu.driver.to_ascii_lowercase(), gpu.number),
        }
    }
}

/// What `--device` says: `auto`, `cpu`, `cuda`, `cuda:0`, `cuda:0,1`; `vulkan` and `metal` likewise.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// Every GPU that the program can drive, of the first driver that has any; the CPU where there is none.
    #[default]
    Auto,
    /// The CPU, whatever else there is.
    Cpu,
    /// GPUs of one driver, by their numbers.
    Gpus {
        /// In lower case: `cuda`.
        driver: String,
        /// In the order in which they were named, none twice.
        numbers: Vec<u16>,
    },
}

/// Drivers that whisper.cpp has and this program can be built with.
const DRIVERS: [&str; 3] = ["cuda", "vulkan", "metal"];

impl FromStr for DeviceChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (kind, list) = text.split_once(':').unwrap_or((text, "0"));
        match (kind, text) {
            (_, "auto") => Ok(Self::Auto),
            (_, "cpu") => Ok(Self::Cpu),
            (driver, _) if DRIVERS.contains(&driver) => {
                let mut numbers = Vec::new();
                for number in list.split(',') {
                    let number = number
                        .parse()
                        .map_err(|_| format!("'{number}' is not the number of a GPU"))?;
                    if numbers.contains(&number) {
                        return Err(format!("GPU {number} is named twice"));
                    }
                    numbers.push(number);
                    if numbers.len() > MOST_DEVICES {
                        return Err(format!("more than {MOST_DEVICES} GPUs are named"));
                    }
                }
                let driver = driver.to_owned();
                Ok(Self::Gpus { driver, numbers })
            }
            _ => Err("must be auto, cpu, or a GPU such as cuda:0 or cuda:0,1".to_owned()),
        }
    }
}

/// Why the devices that were asked for can't be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The program has no code for such GPUs.
    #[error("this program was built without {driver}: build it with `--features {driver}`")]
    NotBuilt {
        /// As asked for.
        driver: String,
    },
    /// There is no such GPU, or its driver does not show it.
    #[error("there is no {driver}:{number}; present: {present}")]
    NotPresent {
        /// As asked for.
        driver: String,
        /// As asked for.
        number: u16,
        /// What there is.
        present: String,
    },
}

impl DeviceChoice {
    /// The devices meant, among the GPUs that are `present`; never none. `built` are the drivers that the program was
    /// built with, in lower case.
    pub fn resolve(&self, present: &[Gpu], built: &[&str]) -> Result<Vec<Device>, DeviceError> {
        match self {
            Self::Cpu => Ok(vec![Device::Cpu]),
            Self::Auto => {
                let driver = present.first().map(|gpu| &gpu.driver);
                let of_driver = present.iter().filter(|gpu| Some(&gpu.driver) == driver);
                let mut devices: Vec<_> = of_driver.cloned().map(Device::Gpu).collect();
                if devices.is_empty() {
                    devices.push(Device::Cpu);
                }
                Ok(devices)
            }
            Self::Gpus { driver, numbers } => {
                if !built.contains(&driver.as_str()) {
                    let driver = driver.clone();
                    return Err(DeviceError::NotBuilt { driver });
                }
                let find = |number: &u16| {
                    let wanted = |gpu: &&Gpu| {
                        gpu.driver.eq_ignore_ascii_case(driver) && gpu.number == *number
                    };
                    let found = present.iter().find(wanted).cloned();
                    found
                        .map(Device::Gpu)
                        .ok_or_else(|| DeviceError::NotPresent {
                            driver: driver.clone(),
                            number: *number,
                            present: listed(present),
                        })
                };
                numbers.iter().map(find).collect()
            }
        }
    }
}

fn listed(present: &[Gpu]) -> String {
    if present.is_empty() {
        return "no GPU".to_owned();
    }
    let name = |gpu: &Gpu| format!("{} ({})", Device::Gpu(gpu.clone()), gpu.description);
    present.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// The drivers that this program was built with.
pub(crate) fn built() -> Vec<&'static str> {
    let drivers = [
        ("cuda", cfg!(feature = "cuda")),
        ("vulkan", cfg!(feature = "vulkan")),
        ("metal", cfg!(feature = "metal")),
    ];
    let built = drivers.into_iter().filter(|(_, is_built)| *is_built);
    built.map(|(driver, _)| driver).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gpu(index: u16, driver: &str, number: u16) -> Gpu {
        Gpu {
            index,
            driver: driver.to_owned(),
            number,
            description: "H200".to_owned(),
        }
    }

    fn names(choice: &str, present: &[Gpu], built: &[&str]) -> Result<Vec<String>, DeviceError> {
        let choice: DeviceChoice = choice.parse().unwrap();
        let devices = choice.resolve(present, built)?;
        Ok(devices.iter().map(Device::to_string).collect())
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for text in [
            "",
            "gpu",
            "CPU",
            "cpu:0",
            "auto:1",
            "cuda:",
            "cuda:x",
            "cuda:-1",
            "cuda:0,,1",
            "cuda:0,0",
            "cuda:65536",
            "opencl:0",
        ] {
            assert!(text.parse::<DeviceChoice>().is_err(), "{text:?}");
        }
        let many: Vec<_> = (0..65).map(|n| n.to_string()).collect();
        let many = format!("cuda:{}", many.join(","));
        assert!(many.parse::<DeviceChoice>().is_err());
    }

    #[test]
    fn auto_takes_all_gpus_of_one_driver_or_the_cpu() {
        let both = [gpu(0, "CUDA", 0), gpu(1, "CUDA", 1), gpu(2, "Vulkan", 0)];
        assert_eq!(
            names("auto", &both, &["cuda", "vulkan"]).unwrap(),
            ["cuda:0", "cuda:1"]
        );
        assert_eq!(names("auto", &[], &["cuda"]).unwrap(), ["cpu"]);
        assert_eq!(names("auto", &[], &[]).unwrap(), ["cpu"]);
        assert_eq!(names("cpu", &both, &["cuda"]).unwrap(), ["cpu"]);
    }

    #[test]
    fn a_gpu_is_meant_by_driver_and_number_and_must_be_there() {
        let both = [gpu(0, "Vulkan", 0), gpu(1, "CUDA", 0), gpu(2, "CUDA", 1)];
        let built = ["cuda", "vulkan"];
        assert_eq!(
            names("cuda:1,0", &both, &built).unwrap(),
            ["cuda:1", "cuda:0"]
        );
        assert_eq!(names("vulkan", &both, &built).unwrap(), ["vulkan:0"]);
        let second = DeviceChoice::from_str("cuda:1").unwrap();
        let second = second.resolve(&both, &built).unwrap();
        assert_eq!(second[0].gpu_index(), Some(2));
        let missing = names("cuda:2", &both, &built).unwrap_err().to_string();
        assert!(
            missing.contains("cuda:2") && missing.contains("cuda:0 (H200)"),
            "{missing}"
        );
        let none = names("cuda:0", &[], &built).unwrap_err().to_string();
        assert!(none.ends_with("present: no GPU"), "{none}");
    }

    #[test]
    fn a_gpu_that_the_program_has_no_code_for_is_refused_with_the_cure() {
        let error = names("cuda:0", &[], &[]).unwrap_err();
        assert!(error.to_string().contains("--features cuda"), "{error}");
    }
}
