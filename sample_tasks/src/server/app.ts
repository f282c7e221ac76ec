import Fastify, { type FastifyInstance } from "fastify";

import { connect, type Connection } from "../db/client.js";

export interface Services {
  db: Connection;
  now: () => number;
}

/** A message that the user can act on; answered with status 400. */
export class UserError extends Error {}

/** The server with all its routes, not yet listening. */
export function buildApp(services: Services): FastifyInstance {
  const app = Fastify({ logger: false });
  app.setErrorHandler((error, _request, reply) => {
    const status = error instanceof UserError ? 400 : 500;
    void reply.status(status).send({ error: status === 400 ? error.message : "internal error" });
  });
  app.get("/api/health", () => ({ ok: true, at: services.now() }));
  return app;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const app = buildApp({ db: connect("tidewater.db"), now: Date.now });
  await app.listen({ port: Number(process.env.PORT ?? 3000) });
}
