// What the server knows, all in memory.

import { randomBytes } from 'node:crypto'
import { ApiError } from './errors.js'

/** A time that is not set, as the platform writes it. */
export const ZERO = '0001-01-01T00:00:00Z'

/** A time in whole seconds, in UTC. */
export function time (moment = new Date()) {
  return `${moment.toISOString().slice(0, 19)}Z`
}

export function newId () {
  return randomBytes(12).toString('hex')
}

export class Store {
  keys = new Map()
  containers = new Map()
  integrations = []
  logs = []
  jobs = new Map()

  container (hubId, id) {
    const container = this.containers.get(id)
    if (container?.hubId !== hubId) {
      throw new ApiError('404.container')
    }
    return container
  }

  backup (container, id) {
    const backup = this.backupsOf(container).find(each => each.id === id)
    if (backup === undefined) {
      throw new ApiError('404.container.backup')
    }
    return backup
  }

  /** The container's backups in the order in which they came. */
  backupsOf (container) {
    return container.backups
  }

  /** A backup of any container of any hub. */
  anyBackup (id) {
    return [...this.containers.values()].flatMap(each => each.backups).find(each => each.id === id)
  }

  /** The backup's logs, the newest first. */
  logsOf (backup) {
    return this.logs.filter(each => each.backup_id === backup.id).reverse()
  }

  integration (identifier, hubId) {
    return this.integrations.find(each => each.identifier === identifier && each.hub_id === hubId)
  }

  job (hubId, id) {
    const job = this.jobs.get(id)
    if (job?.hub_id !== hubId) {
      throw new ApiError('404.job')
    }
    return job
  }
}
