// Who calls, for which hub, and may they? Hooks that run before the body is read.

import { ApiError, Unauthorized } from './errors.js'

export const VIEW = 'containers-backups-view'
export const MANAGE = 'containers-backups-manage'
export const JOBS_VIEW = 'apionly-jobs-view'

const EVERYTHING = new Set([VIEW, MANAGE, JOBS_VIEW])

export class Guard {
  constructor (store, faults) {
    this.store = store
    this.faults = faults
  }

  /** A hook: finds the key's holder, within the hub that the request names. */
  authenticate = async request => {
    const hubId = request.headers['x-hub-id']
    if (request.method === 'HEAD' && this.faults.on('head-unguarded')) {
      request.caller = { hubId, capabilities: EVERYTHING }
      return
    }
    const caller = this.#holder(request.headers.authorization ?? '')
    if (!hubId) {
      throw new ApiError('422.missing-argument', 'X-Hub-Id is missing')
    }
    if (hubId !== caller.hubId) {
      throw new ApiError('404.hub', 'no such hub for this key')
    }
    request.caller = caller
  }

  /** A hook: refuses a caller whose key lacks the capability. */
  may (capability) {
    return async request => {
      const { capabilities, key } = request.caller
      const ranked = this.faults.on('manage-implies-view') && capability === VIEW && capabilities.has(MANAGE)
      if (capabilities.has(capability) || ranked) {
        return
      }
      const detail = this.faults.on('echo-key') ? `the key ${key} may not do this` : undefined
      throw new ApiError('403.permissions', detail, { capability })
    }
  }

  #holder (authorization) {
    const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? []
    if (token === undefined) {
      throw new Unauthorized('a bearer token is wanted')
    }
    const caller = this.store.keys.get(token)
    if (caller === undefined) {
      throw new Unauthorized(this.faults.on('echo-key') ? `no such key: ${token}` : 'no such key')
    }
    if (caller.expires !== undefined && caller.expires < this.#now()) {
      throw new Unauthorized('the key has expired')
    }
    return caller
  }

  #now () {
    return this.faults.on('expiry-in-seconds') ? Date.now() / 1000 : Date.now()
  }
}
