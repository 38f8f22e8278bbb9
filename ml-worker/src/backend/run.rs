//! A run on the device that was chosen, or on the CPU when that one fails.

use std::sync::Arc;

use quern_training::{Dataset, State};
use quern_work::{Hash, TaskSpec};

use super::{
    Accuracy, Backend, BackendError, Cpu, Device, DeviceError, Isa, Lottery, Step,
    cuda::{Accelerator, Cuda, Driver},
};

/// What a machine trains with.
#[derive(Clone)]
pub struct Hardware {
    /// Threads on the CPU.
    pub threads: usize,
    /// Instructions on the CPU.
    pub isa: Isa,
    accelerator: Option<Arc<dyn Accelerator>>,
    /// Whether the CPU stands in for the accelerator when that one fails.
    falls_back: bool,
}

impl std::fmt::Debug for Hardware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hardware")
            .field("threads", &self.threads)
            .field("isa", &self.isa)
            .field("accelerator", &self.accelerator.as_ref().map(|a| a.name()))
            .field("falls_back", &self.falls_back)
            .finish()
    }
}

impl std::fmt::Display for Hardware {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.accelerator {
            Some(accelerator) => f.write_str(accelerator.name()),
            None => write!(f, "{} threads, {}", self.threads, self.isa),
        }
    }
}

impl Hardware {
    /// The CPU alone.
    pub fn cpu(threads: usize, isa: Isa) -> Self {
        Self {
            threads,
            isa,
            accelerator: None,
            falls_back: false,
        }
    }

    /// What `device` names, with these threads and instructions where it is the CPU. Says in one line what it is.
    ///
    /// # Errors
    /// If a CUDA device was named and cannot be used. Where none was named the CPU does, and the line says why.
    pub fn open(device: Device, threads: usize, isa: Isa) -> Result<Self, DeviceError> {
        let cpu = Self::cpu(threads, isa);
        let accelerator = match device {
            Device::Cpu => None,
            Device::Cuda(number) => Some(Driver::open(number)?),
            Device::Auto => match Driver::open(0) {
                Ok(accelerator) => Some(accelerator),
                Err(reason) => {
                    tracing::info!("training on the CPU ({cpu}): {reason}");
                    return Ok(cpu);
                }
            },
        };
        let Some(accelerator) = accelerator else {
            tracing::info!("training on the CPU ({cpu})");
            return Ok(cpu);
        };
        tracing::info!("training on {}", accelerator.name());
        Ok(Self {
            accelerator: Some(accelerator),
            falls_back: device == Device::Auto,
            ..cpu
        })
    }

    /// The CPU, and an accelerator that it stands in for.
    #[cfg(test)]
    pub(crate) fn with(accelerator: Arc<dyn Accelerator>, falls_back: bool) -> Self {
        Self {
            accelerator: Some(accelerator),
            falls_back,
            ..Self::cpu(1, Isa::Scalar)
        }
    }

    /// The run with this seed in `state`.
    ///
    /// # Errors
    /// If data, state or batch do not fit, or the device fails and was asked for by name.
    pub fn begin(
        &self,
        spec: &TaskSpec,
        seed: Hash,
        dataset: Arc<Dataset>,
        state: State,
    ) -> Result<Run, BackendError> {
        let on_cpu = |dataset, state| {
            let cpu = Cpu::new(spec, seed, dataset, state, self.threads, self.isa)?;
            let backend: Box<dyn Backend> = Box::new(cpu);
            Ok(Run {
                backend,
                spare: None,
            })
        };
        let Some(accelerator) = &self.accelerator else {
            return on_cpu(dataset, state);
        };
        match Cuda::new(accelerator.clone(), spec, seed, dataset.clone(), &state) {
            Ok(cuda) => Ok(Run {
                backend: Box::new(cuda),
                spare: self.falls_back.then(|| Spare {
                    spec: spec.clone(),
                    seed,
                    dataset,
                    state,
                    threads: self.threads,
                    isa: self.isa,
                }),
            }),
            Err(BackendError::Device(reason)) if self.falls_back => {
                tracing::warn!("this run is trained on the CPU: {reason}");
                on_cpu(dataset, state)
            }
            Err(error) => Err(error),
        }
    }
}

/// What the CPU needs to stand in.
struct Spare {
    spec: TaskSpec,
    seed: Hash,
    dataset: Arc<Dataset>,
    /// The last state that was seen.
    state: State,
    threads: usize,
    isa: Isa,
}

/// One run being trained. If its device fails, and was not asked for by name, the CPU goes on from the last state that was read,
/// and trains the steps since then again: they are exact, so nothing else changes.
pub struct Run {
    backend: Box<dyn Backend>,
    spare: Option<Spare>,
}

impl Run {
    /// See [`Backend::step`].
    ///
    /// # Errors
    /// The backend's.
    pub fn step(&mut self, lottery: Option<&Lottery>) -> Result<Step, BackendError> {
        self.attempt(|backend| backend.step(lottery))
    }

    /// See [`Backend::weights_root`].
    ///
    /// # Errors
    /// The backend's.
    pub fn weights_root(&mut self) -> Result<Hash, BackendError> {
        self.attempt(|backend| backend.weights_root())
    }

    /// See [`Backend::state`].
    ///
    /// # Errors
    /// The backend's.
    pub fn state(&mut self) -> Result<State, BackendError> {
        let state = self.attempt(|backend| backend.state())?;
        if let Some(spare) = &mut self.spare {
            spare.state.clone_from(&state);
        }
        Ok(state)
    }

    /// See [`Backend::restore`].
    ///
    /// # Errors
    /// The backend's.
    pub fn restore(&mut self, state: &State) -> Result<(), BackendError> {
        self.attempt(|backend| backend.restore(state))?;
        if let Some(spare) = &mut self.spare {
            spare.state.clone_from(state);
        }
        Ok(())
    }

    /// See [`Backend::step_number`].
    pub fn step_number(&self) -> u64 {
        self.backend.step_number()
    }

    /// See [`Backend::accuracy`].
    ///
    /// # Errors
    /// The backend's.
    pub fn accuracy(&mut self, held_out: &Dataset) -> Result<Accuracy, BackendError> {
        self.attempt(|backend| backend.accuracy(held_out))
    }

    /// Does it here, or on the CPU if the device fails.
    fn attempt<T>(
        &mut self,
        task: impl Fn(&mut dyn Backend) -> Result<T, BackendError>,
    ) -> Result<T, BackendError> {
        let reason = match task(&mut *self.backend) {
            Err(BackendError::Device(reason)) => reason,
            done => return done,
        };
        let Some(spare) = self.spare.take() else {
            return Err(reason.into());
        };
        let step = self.backend.step_number();
        tracing::warn!("this run goes on on the CPU from step {step}: {reason}");
        let Spare {
            spec,
            seed,
            dataset,
            state,
            threads,
            isa,
        } = spare;
        let mut cpu = Cpu::new(&spec, seed, dataset, state, threads, isa)?;
        while cpu.step_number() < step {
            cpu.step(None)?;
        }
        // The device's memory goes with its backend.
        self.backend = Box::new(cpu);
        task(&mut *self.backend)
    }
}
