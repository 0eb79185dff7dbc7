//! The admin API as the Worker has it: edge-core's rules, on storage in memory.

use edge_core::admin::{Admin, AuditFilter, Idempotency, KeyFilter, UsageFilter};
use edge_core::change::Actor;
use edge_core::error::EdgeError;
use edge_core::scope::AdminScope;
use edge_core::testing::{Memory, SeededRng, ready, settings};
use percent_encoding::percent_decode_str;
use serde::Serialize;

use crate::server::{ROOT_KEY, Reply, Request, Server};

/// What time it is there, in unix seconds: 2026-09-21 14:13:20 UTC.
pub(crate) const NOW: u64 = 1_790_000_000;

fn json(status: u16, body: &impl Serialize) -> Reply {
    Reply::new(status, serde_json::to_vec(body).unwrap())
}

fn refusal(error: &EdgeError) -> Reply {
    let answer = error.answer();
    let mut headers = vec![("x-request-id", "req-1".to_owned())];
    headers.extend(answer.retry_after.map(|s| ("retry-after", s.to_string())));
    Reply::Answer {
        status: answer.status,
        headers,
        body: answer.body().into_bytes(),
    }
}

/// The server that answers by the edge's own rules.
pub(crate) fn admin_api(memory: Memory) -> Server {
    let settings = settings();
    let mut rng = SeededRng::new(1);
    let mut number = 0;
    memory.now.set(NOW * 1_000);
    Server::start(move |request| {
        if request.header("authorization") != Some(&format!("Bearer {ROOT_KEY}")) {
            return refusal(&EdgeError::InvalidKey);
        }
        number += 1;
        let admin = Admin {
            ports: &memory,
            settings: &settings,
            actor: Actor {
                id: "root".to_owned(),
                request_id: format!("req-{number}"),
            },
            credential: ROOT_KEY,
        };
        route(&admin, request, &mut rng).unwrap_or_else(|error| refusal(&error))
    })
}

fn route(
    admin: &Admin<'_, Memory>,
    request: &Request,
    rng: &mut SeededRng,
) -> Result<Reply, EdgeError> {
    let path = request.target.split('?').next().unwrap_or_default();
    let segments: Vec<String> = path
        .split('/')
        .skip(1)
        .map(|part| percent_decode_str(part).decode_utf8().unwrap().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let header = request.header("idempotency-key").unwrap_or_default();
    let once = Idempotency::of(header, &request.body)?;
    let (once, body) = (once.as_ref(), request.body.as_slice());
    let query = |name: &str| request.query(name);
    Ok(match (request.method.as_str(), segments.as_slice()) {
        ("POST", ["admin", "keys"]) => json(201, &ready(admin.create(body, once, rng))?),
        ("POST", ["admin", "keys", "bulk"]) => {
            json(201, &ready(admin.create_many(body, once, rng))?)
        }
        ("POST", ["admin", "keys", "import"]) => json(201, &ready(admin.import(body, rng))?),
        ("GET", ["admin", kind @ ("keys" | "root-keys")]) => {
            let filter = KeyFilter {
                owner: query("owner"),
                plan: query("plan"),
                enabled: query("enabled"),
                cursor: query("cursor"),
                limit: query("limit"),
            };
            json(200, &ready(admin.list(*kind == "root-keys", &filter))?)
        }
        ("GET", ["admin", "keys", id, "usage"]) => {
            json(200, &ready(admin.key_usage(id, &usage(request)))?)
        }
        ("GET", ["admin", "usage"]) => json(200, &ready(admin.usage(&usage(request)))?),
        ("GET", ["admin", "audit"]) => json(200, &ready(admin.audit(&audit(request)))?),
        ("POST", ["admin", "keys", id, "credits"]) => {
            json(200, &ready(admin.credits(id, body, once))?)
        }
        ("POST", ["admin", kind @ ("keys" | "root-keys"), id, "rotate"]) => {
            let root = *kind == "root-keys";
            json(200, &ready(admin.rotate(root, id, body, once, rng))?)
        }
        ("POST", ["admin", "root-keys"]) => {
            let holder = [AdminScope::All];
            json(201, &ready(admin.create_root(body, &holder, once, rng))?)
        }
        (method, ["admin", kind @ ("keys" | "root-keys"), id]) => {
            let root = *kind == "root-keys";
            match method {
                "GET" => json(200, &ready(admin.get(root, id))?),
                "PATCH" => json(200, &ready(admin.patch(root, id, body))?),
                "DELETE" => {
                    ready(admin.revoke(root, id))?;
                    Reply::new(204, "")
                }
                _ => return Err(EdgeError::UnknownRoute),
            }
        }
        ("GET", ["admin", "plans"]) => json(200, &ready(admin.plans())?),
        ("GET", ["admin", "plans", name]) => json(200, &ready(admin.plan(name))?),
        ("PUT", ["admin", "plans", name]) => json(200, &ready(admin.put_plan(name, body))?),
        ("DELETE", ["admin", "plans", name]) => {
            ready(admin.delete_plan(name))?;
            Reply::new(204, "")
        }
        ("GET", ["admin", "owners", owner]) => json(200, &ready(admin.owner(owner))?),
        ("DELETE", ["admin", "owners", owner]) => json(200, &ready(admin.purge_owner(owner))?),
        ("PUT", ["admin", "owners", owner, "limits"]) => {
            json(200, &ready(admin.set_owner_limits(owner, body))?)
        }
        ("POST", ["v1", "keys", "verify"]) => json(200, &ready(admin.verify_key(body))?),
        _ => return Err(EdgeError::UnknownRoute),
    })
}

fn usage(request: &Request) -> UsageFilter {
    UsageFilter {
        owner: request.query("owner"),
        plan: request.query("plan"),
        from: request.query("from"),
        to: request.query("to"),
        by: request.query("by"),
    }
}

fn audit(request: &Request) -> AuditFilter {
    AuditFilter {
        actor: request.query("actor"),
        action: request.query("action"),
        target: request.query("target"),
        owner: request.query("owner"),
        from: request.query("from"),
        to: request.query("to"),
        limit: request.query("limit"),
        cursor: request.query("cursor"),
    }
}
