// A network that fails on demand: it stands between the browser and the edge and passes everything on, until it is
// told to keep back what comes from one side, or to cut every connection.
import { createServer, connect, type Socket } from "node:net";
import { once } from "node:events";

export interface Relay {
  readonly url: string;
  /** After so many more bytes of the browser nothing more is passed on of it. Resolves when that is so. */
  readonly holdUpload: (after: number) => Promise<void>;
  /** Once this text has come from the edge nothing more is passed on from there. Resolves when that is so. */
  readonly holdAnswer: (after: string) => Promise<void>;
  /** Ends all connections, and takes no others until `mend`: as a lost network does. */
  readonly cut: () => void;
  /** Passes everything on again. */
  readonly mend: () => void;
  readonly stop: () => Promise<void>;
}

/** Is told of all that passes, after it was passed on. */
export interface Tap {
  readonly there: (chunk: Buffer) => void;
  readonly back: (chunk: Buffer) => void;
}

interface Hold {
  readonly reached: (chunk: Buffer) => boolean;
  readonly done: () => void;
  isReached: boolean;
}

export async function startRelay(target: string, tap?: Tap): Promise<Relay> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let upload: Hold | null = null;
  let answer: Hold | null = null;
  let isDown = false;

  const pass = (from: Socket, to: Socket, hold: () => Hold | null, tell?: (chunk: Buffer) => void): void => {
    from.on("data", (chunk: Buffer) => {
      const held = hold();
      if (held?.isReached) return;
      to.write(chunk);
      tell?.(chunk);
      if (held?.reached(chunk)) {
        held.isReached = true;
        held.done();
      }
    });
    from.on("close", () => to.destroy());
    from.on("error", () => to.destroy());
    sockets.add(from);
    from.on("close", () => sockets.delete(from));
  };
  const server = createServer((browser) => {
    if (isDown) {
      browser.on("error", () => undefined).resetAndDestroy();
      return;
    }
    const edge = connect(Number(port), hostname);
    // It adds no waiting of its own.
    for (const socket of [browser, edge]) socket.setNoDelay(true);
    pass(browser, edge, () => upload, (chunk) => tap?.there(chunk));
    pass(edge, browser, () => answer, (chunk) => tap?.back(chunk));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");

  const held = (reached: (chunk: Buffer) => boolean, set: (hold: Hold) => void): Promise<void> =>
    new Promise((done) => { set({ reached, done, isReached: false }); });
  const cut = (): void => {
    isDown = true;
    upload = null;
    answer = null;
    for (const socket of sockets) socket.resetAndDestroy();
  };
  return {
    url: `http://127.0.0.1:${String(address.port)}`,
    holdUpload: (after) => {
      let left = after;
      return held((chunk) => (left -= chunk.length) <= 0, (hold) => { upload = hold; });
    },
    holdAnswer: (after) => held((chunk) => chunk.includes(after), (hold) => { answer = hold; }),
    cut,
    mend: () => {
      isDown = false;
      upload = null;
      answer = null;
    },
    stop: async () => {
      cut();
      server.close();
      await once(server, "close");
    },
  };
}
