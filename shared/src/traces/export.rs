//! Starting the export, and ending it with what is left.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use domain::random::Random;
use domain::trace_parent::TraceParent;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracerProvider,
};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::exporter::{BoundedProcessor, CollectorClient, CountingExporter, MAX_QUEUE, Queue};
use super::span::{OwnTraceIds, Recorder};

/// How long the end of a process waits for a collector.
const STOP_LIMIT: Duration = Duration::from_secs(5);
const BATCH: usize = 512;
const BATCH_DELAY: Duration = Duration::from_secs(2);

/// Where spans go, and which.
#[derive(Clone, Debug)]
pub struct TraceSettings {
    /// `OTEL_EXPORTER_OTLP_ENDPOINT`, without `/v1/traces`
    pub endpoint: Url,
    /// `OTEL_EXPORTER_OTLP_HEADERS`
    pub headers: Vec<(String, SecretString)>,
    /// `OTEL_SERVICE_NAME`
    pub service_name: Option<String>,
    /// `OTEL_TRACES_SAMPLER` and its argument
    pub sampling: Sampling,
}

/// Which traces are recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampling {
    /// The share of the requests, from 0 to 1.
    pub ratio: f64,
    /// Whether a client that names a trace also decides.
    pub believe_clients: bool,
}

impl Sampling {
    /// Whether the trace of a request is recorded. The share is drawn, not computed of the trace's
    /// id: a client could choose ids.
    pub(super) fn decide(self, client: Option<TraceParent>, random: &Random) -> bool {
        match client {
            Some(client) if self.believe_clients => client.is_sampled(),
            _ => random.fraction() < self.ratio,
        }
    }
}

/// Why the export cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TraceExportError {
    /// The HTTP client.
    #[error("the client of the collector cannot be made: {0}")]
    Client(reqwest::Error),
    /// The exporter.
    #[error("the export of traces cannot be started: {0}")]
    Exporter(#[from] ExporterBuildError),
    /// The second one of a process.
    #[error("the export of traces was started before")]
    StartedBefore,
}

/// The export of spans, or its absence.
#[derive(Debug, Default)]
#[must_use = "spans that are left are sent by `stop`"]
pub struct TraceExport(Option<SdkTracerProvider>);

impl TraceExport {
    /// Starts the export of this process, if there are settings for it. Needs the Tokio runtime.
    ///
    /// # Errors
    /// When its client cannot be made; a collector that is away is no error.
    pub fn start(
        settings: Option<&TraceSettings>,
        binary: &str,
        version: &'static str,
    ) -> Result<Self, TraceExportError> {
        let Some(settings) = settings else {
            return Ok(Self(None));
        };
        let client = CollectorClient::new().map_err(TraceExportError::Client)?;
        let failures = client.failures();
        let headers: HashMap<String, String> = settings
            .headers
            .iter()
            .map(|(name, value)| (name.clone(), value.expose_secret().to_owned()))
            .collect();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_protocol(Protocol::HttpBinary)
            .with_http_client(client)
            .with_endpoint(traces_url(&settings.endpoint))
            .with_headers(headers)
            .build()?;
        let queue = Arc::new(Queue::default());
        let exporter = CountingExporter::new(exporter, Arc::clone(&queue), failures);
        let batches = BatchConfigBuilder::default()
            .with_max_queue_size(MAX_QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(BATCH_DELAY)
            .build();
        let batches = BatchSpanProcessor::builder(exporter)
            .with_batch_config(batches)
            .build();
        let service = settings
            .service_name
            .clone()
            .unwrap_or_else(|| format!("ramz-{binary}"));
        let resource = Resource::builder()
            .with_service_name(service.clone())
            .with_attribute(KeyValue::new("service.version", version))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BoundedProcessor::new(batches, queue))
            // What is not recorded is no span at all here.
            .with_sampler(Sampler::AlwaysOn)
            .with_id_generator(OwnTraceIds::default())
            .with_resource(resource)
            .build();
        let recorder = Recorder {
            tracer: provider.tracer("ramz"),
            sampling: settings.sampling,
        };
        if !recorder.install() {
            return Err(TraceExportError::StartedBefore);
        }
        tracing::info!(
            service,
            collector = settings.endpoint.host_str(),
            ratio = settings.sampling.ratio,
            believe_clients = settings.sampling.believe_clients,
            "traces are exported"
        );
        Ok(Self(Some(provider)))
    }

    /// Sends what is left, for a few seconds at most, and ends the export.
    pub async fn stop(self) {
        let Some(provider) = self.0 else {
            return;
        };
        let stop = move || provider.shutdown_with_timeout(STOP_LIMIT);
        if !matches!(tokio::task::spawn_blocking(stop).await, Ok(Ok(()))) {
            tracing::warn!("the last spans were not taken by the collector");
        }
    }
}

fn traces_url(endpoint: &Url) -> String {
    format!("{}/v1/traces", endpoint.as_str().trim_end_matches('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAMPLED: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    #[test]
    fn a_client_makes_us_record_only_where_it_is_believed() {
        let random = Random::seeded(1);
        let client: Option<TraceParent> = SAMPLED.parse().ok();
        let off = Sampling {
            ratio: 0.0,
            believe_clients: false,
        };
        assert!(!off.decide(client, &random));
        let believing = Sampling {
            believe_clients: true,
            ..off
        };
        assert!(believing.decide(client, &random));
        assert!(!believing.decide(None, &random));
        let everything = Sampling { ratio: 1.0, ..off };
        assert!(everything.decide(client.map(|parent| parent.sampled(false)), &random));
    }

    #[test]
    fn a_share_is_drawn_anew_for_each_request_also_of_one_trace() {
        let random = Random::seeded(1);
        let half = Sampling {
            ratio: 0.5,
            believe_clients: false,
        };
        let client: Option<TraceParent> = SAMPLED.parse().ok();
        let recorded = (0..1_000).filter(|_| half.decide(client, &random)).count();
        assert!((400..600).contains(&recorded), "{recorded}");
    }

    #[test]
    fn the_path_of_traces_is_added_to_that_of_the_collector() {
        for (endpoint, url) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            (
                "https://collector.example/otlp/",
                "https://collector.example/otlp/v1/traces",
            ),
        ] {
            assert_eq!(traces_url(&endpoint.parse().expect("a URL")), url);
        }
    }
}
