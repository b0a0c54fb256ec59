// Signing in, for the pages of this folder: the form, the session behind it, and requests with its token.
// The access token lives in this tab's sessionStorage, so that a reload keeps it; the refresh token lives in memory
// only, because two tabs (a duplicated one, say) must never use the same one.
"use strict";
(() => {
  const STORED = "opsgraph.session";
  const SIGN_IN = `mutation SignIn($input: SignInInput!) {
    signIn(input: $input) { accessToken accessTokenExpiresAt refreshToken errors { message } }
  }`;
  const REFRESH = `mutation Refresh($input: RefreshInput!) {
    refresh(input: $input) { accessToken accessTokenExpiresAt refreshToken errors { message } }
  }`;
  const WHO = "{ viewer { name } organization { name } }";
  const element = (id) => document.getElementById(id);

  // `changed` is called with whether somebody is signed in, whenever that changes; `leaving` before signing out.
  window.opsgraphSession = ({ endpoint, changed = () => {}, leaving = async () => {} }) => {
    const form = element("sign-in");
    let session = null; // { accessToken, accessTokenExpiresAt, who }
    let timer = 0;

    function headers() {
      return session ? { authorization: `Bearer ${session.accessToken}` } : {};
    }

    async function run(query, variables, options = {}) {
      const answer = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers() },
        body: JSON.stringify({ query, variables }),
        ...options,
      });
      const { data, errors } = await answer.json();
      if (errors) throw new Error(errors.map((error) => error.message).join(" "));
      return data;
    }

    function keep(next, refreshToken) {
      const was = Boolean(session && session.who);
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
      if (was !== Boolean(session)) changed(Boolean(session));
    }

    function tell(problem) {
      element("problem").textContent = problem;
    }

    function end(problem) {
      keep(null);
      tell(problem);
    }

    async function renew(refreshToken) {
      if (!refreshToken) {
        const left = Date.parse(session.accessTokenExpiresAt) - Date.now();
        timer = setTimeout(() => end("Your sign-in has expired; sign in again."), Math.max(0, left));
        return;
      }
      try {
        const { refresh } = await run(REFRESH, { input: { refreshToken } });
        if (refresh.errors.length) throw new Error(refresh.errors[0].message);
        keep({ ...session, ...pick(refresh) }, refresh.refreshToken);
      } catch (error) {
        end(error.message);
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
        end(error.message);
      }
    });

    element("sign-out").addEventListener("click", async () => {
      try {
        await leaving();
        await run("mutation SignOut { signOut { sessionId } }");
      } catch (error) {
        tell(error.message);
      }
      keep(null);
    });

    return {
      headers,
      run,
      tell,
      end,
      // Who was signed in before a reload is so again.
      resume() {
        const stored = JSON.parse(sessionStorage.getItem(STORED) || "null");
        keep(stored && Date.parse(stored.accessTokenExpiresAt) > Date.now() ? stored : null);
      },
    };
  };
})();
