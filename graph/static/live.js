// The page at /live: who is there, the feed and the event log, as they change.
// First a cursor, then lists, then subscriptions behind that cursor: what happens meanwhile comes again as a message,
// and a message about what is shown already replaces it. So nothing is missing and nothing is there twice.
"use strict";
(() => {
  const ENDPOINT = new URL("graphql", location.href).href;
  const PAGE = 30, SHOWN_EVENTS = 500;
  const BEAT = 20000, IDLE_AFTER = 60000;
  const MESSAGE = "id number text createdAt editedAt deletedAt version channelId author { id name }";
  const PRESENCE = "id state since user { id name }";
  const EVENT = "sequence type targetType targetId occurredAt actor { name }";
  const REPORT = "mutation Report($state: PresenceState!) { reportPresence(state: $state) { cursor errors { message } } }";
  const START = `query Start { viewer { permissions user { id } } presences(first: 100) { nodes { ${PRESENCE} } } }`;
  const CHANNELS = "query Channels { feedChannels(first: 100) { nodes { id name unreadCount readThrough department { id } } } }";
  const EVENTS = `query Events { events(first: 50) { nodes { ${EVENT} } } }`;
  const MESSAGES = `query Messages($channel: ID!, $after: String) {
    feed(first: ${PAGE}, after: $after, where: { channelId: { eq: $channel } }) {
      nodes { ${MESSAGE} } pageInfo { hasNextPage endCursor } } }`;
  const POST = "mutation Post($input: PostFeedMessageInput!) { postFeedMessage(input: $input) { errors { message } } }";
  const EDIT = "mutation Edit($input: EditFeedMessageInput!) { editFeedMessage(input: $input) { errors { message } } }";
  const DELETE = "mutation Delete($id: ID!) { deleteFeedMessage(id: $id) { errors { message } } }";
  const READ = "mutation Read($through: ID!) { markFeedRead(through: $through) { errors { message } } }";

  const find = (selector) => document.querySelector(selector);
  const list = { presence: find("#presence ul"), messages: find("#messages"), events: find("#events ol") };
  let me = { id: null, permissions: [] };
  let channels = [], channel = null, older = null, loading = false;
  let socket = null, generation = 0, beating = 0, lastActive = Date.now(), said = null;
  const later = {};

  function make(tag, text, properties = {}) {
    return Object.assign(document.createElement(tag), { textContent: text }, properties);
  }

  function time(stamp) {
    return new Date(stamp).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  }

  // Many reasons to do something at once are one.
  function soon(name, action) {
    clearTimeout(later[name]);
    later[name] = setTimeout(() => attempt(action), 150);
  }

  async function attempt(action) {
    try {
      return await action();
    } catch (error) {
      session.tell(error.message);
    }
  }

  async function ask(query, variables) {
    const [payload] = Object.values(await session.run(query, variables));
    if (payload.errors && payload.errors.length) throw new Error(payload.errors.map((error) => error.message).join(" "));
    return payload;
  }

  const may = (permission) => me.permissions.includes(permission);

  // -- presence ----------------------------------------------------------------------------------------------

  function showPresence(presence) {
    if (!presence) return;
    const item = document.getElementById(presence.id) || make("li", "", { id: presence.id });
    item.dataset.state = presence.state;
    item.textContent = presence.user ? presence.user.name : "Superuser";
    item.title = `${presence.state.toLowerCase()} since ${time(presence.since)}`;
    const order = (each) => "ACTIVE IDLE OFFLINE".indexOf(each.dataset.state) + each.textContent.toLowerCase();
    const after = [...list.presence.children].find((each) => each !== item && order(each) > order(item));
    list.presence.insertBefore(item, after || null);
  }

  const state = () => (document.visibilityState === "visible" && Date.now() - lastActive < IDLE_AFTER ? "ACTIVE" : "IDLE");

  // A sign of life that fails is no problem to tell of: the next one comes, and the socket says what is wrong.
  async function beat(quietly = true) {
    said = state();
    try {
      return await ask(REPORT, { state: said });
    } catch (error) {
      if (!quietly) throw error;
    }
  }

  function active() {
    lastActive = Date.now();
    if (socket && said !== state()) soon("beat", beat);
  }

  // -- the feed ----------------------------------------------------------------------------------------------

  function showChannels() {
    find("#channels").replaceChildren(...channels.map((each) => {
      const button = make("button", each.name, { type: "button", onclick: () => attempt(() => openChannel(each.id)) });
      button.dataset.channel = each.id;
      button.setAttribute("aria-current", String(each.id === channel));
      if (each.unreadCount) button.append(make("span", each.unreadCount, { className: "unread" }));
      return button;
    }));
  }

  async function readChannels() {
    const asked = generation;
    const { feedChannels } = await session.run(CHANNELS);
    if (asked !== generation) return;
    // The organization's own comes first.
    channels = feedChannels.nodes.sort((one, other) => Boolean(one.department) - Boolean(other.department));
    showChannels();
  }

  async function openChannel(id) {
    channel = id;
    older = null;
    list.messages.replaceChildren();
    showChannels();
    await readOlder(null);
    list.messages.scrollTop = list.messages.scrollHeight;
    markRead();
  }

  async function readOlder(after) {
    if (loading === channel) return;
    const asked = loading = channel;
    try {
      const { feed } = await session.run(MESSAGES, { channel: asked, after });
      if (asked !== channel) return;
      const below = list.messages.scrollHeight - list.messages.scrollTop;
      feed.nodes.forEach(showMessage);
      list.messages.scrollTop = list.messages.scrollHeight - below;
      older = feed.pageInfo.hasNextPage ? feed.pageInfo.endCursor : null;
    } finally {
      if (loading === asked) loading = false;
    }
  }

  // Puts a message where its number says, or replaces an older version of it.
  function showMessage(message) {
    const shown = document.getElementById(message.id);
    if (shown && Number(shown.dataset.version) >= message.version) return;
    const item = make("li", "", { id: message.id });
    Object.assign(item.dataset, { number: message.number, version: message.version, deleted: Boolean(message.deletedAt) });
    const about = make("span", `${message.author ? message.author.name : "Opsgraph"}, ${time(message.createdAt)}`, { className: "about" });
    if (message.editedAt && !message.deletedAt) about.append(" (edited)");
    about.append(...buttons(message));
    item.append(about, make("span", message.deletedAt ? "deleted" : message.text, { className: "text" }));
    if (shown) return shown.replaceWith(item);
    const items = [...list.messages.children].reverse();
    const before = items.find((each) => Number(each.dataset.number) < message.number);
    list.messages.insertBefore(item, before ? before.nextSibling : list.messages.firstChild);
  }

  function buttons(message) {
    if (message.deletedAt) return [];
    const mine = message.author && message.author.id === me.id && may("FEED_POST");
    const made = [];
    if (mine) made.push(make("button", "Edit", { type: "button", onclick: () => edit(message) }));
    if (mine || may("FEED_MODERATE")) {
      made.push(make("button", "Delete", { type: "button", onclick: () => attempt(() => ask(DELETE, { id: message.id })) }));
    }
    return made;
  }

  function edit(message) {
    const text = prompt("The message", message.text);
    if (text === null || text === message.text) return;
    attempt(() => ask(EDIT, { input: { id: message.id, expectedVersion: message.version, text } }));
  }

  function feedChanged({ feedMessage: message }) {
    if (!message) return;
    if (message.channelId === channel) {
      const { scrollHeight, scrollTop, clientHeight } = list.messages;
      const first = list.messages.firstElementChild;
      // What lies before the first page that was read comes with the pages before it.
      if (older === null || !first || message.number > Number(first.dataset.number)) showMessage(message);
      if (scrollHeight - scrollTop - clientHeight < 80) list.messages.scrollTop = list.messages.scrollHeight;
      markRead();
    }
    soon("channels", readChannels);
  }

  function markRead() {
    const last = list.messages.lastElementChild;
    const here = channels.find((each) => each.id === channel);
    if (!last || !here || document.visibilityState !== "visible") return;
    if (Number(last.dataset.number) <= here.readThrough) return;
    soon("read", async () => {
      await ask(READ, { through: last.id });
      await readChannels();
    });
  }

  // -- events ------------------------------------------------------------------------------------------------

  function showEvent(event) {
    if (!event) return;
    const newest = list.events.firstElementChild;
    if (newest && event.sequence <= Number(newest.dataset.sequence)) return;
    const item = make("li", "");
    item.dataset.sequence = event.sequence;
    item.append(
      make("span", event.sequence, { className: "sequence" }),
      ` ${time(event.occurredAt)} ${event.type} ${event.actor ? `by ${event.actor.name}` : ""}`,
    );
    item.title = event.targetId;
    list.events.prepend(item);
    while (list.events.children.length > SHOWN_EVENTS) list.events.lastElementChild.remove();
  }

  // -- all of it ---------------------------------------------------------------------------------------------

  function status(name) {
    find("#status").dataset.state = name;
    find("#status").textContent = { live: "live", waiting: "waiting for the server", off: "" }[name];
  }

  function stop() {
    generation += 1;
    clearInterval(beating);
    Object.values(later).forEach(clearTimeout);
    if (socket) socket.close();
    socket = null;
    channel = null;
    Object.values(list).forEach((each) => each.replaceChildren());
    status("off");
  }

  // From the beginning, as often as it takes.
  async function begin() {
    stop();
    const mine = generation;
    try {
      await start(mine);
    } catch (error) {
      if (mine !== generation) return;
      session.tell(error.message);
      // A refusal stays one; what fetch itself or a gateway says (no JSON) may pass.
      if (error instanceof TypeError || error instanceof SyntaxError) later.begin = setTimeout(begin, 3000);
      else status("off");
    }
  }

  async function start(mine) {
    status("waiting");
    const { cursor } = await beat(false);
    const { viewer, presences } = await session.run(START);
    if (mine !== generation) return;
    me = { id: viewer.user.id, permissions: viewer.permissions };
    find("#post").hidden = !may("FEED_POST");
    presences.nodes.forEach(showPresence);
    await readChannels();
    if (channels.length && mine === generation) await openChannel(channels[0].id);
    find("#no-events").hidden = may("EVENT_READ");
    if (may("EVENT_READ")) (await session.run(EVENTS)).events.nodes.reverse().forEach(showEvent);
    if (mine !== generation) return;
    session.tell("");
    listen(cursor);
    beating = setInterval(beat, BEAT);
  }

  function listen(cursor) {
    const refused = (errors) => session.tell(errors.map((error) => error.message).join(" "));
    const stream = (field, shown, next) => ({
      query: `subscription ${field[0].toUpperCase()}${field.slice(1)}($after: String) { ${field}(after: $after) { cursor ${shown} } }`,
      field, cursor, next, refused,
    });
    const streams = {
      presence: stream("presenceChanged", `presence { ${PRESENCE} }`, (message) => showPresence(message.presence)),
      feed: stream("feedChanged", `feedMessage { ${MESSAGE} }`, feedChanged),
    };
    if (may("EVENT_READ")) streams.events = stream("events", `event { ${EVENT} }`, (message) => showEvent(message.event));
    socket = opsgraphSocket({
      url: ENDPOINT.replace(/^http/, "ws"),
      headers: session.headers,
      streams,
      status,
      resync: begin,
      ended: session.end,
    });
  }

  list.messages.addEventListener("scroll", () => {
    if (list.messages.scrollTop < 100 && older !== null) attempt(() => readOlder(older));
  });
  find("#post").addEventListener("submit", (event) => {
    event.preventDefault();
    const form = event.target;
    const text = form.elements.text.value;
    attempt(async () => {
      session.tell("");
      await ask(POST, { input: { text, channelId: channel } });
      form.reset();
    });
  });
  find("#post textarea").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      find("#post").requestSubmit();
    }
  });
  for (const name of ["pointerdown", "keydown", "wheel", "visibilitychange"]) {
    document.addEventListener(name, () => { active(); markRead(); }, { passive: true });
  }
  const goodbye = { keepalive: true };
  addEventListener("pagehide", () => {
    clearTimeout(later.beat); // a page that goes is hidden first
    if (socket) session.run(REPORT, { state: "OFFLINE" }, goodbye).catch(() => {});
  });

  const session = opsgraphSession({
    endpoint: ENDPOINT,
    changed: (signedIn) => {
      find("#live").hidden = !signedIn;
      if (signedIn) begin(); else stop();
    },
    leaving: () => ask(REPORT, { state: "OFFLINE" }),
  });
  session.resume();
})();
