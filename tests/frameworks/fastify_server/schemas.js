// What the framework validates requests with, and what it serializes logs by.

const pageNumber = { type: 'string', pattern: '^0*[1-9][0-9]{0,8}$', maxLength: 20 }
const list = { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] }

export const includeQuery = { type: 'object', properties: { include: list } }

export const listQuery = {
  type: 'object',
  properties: {
    include: list,
    sort: list,
    page: { type: 'object', properties: { number: pageNumber, size: pageNumber } }
  }
}

export const jobRequest = {
  type: 'object',
  required: ['action', 'contents'],
  properties: {
    action: { const: 'restore', type: 'string' },
    contents: {
      type: 'object',
      required: ['instance_id'],
      properties: { instance_id: { type: 'string', minLength: 1 } }
    }
  }
}

const text = { type: 'string' }

const events = { type: 'object', properties: { created: text, updated: text, deleted: text } }

const frame = { type: 'object', properties: { file: text, function: text, line: { type: 'integer' } } }

const logError = {
  type: 'object',
  properties: {
    message: text,
    message_internal: text,
    stack: { type: 'array', items: frame }
  }
}

const log = {
  type: 'object',
  properties: {
    id: text,
    container_id: text,
    instance_id: text,
    backup_id: text,
    hub_id: text,
    type: text,
    log: text,
    events
  }
}

/** The answer of logs: what is not named here is not sent. */
export function logsAnswer (faults) {
  const properties = faults.on('schema-without-error') ? log.properties : { ...log.properties, error: logError }
  return { type: 'object', properties: { data: { type: 'array', items: { ...log, properties } } } }
}
