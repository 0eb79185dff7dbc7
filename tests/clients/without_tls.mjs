// For clients that speak TLS only, which the edge under test does not: connections below are plain.
// node --import …/without_tls.mjs program.mjs
import net from "node:net";
import tls from "node:tls";

tls.connect = (...args) => net.connect(...args);
