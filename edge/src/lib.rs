//! The Cloudflare Worker: ports of edge-core on KV, Durable Objects and fetch
