// Loaded into every node of a sandbox that may reach the world. Since 22.21 and 24.5 node heeds the proxy that its
// environment names; before, this gives `fetch`, `http` and `https` agents that do. It loads nothing until one is used.
"use strict";

const [major, minor] = process.versions.node.split(".").map(Number);
const heedsProxies = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);
const proxy = process.env.https_proxy;

if (!heedsProxies && proxy !== undefined && major >= 16) {
  const { hostname: proxyHost, port: proxyPort } = new URL(proxy);
  const here = new Set(["127.0.0.1", "localhost", "::1", "[::1]"]);
  const isHere = (host) => here.has(host ?? "localhost");

  /** Asks the proxy for a tunnel to a host and port; calls back with its socket. */
  const tunnel = (host, port, callback) => {
    const request = require("node:http").request({
      host: proxyHost,
      port: proxyPort,
      method: "CONNECT",
      path: `${host}:${port}`,
      headers: { Host: `${host}:${port}` },
      agent: false,
    });
    request.once("connect", (response, socket, head) => {
      if (response.statusCode === 200) return callback(null, socket);
      socket.destroy();
      callback(
        new Error(head.toString("utf8").trim() || `the proxy answered ${response.statusCode} for ${host}:${port}`),
      );
    });
    request.once("error", callback);
    request.end();
  };

  /** TLS inside a tunnel. */
  const secured = (options, callback) =>
    tunnel(options.host, options.port, (error, socket) => {
      if (error) return callback(error);
      const secure = require("node:tls").connect({
        ...options,
        socket,
        servername: options.servername || options.host,
      });
      callback(null, secure);
    });

  /** Puts an agent of ours in the place of a module's own when the module is first loaded by anybody. */
  const agents = () => {
    const http = require("node:http");
    const https = require("node:https");
    class PlainAgent extends http.Agent {
      addRequest(request, options) {
        if (isHere(options.host) || options.socketPath) return super.addRequest(request, options);
        const port = Number(options.port ?? 80);
        request.path = `http://${options.host}${port === 80 ? "" : `:${port}`}${request.path}`;
        return super.addRequest(request, { ...options, host: proxyHost, port: proxyPort });
      }
    }
    class SecureAgent extends https.Agent {
      createConnection(options, callback) {
        if (isHere(options.host) || options.socketPath) return super.createConnection(options, callback);
        secured(options, callback);
      }
    }
    http.globalAgent = new PlainAgent({ keepAlive: true });
    https.globalAgent = new SecureAgent({ keepAlive: true });
  };
  const { Module } = require("node:module");
  const load = Module._load;
  Module._load = function (request, ...rest) {
    if (/^(node:)?https?$/.test(request)) {
      Module._load = load;
      agents();
    }
    return load.call(this, request, ...rest);
  };

  const dispatcher = Symbol.for("undici.globalDispatcher.1");
  /** Makes what `fetch` sends with go through the proxy. */
  const installDispatcher = () => {
    globalThis.Headers; // Loads what makes the dispatcher.
    const direct = globalThis[dispatcher];
    if (direct === undefined) return;
    const Agent = direct.constructor;
    const through = new Agent({
      connect: ({ hostname, port, servername }, callback) =>
        secured({ host: hostname, port: port || 443, servername, ALPNProtocols: ["http/1.1"] }, callback),
    });
    globalThis[dispatcher] = {
      dispatch(options, handler) {
        const origin = new URL(options.origin);
        if (isHere(origin.hostname)) return direct.dispatch(options, handler);
        if (origin.protocol === "https:") return through.dispatch(options, handler);
        return direct.dispatch({ ...options, origin: proxy, path: `${origin.origin}${options.path}` }, handler);
      },
      close: () => Promise.all([direct.close(), through.close()]),
      destroy: () => Promise.all([direct.destroy(), through.destroy()]),
    };
  };
  const original = globalThis.fetch;
  if (original !== undefined) {
    let isInstalled = false;
    const fetch = function (...given) {
      if (!isInstalled) {
        isInstalled = true;
        installDispatcher();
      }
      return original.apply(this, given);
    };
    Object.defineProperty(globalThis, "fetch", { value: fetch, configurable: true, enumerable: true, writable: true });
  }
}
