// The page at /graphql: our sign-in form (session.js), and GraphiQL with the token that it gives.
"use strict";
(() => {
  const ENDPOINT = location.origin + location.pathname;
  const DEFAULT_QUERY = `# Sign in above, then run operations; subscriptions stream here as well.
{
  viewer { name }
  organization { name }
}
`;
  const element = (id) => document.getElementById(id);
  // A dialog's scroll lock makes a style element; this is where it looks for the nonce that allows it.
  window.__webpack_nonce__ = document.currentScript.nonce;

  const session = opsgraphSession({ endpoint: ENDPOINT });
  session.resume();

  const fetcher = GraphiQL.createFetcher({
    url: ENDPOINT,
    subscriptionUrl: ENDPOINT.replace(/^http/, "ws"),
    enableIncrementalDelivery: false,
    fetch: (url, options) => fetch(url, { ...options, headers: { ...session.headers(), ...options.headers } }),
    // Read anew for each subscription.
    get wsConnectionParams() { return session.headers(); },
  });
  const asked = new URLSearchParams(location.search);
  const properties = {
    fetcher,
    defaultQuery: DEFAULT_QUERY,
    query: asked.get("query") || undefined,
    variables: asked.get("variables") || undefined,
    operationName: asked.get("operationName") || undefined,
  };
  ReactDOM.createRoot(element("graphiql")).render(
    React.createElement(GraphiQL, properties, React.createElement(GraphiQL.Logo, null, "Opsgraph")),
  );
})();
