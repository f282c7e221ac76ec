import Database from "better-sqlite3";

export type Connection = Database.Database;

/** Open the database and bring it up to date. `:memory:` gives a fresh one. */
export function connect(file: string): Connection {
  const db = new Database(file);
  db.pragma("journal_mode = WAL");
  db.pragma("foreign_keys = ON");
  return db;
}

let last = 0;

/** A text id that sorts by time of creation. */
export function newId(now: () => number = Date.now): string {
  last = Math.max(last + 1, now());
  return last.toString(36).padStart(9, "0");
}
