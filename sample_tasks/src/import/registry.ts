import type { Adapter } from "./adapter.js";

const adapters = new Map<string, Adapter>();

/** Make an adapter known; each adapter file calls it once when it is loaded. */
export function register(adapter: Adapter): void {
  if (adapters.has(adapter.provider)) {
    throw new Error(`two adapters claim the provider ${adapter.provider}`);
  }
  adapters.set(adapter.provider, adapter);
}

/** The adapter of a station, found by the prefix of its id. */
export function adapterFor(stationId: string): Adapter | undefined {
  return adapters.get(stationId.split(":", 1)[0] ?? "");
}
