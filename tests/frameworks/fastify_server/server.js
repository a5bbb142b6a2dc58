// The command line: starts the server, tells where it listens, and writes the target file for it.

import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from './app.js'
import { digestOf } from './digest.js'
import { CATALOGUE, Faults } from './faults.js'
import { buildSeed, HUB, key, OTHER_HUB } from './seed.js'

const KEYS = ['full', 'view', 'manage', 'unrelated', 'expired', 'other_hub']

/** The target file, by table. */
function targetTables (baseUrl, fixtures, state) {
  const digest = fileURLToPath(new URL('digest.js', import.meta.url))
  return {
    target: { name: 'fastify', base_url: baseUrl, hub_id: HUB },
    keys: { ...Object.fromEntries(KEYS.map(name => [name, key(name)])), other_hub_id: OTHER_HUB },
    fixtures,
    restore: { allow: true, max_restores: 60, timeout_s: 15, poll_s: 0.1 },
    jobs: { follow: true },
    claims: { jobs: true, delete: true },
    probe: {
      command: [process.execPath, digest, join(state, 'instances'), '{instance_id}'],
      expected: digestOf(join(state, 'backups', fixtures.backup_id))
    }
  }
}

/** Strings, numbers, booleans and lists of strings are written in TOML as in JSON. */
function asToml (tables) {
  return Object.entries(tables)
    .map(([name, members]) => [
      `[${name}]`,
      ...Object.entries(members).map(([member, value]) => `${member} = ${JSON.stringify(value)}`)
    ].join('\n'))
    .join('\n\n') + '\n'
}

async function serve ({ port, state, writeTarget, faults, seconds }) {
  const { seed, fixtures } = buildSeed()
  seed.write(state)
  const app = await build({ store: seed.store, faults, state, seconds })
  const baseUrl = await app.listen({ port, host: '127.0.0.1' })
  if (writeTarget !== undefined) {
    writeFileSync(writeTarget, asToml(targetTables(baseUrl, fixtures, state)))
  }
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.once(signal, () => app.close().finally(() => process.exit(0)))
  }
  console.log(JSON.stringify({ base_url: baseUrl }))
}

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    state: { type: 'string' },
    'write-target': { type: 'string' },
    fault: { type: 'string', multiple: true, default: [] },
    'job-seconds': { type: 'string', default: '0.2' },
    'list-faults': { type: 'boolean', default: false }
  }
})

if (values['list-faults']) {
  console.log(JSON.stringify(CATALOGUE, null, 2))
} else if (values.state === undefined) {
  console.error('--state is required: the folder for the data of instances and backups')
  process.exit(2)
} else {
  await serve({
    port: Number(values.port),
    state: resolve(values.state),
    writeTarget: values['write-target'],
    faults: new Faults(values.fault),
    seconds: Number(values['job-seconds'])
  })
}
