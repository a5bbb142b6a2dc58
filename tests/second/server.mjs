// A second server for the container-backups API: another language, other habits, the same contract.
//
//   node server.mjs --preset A [--habit NAME=JSON …] [--fault NAME …] [--port N] [--write-target FILE]
//   node server.mjs --list-faults
//
// It needs nothing but Node 18. One line on stdout says that it is ready; SIGTERM ends it and removes its folder.

import { createHash } from "node:crypto";
import fs from "node:fs";
import http from "node:http";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import zlib from "node:zlib";

import { presets } from "./habits.mjs";
import { Refusal } from "./refusal.mjs";
import { HUB, OTHER_HUB, World, digest, oid } from "./world.mjs";

const MAX_BODY = 1 << 20;
const CAPABILITY = {
  list: "containers-backups-view", get: "containers-backups-view", logs: "containers-backups-view",
  restore: "containers-backups-manage", remove: "containers-backups-manage", job: "apionly-jobs-view",
};
const BUSY = { conflict: [409, "duplicate-found"], forbidden: [403, "not-ready"], unprocessable: [422, "invalid-input"], locked: [423, "locked"] };
const READS = new Set(["list", "get", "logs", "job"]);
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export class Api {
  constructor(habits, world) {
    Object.assign(this, { habits, world, served: 0, throttled: 0, running: [], pending: [] });
  }

  // ---- one request -------------------------------------------------------------------------------------------

  async serve(request, response) {
    const ctx = { request, method: request.method, headers: request.headers, n: ++this.served, started: Date.now() };
    let answer;
    if (this.habits.latencyMs) await sleep(this.habits.latencyMs * Math.random());
    try {
      ctx.raw = await this.receive(request);
      this.throttle(ctx);
      this.locate(ctx);
      answer = this.handle(ctx);
    } catch (trouble) {
      if (!(trouble instanceof Refusal)) console.error(trouble);
      answer = this.refuse(ctx, trouble instanceof Refusal ? trouble : new Refusal(500, "unknown", "Something broke"));
    }
    this.finish(ctx, answer);
    this.send(ctx, answer, response);
  }

  async receive(request) {
    const chunks = [];
    let size = 0;
    for await (const chunk of request) {
      size += chunk.length;
      if (size <= MAX_BODY) chunks.push(chunk);
    }
    if (size > MAX_BODY) throw new Refusal(413, "too-large", "The body is too large");
    return Buffer.concat(chunks);
  }

  throttle(ctx) {
    const every = this.habits.throttleEvery;
    if (!every || ctx.n % every) return;
    throw this.tooMany();
  }

  tooMany() {
    const date = this.throttled++ % 2 ? new Date(Date.now() + 1500).toUTCString() : "1";
    return new Refusal(429, "rate-limiting", "Slow down", { headers: { "Retry-After": date } });
  }

  /** Which operation the address and the method name. */
  locate(ctx) {
    const [address, query = ""] = splitOnce(ctx.request.url, "?");
    ctx.query = new URLSearchParams(query);
    const parts = address.split("/").slice(1).map((part) => this.decode(part));
    const [version, kind, first, backups, second, last] = parts;
    Object.assign(ctx, { address, parts, container: first, backup: second });
    const n = parts.length;
    const inBackups = version === "v1" && kind === "containers" && backups === "backups" && first !== "";
    if (version === "v1" && kind === "jobs" && n === 3 && this.habits.jobs) Object.assign(ctx, { job: first, offered: { GET: "job" } });
    else if (inBackups && n === 4) ctx.offered = { GET: "list" };
    else if (inBackups && n === 5 && second !== "") ctx.offered = this.habits.remove ? { GET: "get", DELETE: "remove" } : { GET: "get" };
    else if (inBackups && n === 6 && last === "tasks" && second !== "") ctx.offered = { POST: "restore" };
    else if (inBackups && n === 6 && last === "logs" && second !== "") ctx.offered = { GET: "logs" };
    ctx.op = ctx.offered?.[ctx.method === "HEAD" && this.habits.head ? "GET" : ctx.method];
  }

  decode(part) {
    try {
      return decodeURIComponent(part);
    } catch {
      return part; // no id of ours looks like that
    }
  }

  handle(ctx) {
    if (!ctx.offered) throw new Refusal(404, "uri", "There is nothing here");
    if (!ctx.op) return this.undocumented(ctx);
    ctx.key = this.authenticate(ctx);
    this.scope(ctx);
    this.permit(ctx);
    return this[ctx.op](ctx);
  }

  undocumented(ctx) {
    const allow = Object.keys(ctx.offered).join(", ");
    if (ctx.method === "OPTIONS" && this.habits.options) return { status: 204, headers: { Allow: allow } };
    const status = this.habits.undocumented;
    const words = status === 404 ? "uri" : status === 405 ? "method-not-allowed" : "not-implemented";
    throw new Refusal(status, words, "There is no such operation", { headers: status === 405 ? { Allow: allow } : {} });
  }

  // ---- who may do what ---------------------------------------------------------------------------------------

  token(ctx) {
    const found = /^bearer +([^ ]+)$/i.exec(ctx.headers.authorization ?? "");
    return found ? found[1] : null;
  }

  keyFor(token) {
    return Object.values(this.world.keys).find((key) => key.text === token);
  }

  authenticate(ctx) {
    const token = this.token(ctx);
    if (token === null) throw this.unauthorized(ctx, "auth-invalid", "A key is needed");
    const key = this.keyFor(token, ctx);
    if (!key) throw this.unauthorized(ctx, "auth-invalid", "This key is not known");
    if (key.expired) throw this.unauthorized(ctx, "auth-expired", "This key has expired");
    return key;
  }

  unauthorized(_ctx, words, title) {
    return new Refusal(401, words, title);
  }

  scope(ctx) {
    ctx.hub = ctx.headers["x-hub-id"] ?? "";
    if (ctx.hub === "") {
      const status = this.habits.missingHub;
      throw new Refusal(status, { 400: "invalid-syntax", 401: "auth-invalid", 403: "wrong-hub" }[status], "X-Hub-Id is needed", { oauth: false });
    }
    if (ctx.hub !== ctx.key.hub) throw this.foreign("hub", "wrong-hub");
  }

  foreign(words404, words403) {
    const status = this.habits.foreign;
    return new Refusal(status, { 401: "auth-invalid", 403: words403, 404: words404 }[status], "This is not yours");
  }

  permit(ctx) {
    const capability = CAPABILITY[ctx.op];
    if (!this.grants(ctx.key, capability, ctx)) throw this.denied(capability, ctx);
  }

  grants(key, capability) {
    return key.capabilities.includes(capability);
  }

  denied(capability) {
    return new Refusal(403, "permissions", "This key may not do that", { extra: { capability } });
  }

  // ---- what the address names --------------------------------------------------------------------------------

  containerOf(ctx) {
    const container = this.findContainer(ctx.container, ctx);
    if (!container) throw new Refusal(404, "container", "There is no such container");
    if (container.hub !== ctx.hub) throw this.foreign("container", "mismatch");
    return container;
  }

  findContainer(id) {
    return this.world.containers.get(id);
  }

  backupOf(ctx) {
    const container = this.containerOf(ctx);
    const backup = this.findBackup(ctx.backup, ctx);
    if (!backup || backup.gone || !this.belongs(backup, container, ctx)) throw new Refusal(404, "container-backup", "There is no such backup");
    return backup;
  }

  findBackup(id) {
    return this.world.backups.find((backup) => backup.id === id);
  }

  belongs(backup, container) {
    return backup.container === container.id && backup.hub === container.hub;
  }

  // ---- list, get, logs, job ----------------------------------------------------------------------------------

  list(ctx) {
    const container = this.containerOf(ctx);
    const wanted = this.paging(ctx);
    const backups = this.sorted(this.backupsIn(container, ctx), ctx);
    const shown = this.page(backups, wanted, ctx);
    return { status: 200, body: { data: shown.map((backup) => this.showBackup(backup, ctx)), ...this.includes(shown, ctx) } };
  }

  backupsIn(container) {
    const found = this.world.backups.filter((backup) => !backup.gone && this.belongs(backup, container));
    const shown = this.habits.hideDeleted ? found.filter((backup) => backup.state !== "deleted") : found;
    return this.habits.order === "updated" ? shown.sort((a, b) => (b.updated ?? 0) - (a.updated ?? 0) || b.created - a.created) : shown;
  }

  paging(ctx) {
    const number = this.natural(ctx, "page[number]") ?? 1;
    const size = this.natural(ctx, "page[size]") ?? this.habits.pageSize ?? Infinity;
    return { number, size: Math.min(size, this.habits.pageCap ?? Infinity) };
  }

  natural(ctx, name) {
    const text = ctx.query.get(name);
    if (text === null) return null;
    if (/^[0-9]{1,9}$/.test(text) && Number(text) > 0) return Number(text);
    if (this.habits.badQuery === "ignore") return null;
    throw new Refusal(this.habits.badBody, this.habits.badBody === 400 ? "invalid-syntax" : "invalid-argument", `${name} is no positive number`);
  }

  sorted(backups, ctx) {
    const sort = ctx.query.get("sort");
    if (sort === null || sort === "") return backups;
    const keys = sort.split(",").map((key) => [key.replace(/^-/, ""), key.startsWith("-") ? -1 : 1]);
    const known = { id: (b) => b.id, state: (b) => b.state, created: (b) => b.created, "events.created": (b) => b.created };
    if (keys.some(([name]) => !Object.hasOwn(known, name))) {
      if (this.habits.badQuery === "ignore") return backups;
      throw new Refusal(this.habits.badBody, this.habits.badBody === 400 ? "invalid-syntax" : "invalid-argument", "There is no such sort");
    }
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    return [...backups].sort((a, b) => keys.reduce((so, [name, sign]) => so || sign * compare(known[name](a), known[name](b)), 0));
  }

  page(backups, { number, size }) {
    return size === Infinity ? (number === 1 ? backups : []) : backups.slice((number - 1) * size, number * size);
  }

  get(ctx) {
    const backup = this.backupOf(ctx);
    return { status: 200, body: { data: this.showBackup(backup, ctx), ...this.includes([backup], ctx) } };
  }

  logs(ctx) {
    const backup = this.backupOf(ctx);
    return { status: 200, body: { data: this.logsOf(backup, ctx).map((log) => this.showLog(log, ctx)) } };
  }

  logsOf(backup) {
    const found = this.world.logs.filter((log) => log.backup === backup.id);
    return this.habits.newestLogFirst ? found.reverse() : found;
  }

  job(ctx) {
    const job = this.findJob(ctx.job, ctx);
    if (job && job.hub !== ctx.hub) throw this.foreign("job", "mismatch");
    if (!job || Date.now() < job.born + this.habits.jobHiddenMs) throw new Refusal(404, "job", "There is no such job");
    return { status: 200, body: { data: this.showJob(job, ctx) } };
  }

  findJob(id) {
    return this.world.jobs.get(id);
  }

  includes(backups, ctx) {
    const asked = (ctx.query.get("include") ?? "").split(",").filter((name) => name !== "");
    if (this.habits.unknownInclude === "refuse" && asked.some((name) => name !== "integrations")) {
      throw new Refusal(400, "invalid-syntax", "There is no such include");
    }
    if (!asked.includes("integrations")) return this.none(this.habits.idleIncludes);
    if (backups.length === 0) return this.none(this.habits.emptyIncludes);
    const found = this.included(backups, ctx).map((integration) => [integration.id, this.showIntegration(integration, ctx)]);
    return { includes: { integrations: Object.fromEntries(found) } };
  }

  none(style) {
    return style === "absent" ? {} : { includes: style === "null" ? null : { integrations: {} } };
  }

  included(backups, ctx) {
    return this.integrationsOf(ctx).filter((one) => backups.some((backup) => backup.integration === one.id || backup.integration === one.identifier));
  }

  integrationsOf(ctx) {
    return this.world.integrations.filter((one) => one.hub === ctx.hub);
  }

  // ---- restore -----------------------------------------------------------------------------------------------

  restore(ctx) {
    const backup = this.backupOf(ctx);
    const container = this.world.containers.get(backup.container);
    const body = this.jobRequest(ctx);
    this.checkJobRequest(body, ctx);
    const instance = body.contents.instance_id;
    this.checkInstance(instance, container, ctx);
    this.checkLive(backup, ctx);
    const accepted = this.vacancy(instance, ctx);
    const job = this.newJob(backup, instance, "restore", ctx);
    job.accepted = accepted;
    if (accepted) this.launch(job, backup, instance, ctx);
    return { status: 202, body: { data: this.showDescriptor(job, ctx) } };
  }

  jobRequest(ctx) {
    const type = ctx.headers["content-type"];
    const named = type === undefined ? this.habits.untypedBody === "accept" : this.isJson(type);
    if (!named || ctx.headers["content-encoding"]) {
      const status = this.habits.badType;
      throw new Refusal(status, status === 415 ? "invalid-content-type" : "invalid-input", "Only JSON is understood");
    }
    try {
      return JSON.parse(new TextDecoder("utf-8", { fatal: this.habits.invalidUtf8 === "refuse" }).decode(ctx.raw));
    } catch {
      throw new Refusal(400, "invalid-syntax", "The body is not JSON");
    }
  }

  isJson(type) {
    return /^application\/(json|[a-z0-9.-]+\+json)$/.test(type.split(";")[0].trim().toLowerCase());
  }

  checkJobRequest(body) {
    if (!isObject(body)) throw this.badMember("", "The body is not an object");
    if (body.action !== "restore") throw this.badMember("/action", "The action is not restore", body.action);
    if (!isObject(body.contents)) throw this.badMember("/contents", "The contents are no object", body.contents);
    const instance = body.contents.instance_id;
    if (typeof instance !== "string") throw this.badMember("/contents/instance_id", "The instance is no string", instance);
  }

  badMember(source, title, value = null) {
    if (this.habits.badBody === 400) return new Refusal(400, "invalid-syntax", title, { source });
    return new Refusal(422, value === null ? "missing-argument" : "invalid-argument", title, { source });
  }

  checkInstance(instance, container) {
    const source = "/contents/instance_id";
    if (container.instances.includes(instance)) return;
    const elsewhere = [...this.world.containers.values()].some((other) => other.instances.includes(instance));
    const [status, words] = elsewhere ? this.habits.wrongInstance : [404, "instance"];
    throw new Refusal(status, words, "This is no instance of the container", { source });
  }

  checkLive(backup) {
    const [status, words] = this.habits.notLive;
    if (backup.state !== "live") throw new Refusal(status, words, "The backup cannot be restored", { source: "" });
  }

  /** Whether there is room for one more restore of the instance. */
  vacancy(instance) {
    const busy = this.running.filter((job) => job.instance === instance).length >= this.habits.parallel;
    if (busy && this.habits.busy === "throttled") throw this.tooMany();
    if (busy && this.habits.busy !== "unaccepted") throw new Refusal(...BUSY[this.habits.busy], "The instance is being restored");
    return !busy;
  }

  newJob(backup, instance, action) {
    const now = Date.now();
    const job = {
      id: this.nextJobId(), hub: backup.hub, backup: backup.id, container: backup.container, instance, action, accepted: true,
      state: this.habits.jobStates[0] ?? "queued", born: now, queued: now, started: null, completed: null, changed: now, error: null,
    };
    return job;
  }

  nextJobId() {
    return oid("job", this.world.jobs.size + this.world.logs.length, Math.random());
  }

  launch(job, backup, instance, ctx) {
    this.world.jobs.set(job.id, job);
    this.running.push(job);
    if (this.habits.restoreMs > 0) this.pending.push(this.perform(job, backup, instance, ctx));
    else this.performNow(job, backup, instance, ctx);
  }

  async perform(job, backup, instance, ctx) {
    const states = this.habits.jobStates;
    if (this.habits.serial) await this.turn(job);
    if (this.habits.logAtStart) this.record(job, backup, instance, null, ctx);
    for (const state of states.slice(1)) {
      await sleep(this.habits.restoreMs / states.length);
      this.move(job, state);
    }
    await sleep(this.habits.restoreMs / states.length);
    const error = this.attempt(job, backup, instance, ctx);
    if (error && this.habits.attempts > 1) {
      await sleep(this.habits.restoreMs / 3);
      this.attempt(job, backup, instance, ctx);
    }
    this.conclude(job, backup, error, ctx);
    if (this.habits.logAtStart) return this.complete(job, error);
    await sleep(this.habits.logDelayMs);
    return this.record(job, backup, instance, error, ctx);
  }

  /** Waits until all that came before has come to its end. */
  async turn(job) {
    while (this.running[0] !== job) await sleep(10);
  }

  complete(job, error) {
    const log = this.world.logs.find((one) => one.job === job.id);
    Object.assign(log, { error, text: `${log.text}read 3 files\n` });
  }

  performNow(job, backup, instance, ctx) {
    this.move(job, "running");
    const error = this.attempt(job, backup, instance, ctx);
    this.conclude(job, backup, error, ctx);
    this.record(job, backup, instance, error, ctx);
  }

  attempt(job, backup, instance) {
    try {
      this.world.unpack(backup, instance);
      return null;
    } catch (trouble) {
      return `the archive cannot be read: ${trouble.message}`;
    }
  }

  move(job, state) {
    job.changed = Date.now();
    if (state === "running") job.started = job.changed;
    if (state === "completed" || state === "error") job.completed = job.changed;
    job.state = state;
  }

  conclude(job, backup, error) {
    job.error = error;
    this.running = this.running.filter((other) => other !== job);
    if (this.habits.touches) backup.updated = backup.changed = Date.now();
    if (this.habits.touches) backup.error = error;
    this.move(job, error ? "error" : "completed");
  }

  record(job, backup, instance, error) {
    const text = job.completed ? "read 3 files\nwrote 3 files\n" : "starting…\n";
    this.world.log(backup, instance, "restore", error ? "reading…\n" : text, error, Date.now());
    this.world.logs.at(-1).job = job.id;
  }

  // ---- delete ------------------------------------------------------------------------------------------------

  remove(ctx) {
    const backup = this.backupOf(ctx);
    const job = this.newJob(backup, null, "delete", ctx);
    this.world.jobs.set(job.id, job);
    if (backup.state !== "deleted") backup.state = "deleting";
    backup.deleted = backup.changed = Date.now();
    this.pending.push(this.dispose(job, backup, ctx));
    return { status: 202, body: { data: this.showDescriptor(job, ctx) } };
  }

  async dispose(job, backup) {
    await sleep(100);
    this.move(job, "running");
    await sleep(200);
    fs.rmSync(this.world.archive(backup), { force: true });
    backup.state = "deleted";
    backup.gone = this.habits.remove === "forget";
    this.move(job, "completed");
  }

  // ---- how things look ---------------------------------------------------------------------------------------

  time(at, ctx) {
    if (at === null || at === undefined) return this.habits.zero;
    const iso = (ms) => new Date(ms).toISOString();
    if (this.habits.times === "seconds") return iso(at).replace(/\.\d+Z/, "Z");
    if (this.habits.times === "millis") return iso(at);
    const [offset, minutes] = ctx?.op === "get" ? ["-03:30", -210] : ["+05:45", 345];
    return iso(at + minutes * 60_000).replace("Z", `456789${offset}`);
  }

  events(ctx, created, updated, deleted) {
    return { created: this.time(created, ctx), updated: this.time(updated, ctx), deleted: this.time(deleted, ctx) };
  }

  /** The members that the contract does not know, and those that it allows to be null. */
  dress(ctx, shown, nullable = {}) {
    if (this.habits.nulls) for (const name of Object.keys(nullable)) shown[name] ??= null;
    if (this.habits.extras) Object.assign(shown, { x_labels: { tier: "gold", list: [1, null, "ü"] }, x_rev: 3 });
    if (this.habits.volatile) shown.served_at = new Date().toISOString();
    if (!this.habits.shuffled || ctx.op !== "list") return shown;
    return Object.fromEntries(Object.entries(shown).reverse());
  }

  trouble(error, at, ctx) {
    return error ? { error: { message: error, time: this.time(at, ctx) } } : {};
  }

  showBackup(backup, ctx) {
    return this.dress(ctx, {
      id: backup.id, hub_id: backup.hub, container_id: backup.container, instance_id: backup.instance,
      target: this.dress(ctx, { integration_id: backup.integration, path: backup.path, file_id: backup.file, size: backup.size }),
      state: this.dress(ctx, { current: backup.state, changed: this.time(backup.changed, ctx), ...this.trouble(backup.error, backup.changed, ctx) }),
      events: this.dress(ctx, this.events(ctx, backup.created, backup.updated, backup.deleted)),
    });
  }

  secret(value) {
    if (this.habits.secrets === "null") return null;
    return value.length > 8 ? `****${value.slice(-4)}` : "[redacted]";
  }

  showAuth(one, ctx) {
    const open = { region: "eu-1", namespace: "", client_id: null };
    const shut = this.habits.secrets === "absent" ? {} : { api_key: "[redacted]", secret: this.secret(one.secret), base64_config: this.secret(one.config) };
    return this.dress(ctx, { ...open, ...shut });
  }

  showIntegration(one, ctx) {
    return this.dress(ctx, {
      id: one.id, identifier: one.identifier, name: one.name, vendor: one.vendor, hub_id: one.hub,
      creator: this.dress(ctx, { id: oid("creator", one.id), type: "platform-pipeline" }),
      state: this.dress(ctx, { current: one.state, changed: this.time(one.created, ctx) }),
      events: this.events(ctx, one.created, one.updated, null),
      auth: this.showAuth(one, ctx),
      ...(this.habits.extras ? { extra: { bucket: "b-1", größe: "5" }, meta: { definition: this.definition(one) } } : {}),
    }, { extra: null, meta: null });
  }

  definition(one) {
    return {
      vendor: one.vendor, name: "Blob store", supports_verification: true, supports_multiple: false, public: true, usable: true, editable: false,
      url: "https://store.example/é", deprecated: false, features: ["backups"], extends: null,
      extended_configuration: { options: [
        { title: "Keep", key: "keep", type: "int", default: 7 }, { title: "Fast", key: "fast", type: "bool", default: null }, { title: "Tag", key: "tag", type: "string" },
      ] },
      fields: { extra: null, auth: { secret: { name: "Secret", required: true, type: "blob", regex: null, options: null }, region: { name: "Region", required: false, description: "", type: "select", options: ["eu-1"] } } },
    };
  }

  showLog(log, ctx) {
    const error = log.error ? { error: this.dress(ctx, { message: log.error, message_internal: "", stack: [{ file: "unpack.go", function: "read", line: 42 }] }) } : {};
    return this.dress(ctx, {
      id: log.id, container_id: log.container, instance_id: log.instance, backup_id: log.backup, hub_id: log.hub, type: log.type, log: log.text,
      events: this.events(ctx, log.created, log.created, null), ...error,
    }, { error: null });
  }

  step(job, ctx) {
    return { caption: "Unpack", description: "", started: this.time(job.started, ctx), completed: this.time(job.completed, ctx) };
  }

  showDescriptor(job, ctx) {
    const input = { instance: job.instance, n: 1, deep: { list: [null, true] } };
    const tasks = [this.dress(ctx, { caption: "Restore", header: "", input, steps: this.habits.steps && [this.step(job, ctx)] })];
    return this.dress(ctx, {
      action: job.action,
      job: this.dress(ctx, {
        id: job.id, accepted: job.accepted, queue: "backups", schedule: this.time(job.queued, ctx),
        parallel: this.dress(ctx, { tasks: false }, { sub_queue: null }), tasks: this.habits.descriptorTasks && tasks,
      }),
    });
  }

  showJob(job, ctx) {
    const events = { queued: this.time(job.queued, ctx), started: this.time(job.started, ctx), completed: this.time(job.completed, ctx) };
    const error = job.error ? { message: job.error } : null;
    const tasks = [this.dress(ctx, {
      id: oid("task", job.id), caption: "Restore", header: "", events, steps: this.habits.steps && [this.step(job, ctx)],
      state: { current: { running: "running", completed: "completed", error: "error" }[job.state] ?? "pending" }, input: {}, output: null, error,
    })];
    return this.dress(ctx, {
      id: job.id, hub_id: job.hub, queue: "backups", caption: job.action, events, schedule: this.time(job.queued, ctx), expires: this.time(null, ctx), tasks,
      hash: oid("hash", job.id), limit_duplicates: true, creator: { id: oid("creator", job.id), type: "api-key" },
      state: { current: job.state, changed: this.time(job.changed, ctx), error },
    });
  }

  // ---- the answer on its way ---------------------------------------------------------------------------------

  refuse(ctx, refusal) {
    const headers = { ...refusal.headers };
    const { status, title, extra, source } = refusal;
    if (status === 401) headers["WWW-Authenticate"] = 'Bearer realm="second", error="invalid_token"';
    if (status === 401 && this.habits.oauth && refusal.oauth !== false) {
      return { status, headers, refusal, body: { error: "invalid_token", error_description: title } };
    }
    const code = `${status}.${refusal.words.replaceAll("-", this.habits.dash)}`;
    const error = { status, code, title, ...(source === undefined ? {} : { source }), ...(extra ? { extra } : {}) };
    return { status, headers, refusal, body: { error: this.dress(ctx, error), data: null } };
  }

  /** What every answer gets, last of all. */
  finish(ctx, answer) {
    answer.headers = { "Access-Control-Allow-Origin": "*", Vary: "Accept-Encoding", ...answer.headers };
    const body = answer.body;
    if (!body) return;
    if (this.habits.etag && answer.status === 200 && READS.has(ctx.op)) {
      const tag = createHash("sha256").update(this.encode(body).replace(/"served_at":"[^"]*"/g, "")).digest("hex").slice(0, 16);
      answer.headers.ETag = `"${tag}"`;
      if (ctx.headers["if-none-match"] === `"${tag}"`) Object.assign(answer, { status: 304, body: null });
    }
    if (this.habits.close) answer.headers.Connection = "close";
    if (this.habits.volatile) body.request_id = `req-${ctx.n}`;
  }

  encode(body) {
    const text = this.json(body, "");
    return this.habits.escapes ? text.replace(/[\u0080-\uffff]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`) : text;
  }

  json(value, indent) {
    if (typeof value === "bigint") return value.toString();
    if (typeof value === "number") return this.number(value);
    if (value === null || typeof value !== "object") return JSON.stringify(value);
    const [deeper, nl, colon] = this.habits.pretty ? [`${indent}\t`, "\r\n", " : "] : ["", "", ":"];
    const close = nl && nl + indent;
    const wrap = (open, parts, shut) => (parts.length ? `${open}${nl}${deeper}${parts.join(`,${nl}${deeper}`)}${close}${shut}` : open + shut);
    if (Array.isArray(value)) return wrap("[", value.map((item) => this.json(item, deeper)), "]");
    const members = Object.entries(value).filter(([, item]) => item !== undefined);
    return wrap("{", members.map(([name, item]) => `${JSON.stringify(name)}${colon}${this.json(item, deeper)}`), "}");
  }

  number(value) {
    if (this.habits.numbers !== "float" || !Number.isInteger(value)) return String(value);
    return value >= 1e6 ? value.toExponential() : `${value}.0`;
  }

  send(ctx, answer, response) {
    const styles = { upper: (name) => name.toUpperCase(), lower: (name) => name.toLowerCase(), title: (name) => name };
    const style = styles[this.habits.headerCase];
    const headers = { ...answer.headers };
    let payload = answer.text ?? (answer.body ? this.encode(answer.body) : "");
    payload = Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
    if (payload.length) headers["Content-Type"] ??= this.habits.contentType;
    if (payload.length && this.habits.gzip && /\bgzip\b(?!;q=0)/.test(ctx.headers["accept-encoding"] ?? "")) {
      payload = zlib.gzipSync(payload);
      headers["Content-Encoding"] = "gzip";
    }
    if (this.habits.bodies === "length" && ![204, 304].includes(answer.status)) headers["Content-Length"] = payload.length;
    response.statusCode = answer.status;
    for (const [name, value] of Object.entries(headers)) if (value !== null) response.setHeader(style(name), value);
    if (ctx.method === "HEAD" || !payload.length) return response.end();
    if (this.habits.bodies === "length") return response.end(payload);
    for (let at = 0; at < payload.length; at += 997) response.write(payload.subarray(at, at + 997));
    return response.end();
  }

  /** What Node itself refuses (a header that is no header, one that is too long) is answered in the API's form as well. */
  garbled(trouble, socket) {
    if (!socket.writable) return;
    const status = trouble.code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
    const title = status === 431 ? "The headers are too long" : "This is not HTTP";
    const body = JSON.stringify({ error: { status, code: `${status}.invalid-syntax`, title }, data: null });
    const head = `HTTP/1.1 ${status} ${http.STATUS_CODES[status]}\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n`;
    socket.end(`${head}Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`);
  }
}

const isObject = (value) => typeof value === "object" && value !== null && !Array.isArray(value);

function splitOnce(text, at) {
  const n = text.indexOf(at);
  return n < 0 ? [text] : [text.slice(0, n), text.slice(n + 1)];
}

// ---- the command -----------------------------------------------------------------------------------------------

function targetFile(api, base, root) {
  const { world, habits } = api;
  const q = JSON.stringify;
  const { backup, failing, notLive, foreign, deletable } = world.fixture;
  const keys = ["full", "view", "manage", "unrelated", "expired", "other_hub"].map((who) => `${who} = ${q(world.keys[who].text)}`);
  return `[target]
name = ${q(habits.name)}
base_url = ${q(base)}
hub_id = ${q(HUB)}

[keys]
${keys.join("\n")}
other_hub_id = ${q(OTHER_HUB)}

[fixtures]
container_id = ${q(world.main.id)}
backup_id = ${q(backup.id)}
instance_id = ${q(world.main.instances[0])}
second_instance_id = ${q(world.main.instances[1])}
empty_container_id = ${q(world.empty.id)}
other_container_id = ${q(world.other.id)}
foreign_backup_id = ${q(foreign.id)}
foreign_instance_id = ${q(world.other.instances[0])}
failing_backup_id = ${q(failing.id)}
not_live_backup_id = ${q(notLive.id)}
deletable_backup_ids = ${q(deletable.map((one) => one.id))}

[restore]
allow = true
max_restores = 10
timeout_s = 10
poll_s = 0.1

[jobs]
follow = ${habits.jobs}

[probe]
command = [${q(process.execPath)}, ${q(fileURLToPath(import.meta.url))}, "--digest", ${q(`${path.join(root, "instances")}/{instance_id}`)}]
expected = ${q(world.expected(backup))}
`;
}

function habitsFrom(values) {
  const habits = { ...presets[values.preset] };
  for (const text of values.habit) {
    const [name, value = "true"] = splitOnce(text, "=");
    if (!Object.hasOwn(habits, name)) throw new Error(`there is no habit ${name}`);
    habits[name] = JSON.parse(value);
  }
  return habits;
}

async function main() {
  const { values } = parseArgs({
    options: {
      preset: { type: "string", default: "A" }, habit: { type: "string", multiple: true, default: [] }, fault: { type: "string", multiple: true, default: [] },
      port: { type: "string", default: "0" }, "write-target": { type: "string" }, "list-faults": { type: "boolean" }, digest: { type: "string" },
    },
  });
  if (values.digest) return console.log(digest(values.digest));
  const { faults } = await import("./faults.mjs");
  if (values["list-faults"]) return console.log(JSON.stringify(faults, null, 1));
  const habits = habitsFrom(values);
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "second-"));
  const api = new Api(habits, new World(habits, root));
  const wanted = values.fault.map((name) => [name, faults[name]]);
  for (const [name, fault] of wanted) if (!fault) throw new Error(`there is no fault ${name}`);
  const server = http.createServer({ maxHeaderSize: 1 << 18, keepAliveTimeout: 60_000, requireHostHeader: false }, (request, response) => void api.serve(request, response));
  server.on("clientError", (trouble, socket) => api.garbled(trouble, socket));
  server.listen(Number(values.port), "127.0.0.1", () => {
    const base = `http://127.0.0.1:${server.address().port}`;
    if (values["write-target"]) fs.writeFileSync(values["write-target"], targetFile(api, base, root));
    for (const [, fault] of wanted) fault.apply(api);
    console.log(`ready: ${habits.name} at ${base}`);
  });
  for (const signal of ["SIGTERM", "SIGINT"]) {
    process.on(signal, () => {
      fs.rmSync(root, { recursive: true, force: true });
      process.exit(0);
    });
  }
  return undefined;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) await main();
