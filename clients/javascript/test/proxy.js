// A line to the server that a test can cut.
import { connect, createServer } from "node:net";

/** Forwards to the server at `target`. `cut` ends all connections and lets none through until `heal`. */
export async function line(target) {
  const { hostname, port } = new URL(target);
  const open = new Set();
  const state = { cut: false, deaf: false };
  const server = createServer((near) => {
    if (state.cut) return near.destroy();
    const far = connect(Number(port), hostname);
    const pair = [near, far];
    open.add(pair);
    const end = () => {
      open.delete(pair);
      for (const side of pair) side.destroy();
    };
    near.on("data", (data) => far.write(data));
    far.on("data", (data) => state.deaf || near.write(data));
    for (const side of pair) side.on("error", end).on("close", end);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    cut() {
      state.cut = true;
      for (const pair of [...open]) for (const side of pair) side.destroy();
    },
    heal() {
      state.cut = state.deaf = false;
    },
    /** What the server says is lost from here on. */
    deafen() {
      state.deaf = true;
    },
    end() {
      this.cut();
      server.close();
    },
  };
}
