// Two servers with the application of the tests and one Redis, and their clients.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { after, afterEach } from "node:test";
import { fileURLToPath } from "node:url";
import { WebSocket } from "ws";
import { ActionHeroClient } from "../dist/index.js";

const APP = fileURLToPath(new URL("app", import.meta.url));
const { PYTHON: python = "python3" } = process.env;
/** The servers run in another folder. */
const PYTHON = python.includes("/") ? resolve(python) : python;

/** Return a port that was free. */
function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** A process that has written what it writes when it is ready. */
class Program {
  output = "";

  constructor(command, args, options, ready) {
    this.process = spawn(command, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
    this.ended = new Promise((resolve) => this.process.once("exit", resolve));
    this.ready = new Promise((resolve, reject) => {
      const read = (text) => {
        this.output += text;
        if (ready.test(this.output)) {
          resolve();
        }
      };
      this.process.stdout.setEncoding("utf8").on("data", read);
      this.process.stderr.setEncoding("utf8").on("data", read);
      this.process.once("error", reject);
      void this.ended.then(() => reject(new Error(`${command} has ended:\n${this.output}`)));
    });
  }

  async stop(signal) {
    this.process.kill(signal);
    await this.ended;
  }
}

/** The application, which can be killed and started again at the same port. */
class TestServer {
  #folder = mkdtempSync(join(tmpdir(), "actionhero-client-"));
  #redis;
  #server;
  /** Servers with the same Redis. */
  #others = [];

  /** Start Redis and the application. */
  static async start() {
    const server = new TestServer();
    const redisPort = await freePort();
    const options = ["--port", String(redisPort), "--bind", "127.0.0.1", "--save", ""];
    server.#redis = new Program("redis-server", options, { cwd: server.#folder }, /Ready to accept/);
    try {
      await server.#redis.ready;
      await server.#startFirst(redisPort);
    } catch (error) {
      await server.close();
      throw error;
    }
    return server;
  }

  /** Start another server with the same Redis. */
  async startOther() {
    const other = new TestServer();
    this.#others.push(other);
    await other.#startFirst(this.redisPort);
    return other;
  }

  async #startFirst(redisPort) {
    this.redisPort = redisPort;
    this.port = await freePort();
    this.url = `http://127.0.0.1:${this.port}`;
    writeFileSync(
      join(this.#folder, "actionhero.toml"),
      `app.package = "clientapp"
      plugins.enabled = ["channels", "redis", "sessions", "web", "websocket"]
      process.shutdown_timeout = "300ms"
      web.port = ${this.port}
      redis.url = "redis://127.0.0.1:${redisPort}"
      web.static_folder = "${fileURLToPath(new URL("page", import.meta.url))}"`,
    );
    await this.start();
  }

  /** Start the application, again after `kill` or `stop`. */
  async start() {
    const env = { PATH: process.env.PATH, HOME: this.#folder, PYTHONPATH: APP };
    this.#server = new Program(PYTHON, ["-m", "actionhero", "start"], { cwd: this.#folder, env }, /listen\w* on http/);
    await this.#server.ready;
  }

  /** Everything that the application has logged since its last start. */
  get output() {
    return this.#server.output;
  }

  kill() {
    return this.#server.stop("SIGKILL");
  }

  /** Shut the application down. */
  stop() {
    return this.#server.stop("SIGTERM");
  }

  /** Stop the process, so that it does not answer. */
  freeze() {
    this.#server.process.kill("SIGSTOP");
  }

  /** Continue the process. */
  thaw() {
    this.#server.process.kill("SIGCONT");
  }

  async close() {
    await Promise.all(this.#others.map((other) => other.close()));
    await this.#server?.stop("SIGKILL");
    await this.#redis?.stop("SIGKILL");
    rmSync(this.#folder, { recursive: true });
  }
}

export const server = await TestServer.start();
export const other = await server.startOther();
const clients = [];

after(() => server.close());
afterEach(() => clients.splice(0).forEach((client) => client.close()));

/** Return a client, which is closed after the test; `onSend` is called with its messages. */
export function connect(options = {}, { headers = {}, url = server.url, onSend } = {}) {
  const createSocket = (url) => {
    const socket = new WebSocket(url, { headers });
    const send = socket.send.bind(socket);
    socket.send = (text) => {
      onSend?.(JSON.parse(text));
      send(text);
    };
    return socket;
  };
  const client = new ActionHeroClient(`${url}/ws`, { createSocket, ...options });
  clients.push(client);
  return client;
}

/** Return the next event of an emitter, of those that match. */
export function once(emitter, name, isMatch = () => true) {
  return new Promise((resolve) => {
    const remove = emitter.on(name, (event) => {
      if (isMatch(event)) {
        remove();
        resolve(event);
      }
    });
  });
}
