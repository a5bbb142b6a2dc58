// What the server starts with: two hubs, their containers, and a folder of data for each instance and backup.

import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { JOBS_VIEW, MANAGE, VIEW } from './auth.js'
import { Store, time, ZERO } from './store.js'

const START = Date.UTC(2026, 1, 2, 4, 30)

/** The same id for the same name in every run. */
function oid (name) {
  return createHash('sha256').update(name).digest('hex').slice(0, 24)
}

export const HUB = oid('hub one')
export const OTHER_HUB = oid('hub two')

/** The secret of a key of this seed. */
export function key (name) {
  return `fy-${name}-${oid(`key ${name}`)}`
}

class Seed {
  store = new Store()
  /** The data, by folder and file name. */
  files = { instances: {}, backups: {} }
  #count = 0

  key (name, capabilities, { hubId = HUB, expires } = {}) {
    const holder = { id: oid(`holder ${name}`), key: key(name), hubId, capabilities: new Set(capabilities), expires }
    this.store.keys.set(key(name), holder)
  }

  container (name, hubId, instances) {
    const ids = Array.from({ length: instances }, (_, number) => oid(`instance ${name} ${number}`))
    for (const id of ids) {
      this.files.instances[id] = { 'data.bin': `first data of ${id}`, 'leftover.tmp': 'not in any backup' }
    }
    const container = { id: oid(`container ${name}`), hubId, instances: ids, backups: [] }
    this.store.containers.set(container.id, container)
    return container
  }

  integration (identifier, hubId) {
    const created = time(new Date(START))
    const integration = {
      id: oid(`integration ${identifier}`),
      identifier,
      name: `Storage ${identifier}`,
      vendor: 'backblaze',
      creator: { id: oid('employee'), type: 'employee' },
      hub_id: hubId,
      auth: { region: 'eu-central', namespace: 'backups', secret: `K001-${oid(`secret ${identifier}`)}` },
      extra: null,
      meta: null,
      state: { current: 'live', changed: created },
      events: { created, updated: created, deleted: ZERO }
    }
    this.store.integrations.push(integration)
    return integration
  }

  /** A live backup, made a day after the one before, with the log of its making. */
  backup (container, integration, instance = 0) {
    const number = this.#count++
    const id = oid(`backup ${number}`)
    const created = time(new Date(START + number * 86_400_000))
    const backup = {
      id,
      hub_id: container.hubId,
      container_id: container.id,
      instance_id: container.instances[instance],
      target: {
        integration_id: integration.identifier,
        path: `café/${container.id}`,
        file_id: `4_z${id}`,
        size: 3_000_000_000 + number * 1_048_576
      },
      state: { current: 'live', changed: created },
      events: { created, updated: ZERO, deleted: ZERO }
    }
    container.backups.push(backup)
    this.files.backups[id] = { 'data.bin': `contents of backup ${id} `.repeat(50), 'index.json': `{"of": "${id}"}` }
    this.#made(backup)
    return backup
  }

  write (state) {
    for (const [kind, folders] of Object.entries(this.files)) {
      rmSync(join(state, kind), { recursive: true, force: true })
      for (const [folder, files] of Object.entries(folders)) {
        mkdirSync(join(state, kind, folder), { recursive: true })
        for (const [name, content] of Object.entries(files)) {
          writeFileSync(join(state, kind, folder, name), content)
        }
      }
    }
  }

  #made ({ id, hub_id, container_id, instance_id, events: { created } }) {
    this.store.logs.push({
      id: oid(`log ${id}`),
      container_id,
      instance_id,
      backup_id: id,
      hub_id,
      type: 'backup',
      log: 'dumping\nuploading\ndone\n',
      events: { created, updated: created, deleted: ZERO }
    })
  }
}

function addKeys (seed) {
  const everything = [VIEW, MANAGE, JOBS_VIEW]
  seed.key('full', everything)
  seed.key('view', [VIEW])
  seed.key('manage', [MANAGE])
  seed.key('unrelated', ['containers-view', 'containers-manage', 'containers-deploy'])
  seed.key('expired', everything, { expires: START })
  seed.key('other_hub', everything, { hubId: OTHER_HUB })
}

/** The seed, and the fixtures of the target file that name parts of it. */
export function buildSeed () {
  const seed = new Seed()
  addKeys(seed)
  const [main, other] = [seed.container('main', HUB, 3), seed.container('other', HUB, 2)]
  const [empty, foreign] = [seed.container('empty', HUB, 1), seed.container('foreign', OTHER_HUB, 1)]
  const [east, west] = [seed.integration('east', HUB), seed.integration('west', HUB)]
  const regular = Array.from({ length: 9 }, (_, day) => seed.backup(main, day % 3 ? east : west, day % 2 ? 2 : 0))
  const failing = seed.backup(main, west)
  delete seed.files.backups[failing.id]
  const deleting = seed.backup(main, east)
  deleting.state.current = 'deleting'
  deleting.events.deleted = deleting.events.created
  const deletable = [seed.backup(main, west), seed.backup(main, east, 2)]
  const elsewhere = seed.backup(other, east, 1)
  seed.backup(foreign, seed.integration('south', OTHER_HUB))
  const fixtures = {
    container_id: main.id,
    backup_id: regular[2].id,
    instance_id: main.instances[0],
    second_instance_id: main.instances[1],
    empty_container_id: empty.id,
    other_container_id: other.id,
    foreign_backup_id: elsewhere.id,
    foreign_instance_id: other.instances[0],
    failing_backup_id: failing.id,
    not_live_backup_id: deleting.id,
    deletable_backup_ids: deletable.map(each => each.id)
  }
  return { seed, fixtures }
}
