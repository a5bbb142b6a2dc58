// The operations of the contract, each behind the capability that it needs.

import { JOBS_VIEW, MANAGE, VIEW } from './auth.js'
import { includeQuery, jobRequest, listQuery, logsAnswer } from './schemas.js'

const BACKUPS = '/v1/containers/:containerId/backups'
const BACKUP = `${BACKUPS}/:backupId`

const DEFAULT_PAGE = 5
/** A larger page is cut down to this. */
const MAX_PAGE = 8

const SORTS = {
  id: backup => backup.id,
  created: backup => backup.events.created,
  size: backup => backup.target.size
}

/** A list in either of its forms: repeated, or with commas. */
function words (value) {
  return [value ?? []].flat().filter(each => typeof each === 'string').flatMap(each => each.split(','))
}

/** Compares by several members, the first of them the most important; words that we do not know are ignored. */
function comparison (sort) {
  const known = sort
    .map(word => ({ name: word.replace(/^-/, ''), sign: word.startsWith('-') ? -1 : 1 }))
    .filter(({ name }) => Object.hasOwn(SORTS, name))
    .map(({ name, sign }) => ({ member: SORTS[name], sign }))
  return (a, b) => {
    for (const { member, sign } of known) {
      if (member(a) !== member(b)) {
        return member(a) < member(b) ? -sign : sign
      }
    }
    return 0
  }
}

/** The handlers, over what the server knows. */
class Handlers {
  constructor ({ store, worker, faults }) {
    this.store = store
    this.worker = worker
    this.faults = faults
  }

  findContainer = async request => {
    request.container = this.store.container(request.caller.hubId, request.params.containerId)
  }

  findBackup = async request => {
    request.backup = this.store.backup(request.container, request.params.backupId)
  }

  findAnyBackup = async request => {
    request.backup = this.store.anyBackup(request.params.backupId)
    if (request.backup === undefined) {
      await this.findContainer(request)
      await this.findBackup(request)
    }
  }

  list = async ({ container, query }) => {
    const page = this.#page(this.#sorted(this.store.backupsOf(container), words(query.sort)), query.page ?? {})
    return { data: page.map(backup => this.#shown(backup)), includes: this.#includes(page, query) }
  }

  get = async ({ backup, query }) => {
    return { data: this.#shown(backup), includes: this.#includes([backup], query) }
  }

  logs = async ({ backup }) => ({ data: this.store.logsOf(backup) })

  job = async ({ caller, params }) => ({ data: this.store.job(caller.hubId, params.jobId) })

  restore = async ({ caller, container, backup, body }, reply) => {
    reply.code(202)
    return { data: this.worker.restore(caller, container, backup, body.contents.instance_id) }
  }

  delete = async ({ caller, backup }, reply) => {
    reply.code(202)
    return { data: this.worker.delete(caller, backup) }
  }

  #sorted (backups, sort) {
    if (sort.length === 0) {
      return backups
    }
    const compare = comparison(sort)
    return this.faults.on('sort-in-place') ? backups.sort(compare) : backups.toSorted(compare)
  }

  #page (backups, { number, size }) {
    const wanted = Number((this.faults.on('nested-query-500') ? number?.trim() : number) ?? 1)
    const length = Math.min(Number(size ?? DEFAULT_PAGE), MAX_PAGE)
    const start = (this.faults.on('page-from-zero') ? wanted : wanted - 1) * length
    return backups.slice(start, start + length)
  }

  #shown (backup) {
    if (!this.faults.on('int32-size')) {
      return backup
    }
    return { ...backup, target: { ...backup.target, size: backup.target.size | 0 } }
  }

  /** The integrations that these backups refer to, by id; the backups name them by identifier. */
  #includes (backups, { include }) {
    if (!words(include).includes('integrations')) {
      return null
    }
    const referring = this.faults.on('first-include-only') ? backups.slice(0, 1) : backups
    const found = referring.map(each => this.store.integration(each.target.integration_id, each.hub_id))
    return { integrations: Object.fromEntries(found.map(each => [each.id, this.#masked(each)])) }
  }

  #masked (integration) {
    if (this.faults.on('secrets-shown')) {
      return integration
    }
    return { ...integration, auth: { ...integration.auth, secret: '[redacted]' } }
  }
}

/** The hooks of a route: the key and its capability before the body is read, then what the address names. */
function behind (guard, faults, capability, ...lookups) {
  const may = guard.may(capability)
  if (faults.on('capability-after-lookup')) {
    return { onRequest: guard.authenticate, preHandler: [...lookups, may] }
  }
  return { onRequest: [guard.authenticate, may], preHandler: lookups }
}

/** A plugin: all routes. */
export async function routes (app, { store, worker, guard, faults }) {
  const handlers = new Handlers({ store, worker, faults })
  const { findContainer, findBackup } = handlers
  const named = faults.on('delete-ignores-hub') ? [handlers.findAnyBackup] : [findContainer, findBackup]
  const query = querystring => ({ schema: faults.on('nested-query-500') ? {} : { querystring } })
  const viewBackup = behind(guard, faults, VIEW, findContainer, findBackup)

  app.get(BACKUPS, { ...behind(guard, faults, VIEW, findContainer), ...query(listQuery) }, handlers.list)
  app.get(BACKUP, { ...viewBackup, ...query(includeQuery) }, handlers.get)
  app.get(
    `${BACKUP}/logs`,
    { ...viewBackup, schema: { response: { 200: logsAnswer(faults) } } },
    handlers.logs
  )
  app.post(
    `${BACKUP}/tasks`,
    { ...behind(guard, faults, MANAGE, findContainer, findBackup), schema: { body: jobRequest } },
    handlers.restore
  )
  app.delete(BACKUP, behind(guard, faults, MANAGE, ...named), handlers.delete)
  app.get('/v1/jobs/:jobId', behind(guard, faults, JOBS_VIEW), handlers.job)
}
