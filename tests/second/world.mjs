// What the server keeps: hubs, keys, containers, backups, integrations, and real folders with real data.

import { createHash } from "node:crypto";
import fs from "node:fs";
import path from "node:path";
import zlib from "node:zlib";

const DAY = 86_400_000;
const START = Date.UTC(2025, 2, 30, 0, 30, 0, 120);

export const HUB = "651586fca6078e98982dbd90";
export const OTHER_HUB = "651586fca6078e98982dbd99";

/** 24 hex digits that look random and are the same every time. */
export const oid = (...parts) => createHash("sha256").update(parts.join("/")).digest("hex").slice(0, 24);

const b64 = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

function keyText(style, who) {
  const seed = createHash("sha256").update(`key of ${who}`).digest();
  if (style === "jwt") return `${b64({ alg: "HS256", typ: "JWT" })}.${b64({ sub: who, iss: "second" })}.${seed.toString("base64url")}`;
  if (style === "base64") return `${seed.toString("base64").replaceAll("=", "")}+/~==`;
  return `sk-${who}-${seed.toString("hex").slice(0, 20)}`;
}

export function makeKeys(style) {
  const view = "containers-backups-view";
  const manage = "containers-backups-manage";
  const near = ["containers-view", "containers-manage", "containers-backups", "backups-view", "backups-manage", "containers-backups-view-all"];
  const made = {
    full: { hub: HUB, capabilities: [view, manage, "apionly-jobs-view"] },
    view: { hub: HUB, capabilities: [view] },
    manage: { hub: HUB, capabilities: [manage] },
    unrelated: { hub: HUB, capabilities: near },
    expired: { hub: HUB, capabilities: [view, manage, "apionly-jobs-view"], expired: true },
    other_hub: { hub: OTHER_HUB, capabilities: [view, manage, "apionly-jobs-view"] },
  };
  return Object.fromEntries(Object.entries(made).map(([who, key]) => [who, { ...key, who, text: keyText(style, who) }]));
}

function integration(n, identifier, hub = HUB) {
  const id = oid("integration", n);
  return {
    id, identifier, hub, name: `Store ${n}`, vendor: n % 2 ? "acme-s3" : "blob.example",
    state: n === 3 ? "verifying" : "live", created: START - 90 * DAY, updated: START - 40 * DAY,
    secret: `s3cr3t-value-of-${identifier}-wxyz`, apiKey: `ak-${identifier}-7788-and-more`, config: Buffer.from(`cfg of ${identifier}`).toString("base64"),
  };
}

/** A path of the world and the files that stand in it. */
export function filesIn(folder) {
  const found = fs.readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return found.map((entry) => path.relative(folder, path.join(entry.parentPath ?? entry.path, entry.name))).sort();
}

/** The digest of a folder: names and contents. */
export function digest(folder) {
  const hash = createHash("sha256");
  for (const name of filesIn(folder)) {
    const content = fs.readFileSync(path.join(folder, name));
    hash.update(`${name}\0${content.length}\0`).update(content);
  }
  return `sha256:${hash.digest("hex")}`;
}

function writeFiles(folder, files) {
  for (const [name, content] of Object.entries(files)) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), content);
  }
}

export class World {
  constructor(habits, root) {
    this.habits = habits;
    this.root = root;
    this.keys = makeKeys(habits.keys);
    this.jobs = new Map();
    this.logs = [];
    this.integrations = [
      integration(1, "nightly-store"), integration(2, "größe.store"), integration(3, "third"), integration(4, "unused"),
      integration(5, "nightly-store", OTHER_HUB),
    ];
    const plain = habits.plainIds;
    this.containers = new Map();
    this.main = this.addContainer(plain ? oid("container", "main") : "web-frontend-1", HUB, ["inst_0042", "inst_0043", "replica.3"]);
    this.empty = this.addContainer(plain ? oid("container", "empty") : "web-frontend-10", HUB, ["inst_0051"]);
    this.other = this.addContainer(plain ? oid("container", "other") : "db", HUB, ["inst_0061", "inst_0062"]);
    this.abroad = this.addContainer(plain ? oid("container", "abroad") : "web-frontend-2", OTHER_HUB, ["inst_0091"]);
    this.backups = [];
    this.fill();
  }

  addContainer(id, hub, names) {
    const instances = names.map((name) => (this.habits.plainIds ? oid("instance", name) : name));
    const container = { id, hub, instances };
    this.containers.set(id, container);
    for (const [n, instance] of instances.entries()) {
      writeFiles(this.folder(instance), { "data/now.txt": `what ${instance} holds now\n`, [`data/${n}/zählung.bin`]: Buffer.alloc(3000, n) });
    }
    return container;
  }

  folder(instance) {
    return path.join(this.root, "instances", instance);
  }

  archive(backup) {
    return path.join(this.root, "store", `${backup.id}.gz`);
  }

  pack(backup, files) {
    const content = Object.entries(files).map(([name, text]) => ({ name, content: Buffer.from(text).toString("base64") }));
    const packed = zlib.gzipSync(JSON.stringify(content));
    fs.mkdirSync(path.dirname(this.archive(backup)), { recursive: true });
    fs.writeFileSync(this.archive(backup), backup.broken ? packed.subarray(0, packed.length >> 1) : packed);
  }

  fill() {
    const states = { 2: "saving", 5: "deleting", 6: "deleted" };
    for (let n = 0; n < this.habits.backups; n++) this.addBackup(this.main, n, states[n] ?? "live", n === 3);
    for (let n = 0; n < 3; n++) this.addBackup(this.other, 100 + n, "live", false);
    this.addBackup(this.abroad, 200, "live", false);
    const ofMain = this.backups.filter((backup) => backup.container === this.main.id);
    const live = ofMain.filter((backup) => backup.state === "live" && !backup.broken);
    this.fixture = {
      backup: live[0],
      failing: ofMain.find((backup) => backup.broken),
      notLive: ofMain.find((backup) => backup.state !== "live"),
      deletable: this.habits.remove ? live.slice(-2) : [],
      foreign: this.backups.find((backup) => backup.container === this.other.id),
    };
    if (this.habits.backups < 5) this.fixture.deletable = this.fixture.deletable.slice(1);
  }

  addBackup(container, n, state, broken) {
    const created = START - n * DAY;
    const gone = state === "deleting" || state === "deleted";
    const store = this.integrations[container.hub === HUB ? n % 3 : 4];
    const backup = {
      id: oid("backup", container.id, n), hub: container.hub, container: container.id, instance: container.instances[n % container.instances.length],
      integration: n % 2 ? store.identifier : store.id,
      path: state === "saving" ? "" : n % 3 ? `/sicherung/${n}/数据 ☃ "x".tar` : `/backups/${n}.tar`,
      file: state === "saving" ? "" : `f-${n}`,
      size: [0, 3221225472, 1, 1000000, 9007199254740993n][n % 5],
      state, broken, error: null, created, updated: n % 4 ? created + 1000 : null, deleted: gone ? created + 2 * DAY : null, changed: created + 500,
    };
    this.backups.push(backup);
    this.pack(backup, { "data/then.txt": `what ${backup.id} holds\n`, "data/tief/er/ü.bin": Buffer.alloc(5000, n), "leer.txt": "" });
    if (this.habits.seedLogs && state === "live") this.log(backup, backup.instance, "backup", "saved 3 files\n", null, created + 900);
  }

  log(backup, instance, type, text, error, at) {
    this.logs.push({ id: oid("log", this.logs.length), backup: backup.id, container: backup.container, instance, hub: backup.hub, type, text, error, created: at });
  }

  /** The backup's files in place of what the instance holds; nothing changes where the archive cannot be read. */
  unpack(backup, instance) {
    const files = JSON.parse(zlib.gunzipSync(fs.readFileSync(this.archive(backup))));
    const mark = `${process.hrtime.bigint()}`;
    const [fresh, old] = [`new-${mark}`, `old-${mark}`].map((name) => path.join(this.root, "staging", name));
    fs.mkdirSync(fresh, { recursive: true });
    writeFiles(fresh, Object.fromEntries(files.map((file) => [file.name, Buffer.from(file.content, "base64")])));
    fs.renameSync(this.folder(instance), old);
    fs.renameSync(fresh, this.folder(instance));
    fs.rmSync(old, { recursive: true });
    return files.length;
  }

  /** What the instance's folder will give once the backup is restored. */
  expected(backup) {
    const scratch = path.join(this.root, "staging", "expected");
    const files = JSON.parse(zlib.gunzipSync(fs.readFileSync(this.archive(backup))));
    fs.mkdirSync(scratch, { recursive: true });
    writeFiles(scratch, Object.fromEntries(files.map((file) => [file.name, Buffer.from(file.content, "base64")])));
    const found = digest(scratch);
    fs.rmSync(scratch, { recursive: true });
    return found;
  }
}
