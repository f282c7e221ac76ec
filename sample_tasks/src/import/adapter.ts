/** One measured level. */
export interface Reading {
  stationId: string;
  atMs: number;
  levelMetres: number;
  quality: 0 | 1 | 2 | 3;
}

/** What an adapter may use of the outside. */
export interface Outside {
  fetch: typeof fetch;
  now: () => number;
}

/** One provider of readings. */
export interface Adapter {
  /** Prefix of its station ids, lower case. */
  readonly provider: string;
  /** At most this many requests a minute. */
  readonly requestsPerMinute: number;
  /** Readings of one station between two times (UTC, milliseconds), oldest first. */
  readings(stationId: string, fromMs: number, toMs: number, outside: Outside): Promise<Reading[]>;
}

/** The provider answered, and the answer cannot be used; says what was wrong with it. */
export class ProviderError extends Error {}
