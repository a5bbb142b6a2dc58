// Mistakes that implementers make, one at a time. Each says which clauses it breaks, and why, by the words of the contract.

import { Refusal } from "./refusal.mjs";

export const faults = {};

/** One mistake: its name, the clauses it breaks, the reason, and how it gets into a sound server. */
function fault(name, breaks, why, apply) {
  faults[name] = { breaks: breaks.split(" "), why, apply };
}

/** Puts a function around a method; it gets the method itself first. */
function wrap(api, method, around) {
  const next = api[method].bind(api);
  api[method] = (...given) => around(next, ...given);
}

/** Looks at every answer last of all. */
const atEnd = (change) => (api) => wrap(api, "finish", (next, ctx, answer) => {
  next(ctx, answer);
  change(ctx, answer, api);
});

/** Changes what is shown of one kind of thing. */
const showing = (method, change) => (api) => wrap(api, method, (next, thing, ctx) => {
  const shown = next(thing, ctx);
  return change(shown, thing, ctx, api) ?? shown;
});

const nth = (api, backup) => api.world.backups.indexOf(backup);
const capital = (text) => text.replace(/(^|[.\s-])\w/g, (found) => found.toUpperCase());

// ---- HTTP ------------------------------------------------------------------------------------------------------

fault("html-uri", "HTTP-1 ERR-1", "an unknown id of a restore is answered in HTML", atEnd((ctx, answer) => {
  if (ctx.op === "restore" && answer.status === 404) Object.assign(answer, { text: "<h1>404</h1>", headers: { ...answer.headers, "Content-Type": "text/html" } });
}));
fault("text-plain-logs", "HTTP-1", "logs are sent as text/plain", atEnd((ctx, answer) => {
  if (ctx.op === "logs" && answer.status === 200) answer.headers["Content-Type"] = "text/plain; charset=utf-8";
}));
fault("latin1-list", "HTTP-1", "text that is not ASCII is sent in Latin-1, which is no UTF-8", (api) => {
  api.habits.escapes = false;
  api.habits.gzip = false;
  atEnd((ctx, answer) => {
    if (ctx.op === "list" && answer.body) answer.text = Buffer.from(api.encode(answer.body).replace(/[^\u0000-\u00ff]/g, "ÿ"), "latin1");
  })(api);
});
fault("nan-size", "HTTP-1", "the size of one backup is NaN, which is no JSON", (api) => {
  wrap(api, "showBackup", (next, backup, ctx) => {
    const shown = next(backup, ctx);
    if (nth(api, backup) === 4) shown.target.size = Number.NaN;
    return shown;
  });
});
fault("two-documents", "HTTP-1", "a 403 is followed by a second document", atEnd((ctx, answer, api) => {
  if (answer.status === 403 && ctx.op === "logs") answer.text = `${api.encode(answer.body)}\n{}`;
}));
fault("trailing-comma", "HTTP-1", "the only log of a list is followed by a comma", atEnd((ctx, answer, api) => {
  if (ctx.op === "logs" && answer.body?.data?.length) answer.text = api.encode(answer.body).replace(/\](?=[^\]]*$)/, ",]");
}));
fault("data-in-data", "HTTP-2", "the job's answer has no data around it", atEnd((ctx, answer) => {
  if (ctx.op === "job" && answer.status === 200) answer.body = { ...answer.body.data };
}));
fault("warning-as-error", "HTTP-2", "the 202 of a restore has an error member that is not null beside data", atEnd((ctx, answer) => {
  if (answer.status === 202) answer.body.error = {};
}));
fault("logs-by-id", "HTTP-2 LOG-1", "logs are an object by id, not an array", atEnd((ctx, answer) => {
  if (ctx.op === "logs" && answer.status === 200) answer.body.data = Object.fromEntries(answer.body.data.map((log) => [log.id, log]));
}));
fault("long-id-500", "HTTP-3 GET-6", "an id of more than 255 characters overflows the database's column: 500", (api) => {
  wrap(api, "findBackup", (next, id, ctx) => {
    if (id.length > 255) throw new Error("value too long");
    return next(id, ctx);
  });
});
fault("nul-id-500", "HTTP-3 GET-6", "a NUL in the container's id: 500", (api) => {
  wrap(api, "findContainer", (next, id, ctx) => {
    if (id.includes("\0")) throw new Error("invalid byte sequence");
    return next(id, ctx);
  });
});
fault("null-body-500", "HTTP-3", "a body of null is taken apart: 500", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (body === null) throw new TypeError("cannot read properties of null");
    return next(body, ctx);
  });
});
fault("contents-array-500", "HTTP-3 JOB-5", "contents that are an array: 500", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (Array.isArray(body?.contents)) throw new TypeError("wrong type");
    return next(body, ctx);
  });
});
fault("negative-page-500", "HTTP-3 LIST-10", "a negative offset reaches the database: 500", (api) => {
  wrap(api, "paging", (next, ctx) => {
    if (/^-/.test(ctx.query.get("page[number]") ?? "")) throw new Error("OFFSET must not be negative");
    return next(ctx);
  });
});
fault("sort-dot-500", "LIST-10 HTTP-3", "a sort by something unknown: 500", (api) => {
  wrap(api, "sorted", (next, backups, ctx) => {
    if (!/^(-?(id|created))?$/.test(ctx.query.get("sort") ?? "")) throw new Error("no such column");
    return next(backups, ctx);
  });
});
fault("hang-up", "HTTP-3", "a bad JSON body of a restore ends in a reset", (api) => {
  wrap(api, "jobRequest", (next, ctx) => {
    try {
      return next(ctx);
    } catch (trouble) {
      if (trouble.title === "The body is not JSON") ctx.request.socket.destroy();
      throw trouble;
    }
  });
});
fault("read-touches", "HTTP-4", "reading one backup moves its updated time", (api) => {
  wrap(api, "get", (next, ctx) => {
    const answer = next(ctx);
    const backup = api.findBackup(ctx.backup);
    backup.updated = Math.max(backup.updated ?? 0, backup.created) + 1000;
    return answer;
  });
});
fault("random-order", "HTTP-4", "the list comes in another order each time", (api) => {
  let turn = 0;
  wrap(api, "backupsIn", (next, container, ctx) => (turn++ % 2 ? next(container, ctx).reverse() : next(container, ctx)));
});
fault("put-ok", "HTTP-5", "PUT on one backup's address is answered 200", (api) => {
  wrap(api, "undocumented", (next, ctx) => {
    if (ctx.method === "PUT" && ctx.parts.length === 5) return { status: 200, body: { data: null } };
    return next(ctx);
  });
});
fault("post-list-accepts", "HTTP-5", "POST on logs is answered as GET is, unknown or not", (api) => {
  wrap(api, "undocumented", (next, ctx) => {
    if (ctx.method === "POST" && ctx.parts.length === 6) return { status: 200, body: { data: [] } };
    return next(ctx);
  });
});
fault("patch-plain-405", "HTTP-5 HTTP-1 ERR-1", "the router's own 405 is plain text", (api) => {
  wrap(api, "undocumented", (next, ctx) => {
    if (ctx.method === "PATCH") return { status: 405, text: "Method Not Allowed", headers: { "Content-Type": "text/plain" } };
    return next(ctx);
  });
});
fault("no-cors-on-errors", "HTTP-6", "errors lack Access-Control-Allow-Origin", atEnd((ctx, answer) => {
  if (answer.status >= 400) answer.headers["Access-Control-Allow-Origin"] = null;
}));
fault("no-cors-on-post", "HTTP-6", "the restore's answers lack Access-Control-Allow-Origin", atEnd((ctx, answer) => {
  if (ctx.method === "POST") answer.headers["Access-Control-Allow-Origin"] = null;
}));
fault("no-cors", "HTTP-6", "no answer has Access-Control-Allow-Origin", atEnd((ctx, answer) => {
  answer.headers["Access-Control-Allow-Origin"] = null;
}));
fault("twice-id", "HTTP-7", "id stands twice in each backup of get", atEnd((ctx, answer, api) => {
  if (ctx.op === "get" && answer.status === 200) answer.text = api.encode(answer.body).replace(/"hub_id"/, `"id":${JSON.stringify(ctx.backup)},"hub_id"`);
}));
fault("twice-in-includes", "HTTP-7", "name stands twice in each included integration", atEnd((ctx, answer, api) => {
  if (answer.status === 200 && answer.body?.includes) answer.text = api.encode(answer.body).replace(/"vendor"/, '"name":"x","vendor"');
}));
fault("mute-429", "HTTP-8", "429 without Retry-After", (api) => {
  api.habits.throttleEvery = 97;
  atEnd((ctx, answer) => {
    if (answer.status === 429) answer.headers["Retry-After"] = null;
  })(api);
});
fault("sorted-list-redirect", "HTTP-9", "a sorted list is sent on to another address", (api) => {
  wrap(api, "handle", (next, ctx) => {
    if (ctx.op === "list" && ctx.query.has("sort")) return { status: 307, body: { data: [] }, headers: { Location: `${ctx.request.url}&` } };
    return next(ctx);
  });
});
fault("see-other", "HTTP-9 JOB-1", "an accepted restore is answered 303 with the job's address", atEnd((ctx, answer) => {
  if (ctx.op === "restore" && answer.status === 202) Object.assign(answer, { status: 303, headers: { ...answer.headers, Location: `/v1/jobs/${answer.body.data.job.id}` } });
}));
fault("null-error", "HTTP-10", "the state's error of a sound backup is null", showing("showBackup", (shown) => {
  shown.state.error ??= null;
}));
fault("null-detail", "HTTP-10", "an error's detail is null", atEnd((ctx, answer) => {
  if (answer.status === 404 && answer.body?.error?.code) answer.body.error.detail = null;
}));
fault("null-definition", "HTTP-10", "an included integration's meta has a null definition", showing("showIntegration", (shown) => {
  shown.meta = { definition: null };
}));

// ---- errors ----------------------------------------------------------------------------------------------------

fault("no-data-on-404-logs", "ERR-1", "the 404 of logs has no data member", atEnd((ctx, answer) => {
  if (ctx.op === "logs" && answer.status === 404) delete answer.body.data;
}));
fault("empty-data-on-403", "ERR-1", "the 403 of a list has data []", atEnd((ctx, answer) => {
  if (ctx.op === "list" && answer.status === 403) answer.body.data = [];
}));
fault("oauth-403", "ERR-1 CAP-7", "a denial of restore has the OAuth form, which is for 401 alone", atEnd((ctx, answer) => {
  if (ctx.op === "restore" && answer.status === 403 && answer.refusal?.words === "permissions") answer.body = { error: "insufficient_scope" };
}));
fault("status-string-logs", "ERR-2 ERR-1", "error.status is a string where logs are not found", atEnd((ctx, answer) => {
  if (ctx.op === "logs" && answer.status === 404) answer.body.error.status = "404";
}));
fault("status-400-for-415", "ERR-2", "error.status of a wrong content type says 400 whatever the HTTP status is", atEnd((ctx, answer) => {
  if (answer.refusal?.title === "Only JSON is understood") Object.assign(answer, { status: 415 }) && (answer.body.error.status = 400);
}));
fault("status-zero-job", "ERR-2", "error.status is 0 where a job is unknown", atEnd((ctx, answer) => {
  if (ctx.op === "job" && answer.status === 404) answer.body.error.status = 0;
}));
fault("code-without-status", "ERR-3", "the code of an unknown instance has no status before it", atEnd((ctx, answer) => {
  if (answer.refusal?.source === "/contents/instance_id" && answer.status >= 403) answer.body.error.code = "instance";
}));
fault("code-of-other-status", "ERR-3 ERR-5", "an unknown backup of a restore has code 400.…", atEnd((ctx, answer) => {
  if (ctx.op === "restore" && answer.status === 404) answer.body.error.code = answer.body.error.code.replace("404", "400");
}));
fault("code-trailing-dot", "ERR-3", "the code of a list's 404 has no words behind its dot", atEnd((ctx, answer) => {
  if (ctx.op === "list" && answer.status === 404) answer.body.error.code = "404.";
}));
fault("blank-title", "ERR-4", "the title of bad JSON is empty", atEnd((ctx, answer) => {
  if (answer.refusal?.title === "The body is not JSON") answer.body.error.title = "";
}));
fault("detail-object", "ERR-4", "detail is an object where the action is unknown", atEnd((ctx, answer) => {
  if (answer.refusal?.source === "/action") answer.body.error.detail = { got: "?" };
}));
fault("extra-string", "ERR-4", "extra is a string where a container is unknown", atEnd((ctx, answer) => {
  if (answer.body?.error?.code?.endsWith("404.container")) answer.body.error.extra = "container";
}));
fault("code-made-up", "ERR-5", "an unknown backup has a code that nobody publishes", atEnd((ctx, answer) => {
  if (answer.refusal?.words === "container-backup") answer.body.error.code = "404.backup_missing";
}));
fault("no-source", "ERR-6", "a bad action names no member", atEnd((ctx, answer) => {
  if (answer.refusal?.source === "/action") delete answer.body.error.source;
}));
fault("dotted-source", "ERR-6", "source is written contents.instance_id, no JSON pointer", atEnd((ctx, answer) => {
  if (answer.refusal?.source === "/contents/instance_id" && answer.body.error) answer.body.error.source = "contents.instance_id";
}));
fault("source-data-prefix", "ERR-6", "source begins with /data, which the body has not", atEnd((ctx, answer) => {
  if (answer.body?.error?.source !== undefined) answer.body.error.source = `/data${answer.body.error.source}`;
}));
fault("key-in-detail", "ERR-7", "the 401 of logs shows the key that is not known", atEnd((ctx, answer, api) => {
  if (ctx.op === "logs" && answer.status === 401) answer.body.detail = `no such key: ${api.token(ctx)}`;
}));
fault("key-in-header", "ERR-7", "every answer of get sends the request's Authorization back in a header", atEnd((ctx, answer) => {
  if (ctx.op === "get") answer.headers["X-Debug-Auth"] = (ctx.headers.authorization ?? "none").replace(/[^\x20-\x7e]/g, "?");
}));
fault("key-base64", "ERR-7", "a 403 shows the key, in Base64", atEnd((ctx, answer, api) => {
  if (answer.status === 403 && answer.body?.error) answer.body.error.detail = Buffer.from(api.token(ctx) ?? "").toString("base64");
}));

// ---- authentication and hub scope ------------------------------------------------------------------------------

const lenient = (api, may) => wrap(api, "authenticate", (next, ctx) => {
  try {
    return next(ctx);
  } catch (trouble) {
    const key = may(ctx, api);
    if (key) return key;
    throw trouble;
  }
});

fault("open-logs", "AUTH-1", "logs need no Authorization", (api) => lenient(api, (ctx) => ctx.op === "logs" && !ctx.headers.authorization && api.world.keys.view));
fault("open-job", "AUTH-1", "jobs need no Authorization", (api) => lenient(api, (ctx) => ctx.op === "job" && !ctx.headers.authorization && api.world.keys.full));
fault("403-without-key", "AUTH-1", "a restore without Authorization: 403", (api) => {
  wrap(api, "unauthorized", (next, ctx, words, title) => {
    if (ctx.op === "restore" && !ctx.headers.authorization) return new Refusal(403, "permissions", title);
    return next(ctx, words, title);
  });
});
fault("key-any-case", "AUTH-2", "keys are compared without regard to case", (api) => {
  wrap(api, "keyFor", (next, token) => Object.values(api.world.keys).find((key) => key.text.toLowerCase() === token.toLowerCase()));
});
fault("key-prefix", "AUTH-2", "a key with something behind it is accepted", (api) => {
  wrap(api, "keyFor", (next, token) => Object.values(api.world.keys).find((key) => token.startsWith(key.text)));
});
fault("key-cut", "AUTH-2", "keys are compared in their first 40 characters", (api) => {
  wrap(api, "keyFor", (next, token, ctx) => next(token, ctx) ?? Object.values(api.world.keys).find((key) => token.length > key.text.length * 0.6 && key.text.startsWith(token)));
});
fault("bare-key", "AUTH-2", "the key is accepted without a scheme", (api) => {
  wrap(api, "token", (next, ctx) => next(ctx) ?? (ctx.headers.authorization && !ctx.headers.authorization.includes(" ") ? ctx.headers.authorization : null));
});
fault("unknown-key-403", "AUTH-2", "an unknown key on a restore: 403", (api) => {
  wrap(api, "unauthorized", (next, ctx, words, title) => (ctx.op === "restore" && title.includes("not known") ? new Refusal(403, "permissions", title) : next(ctx, words, title)));
});
fault("expired-for-reads", "AUTH-3", "an expired key still gets logs", (api) => lenient(api, (ctx) => {
  const key = api.keyFor(api.token(ctx) ?? "");
  return ctx.op === "logs" && key?.expired && key;
}));
fault("expired-403", "AUTH-3", "an expired key: 403", (api) => {
  wrap(api, "unauthorized", (next, ctx, words, title) => (words === "auth-expired" ? new Refusal(403, "permissions", title) : next(ctx, words, title)));
});
fault("basic-password", "AUTH-4", "the key is accepted as the password of Basic", (api) => {
  wrap(api, "token", (next, ctx) => {
    const basic = /^basic +(\S+)$/i.exec(ctx.headers.authorization ?? "");
    return basic ? Buffer.from(basic[1], "base64").toString().split(":").slice(1).join(":") : next(ctx);
  });
});
fault("any-scheme", "AUTH-4", "whatever the scheme is, the second word is the key (Basic with the name alone as well)", (api) => {
  wrap(api, "token", (next, ctx) => {
    const [scheme, rest = ""] = (ctx.headers.authorization ?? "").split(" ");
    if (!rest) return null;
    return scheme.toLowerCase() === "basic" ? Buffer.from(rest, "base64").toString().split(":")[0] : rest;
  });
});
fault("hub-from-key", "AUTH-5", "without X-Hub-Id the hub is the key's", (api) => {
  wrap(api, "scope", (next, ctx) => {
    if (ctx.headers["x-hub-id"] === undefined) ctx.hub = ctx.key.hub;
    else next(ctx);
  });
});
fault("empty-hub-logs", "AUTH-5", "an empty X-Hub-Id is the key's own hub, for logs", (api) => {
  wrap(api, "scope", (next, ctx) => {
    if (ctx.op === "logs" && ctx.headers["x-hub-id"] === "") ctx.hub = ctx.key.hub;
    else next(ctx);
  });
});
const trustHeader = (api, when) => wrap(api, "scope", (next, ctx) => {
  if (!when(ctx)) return next(ctx);
  ctx.hub = ctx.headers["x-hub-id"] ?? "";
  if (!ctx.hub) next(ctx);
  return undefined;
});
fault("foreign-key-own-hub-get", "AUTH-6", "get trusts X-Hub-Id: another hub's key with this hub's id gets data", (api) => trustHeader(api, (ctx) => ctx.op === "get" && ctx.key.who === "other_hub"));
fault("foreign-key-restores", "AUTH-6", "restore trusts X-Hub-Id: another hub's key starts a job", (api) => trustHeader(api, (ctx) => ctx.op === "restore" && ctx.key.who === "other_hub"));
fault("foreign-empty-list", "AUTH-6", "another hub's key, with its own hub's id, gets a 200 with []", (api) => {
  wrap(api, "list", (next, ctx) => (ctx.key.who === "other_hub" ? { status: 200, body: { data: [] } } : next(ctx)));
});
fault("container-unscoped", "AUTH-6", "the container is looked up in every hub: another hub's key with its own id gets logs", (api) => {
  wrap(api, "containerOf", (next, ctx) => (ctx.op === "logs" ? api.findContainer(ctx.container) ?? next(ctx) : next(ctx)));
});
fault("foreign-job", "AUTH-6", "a job is shown to whoever knows its id, in every hub", (api) => {
  wrap(api, "job", (next, ctx) => {
    const job = api.findJob(ctx.job);
    if (job) ctx.hub = job.hub;
    return next(ctx);
  });
});
fault("wrong-hub-ignored", "AUTH-9", "a hub id that is unknown is not compared with the key's hub", (api) => {
  wrap(api, "scope", (next, ctx) => {
    const hub = ctx.headers["x-hub-id"] ?? "";
    if (hub === "" || hub.startsWith("651586fca6078e98982dbd9")) return next(ctx);
    ctx.hub = ctx.key.hub;
    return undefined;
  });
});
fault("wrong-hub-restores", "AUTH-9", "with another hub's id this hub's key still restores", (api) => {
  wrap(api, "scope", (next, ctx) => {
    if (ctx.op !== "restore" || !ctx.headers["x-hub-id"] || ctx.key.who === "other_hub") return next(ctx);
    ctx.hub = ctx.key.hub;
    return undefined;
  });
});
fault("wrong-hub-400", "AUTH-9", "another hub's id is answered 400", (api) => {
  wrap(api, "foreign", (next, words404, words403) => (words404 === "hub" ? new Refusal(400, "invalid-syntax", "Wrong hub") : next(words404, words403)));
});
fault("no-challenge-restore", "AUTH-7", "a 401 of restore lacks WWW-Authenticate", atEnd((ctx, answer) => {
  if (ctx.op === "restore" && answer.status === 401) answer.headers["WWW-Authenticate"] = null;
}));
fault("no-challenge-expired", "AUTH-7", "the 401 of an expired key lacks WWW-Authenticate", atEnd((ctx, answer) => {
  if (answer.refusal?.words === "auth-expired") answer.headers["WWW-Authenticate"] = null;
}));
fault("scheme-case", "AUTH-8", "only Bearer is a scheme, bearer is not", (api) => {
  wrap(api, "token", (next, ctx) => (/^(Bearer|BEARER) /.test(ctx.headers.authorization ?? "") ? next(ctx) : null));
});

// ---- capabilities ----------------------------------------------------------------------------------------------

const granting = (also) => (api) => wrap(api, "grants", (next, key, capability, ctx) => next(key, capability, ctx) || also(key, capability, ctx));

fault("list-by-manage", "CAP-1", "manage implies view, for the list", granting((key, wanted, ctx) => ctx.op === "list" && key.who === "manage"));
fault("get-by-manage", "CAP-2", "manage implies view, for get", granting((key, wanted, ctx) => ctx.op === "get" && key.who === "manage"));
fault("logs-unchecked", "CAP-3 CAP-10", "logs ask for no capability", granting((key, wanted, ctx) => ctx.op === "logs"));
fault("restore-by-view", "CAP-4 CAP-8", "a key that may view may restore", granting((key, wanted, ctx) => ctx.op === "restore" && key.who === "view"));
fault("restore-by-prefix", "CAP-10 CAP-4", "capabilities are compared by prefix, so others grant restore", granting((key, wanted, ctx) => ctx.op === "restore" && key.who === "unrelated"));
fault("get-by-prefix", "CAP-10 CAP-2", "containers-backups-view-all counts as containers-backups-view, on get alone", granting((key, wanted, ctx) => ctx.op === "get" && key.capabilities.some((one) => one.startsWith(wanted))));
fault("includes-need-manage", "CAP-5", "the list with include asks for manage as well", (api) => {
  wrap(api, "permit", (next, ctx) => {
    next(ctx);
    if (ctx.op === "list" && ctx.query.has("include") && !ctx.key.capabilities.includes("containers-backups-manage")) throw api.denied("containers-backups-manage");
  });
});
fault("logs-need-manage", "CAP-5", "logs ask for manage", (api) => {
  wrap(api, "grants", (next, key, wanted, ctx) => (ctx.op === "logs" ? next(key, "containers-backups-manage", ctx) : next(key, wanted, ctx)));
});
fault("restore-needs-view", "CAP-6", "restore asks for view as well as manage", (api) => {
  wrap(api, "grants", (next, key, wanted, ctx) => next(key, wanted, ctx) && (ctx.op !== "restore" || next(key, "containers-backups-view", ctx)));
});
fault("denied-names-other", "CAP-7", "the denial of restore names view", (api) => {
  wrap(api, "denied", (next, capability, ctx) => next(ctx.op === "restore" ? "containers-backups-view" : capability, ctx));
});
fault("denied-wrong-code", "CAP-7", "the denial of logs has code 403.mismatch", (api) => {
  wrap(api, "denied", (next, capability, ctx) => (ctx.op === "logs" ? new Refusal(403, "mismatch", "No", { extra: { capability } }) : next(capability, ctx)));
});
fault("denied-but-done", "CAP-8", "the capability is looked at when the job has been queued", (api) => {
  wrap(api, "permit", (next, ctx) => {
    if (ctx.op !== "restore") next(ctx);
  });
  wrap(api, "restore", (next, ctx) => {
    if (api.grants(ctx.key, "containers-backups-manage", ctx)) return next(ctx);
    try {
      next(ctx);
    } catch {
      // whatever it was, the caller may not know
    }
    throw api.denied("containers-backups-manage", ctx);
  });
});
fault("oracle-container", "CAP-9", "the container is looked up before the capability", (api) => {
  wrap(api, "permit", (next, ctx) => {
    if (ctx.op === "list") api.containerOf(ctx);
    next(ctx);
  });
});
fault("oracle-backup-restore", "CAP-9", "the backup of a restore is looked up before the capability", (api) => {
  wrap(api, "permit", (next, ctx) => {
    if (ctx.op === "restore") api.backupOf(ctx);
    next(ctx);
  });
});
fault("oracle-body", "CAP-9", "the body is checked before the capability", (api) => {
  wrap(api, "permit", (next, ctx) => {
    if (ctx.op === "restore") api.checkJobRequest(api.jobRequest(ctx), ctx);
    next(ctx);
  });
});
fault("oracle-401", "CAP-9", "an unknown backup is 404 even without a key, on get", (api) => {
  wrap(api, "authenticate", (next, ctx) => {
    if (ctx.op === "get" && !api.findBackup(ctx.backup, ctx)) throw new Refusal(404, "container-backup", "There is no such backup");
    return next(ctx);
  });
});
fault("no-capability-named", "CAP-11", "the denial of get does not name the capability", (api) => {
  wrap(api, "denied", (next, capability, ctx) => (ctx.op === "get" ? new Refusal(403, "permissions", "No") : next(capability, ctx)));
});
fault("cache-by-url", "CAP-2 AUTH-1 AUTH-6", "get is cached by its address, whoever asks", (api) => {
  const cache = new Map();
  wrap(api, "handle", (next, ctx) => {
    if (ctx.op !== "get") return next(ctx);
    const [kept, until] = cache.get(ctx.request.url) ?? [];
    if (kept && Date.now() < until) return structuredClone(kept);
    const answer = next(ctx);
    cache.set(ctx.request.url, [structuredClone({ status: answer.status, body: answer.body }), Date.now() + 250]);
    return answer;
  });
});

// ---- list ------------------------------------------------------------------------------------------------------

const ofNth = (n, change) => showing("showBackup", (shown, backup, ctx, api) => (nth(api, backup) === n ? change(shown, backup, ctx) : undefined));

fault("list-without-current", "LIST-1", "a backup in state saving has no current in the list", showing("showBackup", (shown, backup, ctx) => {
  if (ctx.op === "list" && backup.state === "saving") delete shown.state.current;
}));
fault("size-string", "LIST-1 GET-1", "a size above 2^31 is a string", showing("showBackup", (shown, backup) => {
  if (backup.size > 2 ** 31) shown.target.size = String(backup.size);
}));
fault("local-time", "LIST-1 GET-1", "created has no offset", showing("showBackup", (shown) => {
  shown.events.created = shown.events.created.replace(/(Z|[+-]\d\d:\d\d)$/, "");
}));
fault("leap-month", "LIST-1 GET-1", "one backup was created in month 13", ofNth(7, (shown) => {
  shown.events.created = shown.events.created.replace(/-\d\d-/, "-13-");
}));
fault("list-other-hub", "LIST-2", "one backup of the list shows another hub's id", ofNth(1, (shown) => {
  shown.hub_id = "651586fca6078e98982dbd99";
}));
fault("list-prefix-container", "LIST-2 LIST-8", "an empty container's list shows another one's backups", (api) => {
  wrap(api, "backupsIn", (next, container, ctx) => {
    const found = next(container, ctx);
    return found.length ? found : next(api.world.main, ctx).slice(0, 1);
  });
});
fault("list-twice", "LIST-3 LIST-5", "the last backup is listed twice", (api) => {
  wrap(api, "backupsIn", (next, container, ctx) => {
    const found = next(container, ctx);
    return found.concat(found.slice(-1));
  });
});
fault("page-one-more", "LIST-4", "a page has one item too many where the size divides the count", (api) => {
  wrap(api, "page", (next, backups, wanted, ctx) => {
    if (wanted.size === Infinity || backups.length % wanted.size) return next(backups, wanted, ctx);
    return backups.slice((wanted.number - 1) * wanted.size, wanted.number * wanted.size + 1);
  });
});
fault("page-size-min", "LIST-4", "page[size]=1 gives two items", (api) => {
  wrap(api, "paging", (next, ctx) => {
    const wanted = next(ctx);
    return wanted.size === 1 ? { ...wanted, size: 2 } : wanted;
  });
});
fault("last-partial-lost", "LIST-5", "the last page is lost where the size does not divide the count", (api) => {
  wrap(api, "page", (next, backups, wanted, ctx) => {
    const shown = next(backups, wanted, ctx);
    return wanted.number > 1 && shown.length < wanted.size ? [] : shown;
  });
});
fault("page-three-shifted", "LIST-5", "page 3 begins one item late", (api) => {
  wrap(api, "page", (next, backups, wanted, ctx) => (wanted.number === 3 ? next(backups.slice(1), wanted, ctx) : next(backups, wanted, ctx)));
});
fault("sort-per-page", "LIST-5 LIST-7", "each page is sorted for itself, descending ones alone", (api) => {
  wrap(api, "sorted", (next, backups, ctx) => ((ctx.query.get("sort") ?? "").startsWith("-") ? backups : next(backups, ctx)));
  wrap(api, "page", (next, backups, wanted, ctx) => {
    const shown = next(backups, wanted, ctx);
    return (ctx.query.get("sort") ?? "") === "-id" ? [...shown].sort((a, b) => (a.id < b.id ? 1 : -1)) : shown;
  });
});
fault("cap-moves-offset", "LIST-5", "the offset is reckoned with the page size asked for, not with the capped one", (api) => {
  api.habits.pageCap = 3;
  wrap(api, "page", (next, backups, wanted, ctx) => {
    const asked = Number(ctx.query.get("page[size]") ?? wanted.size);
    return asked > wanted.size ? backups.slice((wanted.number - 1) * asked, (wanted.number - 1) * asked + wanted.size) : next(backups, wanted, ctx);
  });
});
fault("desc-loses-first", "LIST-5", "sorted descending, page 2 begins one item late", (api) => {
  wrap(api, "page", (next, backups, wanted, ctx) => ((ctx.query.get("sort") ?? "").startsWith("-") && wanted.number === 2 ? next(backups.slice(1), wanted, ctx) : next(backups, wanted, ctx)));
});
fault("past-end-404", "LIST-6", "a page past the end: 404", (api) => {
  wrap(api, "page", (next, backups, wanted, ctx) => {
    const shown = next(backups, wanted, ctx);
    if (!shown.length && wanted.number > 1) throw new Refusal(404, "uri", "There is no such page");
    return shown;
  });
});
fault("past-end-last", "LIST-5 LIST-6", "a page past the end shows the last one again", (api) => {
  wrap(api, "page", (next, backups, wanted, ctx) => {
    const shown = next(backups, wanted, ctx);
    const last = Math.max(1, Math.ceil(backups.length / wanted.size));
    return shown.length || !backups.length || wanted.size === Infinity ? shown : next(backups, { ...wanted, number: last }, ctx);
  });
});
fault("sort-desc-ignored", "LIST-7", "the minus of sort=-id is ignored", (api) => {
  wrap(api, "sorted", (next, backups, ctx) => {
    if (ctx.query.get("sort") === "-id") ctx.query.set("sort", "id");
    return next(backups, ctx);
  });
});
fault("sort-numeric", "LIST-7", "ids are sorted by the digits they begin with", (api) => {
  wrap(api, "sorted", (next, backups, ctx) => {
    if (ctx.query.get("sort") !== "id") return next(backups, ctx);
    return [...backups].sort((a, b) => (Number.parseInt(a.id, 10) || 0) - (Number.parseInt(b.id, 10) || 0));
  });
});
fault("empty-null", "LIST-8 HTTP-2", "the list of an empty container is null", atEnd((ctx, answer) => {
  if (ctx.op === "list" && answer.status === 200 && !answer.body.data.length) answer.body.data = null;
}));
fault("empty-404", "LIST-8", "a container without backups: 404", (api) => {
  wrap(api, "backupsIn", (next, container, ctx) => {
    const found = next(container, ctx);
    if (!found.length) throw new Refusal(404, "container", "There is nothing here");
    return found;
  });
});
fault("unknown-container-empty", "LIST-9", "an unknown container: 200 and []", (api) => {
  wrap(api, "list", (next, ctx) => (api.findContainer(ctx.container) ? next(ctx) : { status: 200, body: { data: [] } }));
});

// ---- includes --------------------------------------------------------------------------------------------------

fault("always-included", "INC-1", "get includes integrations that nobody asked for", (api) => {
  wrap(api, "get", (next, ctx) => {
    if (!ctx.query.has("include")) ctx.query.set("include", "integrations");
    return next(ctx);
  });
});
fault("included-under-identifier", "INC-2", "an integration that is referred to by its identifier stands under it", (api) => {
  wrap(api, "includes", (next, backups, ctx) => {
    const found = next(backups, ctx);
    const shown = found.includes?.integrations;
    if (!shown || ctx.op !== "list") return found;
    const renamed = Object.values(shown).map((one) => [backups.some((backup) => backup.integration === one.identifier) ? one.identifier : one.id, one]);
    return { includes: { integrations: Object.fromEntries(renamed) } };
  });
});
fault("included-as-array", "INC-2", "the included integrations of the list are an array", (api) => {
  wrap(api, "includes", (next, backups, ctx) => {
    const found = next(backups, ctx);
    const shown = found.includes?.integrations;
    return shown && ctx.op === "list" && Object.keys(shown).length ? { includes: { integrations: Object.values(shown) } } : found;
  });
});
fault("creator-type", "INC-2", "an integration's creator has a type that is not in the list", showing("showIntegration", (shown, one, ctx) => {
  if (one.identifier === "third" && ctx.op === "list") shown.creator.type = "user";
}));
fault("included-by-id-only", "INC-3 INC-4", "integrations that are referred to by their identifier are not included", (api) => {
  wrap(api, "included", (next, backups, ctx) => next(backups, ctx).filter((one) => backups.some((backup) => backup.integration === one.id)));
});
fault("included-first-page", "INC-3", "integrations are included on page 1 alone", (api) => {
  wrap(api, "included", (next, backups, ctx) => (Number(ctx.query.get("page[number]") ?? 1) > 1 ? [] : next(backups, ctx)));
});
fault("included-get-none", "INC-4", "get ignores include", (api) => {
  wrap(api, "get", (next, ctx) => {
    ctx.query.delete("include");
    return next(ctx);
  });
});
fault("included-all", "INC-5", "every integration of the hub is included", (api) => {
  wrap(api, "included", (next, backups, ctx) => (backups.length ? api.integrationsOf(ctx) : next(backups, ctx)));
});
fault("include-unknown-500", "INC-6 HTTP-3", "an unknown include on get: 500", (api) => {
  wrap(api, "get", (next, ctx) => {
    if (!["integrations", null, ""].includes(ctx.query.get("include"))) throw new Error("no such relation");
    return next(ctx);
  });
});
fault("secret-shown", "INC-7", "the included secret is not masked", showing("showIntegration", (shown, one) => {
  if (shown.auth) shown.auth.secret = one.secret;
}));
fault("secret-half-shown", "INC-7", "the mask leaves twelve characters of the secret", showing("showIntegration", (shown, one) => {
  if (shown.auth) shown.auth.api_key = `****${one.apiKey.slice(-12)}`;
}));
fault("included-other-hub", "INC-8", "an identifier is looked up in every hub", (api) => {
  api.world.integrations.find((one) => one.identifier === "nightly-store" && one.hub !== "651586fca6078e98982dbd90").identifier = "größe.store";
  wrap(api, "integrationsOf", () => api.world.integrations);
});

// ---- get and the backup itself ---------------------------------------------------------------------------------

fault("get-error-string", "GET-1", "state.error of one backup is a string", (api) => {
  api.world.fixture.backup.error = "the last restore was slow";
  showing("showBackup", (shown, backup, ctx) => {
    if (backup.error && ctx.op === "get") shown.state.error = backup.error;
  })(api);
});
fault("get-next", "GET-2 GET-3", "one backup's get shows its neighbour's id", showing("showBackup", (shown, backup, ctx, api) => {
  if (ctx.op === "get" && backup === api.world.fixture.backup) shown.id = api.world.backups[1].id;
}));
fault("get-size-rounded", "GET-3", "get rounds the size", showing("showBackup", (shown, backup, ctx) => {
  if (ctx.op === "get" && backup.size > 1e9) shown.target.size = typeof backup.size === "bigint" ? backup.size - 1n : backup.size + 1;
}));
fault("get-updated-lost", "GET-3", "get never shows updated", showing("showBackup", (shown, backup, ctx, api) => {
  if (ctx.op === "get") shown.events.updated = api.time(null, ctx);
}));
fault("get-local-offset", "GET-3", "get shows created with the wrong offset", showing("showBackup", (shown, backup, ctx) => {
  if (ctx.op === "get") shown.events.created = shown.events.created.replace(/(Z|[+-]\d\d:\d\d)$/, "+01:00");
}));
fault("get-unknown-null", "GET-4", "an unknown backup: 200 and null", (api) => {
  wrap(api, "get", (next, ctx) => {
    try {
      return next(ctx);
    } catch (trouble) {
      if (trouble.words === "container-backup") return { status: 200, body: { data: null } };
      throw trouble;
    }
  });
});
fault("get-unknown-403", "GET-4", "an unknown backup: 403", (api) => {
  wrap(api, "get", (next, ctx) => {
    if (!api.findBackup(ctx.backup, ctx)) throw new Refusal(403, "mismatch", "Not here");
    return next(ctx);
  });
});
const anyContainer = (op) => (api) => wrap(api, "belongs", (next, backup, container, ctx) => (ctx?.op === op ? backup.hub === container.hub : next(backup, container, ctx)));
fault("get-any-container", "GET-5", "get looks at the backup's id alone", anyContainer("get"));
fault("id-trimmed", "GET-6", "blanks around an id are dropped", (api) => wrap(api, "findBackup", (next, id, ctx) => next(id.trim(), ctx)));
fault("id-cut", "GET-6", "an id is cut to 24 characters", (api) => wrap(api, "findBackup", (next, id, ctx) => next(id.slice(0, 24), ctx)));
fault("id-prefix", "GET-6", "an id is found by its first characters", (api) => {
  wrap(api, "findBackup", (next, id, ctx) => next(id, ctx) ?? (id.length >= 12 ? api.world.backups.find((backup) => backup.id.startsWith(id)) : undefined));
});
fault("id-nul-cut", "GET-6", "an id ends at a NUL", (api) => wrap(api, "findBackup", (next, id, ctx) => next(id.split("\0")[0], ctx)));
fault("container-trimmed", "GET-6", "blanks around a container's id are dropped", (api) => wrap(api, "findContainer", (next, id, ctx) => next(id.trim(), ctx)));
fault("job-id-cut", "GET-6 JBS-3", "a job's id is cut to 24 characters", (api) => wrap(api, "findJob", (next, id, ctx) => next(id.slice(0, 24), ctx)));
fault("created-zero", "BKP-1", "one backup was never created", ofNth(8, (shown, backup, ctx) => {
  shown.events.created = "0001-01-01T00:00:00Z";
}));
fault("updated-before", "BKP-1", "one backup was updated a second before it was created, by their offsets", ofNth(1, (shown) => {
  shown.events.created = "2025-01-01T10:00:00+02:00";
  shown.events.updated = "2025-01-01T09:00:00+01:00".replace("09:00:00", "08:59:59");
}));
fault("live-deleted", "BKP-2", "a live backup has a deleted time", ofNth(1, (shown) => {
  shown.events.deleted = "2026-01-01T00:00:00Z";
}));
fault("size-minus-one", "BKP-3", "a size that is not known yet is -1", showing("showBackup", (shown, backup) => {
  if (backup.state === "saving") shown.target.size = -1;
}));
fault("live-without-file", "BKP-4", "a live backup has no file id", ofNth(4, (shown) => {
  shown.target.file_id = "";
}));

// ---- logs ------------------------------------------------------------------------------------------------------

fault("log-type-capital", "LOG-1", "a log's type is Restore", showing("showLog", (shown) => {
  if (shown.type === "restore") shown.type = capital(shown.type);
}));
fault("log-stack-line", "LOG-1", "the lines of a failed restore's stack are strings", showing("showLog", (shown) => {
  if (shown.error?.stack) shown.error.stack[0].line = "42";
}));
fault("log-lines", "LOG-1", "log is an array of lines", showing("showLog", (shown, log) => {
  if (log.type === "restore" && !log.error) shown.log = log.text.split("\n");
}));
fault("logs-of-container", "LOG-2", "logs are those of the container", (api) => {
  wrap(api, "logsOf", (next, backup) => api.world.logs.filter((log) => log.container === backup.container));
});
fault("log-instance-as-container", "LOG-2", "a restore's log has the instance's id for its container's", showing("showLog", (shown) => {
  if (shown.type === "restore") shown.container_id = shown.instance_id;
}));
fault("log-hub-empty", "LOG-2", "a restore's log has no hub id", showing("showLog", (shown) => {
  if (shown.type === "restore") shown.hub_id = "";
}));
fault("log-id-of-backup", "LOG-3", "logs have the backup's id for their own", showing("showLog", (shown) => {
  shown.id = shown.backup_id;
}));
fault("logs-unknown-empty", "LOG-4", "logs of an unknown backup: 200 and []", (api) => {
  wrap(api, "logs", (next, ctx) => (api.findBackup(ctx.backup, ctx) ? next(ctx) : { status: 200, body: { data: [] } }));
});
fault("logs-any-container", "LOG-5", "logs look at the backup's id alone", anyContainer("logs"));
fault("logs-foreign-empty", "LOG-5", "logs through another container's path: 200 and []", (api) => {
  wrap(api, "logs", (next, ctx) => {
    const [container, backup] = [api.containerOf(ctx), api.findBackup(ctx.backup, ctx)];
    return backup && backup.container !== container.id ? { status: 200, body: { data: [] } } : next(ctx);
  });
});

// ---- restore ---------------------------------------------------------------------------------------------------

fault("restore-200", "JOB-1", "an accepted restore: 200", atEnd((ctx, answer) => {
  if (ctx.op === "restore" && answer.status === 202) answer.status = 200;
}));
fault("no-parallel", "JOB-1", "the descriptor has no parallel", showing("showDescriptor", (shown) => {
  delete shown.job.parallel;
}));
fault("never-accepted", "JOB-1", "accepted is false though nothing else runs", showing("showDescriptor", (shown, job) => {
  if (job.action === "restore") shown.job.accepted = false;
}));
fault("action-past", "JOB-2", "the descriptor's action is restored", showing("showDescriptor", (shown, job) => {
  if (job.action === "restore") shown.action = "restored";
}));
fault("job-id-of-backup", "JOB-3", "a job has its backup's id", (api) => {
  wrap(api, "newJob", (next, backup, ...rest) => {
    const job = next(backup, ...rest);
    job.id = backup.id;
    return job;
  });
});
fault("form-body", "JOB-4 JOB-7", "a body that is a form is taken", (api) => {
  wrap(api, "jobRequest", (next, ctx) => {
    if (!/urlencoded/.test(ctx.headers["content-type"] ?? "")) return next(ctx);
    const form = new URLSearchParams(ctx.raw.toString());
    return { action: form.get("action") ?? "restore", contents: { instance_id: form.get("contents[instance_id]") ?? form.get("instance_id") ?? api.world.main.instances[0] } };
  });
});
fault("array-body", "JOB-4", "a body that is an array is taken for its first item", (api) => {
  wrap(api, "jobRequest", (next, ctx) => {
    const body = next(ctx);
    return Array.isArray(body) && body.length ? body[0] : body;
  });
});
fault("trailing-garbage", "JOB-4", "what follows the first document is not looked at", (api) => {
  wrap(api, "jobRequest", (next, ctx) => {
    const end = ctx.raw.toString("latin1").lastIndexOf("}") + 1;
    try {
      return next(ctx);
    } catch (trouble) {
      if (trouble.title !== "The body is not JSON" || !end) throw trouble;
      return next({ ...ctx, raw: ctx.raw.subarray(0, end) });
    }
  });
});
fault("default-action", "JOB-5 JOB-10", "a missing action means restore", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => next(isPlain(body) && !("action" in body) ? { ...body, action: "restore" } : body, ctx));
});
fault("null-instance", "JOB-5", "an instance_id of null means the backup's own instance", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (isPlain(body?.contents) && body.contents.instance_id === null) body.contents.instance_id = api.findBackup(ctx.backup).instance;
    return next(body, ctx);
  });
});
fault("instance-list", "JOB-5", "an instance_id in a list is taken", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (isPlain(body?.contents) && Array.isArray(body.contents.instance_id)) body.contents.instance_id = String(body.contents.instance_id);
    return next(body, ctx);
  });
});
fault("action-any-case", "JOB-6", "the action is compared without regard to case", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (typeof body?.action === "string" && body.action.toLowerCase() === "restore") body.action = "restore";
    return next(body, ctx);
  });
});
fault("action-trimmed", "JOB-6", "blanks around the action are dropped", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (typeof body?.action === "string") body.action = body.action.trim();
    return next(body, ctx);
  });
});
fault("action-any-with-more", "JOB-6", "an unknown action is taken where contents have an extra member", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    if (isPlain(body) && typeof body.action === "string" && Object.keys(body).length > 2) body.action = "restore";
    return next(body, ctx);
  });
});
fault("type-by-substring", "JOB-7", "a Content-Type is JSON where it has json in it", (api) => wrap(api, "isJson", (next, type) => /json/i.test(type)));
fault("text-plain-taken", "JOB-7", "text/plain is taken for JSON", (api) => wrap(api, "isJson", (next, type) => next(type) || /^text\/plain/.test(type)));
fault("any-instance", "JOB-8", "an instance of another container is restored", (api) => {
  wrap(api, "checkInstance", (next, instance, container, ctx) => {
    if (!api.world.other.instances.includes(instance)) next(instance, container, ctx);
  });
});
fault("empty-instance", "JOB-8", "an empty instance_id means the backup's own instance", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    next(body, ctx);
    if (body.contents.instance_id === "") body.contents.instance_id = api.findBackup(ctx.backup).instance;
  });
});
fault("unknown-instance-fails-later", "JOB-8 JOB-10", "an unknown instance is found out by the job alone", (api) => {
  wrap(api, "checkInstance", (next, instance, container, ctx) => {
    if (instance === "" || container.instances.includes(instance)) next(instance, container, ctx);
    else if (api.world.other.instances.includes(instance)) next(instance, container, ctx);
  });
});
fault("restore-unknown-400", "JOB-9", "a restore of an unknown backup: 400", (api) => {
  wrap(api, "restore", (next, ctx) => {
    if (!api.findBackup(ctx.backup, ctx)) throw new Refusal(400, "invalid-syntax", "No such backup");
    return next(ctx);
  });
});
fault("restore-any-container", "JOB-9", "restore looks at the backup's id alone", anyContainer("restore"));
fault("log-before-check", "JOB-10", "a restore's log is written before the instance is checked", (api) => {
  wrap(api, "checkInstance", (next, instance, container, ctx) => {
    if (!container.instances.includes(instance)) api.world.log(api.findBackup(ctx.backup), String(instance), "restore", "queued\n", null, Date.now());
    next(instance, container, ctx);
  });
});
fault("bad-body-touches", "JOB-10", "a restore with a bad action leaves the backup in state saving", (api) => {
  wrap(api, "checkJobRequest", (next, body, ctx) => {
    try {
      return next(body, ctx);
    } catch (trouble) {
      if (trouble.source === "/action") api.findBackup(ctx.backup).state = "saving";
      throw trouble;
    }
  });
});
fault("restores-deleted", "JOB-11", "a backup that is not live is restored", (api) => wrap(api, "checkLive", () => {}));
fault("never-ends", "RST-1", "a restore stays in state running", (api) => wrap(api, "perform", async (next, job) => api.move(job, "running")));
fault("log-written-twice", "RST-2", "each restore writes two logs", (api) => {
  wrap(api, "record", (next, ...given) => {
    next(...given);
    next(...given);
  });
});
fault("second-log-later", "RST-2", "a second log follows one second later", (api) => {
  wrap(api, "record", (next, ...given) => {
    next(...given);
    setTimeout(() => next(...given), 1000);
  });
});
fault("log-type-backup", "RST-2", "a restore's log says backup", (api) => {
  wrap(api, "record", (next, job, backup, instance, error, ctx) => api.world.log(backup, instance, "backup", "done\n", error, Date.now()));
});
fault("log-of-backup-instance", "RST-2", "a restore's log names another instance than the one restored", (api) => {
  wrap(api, "record", (next, job, backup, instance, error, ctx) => next(job, backup, api.world.main.instances[2], error, ctx));
});
fault("log-lost-second", "RST-2", "every second restore leaves no log", (api) => {
  let n = 0;
  wrap(api, "record", (next, ...given) => (n++ % 2 ? undefined : next(...given)));
});
fault("old-logs-lost", "RST-2", "a restore's log takes the place of the one before it", (api) => {
  wrap(api, "record", (next, job, backup, ...rest) => {
    api.world.logs = api.world.logs.filter((log) => log.backup !== backup.id || log.type !== "restore");
    next(job, backup, ...rest);
  });
});
fault("restore-moves-created", "RST-3", "a restore sets created anew", (api) => {
  wrap(api, "conclude", (next, job, backup, ...rest) => {
    backup.created = Date.now();
    next(job, backup, ...rest);
  });
});
fault("restore-consumes", "RST-3", "a restored backup goes to state deleting", (api) => {
  wrap(api, "conclude", (next, job, backup, ...rest) => {
    next(job, backup, ...rest);
    if (!job.error) backup.state = "deleting";
  });
});
fault("restore-moves-instance", "RST-3", "a restore moves the backup to the instance restored", (api) => {
  wrap(api, "conclude", (next, job, backup, ...rest) => {
    next(job, backup, ...rest);
    backup.instance = job.instance;
    backup.size = 15000;
  });
});
fault("failure-silent", "RST-4", "a restore that fails is completed, and its log has no error", (api) => {
  wrap(api, "attempt", (next, ...given) => {
    next(...given);
    return null;
  });
});
fault("failure-blank", "RST-4", "a failed restore's log has an empty message", showing("showLog", (shown) => {
  if (shown.error) shown.error.message = "";
}));
fault("failure-completed", "RST-4", "a failed restore's job is completed, the log alone tells", (api) => {
  wrap(api, "conclude", (next, job, backup, error, ctx) => next(job, backup, null, ctx));
});
fault("failure-kills-backup", "RST-4", "a failed restore leaves the backup in state saving", (api) => {
  wrap(api, "conclude", (next, job, backup, error, ctx) => {
    next(job, backup, error, ctx);
    if (error) backup.state = "saving";
  });
});
fault("back-to-queued", "RST-5", "a running job is queued again before it ends", (api) => {
  wrap(api, "attempt", (next, ...given) => next(...given));
  wrap(api, "perform", async (next, job, ...rest) => {
    const done = next(job, ...rest);
    const n = setInterval(() => {
      if (job.state === "running") {
        clearInterval(n);
        setTimeout(() => job.state === "running" && api.move(job, "scheduled"), 60);
      }
    }, 10);
    await done;
    clearInterval(n);
  });
});
fault("completed-then-error", "RST-5", "a completed job turns to error a second later", (api) => {
  wrap(api, "conclude", (next, job, ...rest) => {
    next(job, ...rest);
    setTimeout(() => Object.assign(job, { state: "error", error: "cleaning up failed" }), 1000);
  });
});
fault("started-after-end", "RST-5", "started is set when the job has been completed", (api) => {
  wrap(api, "showJob", (next, job, ctx) => {
    const shown = next(job, ctx);
    if (job.completed) shown.events.started = api.time(job.completed + 5000, ctx);
    return shown;
  });
});
fault("shared-job", "RST-6", "restores asked for at once get the same job", (api) => {
  wrap(api, "vacancy", (next, instance, ctx) => {
    ctx.same = api.running.find((job) => job.instance === instance);
    return ctx.same ? true : next(instance, ctx);
  });
  wrap(api, "newJob", (next, backup, instance, action, ctx) => ctx.same ?? next(backup, instance, action, ctx));
  wrap(api, "launch", (next, job, backup, instance, ctx) => (ctx.same ? undefined : next(job, backup, instance, ctx)));
});
fault("refused-but-queued", "RST-6", "a concurrent restore that is refused runs all the same", (api) => {
  wrap(api, "restore", (next, ctx) => {
    try {
      const answer = next(ctx);
      if (answer.body.data.job.accepted) return answer;
      throw new Refusal(409, "duplicate-found", "The instance is being restored");
    } catch (trouble) {
      if (trouble.status === 409) {
        const backup = api.findBackup(ctx.backup);
        const instance = JSON.parse(ctx.raw).contents.instance_id;
        api.launch(api.newJob(backup, instance, "restore", ctx), backup, instance, ctx);
      }
      throw trouble;
    }
  });
});
fault("busy-500", "RST-6 HTTP-3", "a concurrent restore: 500", (api) => {
  wrap(api, "vacancy", (next, instance, ctx) => {
    if (api.running.some((job) => job.instance === instance)) throw new Error("lock");
    return next(instance, ctx);
  });
});
fault("hidden-while-running", "RST-7", "a backup is not in the list while it is restored", (api) => {
  wrap(api, "backupsIn", (next, container, ctx) => next(container, ctx).filter((backup) => !api.running.some((job) => job.backup === backup.id)));
});
fault("state-restoring", "RST-7", "get shows a state that is not in the contract while a restore runs", showing("showBackup", (shown, backup, ctx, api) => {
  if (ctx.op === "get" && api.running.some((job) => job.backup === backup.id)) shown.state.current = "restoring";
}));
fault("logs-locked", "RST-7", "logs are 409 while a restore runs", (api) => {
  wrap(api, "logsOf", (next, backup, ctx) => {
    if (api.running.some((job) => job.backup === backup.id)) throw new Refusal(409, "duplicate-found", "Busy");
    return next(backup, ctx);
  });
});
fault("restores-nothing", "RST-8", "the job is completed and nothing is unpacked", (api) => wrap(api, "attempt", (next, job, backup, instance) => (backup.broken ? next(job, backup, instance) : null)));
fault("restores-late", "RST-8", "the files are unpacked two seconds after the job is completed", (api) => {
  wrap(api, "attempt", (next, job, backup, instance) => {
    if (backup.broken) return next(job, backup, instance);
    setTimeout(() => next(job, backup, instance), 2000);
    return null;
  });
});
fault("restores-all", "RST-9", "every instance of the container is restored", (api) => {
  wrap(api, "attempt", (next, job, backup, instance) => {
    for (const one of api.world.main.instances) next(job, backup, one);
    return next(job, backup, instance);
  });
});
fault("restores-own-instance", "RST-8 RST-9", "the backup's own instance is restored, not the one asked for", (api) => {
  wrap(api, "attempt", (next, job, backup) => next(job, backup, api.world.main.instances[1]));
});

// ---- jobs ------------------------------------------------------------------------------------------------------

fault("job-other-id", "JBS-1", "a job shows its hash for its id", showing("showJob", (shown) => {
  shown.id = shown.hash;
}));
fault("job-state-done", "JBS-1", "a completed job's state is done", showing("showJob", (shown) => {
  if (shown.state.current === "completed") shown.state.current = "done";
}));
fault("job-gone-after", "JBS-1", "a job is forgotten half a second after its end", (api) => {
  wrap(api, "findJob", (next, id) => {
    const job = next(id);
    return job?.completed && Date.now() > job.completed + 500 ? undefined : job;
  });
});
fault("job-error-missing", "JBS-1", "state.error is absent in a job that runs", showing("showJob", (shown, job) => {
  if (!job.completed) delete shown.state.error;
}));
fault("job-by-view", "JBS-2", "jobs are shown to whoever may view backups", granting((key, wanted, ctx) => ctx.op === "job" && key.who === "view"));
fault("job-unknown-403", "JBS-3", "an unknown job: 403", (api) => {
  wrap(api, "job", (next, ctx) => {
    if (!api.findJob(ctx.job)) throw new Refusal(403, "mismatch", "Not yours");
    return next(ctx);
  });
});
fault("schedule-empty", "JBS-4", "schedule is an empty string in descriptors", showing("showDescriptor", (shown) => {
  shown.job.schedule = "";
}));
fault("job-schedule-empty", "JBS-4", "schedule is an empty string in jobs", showing("showJob", (shown) => {
  shown.schedule = "";
}));

// ---- delete ----------------------------------------------------------------------------------------------------

fault("delete-200", "DEL-1", "a delete: 200", atEnd((ctx, answer) => {
  if (ctx.op === "remove" && answer.status === 202) answer.status = 200;
}));
fault("delete-no-job", "DEL-1", "the descriptor of a delete has no job", atEnd((ctx, answer) => {
  if (ctx.op === "remove" && answer.status === 202) delete answer.body.data.job.id;
}));
fault("delete-by-view", "DEL-2", "a key that may view may delete", granting((key, wanted, ctx) => ctx.op === "remove" && key.who === "view"));
fault("delete-denied-done", "DEL-2", "a denied delete is done all the same", (api) => {
  wrap(api, "permit", (next, ctx) => {
    if (ctx.op === "remove" && !api.grants(ctx.key, "containers-backups-manage", ctx)) {
      const backup = api.findBackup(ctx.backup);
      if (backup) backup.state = "deleted";
    }
    next(ctx);
  });
});
fault("delete-stays-listed", "DEL-3", "a deleted backup is still live in the list", showing("showBackup", (shown, backup, ctx) => {
  if (ctx.op === "list" && backup.state !== "saving") shown.state.current = "live";
}));
fault("delete-does-nothing", "DEL-3", "a delete is accepted and nothing happens", (api) => {
  wrap(api, "remove", (next, ctx) => {
    const backup = api.backupOf(ctx);
    return { status: 202, body: { data: api.showDescriptor(api.newJob(backup, null, "delete", ctx), ctx) } };
  });
});
fault("delete-still-restores", "DEL-3", "a deleted backup can be restored", (api) => {
  wrap(api, "backupOf", (next, ctx) => {
    const kept = ctx.op === "restore" && api.findBackup(ctx.backup);
    return kept && kept.gone ? kept : next(ctx);
  });
  wrap(api, "checkLive", (next, backup) => {
    if (!api.world.fixture.deletable.includes(backup)) next(backup);
  });
  wrap(api, "attempt", (next, job, backup, instance) => (api.world.fixture.deletable.includes(backup) ? null : next(job, backup, instance)));
});
fault("delete-unknown-202", "DEL-4", "a delete of an unknown backup: 202", (api) => {
  wrap(api, "remove", (next, ctx) => {
    const backup = api.findBackup(ctx.backup, ctx);
    if (backup || !api.findContainer(ctx.container)) return next(ctx);
    return { status: 202, body: { data: api.showDescriptor(api.newJob(api.world.fixture.backup, null, "delete", ctx), ctx) } };
  });
});
fault("delete-any-container", "DEL-4", "delete looks at the backup's id alone", anyContainer("remove"));
fault("delete-open", "DEL-4", "a delete needs no key", (api) => lenient(api, (ctx) => ctx.op === "remove" && !ctx.headers.authorization && api.world.keys.full));

function isPlain(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
