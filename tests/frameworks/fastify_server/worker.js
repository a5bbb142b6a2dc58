// Restores and deletions, done in the background. An instance is restored by one job at a time; the others wait.

import { createHash } from 'node:crypto'
import { cp, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ApiError } from './errors.js'
import { newId, time, ZERO } from './store.js'

const QUEUE = 'container-backups'

/** What a job's descriptor and the job itself say of a task. */
function newTask (caption, input) {
  return { caption, header: `${caption}.`, input, steps: [] }
}

function descriptor (action, job) {
  const [{ caption, header, input, steps }] = job.tasks
  const parallel = { tasks: false, sub_queue: null }
  const tasks = [{ caption, header, input, steps }]
  return { action, job: { id: job.id, accepted: true, queue: job.queue, schedule: job.schedule, parallel, tasks } }
}

function move (job, current, message) {
  const [task] = job.tasks
  const changed = time()
  const error = message === undefined ? null : { message }
  job.state = { current, changed, error }
  task.state = { current: current === 'queued' ? 'pending' : current, changed }
  task.error = error
  const event = { running: 'started', completed: 'completed', error: 'completed' }[current]
  if (event !== undefined) {
    job.events[event] = task.events[event] = changed
  }
}

export class Worker {
  #queues = new Map()
  #sequence = 0

  constructor ({ store, faults, state, seconds, log }) {
    this.store = store
    this.faults = faults
    this.instances = join(state, 'instances')
    this.archive = join(state, 'backups')
    this.milliseconds = seconds * 1000
    this.log = log
  }

  restore (caller, container, backup, instanceId) {
    if (!container.instances.includes(instanceId)) {
      throw new ApiError('404.instance', 'the container has no such instance', { source: '/contents/instance_id' })
    }
    if (backup.state.current !== 'live') {
      throw new ApiError('403.invalid-state', 'only a live backup can be restored')
    }
    const job = this.#newJob(caller, newTask('Restoring a backup', { backup: backup.id, instance: instanceId }))
    this.#enqueue(instanceId, () => this.#restore(job, backup, instanceId))
    return descriptor('restore', job)
  }

  delete (caller, backup) {
    if (backup.state.current !== 'live') {
      throw new ApiError('403.invalid-state', 'only a live backup can be deleted')
    }
    backup.state = { current: 'deleting', changed: time() }
    backup.events.deleted = backup.events.updated = time()
    const job = this.#newJob(caller, newTask('Deleting a backup', { backup: backup.id }))
    this.#enqueue(backup.id, () => this.#delete(job, backup))
    return descriptor('delete', job)
  }

  #newId () {
    if (this.faults.on('ids-by-the-second')) {
      return Math.floor(Date.now() / 1000).toString(16).padStart(24, '0')
    }
    return newId()
  }

  #newJob (caller, task) {
    const queued = time()
    const events = { queued, started: ZERO, completed: ZERO }
    const job = {
      id: this.#newId(),
      hub_id: caller.hubId,
      queue: QUEUE,
      caption: task.caption,
      events,
      schedule: queued,
      expires: time(new Date(Date.now() + 86_400_000)),
      tasks: [{ id: newId(), ...task, events: { ...events }, state: {}, output: {}, error: null }],
      hash: createHash('sha1').update(`${++this.#sequence}`).digest('hex'),
      limit_duplicates: false,
      creator: { id: caller.id, type: 'api-key' },
      state: {}
    }
    move(job, 'queued')
    this.store.jobs.set(job.id, job)
    return job
  }

  /** Run the work after what was asked for before it, whatever became of that. */
  #enqueue (queue, work) {
    const before = this.#queues.get(queue) ?? Promise.resolve()
    const done = before.then(work)
    const caught = done.catch(error => this.log.warn(error))
    this.#queues.set(queue, this.faults.on('stuck-after-failure') ? done : caught)
  }

  async #restore (job, backup, instanceId) {
    move(job, 'running')
    const heartbeat = this.#beat(job)
    try {
      await sleep(this.milliseconds)
      await this.#fill(backup, instanceId)
    } catch (error) {
      this.#end(job, backup, instanceId, 'the archive is damaged')
      throw error
    } finally {
      if (!this.faults.on('late-heartbeat')) {
        clearTimeout(heartbeat)
      }
    }
    this.#end(job, backup, instanceId)
  }

  /** A sign of life for those who watch a long job. */
  #beat (job) {
    return setTimeout(() => move(job, 'running'), this.milliseconds * 2).unref()
  }

  async #fill (backup, instanceId) {
    if (this.faults.on('restore-to-source')) {
      await this.#copy(backup, backup.instance_id)
    }
    if (this.faults.on('completed-before-written')) {
      sleep(1000).then(() => this.#copy(backup, instanceId)).catch(error => this.log.warn(error))
      return
    }
    await this.#copy(backup, instanceId)
  }

  /** Put the data beside the instance's own first, so that a failure leaves the instance whole. */
  async #copy (backup, instanceId) {
    const [live, fresh, old] = ['', '.new', '.old'].map(suffix => join(this.instances, instanceId + suffix))
    await cp(join(this.archive, backup.id), fresh, { recursive: true })
    await rename(live, old)
    await rename(fresh, live)
    await rm(old, { recursive: true })
  }

  #end (job, backup, instanceId, message) {
    const created = time()
    this.store.logs.push({
      id: newId(),
      container_id: backup.container_id,
      instance_id: instanceId,
      backup_id: backup.id,
      hub_id: backup.hub_id,
      type: 'restore',
      log: `restoring ${backup.target.file_id}\n${message ?? 'done'}\n`,
      ...(message !== undefined && { error: { message, message_internal: message, stack: [] } }),
      events: { created, updated: created, deleted: ZERO }
    })
    backup.events.updated = created
    move(job, message === undefined ? 'completed' : 'error', message)
  }

  async #delete (job, backup) {
    move(job, 'running')
    await sleep(this.milliseconds)
    backup.state = { current: 'deleted', changed: time() }
    backup.events.deleted = time()
    move(job, 'completed')
  }
}
