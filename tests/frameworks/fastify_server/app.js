// The application: the framework with its options, then the routes.

import cors from '@fastify/cors'
import Fastify from 'fastify'
import qs from 'qs'
import { Guard } from './auth.js'
import { onClientError, onError, onNotFound } from './errors.js'
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
    frameworkErrors: onError
  }
}

/** The framework's parser for JSON alone: it reads text/plain as well, unless told not to. */
function addParsers (app, faults) {
  app.removeContentTypeParser('text/plain')
  if (faults.on('any-content-type')) {
    app.addContentTypeParser('*', { parseAs: 'string' }, app.getDefaultJsonParser('error', 'ignore'))
  }
  if (faults.on('parser-without-status')) {
    app.removeContentTypeParser('application/json')
    app.addContentTypeParser('application/json', { parseAs: 'string' }, async (request, body) => JSON.parse(body))
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
