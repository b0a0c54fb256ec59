// Mercurius with JIT over pg, as a good engineer writes it: loaders for every edge, one statement a batch.
import Fastify from "fastify";
import mercurius from "mercurius";
import pg from "pg";

pg.types.setTypeParser(1082, (text) => text);
pg.types.setTypeParser(1184, (text) => text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"));
const pool = new pg.Pool({
  connectionString: process.env.BENCH_DATABASE_URL,
  max: Number(process.env.BENCH_CONNECTIONS),
  options: "-c jit=off -c timezone=UTC",
});
const query = (name, text, values) => pool.query({ name, text, values }).then((found) => found.rows);

const schema = `
  enum AircraftStatus { ACTIVE MAINTENANCE STORED RETIRED }
  enum UtilisationKind { OPENING FLIGHT CORRECTION }
  scalar Date
  scalar DateTime
  type User { id: ID! name: String! }
  type AircraftType { id: ID! manufacturer: String! model: String! }
  type Aircraft {
    id: ID! registration: String! serialNumber: String! status: AircraftStatus! manufacturedOn: Date
    baseAirport: String totalCycles: Int! version: Int! createdAt: DateTime! updatedAt: DateTime!
    type: AircraftType! utilisation(first: Int!): UtilisationEntryConnection!
  }
  type UtilisationEntry {
    id: ID! kind: UtilisationKind! flownOn: Date! minutes: Int! cycles: Int! note: String
    aircraft: Aircraft! reporter: User corrections(first: Int!): UtilisationEntryConnection!
  }
  type UtilisationEntryConnection { nodes: [UtilisationEntry!]! }
  type PageInfo { hasNextPage: Boolean! endCursor: String }
  type AircraftConnection { nodes: [Aircraft!]! pageInfo: PageInfo! }
  type Query {
    aircraft(id: ID!): Aircraft
    aircraftList(first: Int!, after: String): AircraftConnection!
    utilisationEntries(first: Int!, kind: UtilisationKind!, after: String): UtilisationEntryConnection!
  }`;

const AIRCRAFT = `id AS uuid, 'ac_' || id AS id, registration, serial_number AS "serialNumber", status,
  manufactured_on AS "manufacturedOn", base_airport AS "baseAirport", total_cycles AS "totalCycles", version,
  created_at AS "createdAt", updated_at AS "updatedAt", type_id`;
const ENTRY = `id AS uuid, 'ut_' || id AS id, kind, flown_on AS "flownOn", minutes, cycles, note, aircraft_id,
  reporter_id, corrects_id`;
const key = (cursor) => JSON.parse(Buffer.from(cursor, "base64url").toString()).slice(1);
const cursor = (order, ...values) =>
  Buffer.from(`[${[order, ...values].map((value) => JSON.stringify(value)).join(", ")}]`).toString("base64url");

const byId = (name, sql, pick) => async (asked, { org }) => {
  const wanted = asked.map(({ obj }) => obj[pick]);
  const rows = await query(name, sql, sql.includes("$2") ? [wanted, org] : [wanted]);
  const found = new Map(rows.map((row) => [row.uuid, row]));
  return wanted.map((id) => found.get(id) ?? null);
};
const latest = (name, via) => async (asked, { org }) => {
  const parents = asked.map(({ obj }) => obj.uuid);
  const first = Math.max(...asked.map(({ params }) => params.first));
  const rows = await query(
    `${name}${first}`,
    `SELECT e.* FROM unnest($1::uuid[]) parent(id), LATERAL (SELECT ${ENTRY} FROM utilisation_entries e
      WHERE e.org_id = $2 AND e.${via} = parent.id ORDER BY e.flown_on DESC, e.id DESC LIMIT ${Number(first)}) e`,
    [parents, org],
  );
  const grouped = new Map(parents.map((id) => [id, []]));
  for (const row of rows) grouped.get(row[via]).push(row);
  return asked.map(({ obj, params }) => ({ nodes: grouped.get(obj.uuid).slice(0, params.first) }));
};
const AIRCRAFT_BY_ID = `SELECT ${AIRCRAFT} FROM aircraft WHERE id = ANY($1::uuid[]) AND org_id = $2`;
const TYPE_BY_ID = `SELECT id AS uuid, 'at_' || id AS id, manufacturer, model FROM aircraft_types
  WHERE id = ANY($1::uuid[]) AND org_id = $2`;
const USER_BY_ID = `SELECT id AS uuid, 'usr_' || id AS id, name FROM users WHERE id = ANY($1::uuid[])`;

const loaders = {
  Aircraft: { type: byId("types", TYPE_BY_ID, "type_id"), utilisation: latest("utilisation", "aircraft_id") },
  UtilisationEntry: {
    aircraft: byId("aircraft", AIRCRAFT_BY_ID, "aircraft_id"),
    reporter: byId("users", USER_BY_ID, "reporter_id"),
    corrections: latest("corrections", "corrects_id"),
  },
};
const resolvers = {
  Query: {
    aircraft: async (_, { id }, { org }) =>
      (await query("one", `SELECT ${AIRCRAFT} FROM aircraft WHERE org_id = $1 AND id = $2`, [org, id.slice(3)]))[0],
    aircraftList: async (_, { first, after }, { org }) => {
      const beyond = after ? "AND (registration, id) > ($2, $3)" : "";
      const rows = await query(
        `page${first}${beyond && "after"}`,
        `SELECT ${AIRCRAFT} FROM aircraft WHERE org_id = $1 ${beyond}
          ORDER BY aircraft.registration, aircraft.id LIMIT ${Number(first) + 1}`,
        [org, ...(after ? key(after) : [])],
      );
      const nodes = rows.slice(0, first);
      const last = nodes.at(-1);
      const endCursor = last ? cursor("ac:registration,id", last.registration, last.uuid) : null;
      return { nodes, pageInfo: { hasNextPage: rows.length > first, endCursor } };
    },
    utilisationEntries: async (_, { first, kind, after }, { org }) => {
      const beyond = after ? "AND (created_at, id) > ($3, $4)" : "";
      const nodes = await query(
        `entries${first}${beyond && "after"}`,
        `SELECT ${ENTRY} FROM utilisation_entries e WHERE org_id = $1 AND kind = $2 ${beyond}
          ORDER BY e.created_at, e.id LIMIT ${Number(first)}`,
        [org, kind, ...(after ? key(after) : [])],
      );
      return { nodes };
    },
  },
};

const app = Fastify({ logger: false });
app.register(mercurius, {
  schema,
  resolvers,
  loaders,
  jit: 1,
  graphiql: false,
  context: (request) => ({ org: request.headers["x-organization"] }),
});
app.get("/", () => "ready");
await app.listen({ host: "127.0.0.1", port: Number(process.argv[2]) });
