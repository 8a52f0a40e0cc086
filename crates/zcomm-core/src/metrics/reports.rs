//! What an application adds to the server's reports: metrics, and whether it is healthy.
//!
//! A load balancer asks `/healthz` every few seconds, and sends new clients only to servers that
//! answer 200. A server that runs but cannot do its work must say so.

use std::sync::Arc;

use crate::metrics::figure::Figure;

/// A function that returns the current metrics of an application.
type ReadFigures = dyn Fn() -> Vec<Figure> + Send + Sync;
/// A function that returns why the application cannot do its work now.
type Check = dyn Fn() -> Result<(), String> + Send + Sync;

/// The functions that the server calls for `/metrics` and `/healthz`.
#[derive(Clone, Default)]
pub(crate) struct Reports {
    figures: Vec<Arc<ReadFigures>>,
    check: Option<Arc<Check>>,
}

impl Reports {
    pub(crate) fn add_figures(
        &mut self,
        figures: impl Fn() -> Vec<Figure> + Send + Sync + 'static,
    ) {
        self.figures.push(Arc::new(figures));
    }

    pub(crate) fn set_check(
        &mut self,
        check: impl Fn() -> Result<(), String> + Send + Sync + 'static,
    ) {
        self.check = Some(Arc::new(check));
    }

    pub(crate) fn figures(&self) -> impl Iterator<Item = Figure> {
        self.figures.iter().flat_map(|figures| figures())
    }

    /// Whether the application can do its work; otherwise the reason, in one line.
    pub(crate) fn health(&self) -> Result<(), String> {
        self.check.as_ref().map_or(Ok(()), |check| check())
    }
}
