// Every error in the contract's envelope, and every 401 in the form of OAuth, which the contract allows as well.

import { STATUS_CODES } from 'node:http'

/** An error with a published code; the status is the code's first part. */
export class ApiError extends Error {
  constructor (code, detail, { source, capability } = {}) {
    super(detail ?? code)
    this.statusCode = Number(code.split('.')[0])
    this.code = code
    this.optional = { detail, source, extra: capability && { capability } }
  }
}

/** A 401; the status says so, the rest is RFC 6750's. */
export class Unauthorized extends Error {
  constructor (description) {
    super(description)
    this.statusCode = 401
  }
}

/** The body of an error. JSON leaves out members that are undefined. */
export function envelope (status, code, optional = {}) {
  return { error: { status, code, title: STATUS_CODES[status] ?? 'Error', ...optional }, data: null }
}

/** The JSON pointer of what the validator complains about. */
function pointer ({ instancePath, keyword, params }) {
  return keyword === 'required' ? `${instancePath}/${params.missingProperty}` : instancePath
}

function invalid (error) {
  const [first] = error.validation
  const code = first.keyword === 'required' ? '422.missing-argument' : '422.invalid-argument'
  const source = error.validationContext === 'body' ? pointer(first) : ''
  const detail = `${error.validationContext}${first.instancePath} ${first.message}`
  return envelope(422, code, source ? { detail, source } : { detail })
}

/** Published codes for what the framework itself refuses with. */
const CODES = { 400: '400.invalid-syntax', 404: '404.uri', 415: '415.invalid-content-type' }

function bodyOf (error, status) {
  if (error instanceof ApiError) {
    return envelope(status, error.code, error.optional)
  }
  if (status >= 500) {
    return envelope(status, '500.unknown')
  }
  const words = STATUS_CODES[status].toLowerCase().replaceAll(' ', '-')
  return envelope(status, CODES[status] ?? `${status}.${words}`)
}

export function onError (error, request, reply) {
  if (error instanceof Unauthorized) {
    reply.header('www-authenticate', 'Bearer realm="container-backups", error="invalid_token"')
    return reply.code(401).send({ error: 'invalid_token', error_description: error.message })
  }
  if (error.validation) {
    return reply.code(422).send(invalid(error))
  }
  const status = error.statusCode >= 400 && error.statusCode < 600 ? error.statusCode : 500
  if (status === 500) {
    request.log.error(error)
  }
  return reply.code(status).send(bodyOf(error, status))
}

/** What the router refuses before any hook has run, that of CORS included. */
export function onRouterError (error, request, reply) {
  if (request.headers.origin !== undefined) {
    reply.header('access-control-allow-origin', request.headers.origin).header('vary', 'Origin')
  }
  return onError(error, request, reply)
}

export function onNotFound (request, reply) {
  return reply.code(404).send(envelope(404, '404.uri', { detail: 'no such address' }))
}

/** What Node's own parser refuses never becomes a request: the answer is written by hand. */
export function onClientError (error, socket) {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    return
  }
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : 400
  const body = JSON.stringify(bodyOf(error, status))
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close'
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`)
}
