//! The routes for jobs and uploads.

use serde_json::json;

use super::answers::JobBatch;
use super::parameters as p;
use super::route::{Body, Content, Key, Route, route};
use crate::jobs::{
    BatchRequest, DeadJobList, JobList, JobRequest, JobView, UploadRequest, UploadView,
};
use crate::scope::{AdminScope, Scope};

const JOBS: &str = "Jobs";
const UPLOADS: &str = "Uploads";

/// What every one of these routes may answer.
const OF_JOBS: [&str; 1] = ["jobs_unavailable"];

pub(super) fn routes() -> Vec<Route> {
    let mut routes = jobs();
    routes.extend(uploads());
    routes
}

fn of(route: Route, group: &'static str) -> Route {
    route
        .of(group)
        .needs(Key::Ordinary(Some(Scope::Jobs)))
        .fails(&OF_JOBS)
}

fn jobs() -> Vec<Route> {
    let of = |route| of(route, JOBS);
    vec![
        of(route("post", "/v1/jobs", "createJob", "Makes a job"))
            .says(
                "Of an upload, or of an address where the deployment asks such. It waits for its turn, for a host, and for \
                 the limits of the key; its transcript is kept for the key's owner. It is charged like a transcription when \
                 it starts, once, however often it is tried.",
            )
            .takes(&[p::idempotency_key])
            .reads::<JobRequest>(json!({"upload_id": "up_00000000000000000000", "language": "en"}))
            .gives_at::<JobView>(202, "The job.", &["Location"])
            .fails(&[
                "not_found",
                "model_not_found",
                "upload_is_incomplete",
                "idempotency_key_reused",
                "too_many_jobs",
                "urls_switched_off",
                "url_not_allowed",
            ]),
        of(route("post", "/v1/jobs/batch", "createJobs", "Makes many jobs"))
            .says("Up to 100. What is wrong with one does not keep the others from being made.")
            .takes(&[p::idempotency_key])
            .reads::<BatchRequest>(json!({"jobs": [{"upload_id": "up_00000000000000000000"}]}))
            .gives::<JobBatch>(202, "A job or an error for each, in their order.")
            .fails(&["idempotency_key_reused", "too_many_jobs"]),
        of(route("get", "/v1/jobs", "listJobs", "The jobs"))
            .says("Of the key's owner, newest first. What was over thirty days ago is not there any more.")
            .takes(&[p::job_state, p::page_size, p::cursor])
            .gives::<JobList>(200, "A page of them."),
        of(route("get", "/v1/jobs/{id}", "getJob", "A job"))
            .says("Asking costs nothing.")
            .takes(&[p::job_id])
            .gives::<JobView>(200, "The job.")
            .fails(&["not_found"]),
        of(route("delete", "/v1/jobs/{id}", "cancelJob", "Ends a job"))
            .says("One that runs, too: its host stops. One that is over stays as it is.")
            .takes(&[p::job_id])
            .gives::<JobView>(200, "The job as it is then.")
            .fails(&["not_found"]),
        of(route("get", "/v1/jobs/{id}/events", "watchJob", "The course of a job"))
            .says(
                "Server-sent events: `{\"type\": \"job.updated\", \"job\": …}` at once and whenever it changes, and in the end \
                 `job.succeeded`, `job.failed` or `job.cancelled`.",
            )
            .takes(&[p::job_id])
            .answers(
                200,
                "The events.",
                vec![("text/event-stream", Content::Plain(json!({"type": "object"})))],
                &[],
            )
            .fails(&["not_found"]),
        route("get", "/admin/jobs", "listDeadJobs", "Jobs that were given up")
            .of(JOBS)
            .needs(Key::Root(Some(AdminScope::Jobs)))
            .says("Those that failed, by no fault of their owners, as often as the deployment tries. Newest first.")
            .takes(&[p::dead, p::owner, p::page_size, p::cursor])
            .gives::<DeadJobList>(200, "A page of them.")
            .fails(&["database_unavailable"]),
        route("post", "/admin/jobs/{id}/retry", "retryJob", "Tries a job again")
            .of(JOBS)
            .needs(Key::Root(Some(AdminScope::Jobs)))
            .says("One that was given up.")
            .takes(&[p::job_id])
            .gives::<JobView>(200, "It waits for its turn again.")
            .fails(&["not_found", "job_is_not_dead", "jobs_unavailable", "database_unavailable"]),
    ]
}

fn uploads() -> Vec<Route> {
    let of = |route| of(route, UPLOADS);
    let mut put = of(route("put", "/v1/uploads/{id}", "putPart", "Sends a part of a file"))
        .says(
            "Its bytes, as they are. Every part is `part_bytes` long but the last one; `Content-Length` must say so. One that \
             is sent again replaces the first. With the last missing part the upload is complete. It costs nothing.",
        )
        .takes(&[p::upload_id, p::part])
        .gives::<UploadView>(200, "The upload.")
        .fails(&[
            "not_found",
            "length_required",
            "upload_is_complete",
            "file_too_large",
            "store_unavailable",
        ]);
    put.body = Some(Body {
        kind: "application/octet-stream",
        schema: Content::Plain(json!({"type": "string", "format": "binary"})),
        optional: false,
        example: None,
    });
    vec![
        of(route("post", "/v1/uploads", "createUpload", "Begins an upload"))
            .says("Of a file of up to 5 GB. It is there for two days, or until the jobs are over that need it.")
            .takes(&[p::idempotency_key])
            .reads::<UploadRequest>(json!({"name": "talk.flac", "bytes": 1_000_000}))
            .gives::<UploadView>(201, "The upload.")
            .fails(&["idempotency_key_reused", "too_many_uploads"]),
        of(route("get", "/v1/uploads/{id}", "getUpload", "An upload"))
            .says("Which parts are there: one that was cut off goes on with the others.")
            .takes(&[p::upload_id])
            .gives::<UploadView>(200, "The upload.")
            .fails(&["not_found"]),
        put,
        of(route("delete", "/v1/uploads/{id}", "deleteUpload", "Deletes an upload"))
            .takes(&[p::upload_id])
            .says("A job that needs it keeps the file until it is over.")
            .gives_nothing(204, "It is gone.")
            .fails(&["not_found"]),
    ]
}
