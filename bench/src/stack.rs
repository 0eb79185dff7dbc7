//! The whole product as most parts measure it: the service, and workerd with the Worker before it.

use crate::deployment::{Deployment, random_secret};
use crate::error::Error;
use crate::form;
use crate::load::Load;
use crate::service::Service;
use crate::speech::Settings;
use crate::workerd::{Script, Workerd};

/// Both, running. They end when this is dropped.
pub(crate) struct Stack {
    pub(crate) service: Service,
    pub(crate) workerd: Workerd,
    /// The value of `Authorization` that a key of every scope makes.
    pub(crate) authorization: String,
}

impl Stack {
    /// With so many states; `arguments` are the service's, `bindings` further settings of the Worker.
    pub(crate) async fn start(
        settings: &Settings<'_>,
        states: usize,
        arguments: &[&str],
        bindings: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let script = Script::built(settings.bundle);
        Self::of(script, settings, states, arguments, bindings).await
    }

    /// The same, of a Worker that has its database and bucket.
    pub(crate) async fn with_stores(settings: &Settings<'_>, states: usize) -> Result<Self, Error> {
        let script = Script::with_stores(settings.bundle);
        Self::of(script, settings, states, &[], &[]).await
    }

    async fn of(
        script: Script,
        settings: &Settings<'_>,
        states: usize,
        arguments: &[&str],
        bindings: &[(&'static str, &str)],
    ) -> Result<Self, Error> {
        let secret = random_secret()?;
        let service = Service::start(settings.inference, states, &secret, arguments).await?;
        let deployment = Deployment::new(&service.origin, &secret)?;
        let mut worker = deployment.worker(script);
        for (name, value) in bindings {
            worker.bindings.insert(name, (*value).to_owned());
        }
        let workerd = Workerd::start(settings.harness, &worker).await?;
        Ok(Self {
            service,
            workerd,
            authorization: deployment.key.authorization,
        })
    }

    /// A transcription of `file`.
    pub(crate) fn transcription(&self, file: &[u8]) -> Result<Load, Error> {
        let headers = [
            ("authorization", self.authorization.as_str()),
            form::CONTENT_TYPE,
        ];
        Load::new("/v1/audio/transcriptions", &headers, form::of(file))
    }
}
