// The application: the framework with its options, then the routes.

import cors from '@fastify/cors'
import Fastify from 'fastify'
import qs from 'qs'
import { Guard } from './auth.js'
import { onClientError, onError, onNotFound, onRouterError } from './errors.js'
import { routes } from './routes.js'
import { Worker } from './worker.js'

function options (faults) {
  return {
    logger: { level: 'warn', stream: process.stderr },
    forceCloseConnections: true,
    // page[size] is an object's member, as clients of this API write it.
    routerOptions: { querystringParser: text => qs.parse(text) },
    ajv: { customOptions: { coerceTypes: faults.on('array-coercion') ? 'array' : false } },
    clientErrorHandler: onClientError,
    frameworkErrors: onRouterError
  }
}

/** JSON alone: the framework reads text/plain as well, unless told not to. */
function addParsers (app, faults) {
  const parseText = { parseAs: 'string' }
  const parse = app.getDefaultJsonParser('error', 'ignore')
  app.removeContentTypeParser(['text/plain', 'application/json'])
  if (faults.on('parser-without-status')) {
    app.addContentTypeParser('application/json', parseText, async (request, body) => JSON.parse(body))
  } else {
    // Clients send the type with a DELETE, too, which has no body; the schema refuses no body where one is wanted.
    app.addContentTypeParser('application/json', parseText, (request, body, done) => {
      return body === '' ? done(null, undefined) : parse(request, body, done)
    })
  }
  if (faults.on('any-content-type')) {
    app.addContentTypeParser('*', parseText, parse)
  }
}

/** Faults that are hooks on every answer. */
function addHooks (app, faults) {
  if (faults.on('latin1-bytes')) {
    app.addHook('onSend', async (request, reply, payload) => {
      return typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload
    })
  }
  if (faults.on('origin-twice')) {
    app.addHook('onSend', async (request, reply) => {
      reply.header('access-control-allow-origin', ['*', request.headers.origin ?? '*'])
    })
  }
}

export async function build ({ store, faults, state, seconds }) {
  const app = Fastify(options(faults))
  const worker = new Worker({ store, faults, state, seconds, log: app.log })
  await app.register(cors, { origin: true, strictPreflight: false, methods: ['GET', 'HEAD', 'POST', 'DELETE'] })
  addParsers(app, faults)
  addHooks(app, faults)
  if (!faults.on('default-error-shape')) {
    app.setErrorHandler(onError)
  }
  app.setNotFoundHandler(onNotFound)
  await app.register(routes, { store, worker, guard: new Guard(store, faults), faults })
  return app
}
