//! End-to-end tests: real workerd, the real service, real clients
