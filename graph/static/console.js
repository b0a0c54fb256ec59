// The page at /graphql: our sign-in form, and GraphiQL with the token that it gives.
// The access token lives in this tab's sessionStorage, so that a reload keeps it; the refresh token lives in memory
// only, because two tabs (a duplicated one, say) must never use the same one.
"use strict";
(() => {
  const ENDPOINT = location.origin + location.pathname;
  const STORED = "opsgraph.session";
  const SIGN_IN = `mutation SignIn($input: SignInInput!) {
    signIn(input: $input) { accessToken accessTokenExpiresAt refreshToken errors { message } }
  }`;
  const REFRESH = `mutation Refresh($input: RefreshInput!) {
    refresh(input: $input) { accessToken accessTokenExpiresAt refreshToken errors { message } }
  }`;
  const WHO = "{ viewer { name } organization { name } }";
  const DEFAULT_QUERY = `# Sign in above, then run operations; subscriptions stream here as well.
{
  viewer { name }
  organization { name }
}
`;
  const element = (id) => document.getElementById(id);
  const form = element("sign-in");
  // A dialog's scroll lock makes a style element; this is where it looks for the nonce that allows it.
  window.__webpack_nonce__ = document.currentScript.nonce;

  let session = null; // { accessToken, accessTokenExpiresAt, who }
  let timer = 0;

  function headers() {
    return session ? { authorization: `Bearer ${session.accessToken}` } : {};
  }

  async function run(query, variables) {
    const answer = await fetch(ENDPOINT, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers() },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await answer.json();
    if (errors) throw new Error(errors.map((error) => error.message).join(" "));
    return data;
  }

  function keep(next, refreshToken) {
    session = next;
    clearTimeout(timer);
    if (session) {
      sessionStorage.setItem(STORED, JSON.stringify(session));
      const left = Date.parse(session.accessTokenExpiresAt) - Date.now();
      timer = setTimeout(() => renew(refreshToken), Math.max(0, left - 60000));
    } else {
      sessionStorage.removeItem(STORED);
    }
    form.hidden = Boolean(session);
    element("signed-in").hidden = !session;
    element("who").textContent = session ? session.who : "";
  }

  function tell(problem) {
    element("problem").textContent = problem;
  }

  async function renew(refreshToken) {
    if (!refreshToken) {
      const left = Date.parse(session.accessTokenExpiresAt) - Date.now();
      timer = setTimeout(() => { keep(null); tell("Your sign-in has expired; sign in again."); }, Math.max(0, left));
      return;
    }
    try {
      const { refresh } = await run(REFRESH, { input: { refreshToken } });
      if (refresh.errors.length) throw new Error(refresh.errors[0].message);
      keep({ ...session, ...pick(refresh) }, refresh.refreshToken);
    } catch (error) {
      keep(null);
      tell(error.message);
    }
  }

  function pick({ accessToken, accessTokenExpiresAt }) {
    return { accessToken, accessTokenExpiresAt };
  }

  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = Object.fromEntries(new FormData(form));
    tell("");
    try {
      const input = { email: given.email, password: given.password, organization: given.organization.trim() || null };
      const { signIn } = await run(SIGN_IN, { input });
      if (signIn.errors.length) throw new Error(signIn.errors.map((error) => error.message).join(" "));
      session = pick(signIn);
      const { viewer, organization } = await run(WHO);
      form.reset();
      keep({ ...session, who: organization ? `${viewer.name}, ${organization.name}` : viewer.name }, signIn.refreshToken);
    } catch (error) {
      keep(null);
      tell(error.message);
    }
  });

  element("sign-out").addEventListener("click", async () => {
    try {
      await run("mutation SignOut { signOut { sessionId } }");
    } catch (error) {
      tell(error.message);
    }
    keep(null);
  });

  const stored = JSON.parse(sessionStorage.getItem(STORED) || "null");
  keep(stored && Date.parse(stored.accessTokenExpiresAt) > Date.now() ? stored : null);

  const fetcher = GraphiQL.createFetcher({
    url: ENDPOINT,
    subscriptionUrl: ENDPOINT.replace(/^http/, "ws"),
    enableIncrementalDelivery: false,
    fetch: (url, options) => fetch(url, { ...options, headers: { ...headers(), ...options.headers } }),
    // Read anew for each subscription.
    get wsConnectionParams() { return headers(); },
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
