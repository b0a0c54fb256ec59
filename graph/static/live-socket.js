// Subscriptions over graphql-transport-ws that survive the end of a socket: each remembers the cursor of its last
// message, and goes on behind it on the next socket.
"use strict";
(() => {
  const FIRST_RETRY = 250, LAST_RETRY = 4000;
  const FORBIDDEN = 4403;
  // What ends a subscription that may simply be made again behind its cursor.
  const AGAIN = new Set(["SLOW_CONSUMER", "SHUTTING_DOWN"]);

  // streams: { name: { query, field, cursor, next(message), refused(errors) } }; `query` takes $after.
  // `headers` gives the token; `status` is told "live" or "waiting"; `resync` is called when a cursor is no good any
  // more and everything has to be read again; `ended` when the token was refused.
  window.opsgraphSocket = ({ url, headers, streams, status, resync, ended }) => {
    let socket = null, retry = FIRST_RETRY, timer = 0, serial = 0, closed = false, used = null;
    const running = new Map(); // id of an operation -> stream

    function send(message) {
      if (socket && socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify(message));
    }

    function subscribe(stream) {
      const id = String(++serial);
      running.set(id, stream);
      send({ type: "subscribe", id, payload: { query: stream.query, variables: { after: stream.cursor } } });
    }

    function failed(id, errors) {
      const stream = running.get(id);
      if (!stream) return;
      running.delete(id);
      send({ type: "complete", id });
      const code = errors[0] && errors[0].extensions && errors[0].extensions.code;
      const here = socket;
      if (code === "RESYNC") resync();
      else if (AGAIN.has(code)) setTimeout(() => here === socket && subscribe(stream), FIRST_RETRY);
      else stream.refused(errors);
    }

    function heard(message) {
      if (message.type === "ping") send({ type: "pong" });
      else if (message.type === "connection_ack") {
        retry = FIRST_RETRY;
        Object.values(streams).forEach(subscribe);
        status("live");
      } else if (message.type === "next" && running.has(message.id)) {
        const stream = running.get(message.id);
        const { data, errors } = message.payload;
        const found = data && data[stream.field];
        if (!found) return failed(message.id, errors || []);
        stream.next(found);
        stream.cursor = found.cursor;
      } else if (message.type === "error") failed(message.id, message.payload);
      else if (message.type === "complete" && running.has(message.id)) {
        failed(message.id, [{ extensions: { code: "SHUTTING_DOWN" } }]);
      }
    }

    function connect() {
      running.clear();
      used = headers().authorization;
      const mine = socket = new WebSocket(url, "graphql-transport-ws");
      mine.onopen = () => send({ type: "connection_init", payload: headers() });
      mine.onmessage = (event) => mine === socket && heard(JSON.parse(event.data));
      mine.onclose = (event) => {
        if (mine !== socket || closed) return;
        if (event.code === FORBIDDEN && used === headers().authorization) return ended(event.reason);
        status("waiting");
        // All pages of a server that restarts come back at once: not in the same instant.
        timer = setTimeout(connect, retry * (0.5 + Math.random() / 2));
        retry = Math.min(retry * 2, LAST_RETRY);
      };
    }

    status("waiting");
    connect();
    return {
      close() {
        closed = true;
        clearTimeout(timer);
        if (socket) socket.close(1000);
        socket = null;
      },
    };
  };
})();
