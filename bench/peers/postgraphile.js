// PostGraphile 5 with its own preset, on the same tables.
import { createServer } from "node:http";
import { grafserv } from "postgraphile/grafserv/node";
import { postgraphile } from "postgraphile";
import { PostGraphileAmberPreset } from "postgraphile/presets/amber";
import { makePgService } from "postgraphile/adaptors/pg";

const preset = {
  extends: [PostGraphileAmberPreset],
  pgServices: [
    makePgService({
      connectionString: process.env.BENCH_DATABASE_URL,
      schemas: ["public"],
      poolConfig: { max: Number(process.env.BENCH_CONNECTIONS), options: "-c jit=off -c timezone=UTC" },
    }),
  ],
  grafserv: { graphiql: false, watch: false, graphqlPath: "/graphql" },
  grafast: { explain: false },
  disablePlugins: ["PgIndexBehaviorsPlugin"], // it hides the relation of corrections: no index has exactly its columns
};
const served = postgraphile(preset).createServ(grafserv);
const server = createServer();
await served.addTo(server);
if (process.argv[3] === "--schema") {
  const { printSchema } = await import("graphql");
  console.log(printSchema((await served.getSchema?.()) ?? (await postgraphile(preset).getSchema())));
}
server.listen(Number(process.argv[2]), "127.0.0.1");
