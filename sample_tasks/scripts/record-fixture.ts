import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** `tsx scripts/record-fixture.ts PROVIDER NAME URL`: keep one answer of a provider for the tests. */
const [provider, name, url] = process.argv.slice(2);
if (!provider || !name || !url) {
  console.error("usage: record-fixture.ts PROVIDER NAME URL");
  process.exit(2);
}
const answer = await fetch(url);
const body = await answer.text();
if (body.length > 50_000) {
  console.error(`${body.length} bytes are too many: ask for a shorter time`);
  process.exit(1);
}
const folder = join("fixtures", provider);
await mkdir(folder, { recursive: true });
await writeFile(join(folder, name), body);
